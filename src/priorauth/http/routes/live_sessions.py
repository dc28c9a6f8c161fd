"""The live session of a case: what can be seen of the work in the payer's channel."""

from fastapi import APIRouter
from starlette.responses import Response

from priorauth.domain.errors import AuthorizationNotFound
from priorauth.http.answers import Answer, answer
from priorauth.http.edge import AuthenticatedCall, sees_authorization
from priorauth.http.operations import AuthorizationId, describes
from priorauth.http.schemas.base import NoQuery
from priorauth.http.schemas.live_sessions import LiveSessionView, live_session_view
from priorauth.queries.live_sessions import live_session
from priorauth.store.transaction import Transaction

router = APIRouter(tags=["Live sessions"])


@router.get("/{authorization_id}/live-session", **describes(gives=LiveSessionView, errors=(AuthorizationNotFound,)))
async def read_live_session(call: AuthenticatedCall, authorization_id: AuthorizationId) -> Response:
    """Read the projection of the channel session that works on a case; `not_live` when there is none."""

    def query(tx: Transaction, _: NoQuery) -> Answer:
        case, session, available = live_session(
            tx,
            call.caller,
            call.services.present(),
            authorization_id=authorization_id,
            shows=call.services.shows,
        )
        return answer(live_session_view(case, session, available=available))

    return await call.read(query, parameters=NoQuery, see=sees_authorization(authorization_id))
