"""What a worker answers on its private address: how it is, and the viewers that API nodes lead to it."""

import hmac

from fastapi import APIRouter, FastAPI
from starlette.websockets import WebSocket

from priorauth.http.app import add_error_handlers
from priorauth.http.edge import Services
from priorauth.http.envelope import RequestEnvelope
from priorauth.http.routes import health, metrics

_router = APIRouter(include_in_schema=False)


def create_worker_app(proof: str) -> FastAPI:
    """Return a worker's application; whoever wants to attend a session shows `proof`. Its services must be set."""
    app = FastAPI(title="priorauth worker", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.proof = proof
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(_router)
    add_error_handlers(app)
    app.add_middleware(RequestEnvelope)
    return app


@_router.websocket("/runtime/live/socket")
async def attend_viewer(socket: WebSocket) -> None:
    """Attend a viewer that an API node leads here."""
    services: Services = socket.app.state.services
    shown = socket.headers.get("authorization", "").removeprefix("Bearer ")
    if services.live is None or not hmac.compare_digest(shown.encode(), socket.app.state.proof.encode()):
        await socket.close()
        return
    await services.live.attend(socket)
