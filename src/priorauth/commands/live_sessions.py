"""Claims on channel sessions: taken, renewed, let go by the worker that holds the session.

A human who was to act in a session, or acts in it, loses the interaction in the very change that lets its claim go.
"""

from priorauth.commands import handoffs
from priorauth.domain.live_sessions import SessionClaim
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


def release(tx: Transaction, moment: Moment, *, authorization_id: str, session_id: str) -> None:
    """Let a claim go."""
    if tx.sessions.drop(authorization_id, session_id=session_id):
        handoffs.lose(tx, moment, authorization_id=authorization_id)
