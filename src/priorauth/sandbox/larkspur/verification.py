"""“Verify your identity”: the code after the password, and the code before a member whom the plan protects is shown."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from priorauth.sandbox.accounts import Account, same
from priorauth.sandbox.entities import Member
from priorauth.sandbox.larkspur.entities import Session
from priorauth.sandbox.larkspur.pages import (
    Portal,
    Visit,
    expired_form,
    form_is_of,
    portal_of,
    render,
    see_other,
    with_cookie,
)

TRUST_COOKIE = "LPCTRUST"
_TRUST_LASTS = timedelta(days=90)
_WRONG_CODE = "This code is not valid. Enter the latest code; each can be used once."
_BY_APP = "Enter the code that your authenticator app shows."
_BY_MESSAGE = "We have sent a code to the phone number that we have on file for you."
_BY_MESSAGE_FOR_MEMBER = "This member's records are protected. We have sent a code to your phone."


def admit(request: Request, session: Session, account: Account) -> Response:
    """Let a user in whose password was right: at once, or after a code where the account wants one of this browser."""
    portal = portal_of(request)
    if account.has_second_factor and not _is_trusted(request, account):
        portal.records.await_code(session.token, account.user_name)
        return see_other("/login/verify")
    return _enter(portal, session, account)


async def ask_at_login(request: Request) -> Response:
    """Ask for the code of whoever has just given the right password."""
    session, account = _awaited(request)
    if session is None or account is None:
        return see_other("/login")
    return _login_page(session, account, alert=None)


async def verify_at_login(request: Request) -> Response:
    """Let the user in for the right code."""
    portal = portal_of(request)
    session, account = _awaited(request)
    if session is None or account is None:
        return see_other("/login")
    async with request.form() as form:
        code, trusts = str(form.get("code", "")).strip(), "trust" in form
        if not form_is_of(session, form):
            return expired_form(session)
    if not _takes(portal, account, code):
        return _login_page(session, account, alert=_WRONG_CODE)
    response = _enter(portal, session, account)
    if trusts:
        token = portal.records.trust_browser(account.user_name, now=portal.clock())
        response.set_cookie(
            TRUST_COOKIE, token, max_age=int(_TRUST_LASTS.total_seconds()), httponly=True, samesite="lax", path="/"
        )
    return response


async def ask_at_phone_login(request: Request) -> Response:
    """Let a user in by the phone alone: the code of the message says who it is."""
    portal = portal_of(request)
    session = portal.session_of(request)
    if session is not None and session.user_name is not None:
        return see_other("/home")
    session = session or portal.open_session(None)
    return with_cookie(_phone_page(session, alert=None), session)


async def verify_at_phone_login(request: Request) -> Response:
    """Let in whose code it is."""
    portal = portal_of(request)
    session = portal.session_of(request)
    if session is None:
        return see_other("/login/phone")
    async with request.form() as form:
        code = str(form.get("code", "")).strip()
        if not form_is_of(session, form):
            return expired_form(session)
    account = next((each for each in portal.accounts if each.message_code and same(code, each.message_code)), None)
    if account is None:
        return _phone_page(session, alert=_WRONG_CODE)
    return _enter(portal, session, account)


def _phone_page(session: Session, *, alert: str | None) -> Response:
    return render(
        "verify.html",
        session=session,
        alert=alert,
        explanation=_BY_MESSAGE,
        action="/login/phone",
        hidden={},
        may_trust=False,
    )


def ask_for_member(visit: Visit, member: Member, *, again: bool = False) -> Response:
    """Ask for a code before the member is shown, whatever browser it is; `again` after a wrong one."""
    return visit.page(
        "verify.html",
        alert=_WRONG_CODE if again else None,
        explanation=_BY_MESSAGE_FOR_MEMBER,
        action="/members/verify",
        hidden={"member_id": member.member_id, "birth_date": member.birth_date},
        may_trust=False,
    )


def takes_code_of(member: Member, code: str) -> bool:
    """Whether the member may be shown to whoever gives this code; a member without protection to anybody."""
    told = member.behaviour.get("verification")
    return told is None or same(code.strip(), told["code"])


def check_verification(told: object) -> str | None:
    """What is wrong with a member's verification, if anything."""
    code = told.get("code") if isinstance(told, dict) and told.keys() == {"code"} else None
    if not isinstance(code, str) or not code.isascii() or not code.isdigit() or not 4 <= len(code) <= 8:
        return "behaviour.verification must be an object with a code of four to eight digits"
    return None


def _login_page(session: Session, account: Account, *, alert: str | None) -> Response:
    explanation = _BY_APP if account.totp_secret is not None else _BY_MESSAGE
    return render(
        "verify.html",
        session=session,
        alert=alert,
        explanation=explanation,
        action="/login/verify",
        hidden={},
        may_trust=True,
    )


def _awaited(request: Request) -> tuple[Session | None, Account | None]:
    portal = portal_of(request)
    session = portal.session_of(request)
    user_name = portal.records.awaits_code(session.token) if session is not None else None
    return session, next((each for each in portal.accounts if each.user_name == user_name), None)


def _takes(portal: Portal, account: Account, code: str) -> bool:
    if account.message_code is not None:
        return same(code, account.message_code)
    period = account.totp_period(code, now=portal.clock())
    # Each code once, and none from before one that was used: RFC 6238, section 5.2.
    return period is not None and portal.records.use_period(account.user_name, period)


def _enter(portal: Portal, session: Session, account: Account) -> Response:
    # A new token: whoever knew the visitor's must not be signed in with it.
    portal.records.end_session(session.token)
    return with_cookie(see_other("/home"), portal.open_session(account.user_name))


def _is_trusted(request: Request, account: Account) -> bool:
    portal, token = portal_of(request), request.cookies.get(TRUST_COOKIE, "")
    since = portal.clock() - _TRUST_LASTS
    return bool(token) and portal.records.trusts_browser(token, account.user_name, since=since)


ROUTES = [
    Route("/login/verify", ask_at_login, methods=["GET"]),
    Route("/login/verify", verify_at_login, methods=["POST"]),
    Route("/login/phone", ask_at_phone_login, methods=["GET"]),
    Route("/login/phone", verify_at_phone_login, methods=["POST"]),
]
