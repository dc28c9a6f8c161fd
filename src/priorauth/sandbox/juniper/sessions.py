"""Signing in and out: password first, then a code where the account wants one."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from priorauth.sandbox.accounts import Account, account_of, same
from priorauth.sandbox.juniper.api import (
    COOKIE,
    Portal,
    Refused,
    Visit,
    answer,
    json_of,
    portal_of,
    require_token,
    signed_in,
    signed_out,
    texts_of,
)
from priorauth.sandbox.juniper.entities import Session


async def read(request: Request) -> Response:
    """Tell the page who is signed in, and whether a code is awaited."""
    portal = portal_of(request)
    return _told(portal, portal.session_of(request))


async def sign_in(request: Request) -> Response:
    """Open a session for the right password; it is worth nothing yet where a code has to follow."""
    entered = texts_of(await json_of(request))
    # A form that another site sends here is no JSON, and JSON from there is stopped by the browser.
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused(415, "bad_request", "JSON is expected.")
    portal = portal_of(request)
    user_name = entered.get("userName", "").strip()
    account = account_of(portal.accounts, user_name, entered.get("password", ""))
    accepted = account is not None and not account.locked
    portal.records.note_sign_in(user_name, accepted=accepted, now=portal.clock())
    if account is None:
        raise Refused(403, "wrong_credentials", "We don't recognize this user name and password.")
    if account.locked:
        raise Refused(403, "account_locked", "This account is locked. Ask your practice administrator to unlock it.")
    return _enter(portal, account.user_name, verified=not account.has_second_factor)


async def verify(request: Request) -> Response:
    """Take the code."""
    portal = portal_of(request)
    session = portal.session_of(request)
    account = _account(portal, session)
    if session is None or account is None:
        raise signed_out()
    require_token(request, session)
    code = texts_of(await json_of(request)).get("code", "").strip()
    if not _takes(portal, account, code):
        raise Refused(403, "wrong_code", "That code didn't work. Use the newest one; each works once.")
    # A new token: whoever knew the unverified one must not be signed in with it.
    portal.records.end_session(session.token)
    return _enter(portal, account.user_name, verified=True)


async def sign_out(visit: Visit) -> Response:
    """End the session."""
    visit.portal.records.end_session(visit.session.token)
    response = answer({"session": None})
    response.delete_cookie(COOKIE, path="/")
    return response


def _enter(portal: Portal, user_name: str, *, verified: bool) -> Response:
    session = portal.open_session(user_name, verified=verified)
    response = _told(portal, session)
    response.set_cookie(COOKIE, session.token, httponly=True, samesite="lax", path="/")
    return response


def _takes(portal: Portal, account: Account, code: str) -> bool:
    if account.message_code is not None:
        return same(code, account.message_code)
    period = account.totp_period(code, now=portal.clock())
    # Each code once, and none from before one that was used: RFC 6238, section 5.2.
    return period is not None and portal.records.use_period(account.user_name, period)


def _told(portal: Portal, session: Session | None) -> Response:
    account = _account(portal, session)
    if session is None or account is None:
        return answer({"session": None})
    awaits = None if session.verified else "app" if account.totp_secret is not None else "text"
    return answer({"session": {"userName": session.user_name, "csrfToken": session.csrf_token, "awaitsCode": awaits}})


def _account(portal: Portal, session: Session | None) -> Account | None:
    return next((each for each in portal.accounts if session and each.user_name == session.user_name), None)


ROUTES = [
    Route("/api/session", read, methods=["GET"]),
    Route("/api/session", sign_in, methods=["POST"]),
    Route("/api/session", signed_in(sign_out), methods=["DELETE"]),
    Route("/api/session/code", verify, methods=["POST"]),
]
