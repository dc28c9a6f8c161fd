"""The portal's application: sign-in, home, member search, requests and their status; the wizard is in its own file."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from priorauth.sandbox.accounts import Account, account_of
from priorauth.sandbox.entities import Member, Submission
from priorauth.sandbox.fields import Values
from priorauth.sandbox.larkspur import control, inquiries, messages, verification, wizard
from priorauth.sandbox.larkspur.pages import (
    COOKIE,
    Portal,
    Visit,
    expired_form,
    failure,
    form_is_of,
    not_found,
    portal_of,
    render,
    see_other,
    signed_in,
    with_cookie,
)
from priorauth.sandbox.larkspur.records import Records

_WRONG_CREDENTIALS = "The user name or password is not correct."
_LOCKED = "Your account is locked. Call provider services to unlock it."
_NO_MEMBER = "No member matches these details."


def create_app(
    records: Records,
    *,
    accounts: Iterable[Account],
    clock: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[object]],
) -> Starlette:
    """The application over these records; signing in is for the users of these accounts."""
    app = Starlette(
        routes=[*_ROUTES, *verification.ROUTES, *wizard.ROUTES, *messages.ROUTES, *control.ROUTES],
        exception_handlers={HTTPException: _refused, Exception: _broken},
    )
    app.state.portal = Portal(records=records, accounts=tuple(accounts), clock=clock, sleep=sleep)
    return app


async def login(request: Request) -> Response:
    """Show the sign-in form."""
    portal = portal_of(request)
    session = portal.session_of(request)
    if session is not None and session.user_name is not None:
        return see_other("/home")
    # The form of a visitor carries a token too, so the visitor has a session without a user.
    session = session or portal.open_session(None)
    return with_cookie(render("login.html", session=session, user_name="", alert=None), session)


async def sign_in(request: Request) -> Response:
    """Let in whoever has the right credentials, and the code that the account may want."""
    portal = portal_of(request)
    session = portal.session_of(request)
    if session is None:
        return see_other("/login")
    async with request.form() as form:
        user_name, password = str(form.get("user_name", "")).strip(), str(form.get("password", ""))
        if not form_is_of(session, form):
            return expired_form(session)
    account = account_of(portal.accounts, user_name, password)
    accepted = account is not None and not account.locked
    portal.records.note_sign_in(user_name, accepted=accepted, now=portal.clock())
    if account is None or account.locked:
        alert = _WRONG_CREDENTIALS if account is None else _LOCKED
        return render("login.html", session=session, user_name=user_name, alert=alert)
    return verification.admit(request, session, account)


async def sign_out(visit: Visit) -> Response:
    """End the user's session."""
    visit.portal.records.end_session(visit.session.token)
    response = see_other("/login")
    response.delete_cookie(COOKIE, path="/")
    return response


async def home(visit: Visit) -> Response:
    """Greet, with the notices of the plan."""
    return visit.page("home.html")


async def members(visit: Visit) -> Response:
    """Show the search form."""
    return visit.page("members.html", entered={}, member=None, coverage="", alert=None)


async def search_members(visit: Visit) -> Response:
    """Look a member up by number and date of birth, both of which have to match; some are shown for a code only."""
    entered, known = _searched(visit)
    if known is not None:
        await visit.meet("member_search", member=known)
    member = _matching(entered, known)
    if member is not None and "verification" in member.behaviour:
        return verification.ask_for_member(visit, member)
    return _found(visit, entered, member)


async def verify_member(visit: Visit) -> Response:
    """Show a protected member for the right code."""
    entered, known = _searched(visit)
    member = _matching(entered, known)
    if member is not None and not verification.takes_code_of(member, visit.entries.get("code", "")):
        return verification.ask_for_member(visit, member, again=True)
    return _found(visit, entered, member)


def _searched(visit: Visit) -> tuple[Values, Member | None]:
    entered = {name: visit.entries.get(name, "").strip() for name in ("member_id", "birth_date")}
    return entered, visit.portal.records.member(entered["member_id"].upper())


