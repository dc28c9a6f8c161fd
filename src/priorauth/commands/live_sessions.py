"""Claims on channel sessions: taken, renewed, let go by the worker that holds the session.

A human who was to act in a session, or acts in it, loses the interaction in the very change that lets its claim go.
"""

from priorauth.commands import handoffs
from priorauth.domain.live_sessions import SessionClaim
from priorauth.domain.moment import Moment
from priorauth.store.transaction import Transaction


def claim(tx: Transaction, claimed: SessionClaim) -> None:
    """Take or renew a claim."""
    if tx.authorizations.get(claimed.authorization_id) is not None:
        tx.sessions.put(claimed)


def release(tx: Transaction, moment: Moment, *, authorization_id: str, session_id: str) -> None:
    """Let a claim go."""
    if tx.sessions.drop(authorization_id, session_id=session_id):
        handoffs.lose(tx, moment, authorization_id=authorization_id)
