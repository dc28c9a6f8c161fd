"""Claims on channel sessions: taken, renewed, let go by the worker that holds the session."""

from priorauth.domain.live_sessions import SessionClaim
from priorauth.store.transaction import Transaction


def claim(tx: Transaction, claimed: SessionClaim) -> None:
    """Take or renew a claim."""
    if tx.authorizations.get(claimed.authorization_id) is not None:
        tx.sessions.put(claimed)


def release(tx: Transaction, *, authorization_id: str, session_id: str) -> None:
    """Let a claim go."""
    tx.sessions.drop(authorization_id, session_id=session_id)


def release_all(tx: Transaction) -> None:
    """Let every claim go: called by the one process of the data folder as it starts."""
    tx.sessions.drop_all()
