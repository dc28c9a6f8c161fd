"""How the server is: for whoever watches over it. Nothing here needs a key."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from priorauth.domain.errors import TemporarilyUnavailable
from priorauth.http.answers import answer
from priorauth.http.edge import Services
from priorauth.http.operations import describes
from priorauth.http.schemas.health import HealthView, ReadinessView

_HALTED = (
    "This node has found that its database was put back, and works on nothing. Restart it once `priorauth "
    "mark-restored` was run, or the right database is there again."
)

router = APIRouter(tags=["Server"])


@router.get("/health", **describes(gives=HealthView, public=True))
async def read_health() -> Response:
    """Say whether the process is alive. It asks nothing of the database: restart a server that does not answer."""
    return answer(HealthView()).response()


@router.get("/ready", **describes(gives=ReadinessView, public=True))
async def read_readiness(request: Request) -> Response:
    """Say whether the server can serve: send it requests only while it can."""
    services: Services = request.app.state.services
    try:
        await services.database.read(lambda tx: tx.submission_claims.require_acknowledged())
    except TemporarilyUnavailable:
        raise
    except Exception as error:
        raise TemporarilyUnavailable from error
    if services.halted is not None and services.halted.is_set():
        raise TemporarilyUnavailable(_HALTED)
    return answer(ReadinessView()).response()
