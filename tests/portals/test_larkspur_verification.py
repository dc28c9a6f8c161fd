"""The simulated portal's one-time codes: after the password, in a trusted browser, and before a protected member."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest
import pytest_asyncio

from priorauth.sandbox.accounts import Account
from priorauth.sandbox.server import PortalServer
from tests.portals.larkspur_visitor import (
    ACCOUNT_WITH_APP,
    ACCOUNT_WITH_PHONE,
    MEMBER,
    Clock,
    Visitor,
    browser,
    heading,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG = 'role="alert">This code is not valid.'
CODE = {"code": "482913"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(stopping: list[asyncio.Task[None]], tmp_path: Path, clock: Clock) -> AsyncIterator[Visitor]:
    server = PortalServer(tmp_path, clock=clock)
    async with browser(await server.start()) as http:
        yield Visitor(http)
    stopping.append(asyncio.create_task(server.stop()))


def app_code(clock: Clock) -> str:
    assert ACCOUNT_WITH_APP.totp_secret is not None
    return pyotp.TOTP(ACCOUNT_WITH_APP.totp_secret).at(clock())


def right_code(account: Account, clock: Clock) -> str:
    return account.message_code or app_code(clock)


@pytest.mark.parametrize("account", [ACCOUNT_WITH_APP, ACCOUNT_WITH_PHONE])
async def test_after_the_password_only_the_right_code_opens_the_portal(
    visitor: Visitor, clock: Clock, account: Account
) -> None:
    asked = await visitor.sign_in(account=account)
    assert asked.headers["location"] == "/login/verify"
    page = await visitor.get("/login/verify")
    assert heading(page) == "Verify your identity"
    assert right_code(account, clock) not in page.text
    assert (await visitor.http.get("/home")).headers["location"] == "/login"

    refused = await visitor.enter_code("000000")
    assert WRONG in refused.text
    assert (await visitor.http.get("/home")).headers["location"] == "/login"

    answer = await visitor.enter_code(right_code(account, clock))
    assert answer.headers["location"] == "/home"
    assert heading(await visitor.get("/home")) == "Welcome"


async def test_a_code_of_the_app_is_taken_once(visitor: Visitor, clock: Clock) -> None:
    code = app_code(clock)
    await visitor.sign_in(account=ACCOUNT_WITH_APP)
    assert (await visitor.enter_code(code)).status_code == 303

    visitor.http.cookies.clear()
    await visitor.sign_in(account=ACCOUNT_WITH_APP)
    assert WRONG in (await visitor.enter_code(code)).text
    clock.advance(30)
    assert (await visitor.enter_code(app_code(clock))).status_code == 303


async def test_a_code_opens_nothing_without_the_password(visitor: Visitor, clock: Clock) -> None:
    await visitor.get("/login")
    assert (await visitor.enter_code(app_code(clock))).headers["location"] == "/login"
    assert (await visitor.http.get("/login/verify")).headers["location"] == "/login"


async def test_a_trusted_browser_is_asked_once_until_its_trust_ends(visitor: Visitor, clock: Clock) -> None:
    await visitor.sign_in(account=ACCOUNT_WITH_PHONE)
    page = await visitor.get("/login/verify")
    assert 'name="trust" value="yes" checked' in page.text
    await visitor.enter_code(ACCOUNT_WITH_PHONE.message_code or "", trust="yes")
    await visitor.get("/home")
    await visitor.post("/logout", {})

    assert (await visitor.sign_in(account=ACCOUNT_WITH_PHONE)).headers["location"] == "/home"
    await visitor.post("/logout", {})
    # Trust is one user's.
    assert (await visitor.sign_in(account=ACCOUNT_WITH_APP)).headers["location"] == "/login/verify"
    clock.advance(91 * 24 * 3600)
    assert (await visitor.sign_in(account=ACCOUNT_WITH_PHONE)).headers["location"] == "/login/verify"


async def test_without_trust_each_sign_in_asks(visitor: Visitor) -> None:
    for _ in range(2):
        assert (await visitor.sign_in(account=ACCOUNT_WITH_PHONE)).headers["location"] == "/login/verify"
        await visitor.enter_code(ACCOUNT_WITH_PHONE.message_code or "")
        await visitor.get("/home")
        await visitor.post("/logout", {})


async def test_a_protected_member_is_shown_for_the_code_only_and_each_search_asks_anew(visitor: Visitor) -> None:
    await visitor.put_member(verification=CODE)
    await visitor.sign_in()
    for _ in range(2):
        page = await visitor.search_member()
        assert heading(page) == "Verify your identity"
        assert "Brackenridge" not in page.text
        assert CODE["code"] not in page.text
        who = {"member_id": MEMBER["memberId"], "birth_date": MEMBER["birthDate"]}
        assert WRONG in (await visitor.enter_code("000000", at="/members/verify", **who)).text
        found = await visitor.enter_code(CODE["code"], at="/members/verify", **who)
        assert "<h2>Member found</h2>" in found.text


async def test_whoever_does_not_know_the_members_birthday_is_not_told_of_the_protection(visitor: Visitor) -> None:
    await visitor.put_member(verification=CODE)
    await visitor.sign_in()
    page = await visitor.post("/members/search", {"member_id": MEMBER["memberId"], "birth_date": "1970-02-27"})
    assert "No member matches these details." in page.text
