"""Reading access grants and views: what stands now, and who is watching."""

from dataclasses import dataclass

from priorauth.domain.errors import AccessGrantNotFound, AuthorizationNotFound
from priorauth.domain.live.grants import AccessGrant, Viewer, judge, ticket_hash_of
from priorauth.domain.live.views import Ending
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller
from priorauth.store.access.rights import basis_of
from priorauth.store.transaction import Transaction


def judged(tx: Transaction, moment: Moment, *, grant_id: str, review_seconds: float) -> Ending | None:
    """Return why a grant opens nothing now; None while it opens its session. Raises AccessGrantNotFound."""
    return _weighed(tx, moment, grant_id=grant_id, review_seconds=review_seconds).ending


@dataclass(frozen=True, slots=True)
class Standing:
    """How a right stands: why it must end, if it must, and for how long it goes on if nothing changes."""

    ending: Ending | None
    seconds: float = 0.0


def standing(
    tx: Transaction, moment: Moment, *, view_id: str, session_id: str, next_ticket: str, review_seconds: float
) -> Standing:
    """Judge a running view of a session again; of one that another connection has taken over, this right is revoked."""
    viewer = tx.live_views.require(view_id)
    if not tx.live_views.is_held_by(view_id, ticket_hash=ticket_hash_of(next_ticket)):
        return Standing(Ending.REVOKED)
    found = _weighed(tx, moment, grant_id=viewer.access_grant_id, review_seconds=review_seconds)
    claim = tx.sessions.of(viewer.authorization_id)
    if found.ending is None and (claim is None or claim.session_id != session_id):
        return Standing(Ending.SESSION_LOST)
    return found


def _weighed(tx: Transaction, moment: Moment, *, grant_id: str, review_seconds: float) -> Standing:
    grant = tx.access_grants.require(grant_id).bounded(review_seconds)
    authorization = tx.authorizations.get(grant.authorization_id)
    if authorization is None:
        raise AuthorizationNotFound
    basis = basis_of(tx, grant, authorization)
    ending = judge(grant, authorization, basis, now=moment.now)
    if ending is not None:
        return Standing(ending)
    return Standing(None, (basis.end_of(grant, authorization, now=moment.now) - moment.now).total_seconds())


def one(tx: Transaction, caller: Caller, *, authorization_id: str, grant_id: str) -> AccessGrant:
    """Return a grant of an authorization. Raises AuthorizationNotFound or AccessGrantNotFound."""
    authorization = tx.authorizations.require(caller, authorization_id)
    grant = tx.access_grants.require(grant_id)
    if grant.authorization_id != authorization.id:
        raise AccessGrantNotFound
    return grant


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
