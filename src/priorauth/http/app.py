"""The API as one ASGI application: routes under both prefixes, every failure in the one envelope."""

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

import priorauth
from priorauth.domain.errors import (
    InternalError,
    Kind,
    MethodNotAllowed,
    PathNotFound,
    PriorAuthError,
    RateLimited,
    Unauthorized,
)
from priorauth.domain.organizations import Environment
from priorauth.http.answers import error_response
from priorauth.http.edge import PREFIX, SECOND_PREFIX
from priorauth.http.envelope import RequestEnvelope
from priorauth.http.openapi import TAGS, install, operation_id
from priorauth.http.reference import front_page, reference_page
from priorauth.http.routes import (
    access_grants,
    attachments,
    authorizations,
    catalog,
    fhir,
    files,
    handoffs,
    health,
    live_sessions,
    metrics,
    reviews,
    runtime,
    sandbox,
)

_DESCRIPTION = f"""A prior authorization is one resource: create it, answer its questionnaire, attach documents,
confirm. `status` says whose move it is, `nextAction` what is expected of you. The server works in the payer's portal,
waits for an approval where the policy asks for one, and reports receipt and decision. Every path below `{PREFIX}`
answers below `{SECOND_PREFIX}` too."""

_COME_AGAIN_SECONDS = 5


def create_app(environment: Environment) -> FastAPI:
    """Return the application of an environment; before it serves, its `state.services` must be set."""
    app = FastAPI(
        title="priorauth",
        version=priorauth.__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": "/", "description": "The server that serves this document."}],
        contact={"name": "The operator of this server"},
        license_info={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        openapi_tags=[tag for tag in TAGS if environment is Environment.SANDBOX or tag["name"] != "Sandbox"],
        generate_unique_id_function=operation_id,
    )
    for prefix in (PREFIX, SECOND_PREFIX):
        for nouns in (authorizations, attachments, fhir, reviews, live_sessions, handoffs, access_grants):
            app.include_router(nouns.router, prefix=prefix, include_in_schema=prefix == PREFIX)
    app.include_router(catalog.router)
    app.include_router(files.router)
    app.include_router(files.uploads)
    app.include_router(runtime.router)
    if environment is Environment.SANDBOX:
        app.include_router(sandbox.router)
    app.add_api_route("/", front_page, include_in_schema=False)
    app.add_api_route("/docs", reference_page, include_in_schema=False)
    app.include_router(health.router)
    app.include_router(metrics.router)
    add_error_handlers(app)
    app.add_middleware(RequestEnvelope)
    install(app)
    return app


def add_error_handlers(app: FastAPI) -> None:
    """Let every failure be answered in the one envelope."""
    app.add_exception_handler(PriorAuthError, _known_error)
    app.add_exception_handler(HTTPException, _framework_error)


async def _known_error(request: Request, error: Exception) -> Response:
    known = error if isinstance(error, PriorAuthError) else InternalError()
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(known, Unauthorized) else {}
    if known.kind is Kind.UNAVAILABLE:
        headers["Retry-After"] = str(_COME_AGAIN_SECONDS)
    if isinstance(known, RateLimited):
        headers["Retry-After"] = str(known.details["retryAfterSeconds"])
    return error_response(known, request_id=request.state.request_id, headers=headers)


async def _framework_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        headers = {"Allow": ", ".join(_allowed(request))}
        return error_response(MethodNotAllowed(), request_id=request.state.request_id, headers=headers)
    known = PathNotFound() if status == 404 else InternalError()
    return error_response(known, request_id=request.state.request_id)


def _allowed(request: Request) -> list[str]:
    """Return the methods that some route takes at this path; the framework names those of the first one only."""
    allowed = []
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            allowed += ["GET", "HEAD"] if method == "GET" else [method]
    return allowed
