"""What all pages of the portal share: the visit of a signed-in user, forms with a token, rendering, faults on the way.

A handler gets a `Visit`. Where a fault ends the request, `Visit.meet` raises `Interrupted`: the handler stops.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn, TypeAlias

import jinja2
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from priorauth.sandbox import faults
from priorauth.sandbox.accounts import Account
from priorauth.sandbox.entities import Member
from priorauth.sandbox.faults import DroppedConnection, Fault
from priorauth.sandbox.fields import Values, us_date
from priorauth.sandbox.hostile.portal import takes_anything
from priorauth.sandbox.larkspur.entities import Session
from priorauth.sandbox.larkspur.records import Records

COOKIE = "LPCSESSION"
SESSION_LASTS = timedelta(hours=12)
_NEVER_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache", "X-Frame-Options": "SAMEORIGIN"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """What the handlers work with; time and waiting are given, so that a test needs neither."""

    records: Records
    accounts: tuple[Account, ...]
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[object]]

    def session_of(self, request: Request) -> Session | None:
        token = request.cookies.get(COOKIE, "")
        return self.records.session(token, expired_before=self.clock() - SESSION_LASTS) if token else None

    def open_session(self, user_name: str | None) -> Session:
        now = self.clock()
        return self.records.open_session(user_name, now=now, expired_before=now - SESSION_LASTS)


class Interrupted(Exception):
    """Ends a handler early with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request of a signed-in user, whose form (if any) came from the user's own page."""

    request: Request
    portal: Portal
    session: Session
    form: FormData

    @property
    def entries(self) -> Values:
        """The text fields of the form."""
        return {name: value for name, value in self.form.items() if isinstance(value, str)}

    def page(self, template: str, *, status_code: int = 200, **context: object) -> Response:
        return render(template, status_code=status_code, session=self.session, **context)

    def missing(self) -> Interrupted:
        return Interrupted(not_found(self.session))

    async def meet(self, point: str, *, member: Member, case_reference: str = "") -> list[Fault]:
        """Meet the faults of this point; returns those that only twist what the handler does next."""
        found = faults.due(
            self.portal.records, point=point, member=member, case_reference=case_reference, now=self.portal.clock()
        )
        return await faults.meet(found, sleep=self.portal.sleep, end=self._end)

    def _end(self, kind: str) -> NoReturn:
        if kind == "signed_out":
            self.portal.records.end_session(self.session.token)
            raise Interrupted(see_other("/login"))
        pages: Mapping[str, Callable[[Session], Response]] = {
            "error": failure,
            "unavailable": unavailable,
            "crash": crash,
        }
        if kind in pages:
            raise Interrupted(pages[kind](self.session))
        raise Interrupted(DroppedConnection(reset=kind == "reset"))


Handler: TypeAlias = Callable[[Visit], Awaitable[Response]]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def signed_in(handler: Handler) -> Endpoint:
    """Let only signed-in users through, and only forms that a page of their own session has issued."""

    async def endpoint(request: Request) -> Response:
        portal = portal_of(request)
        session = portal.session_of(request)
        if session is None or session.user_name is None:
            return see_other("/login")
        async with request.form(max_files=1, max_fields=60) as form:
            if request.method == "POST" and not form_is_of(session, form) and not takes_anything(request):
                return expired_form(session)
            try:
                return await handler(Visit(request=request, portal=portal, session=session, form=form))
            except Interrupted as interrupted:
                return interrupted.response

    return endpoint


def portal_of(request: Request) -> Portal:
    """The portal that serves this request."""
    portal: Portal = request.app.state.portal
    return portal


def form_is_of(session: Session, form: FormData) -> bool:
    """Whether a form carries the token of the session's own pages."""
    token = form.get("form_token")
    return isinstance(token, str) and hmac.compare_digest(token.encode(), session.form_token.encode())


def see_other(path: str) -> RedirectResponse:
    """Send the browser to another page."""
    return RedirectResponse(path, status_code=303, headers=_NEVER_STORED)


def with_cookie(response: Response, session: Session) -> Response:
    """Give the browser the session."""
    response.set_cookie(COOKIE, session.token, httponly=True, samesite="lax", path="/")
    return response


def render(template: str, *, status_code: int = 200, session: Session | None = None, **context: object) -> HTMLResponse:
    """A page of the portal, never to be cached."""
    html = _templates.get_template(template).render(session=session, **context)
    return HTMLResponse(html, status_code=status_code, headers=_NEVER_STORED)


def expired_form(session: Session) -> Response:
    """Refuse a form without the session's token."""
    text = "This page has expired. Go back, reload the page and try again."
    return render("message.html", status_code=403, session=session, heading="Page expired", text=text)


def not_found(session: Session) -> Response:
    """Say that there is no such page or record."""
    text = "The page or record that you asked for does not exist."
    return render("message.html", status_code=404, session=session, heading="Not found", text=text)


def failure(session: Session | None) -> Response:
    """Say that the system has failed, and no more."""
    text = "We are unable to process your request at this time. Please try again later. (Code 5103)"
    return render("message.html", status_code=500, session=session, heading="System error", text=text)


def unavailable(session: Session | None) -> Response:
    """Say that the system is down."""
    text = "Provider Connection is temporarily unavailable. We apologize for the inconvenience. Please try again later."
    return render("message.html", status_code=503, session=session, heading="Service unavailable", text=text)


def crash(session: Session | None) -> Response:
    """A page that a browser dies of: it nests more elements than any can lay out."""
    return render("crash.html", session=session)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _us_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%m/%d/%Y %I:%M %p UTC")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, Callable[..., str]] = {"utc": _utc, "us_time": _us_time, "us_date": us_date}
    environment.filters.update(filters)
    return environment


_templates = _environment()
