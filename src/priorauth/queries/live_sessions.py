"""Reading the live session of a case."""

from priorauth.domain.authorizations import Authorization
from priorauth.domain.live_sessions import LiveSession, project
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller
from priorauth.store.transaction import Transaction


def live_session(
    tx: Transaction, caller: Caller, moment: Moment, *, authorization_id: str
) -> tuple[Authorization, LiveSession]:
    """Return a case and its live session as of now. Raises AuthorizationNotFound."""
    case = tx.authorizations.require(caller, authorization_id)
    return case, project(case, tx.sessions.of(case.id), now=moment.now)
