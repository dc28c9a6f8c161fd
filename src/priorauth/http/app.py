"""The API as one ASGI application: routes under both prefixes, every failure in the one envelope."""

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

import priorauth
from priorauth.domain.errors import InternalError, MethodNotAllowed, PathNotFound, PriorAuthError
from priorauth.domain.organizations import Environment
from priorauth.http.answers import error_response
from priorauth.http.edge import PREFIX, SECOND_PREFIX, Services
from priorauth.http.envelope import RequestEnvelope
from priorauth.http.operations import install
from priorauth.http.routes import attachments, authorizations, files, live_sessions, sandbox

_DESCRIPTION = f"""Prior authorizations as one resource: create a case, answer its questionnaire, attach documents,
confirm. The server operates the payer's portal, pauses for an approval before the irreversible submit, proves the
payer's receipt and follows its decision. Every path below `{PREFIX}` answers below `{SECOND_PREFIX}` too."""


def create_app(environment: Environment) -> FastAPI:
    """Return the application of an environment; before it serves, its `state.services` must be set."""
    app = FastAPI(
        title="priorauth",
        version=priorauth.__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for prefix in (PREFIX, SECOND_PREFIX):
        for nouns in (authorizations, attachments, live_sessions):
            app.include_router(nouns.router, prefix=prefix, include_in_schema=prefix == PREFIX)
    app.include_router(files.router)
    app.include_router(files.uploads)
    if environment is Environment.SANDBOX:
        app.include_router(sandbox.router)
    app.add_api_route("/health", _health, include_in_schema=False)
    app.add_api_route("/ready", _ready, include_in_schema=False)
    app.add_exception_handler(PriorAuthError, _known_error)
    app.add_exception_handler(HTTPException, _framework_error)
    app.add_middleware(RequestEnvelope)
    install(app)
    return app


async def _health() -> Response:
    """Alive."""
    return JSONResponse({"status": "ok"})


async def _ready(request: Request) -> Response:
    """Able to serve: the database answers."""
    services: Services = request.app.state.services
    await services.database.read(lambda tx: tx.organizations.named(""))
    return JSONResponse({"status": "ready"})


async def _known_error(request: Request, error: Exception) -> Response:
    known = error if isinstance(error, PriorAuthError) else InternalError()
    return error_response(known, request_id=request.state.request_id)


async def _framework_error(request: Request, error: Exception) -> Response:
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    known: dict[int, PriorAuthError] = {404: PathNotFound(), 405: MethodNotAllowed()}
    return error_response(known.get(status, InternalError()), request_id=request.state.request_id, headers=headers)


