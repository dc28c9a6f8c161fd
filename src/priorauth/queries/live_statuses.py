"""Reading what a view shows beside the picture, and its last words."""

from priorauth.domain.errors import AuthorizationNotFound
from priorauth.domain.live.grants import AccessGrant, caller_of
from priorauth.domain.live.statuses import Farewell, ViewStatus
from priorauth.domain.live.views import Ending
from priorauth.domain.live.wording import farewell_of, status_of
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Scope
from priorauth.store.transaction import Transaction


def status(tx: Transaction, moment: Moment, *, view_id: str) -> ViewStatus:
    """Return what a running view shows of its authorization."""
    grant = _grant(tx, view_id)
    authorization = tx.authorizations.get(grant.authorization_id)
    if authorization is None:
        raise AuthorizationNotFound
    title = tx.catalog.payer_version(authorization.payer_version).rules_for(authorization.request).title
    return status_of(authorization, service_title=title, may_report=_may_report(tx, moment, grant))


def farewell(tx: Transaction, *, view_id: str, ending: Ending) -> Farewell:
    """Return the last words of a view that has ended."""
    grant = _grant(tx, view_id)
    authorization = tx.authorizations.get(grant.authorization_id)
    if authorization is None:
        raise AuthorizationNotFound
    return farewell_of(authorization, ending, handoff_id=grant.manual_handoff_id)


def _grant(tx: Transaction, view_id: str) -> AccessGrant:
    return tx.access_grants.require(tx.live_views.require(view_id).access_grant_id)


def _may_report(tx: Transaction, moment: Moment, grant: AccessGrant) -> bool:
    """Say whether the view acts in a handoff, by a key that may close it."""
    if grant.manual_handoff_id is None or grant.minted_by is None:
        return False
    caller = caller_of(tx.organizations.key(grant.minted_by), now=moment.now)
    return caller is not None and Scope.WRITE in caller.scopes
