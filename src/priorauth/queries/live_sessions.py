"""Reading the live session of a case."""

from priorauth.domain.authorizations import Authorization
from priorauth.domain.live.grants import Shows, hindrance
from priorauth.domain.live_sessions import LiveSession, is_enterable, project
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller
from priorauth.store.access.rights import may_enter
from priorauth.store.transaction import Transaction


def live_session(
    tx: Transaction, caller: Caller, moment: Moment, *, authorization_id: str, shows: Shows | None
) -> tuple[Authorization, LiveSession, bool]:
    """Return a case, its live session as of now, and whether access to it can be granted. Raises AuthorizationNotFound.

    A session can be live without: what is shown needs a screen too, and an account that people may enter.
    """
    case = tx.authorizations.require(caller, authorization_id)
    claim = tx.sessions.of(case.id)
    enterable = may_enter(tx, claim) and is_enterable(case)
    available = hindrance(case, claim, shows, may_enter=enterable, now=moment.now) is None
    return case, project(case, claim, now=moment.now), available
