"""Reading access grants and views: what stands now, and who is watching."""

from dataclasses import dataclass

from priorauth.domain.errors import AuthorizationNotFound
from priorauth.domain.live.grants import Viewer, judge, ticket_hash_of
from priorauth.domain.live.views import Ending
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller
from priorauth.store.transaction import Transaction


def judged(tx: Transaction, moment: Moment, *, grant_id: str) -> Ending | None:
    """Say why a grant opens nothing now; None while it opens its session. Raises AccessGrantNotFound."""
    grant = tx.access_grants.require(grant_id)
    case = tx.authorizations.get(grant.authorization_id)
    if case is None:
        raise AuthorizationNotFound
    return judge(grant, case, tx.sessions.of(case.id), now=moment.now)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a running view stands: why it must end, if it must, and how long it stands if nothing changes."""

    ending: Ending | None
    seconds: float = 0.0


def standing(tx: Transaction, moment: Moment, *, view_id: str, session_id: str, next_ticket: str) -> Standing:
    """Judge a running view of a session anew; of one that another connection has taken over, this right is revoked."""
    viewer = tx.live_views.require(view_id)
    if not tx.live_views.is_held_by(view_id, ticket_hash=ticket_hash_of(next_ticket)):
        return Standing(Ending.REVOKED)
    ending = judged(tx, moment, grant_id=viewer.access_grant_id)
    if ending is not None:
        return Standing(ending)
    grant, claim = tx.access_grants.require(viewer.access_grant_id), tx.sessions.of(viewer.authorization_id)
    if claim is None or claim.session_id != session_id:
        return Standing(Ending.SESSION_LOST)
    until = min(claim.expires_at, grant.expires_at or claim.expires_at)
    return Standing(None, (until - moment.now).total_seconds())


def worker_of(tx: Transaction, ticket: str) -> tuple[str, str] | None:
    """Return the worker that holds the session of a ticket, and where it is reached; None when nobody does."""
    viewer = tx.live_views.of_ticket(ticket_hash_of(ticket))
    claim = tx.sessions.of(viewer.authorization_id) if viewer is not None else None
    url = tx.workers.url_of(claim.worker) if claim is not None else None
    return (claim.worker, url) if claim is not None and url is not None else None


def viewers(tx: Transaction, caller: Caller, *, authorization_id: str) -> list[Viewer]:
    """Return who looks at a case's session now, the oldest first. Raises AuthorizationNotFound."""
    case = tx.authorizations.require(caller, authorization_id)
    return tx.live_views.watching(case.id)
