"""What all addresses of the API share: the visit of a signed-in user, JSON in and out, faults on the way.

A handler gets a `Visit` and returns JSON. What ends it early it raises as `Refused`, or a fault as `Interrupted`.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from priorauth.sandbox import faults
from priorauth.sandbox.accounts import Account
from priorauth.sandbox.entities import Member
from priorauth.sandbox.faults import DroppedConnection, Fault
from priorauth.sandbox.hostile.portal import takes_anything
from priorauth.sandbox.juniper.entities import Session
from priorauth.sandbox.juniper.records import Records

COOKIE = "jr_session"
CSRF_HEADER = "X-CSRF-Token"
_SESSION_LASTS = timedelta(hours=8)
_SAFE = ("GET", "HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """What the handlers work with; time and waiting are given, so that a test needs neither."""

    records: Records
    accounts: tuple[Account, ...]
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[object]]

    def session_of(self, request: Request) -> Session | None:
        token = request.cookies.get(COOKIE, "")
        return self.records.session(token, expired_before=self.clock() - _SESSION_LASTS) if token else None

    def open_session(self, user_name: str, *, verified: bool) -> Session:
        now = self.clock()
        return self.records.open_session(user_name, verified=verified, now=now, expired_before=now - _SESSION_LASTS)


class Refused(Exception):
    """The API's answer where it does not do what was asked; `fields` says what is wrong with which entry."""

    def __init__(self, status: int, code: str, message: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def response(self) -> Response:
        error = {"code": self.code, "message": self.message, "fields": dict(self.fields or {})}
        return answer({"error": error}, status=self.status)


class Interrupted(Exception):
    """Ends a handler with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request of a signed-in user, sent by the portal's own page."""

    request: Request
    portal: Portal
    session: Session

    async def body(self) -> dict[str, Any]:
        """The JSON object that was sent."""
        return await json_of(self.request)

    def missing(self) -> Refused:
        return Refused(404, "not_found", "This record does not exist.")

    async def meet(self, point: str, *, member: Member, case_reference: str = "") -> list[Fault]:
        """Meet the faults of this point; returns those that only twist what the handler does next."""
        found = faults.due(
            self.portal.records, point=point, member=member, case_reference=case_reference, now=self.portal.clock()
        )
        return await faults.meet(found, sleep=self.portal.sleep, end=self._end)

    def _end(self, kind: str) -> NoReturn:
        if kind == "error":
            raise Refused(500, "internal", "Something went wrong on our side. Please try again later.")
        if kind == "unavailable":
            raise Refused(
                503, "maintenance", "Juniper Ridge Workspace is down for maintenance. Please come back later."
            )
        if kind == "signed_out":
            self.portal.records.end_session(self.session.token)
            raise signed_out()
        raise Interrupted(DroppedConnection(reset=kind == "reset"))


Handler: TypeAlias = Callable[[Visit], Awaitable[Response]]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def signed_in(handler: Handler) -> Endpoint:
    """Let only signed-in users through, and writes only with the token of their session."""

    async def endpoint(request: Request) -> Response:
        portal = portal_of(request)
        session = portal.session_of(request)
        if session is None or not session.verified:
            return signed_out().response()
        if request.method not in _SAFE and not takes_anything(request):
            require_token(request, session)
        try:
            return await handler(Visit(request=request, portal=portal, session=session))
        except Interrupted as interrupted:
            return interrupted.response

    return endpoint


def require_token(request: Request, session: Session) -> None:
    """Refuse what a page of somebody else may have sent."""
    if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), session.csrf_token.encode()):
        raise Refused(403, "stale_page", "This page has expired. Reload it and try again.")


def portal_of(request: Request) -> Portal:
    """The portal that serves this request."""
    portal: Portal = request.app.state.portal
    return portal


async def json_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "bad_request", "A JSON object is expected.")
    return body


def texts_of(body: Mapping[str, Any]) -> dict[str, str]:
    """The texts among the values of an object."""
    return {name: value for name, value in body.items() if isinstance(value, str)}


def answer(data: Mapping[str, Any], *, status: int = 200) -> Response:
    """An answer, never to be cached."""
    return JSONResponse(dict(data), status_code=status, headers={"Cache-Control": "no-store"})


def signed_out() -> Refused:
    """Nobody is signed in."""
    return Refused(401, "signed_out", "Your session has ended. Sign in again.")