def _matching(entered: Values, known: Member | None) -> Member | None:
    return known if known is not None and known.birth_date == entered["birth_date"] else None


def _found(visit: Visit, entered: Values, member: Member | None) -> Response:
    if member is None:
        return visit.page("members.html", entered=entered, member=None, coverage="", alert=_NO_MEMBER)
    covered = member.effective_from <= visit.portal.clock().date().isoformat()
    coverage = "Active" if covered else "Not active"
    return visit.page("members.html", entered=entered, member=member, coverage=coverage, alert=None)


async def start_request(visit: Visit) -> Response:
    """Open a draft for a member."""
    member = visit.portal.records.member(visit.entries.get("member_id", ""))
    if member is None:
        raise visit.missing()
    await visit.meet("start", member=member)
    draft_id = visit.portal.records.create_draft(member.member_id, now=visit.portal.clock())
    return see_other(f"/drafts/{draft_id}/service")


async def requests(visit: Visit) -> Response:
    """List requests: the latest, or those that a search hits."""
    text = visit.request.query_params.get("q", "").strip()
    found = visit.portal.records.search(text)
    searchable = True
    if text:
        for member_id, case_reference in dict.fromkeys((each.member_id, each.case_reference) for each in found):
            member = visit.portal.records.member(member_id)
            if member is not None:
                await visit.meet("requests", member=member, case_reference=case_reference)
                searchable = searchable and not member.behaviour.get("searchUnavailable", False)
    rows = [(each, _status(visit, each)) for each in found]
    return visit.page("requests.html", text=text, rows=rows if searchable else [], searchable=searchable)


def _status(visit: Visit, submission: Submission) -> str:
    now = visit.portal.clock()
    decision = submission.decision(now)
    if decision is not None:
        return inquiries.DECIDED[decision.outcome]
    asked = any(message.reply is None for message in visit.portal.records.messages(submission, now=now))
    return inquiries.INFORMATION_NEEDED if asked else inquiries.UNDER_REVIEW


def _submission(visit: Visit) -> Submission:
    submission = visit.portal.records.shown_submission(visit.request.path_params["reference"])
    if submission is None:
        raise visit.missing()
    return submission


async def confirmation(visit: Visit) -> Response:
    """Tell the reference number of what was received."""
    return visit.page("confirmation.html", submission=_submission(visit))


async def request_status(visit: Visit) -> Response:
    """Tell a request's status and, once decided, the decision."""
    submission = _submission(visit)
    member = visit.portal.records.member(submission.member_id)
    if member is not None:
        await visit.meet("status", member=member, case_reference=submission.case_reference)
    return visit.page(
        "request.html",
        submission=submission,
        status=_status(visit, submission),
        decision=submission.decision(visit.portal.clock()),
        messages=visit.portal.records.messages(submission, now=visit.portal.clock()),
    )


async def _root(_visit: Visit) -> Response:
    return see_other("/home")


async def _refused(request: Request, _error: Exception) -> Response:
    """What no route takes: a page for who is signed in, the sign-in page for everybody else."""
    session = portal_of(request).session_of(request)
    if session is None or session.user_name is None:
        return see_other("/login")
    return not_found(session)


async def _broken(_request: Request, _error: Exception) -> Response:
    return failure(None)


_ROUTES = [
    Route("/", signed_in(_root), methods=["GET"]),
    Route("/login", login, methods=["GET"]),
    Route("/login", sign_in, methods=["POST"]),
    Route("/logout", signed_in(sign_out), methods=["POST"]),
    Route("/home", signed_in(home), methods=["GET"]),
    Route("/members", signed_in(members), methods=["GET"]),
    Route("/members/search", signed_in(search_members), methods=["POST"]),
    Route("/members/verify", signed_in(verify_member), methods=["POST"]),
    Route("/requests", signed_in(requests), methods=["GET"]),
    Route("/requests/start", signed_in(start_request), methods=["POST"]),
    Route("/requests/{reference}", signed_in(request_status), methods=["GET"]),
    Route("/requests/{reference}/confirmation", signed_in(confirmation), methods=["GET"]),
    Mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static"),
]
