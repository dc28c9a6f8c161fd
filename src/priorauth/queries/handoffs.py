"""Reading the manual handoffs of a case."""

from priorauth.domain.handoffs import HandoffState, ManualHandoff
from priorauth.domain.interactions import handoff_of
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller
from priorauth.queries.pages import Page, page_of
from priorauth.store.access.rights import may_enter
from priorauth.store.transaction import Transaction


def listed(
    tx: Transaction, caller: Caller, *, authorization_id: str, cursor: str | None, limit: int
) -> Page[ManualHandoff]:
    """Return a page of a case's handoffs, newest first. Raises AuthorizationNotFound, or BadRequest for the cursor."""
    case = tx.authorizations.require(caller, authorization_id)
    return page_of(case.journal.handoffs, cursor=cursor, limit=limit)


def one(tx: Transaction, caller: Caller, *, authorization_id: str, handoff_id: str) -> ManualHandoff:
    """Return a handoff. Raises AuthorizationNotFound or ManualHandoffNotFound."""
    return handoff_of(tx.authorizations.require(caller, authorization_id), handoff_id)


def can_be_entered(tx: Transaction, moment: Moment, *, authorization_id: str, handoff: ManualHandoff) -> bool:
    """Say whether access to the handoff's session can be created now."""
    claim = tx.sessions.of(authorization_id)
    if not handoff.is_enterable or handoff.state is not HandoffState.ACTIVE:
        return False
    return claim is not None and claim.is_valid(moment.now) and may_enter(tx, claim)
