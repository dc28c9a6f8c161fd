"""Claims on channel sessions: taken, renewed, let go by the worker that holds the session.

A human who was to act in a session, or acts in it, loses the interaction in the very change that lets its claim go.
"""

from priorauth.commands import handoffs
from priorauth.commands.processing import note_repeated
from priorauth.commands.record import load
from priorauth.domain import interactions
from priorauth.domain.events import SERVICE
from priorauth.domain.live_sessions import FOREIGN_SUBMISSION, SessionClaim
from priorauth.domain.moment import Moment
from priorauth.store.transaction import Transaction


def claim(tx: Transaction, claimed: SessionClaim, *, at_most: int | None = None) -> bool:
    """Take or renew a claim; False for a new session of an account that has `at_most` of them."""
    if tx.authorizations.get(claimed.authorization_id) is None:
        return True
    earlier = tx.sessions.of(claimed.authorization_id)
    is_new = earlier is None or earlier.session_id != claimed.session_id
    if is_new and at_most is not None and claimed.credential_id is not None:
        # Held, so that nobody on another worker counts at the same time.
        tx.credentials.get(claimed.credential_id)
        replaced = earlier is not None and earlier.credential_id == claimed.credential_id
        if tx.sessions.signed_in_with(claimed.credential_id) - replaced >= at_most:
            return False
    tx.sessions.put(claimed)
    return True


def release(
    tx: Transaction, moment: Moment, *, authorization_id: str, session_id: str, cause: str | None = None
) -> None:
    """Let a claim go.

    Args:
        tx: The transaction.
        moment: The present time.
        authorization_id: Whose session has ended.
        session_id: The session. Where another one has the claim by now, nothing changes.
        cause: Why the service has ended it before its time, as a code for the timeline; None where it did not.
    """
    if not tx.sessions.drop(authorization_id, session_id=session_id):
        return
    if cause is not None:
        details = {"cause": cause}
        note_repeated(
            tx, moment, authorization_id=authorization_id, event="session_ended", actor=SERVICE, details=details
        )
    if cause == FOREIGN_SUBMISSION:
        tx.authorizations.save(interactions.met_foreign(load(tx, authorization_id)))
    handoffs.lose(tx, moment, authorization_id=authorization_id)
