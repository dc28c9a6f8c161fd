"""The portal's application: the shell with its scripts, the search for members, and what the other files serve."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from priorauth.sandbox.accounts import Account
from priorauth.sandbox.juniper import control, drafts, requests, sessions
from priorauth.sandbox.juniper.api import Portal, Refused, Visit, answer, signed_in, texts_of
from priorauth.sandbox.juniper.records import Records

_STATIC = Path(__file__).with_name("static")


def create_app(
    records: Records,
    *,
    accounts: Iterable[Account],
    clock: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[object]],
) -> Starlette:
    """The application over these records; signing in is for the users of these accounts."""
    app = Starlette(
        routes=[*_ROUTES, *sessions.ROUTES, *drafts.ROUTES, *requests.ROUTES, *control.ROUTES, *_PAGES],
        exception_handlers={Refused: _refused, HTTPException: _no_route, Exception: _broken},
    )
    app.state.portal = Portal(records=records, accounts=tuple(accounts), clock=clock, sleep=sleep)
    return app


async def search_members(visit: Visit) -> Response:
    """Look a member up by number and date of birth, both of which have to match."""
    entered = texts_of(await visit.body())
    member = visit.portal.records.member(entered.get("memberId", "").strip().upper())
    if member is not None:
        await visit.meet("member_search", member=member)
    if member is None or member.birth_date != entered.get("birthDate"):
        return answer({"member": None})
    active = member.effective_from <= visit.portal.clock().date().isoformat()
    found = {"memberId": member.member_id, "name": member.name, "plan": member.plan, "active": active}
    return answer({"member": found})


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_request: Request) -> Response:
        headers = {"Cache-Control": "no-store", "X-Frame-Options": "SAMEORIGIN"}
        return FileResponse(_STATIC / name, headers=headers)

    return page


async def _refused(_request: Request, refused: Exception) -> Response:
    if not isinstance(refused, Refused):
        raise refused
    return refused.response()


async def _no_route(request: Request, _error: Exception) -> Response:
    return Refused(404, "not_found", f"There is no {request.url.path}.").response()


async def _broken(_request: Request, _error: Exception) -> Response:
    return Refused(500, "internal", "Something went wrong on our side. Please try again later.").response()


async def _no_api(_request: Request) -> Response:
    raise HTTPException(404)


_ROUTES = [
    Route("/api/members/search", signed_in(search_members), methods=["POST"]),
    Mount("/assets", StaticFiles(directory=_STATIC), name="assets"),
]
# Last: whatever else is opened is an address of the page itself.
_PAGES = [
    Route("/frames/clinical", _page("clinical.html"), methods=["GET"]),
    Route("/windows/upload", _page("upload.html"), methods=["GET"]),
    Route("/api/{rest:path}", _no_api, methods=["GET"]),
    Route("/sandbox/{rest:path}", _no_api, methods=["GET"]),
    Route("/{rest:path}", _page("shell.html"), methods=["GET"]),
]
