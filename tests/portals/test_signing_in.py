"""How sessions sign in, in a real browser: by codes, by what the browser was given before, or by a human alone."""

import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
import pytest_asyncio

from priorauth.channels.contract import (
    Absent,
    AtBoundary,
    ChannelFault,
    HumanNeeded,
    SignInRefused,
    SignInsExhausted,
)
from priorauth.channels.portals.adapter import PortalForm
from priorauth.channels.portals.entrance import Entrance
from priorauth.channels.portals.larkspur.portal import LarkspurPortal
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.handoffs import OfferReason
from priorauth.sandbox import catalog
from priorauth.sandbox.accounts import Account
from tests.factories.channels import ADAPTERS, PortalWorld, portal_world
from tests.factories.jobs import Documents, job_of
from tests.portals.larkspur_visitor import ACCOUNT_WITH_PHONE, Clock

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SCENARIO = "approved_after_review"
JOB = job_of(SCENARIO, case="auth_1")


class Waits:
    """Waiting that moves the clock instead, and remembers."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waited: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.clock.advance(seconds)


CLOCK = Clock()
WAITS = Waits(CLOCK)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PortalWorld]:
    """A payer and a channel, for all tests of this file."""
    async with portal_world(tmp_path_factory.mktemp("portal"), clock=CLOCK, sleep=WAITS) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def world(portal: PortalWorld) -> AsyncIterator[PortalWorld]:
    """The payer as its scenario has it, and codes that nobody has used."""
    await portal.tell(SCENARIO)
    CLOCK.advance(90)
    WAITS.waited.clear()
    yield portal
    await portal.channel.let_go(JOB.authorization_id)


async def press(world: PortalWorld, button: str) -> None:
    """A human presses a button of the page that is open."""
    page = world.session(JOB.authorization_id).page
    async with page.expect_navigation():
        await page.get_by_role("button", name=button, exact=True).click()


async def is_at_boundary(world: PortalWorld) -> bool:
    """Prepare, and say whether the review page shows the whole package."""
    found = await prepared(world)
    return isinstance(found, AtBoundary) and found.differences == ()


async def prepared(world: PortalWorld) -> object:
    """Prepare the job in a new session."""
    await world.channel.let_go(JOB.authorization_id)
    return await world.channel.prepare(JOB)


async def test_a_credential_with_a_totp_secret_signs_in_by_itself(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow-app")

    assert await is_at_boundary(world)
    assert (len(world.accounts.states), WAITS.waited) == (1, [])


async def test_a_code_that_another_session_has_used_is_followed_by_that_of_the_next_period(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow-app")
    await prepared(world)
    world.accounts.states.clear()

    assert await is_at_boundary(world)
    assert len(WAITS.waited) == 1
    assert 1 < WAITS.waited[0] <= 31


async def test_a_secret_whose_codes_are_not_taken_needs_a_human_after_two_of_them(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow-app", totp_secret=pyotp.random_base32())

    needed = await prepared(world)

    assert isinstance(needed, HumanNeeded)
    assert needed.reason is OfferReason.SIGN_IN
    assert len(WAITS.waited) == 1
    assert world.accounts.states == []


@pytest.mark.parametrize("totp_secret", [None, pyotp.random_base32()], ids=["without a secret", "with one"])
async def test_a_code_that_only_a_human_has_needs_one(world: PortalWorld, totp_secret: str | None) -> None:
    world.accounts.use("cedar-hollow-phone", totp_secret=totp_secret)

    needed = await prepared(world)

    assert isinstance(needed, HumanNeeded)
    assert needed.reason is OfferReason.SIGN_IN
    assert world.accounts.states == []
    assert await world.channel.find(JOB) == needed


async def test_a_wrong_password_is_refused(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow", password="wrong")

    with pytest.raises(ChannelFault) as fault:
        await world.channel.prepare(JOB)
    assert fault.value.code == "sign_in_refused"
    assert world.accounts.states == []


async def test_the_next_session_of_a_credential_is_signed_in_already(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow-app")
    await prepared(world)

    assert await is_at_boundary(world)
    assert await world.channel.find(JOB) == Absent()
    assert (len(world.accounts.states), WAITS.waited) == (1, [])


async def test_a_state_that_went_stale_signs_in_anew(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow")
    await prepared(world)
    CLOCK.advance(timedelta(hours=13).total_seconds())

    assert await is_at_boundary(world)
    assert len(world.accounts.states) == 2


async def test_a_browser_that_a_human_made_trusted_needs_no_code_when_its_session_has_ended(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow-phone")
    job = replace(JOB, authorization_id="auth_human")
    adapter, credential = LarkspurPortal(), world.accounts.credential
    assert credential is not None
    session = await world.host.open(job, boundary=adapter.boundary(world.base_url))
    needed = await adapter.sign_in(session.page, base_url=world.base_url, credential=credential)
    assert needed is not None
    assert not await adapter.is_signed_in(session.page)
    await session.page.get_by_label("One-time code").fill(ACCOUNT_WITH_PHONE.message_code or "")
    async with session.page.expect_navigation():
        await session.page.get_by_role("button", name="Verify", exact=True).click()
    assert await adapter.is_signed_in(session.page)
    await world.accounts.signed_in(credential, state=await session.state())
    await world.host.close("auth_human")
    CLOCK.advance(timedelta(hours=13).total_seconds())

    assert await is_at_boundary(world)
    assert len(world.accounts.states) == 2, "it gave its password again, and no code"


async def test_a_protected_member_needs_a_human_and_then_goes_on_from_where_the_human_stopped(
    world: PortalWorld,
) -> None:
    world.accounts.use("cedar-hollow")
    await world.tell(SCENARIO, verification={"code": "482913"})
    adapter, credential = LarkspurPortal(), world.accounts.credential
    assert credential is not None
    form = adapter.form(JOB, base_url=world.base_url)
    session = await world.host.open(JOB, boundary=adapter.boundary(world.base_url))
    page = session.page

    async def step(_name: str) -> None:
        pass

    assert await adapter.sign_in(page, base_url=world.base_url, credential=credential) is None
    needed = await form.fill(page, documents=Documents(), step=step)
    assert isinstance(needed, HumanNeeded)
    assert needed.reason is OfferReason.SIGN_IN
    assert not await adapter.is_signed_in(page)

    await page.get_by_label("One-time code").fill("482913")
    await press(world, "Verify")
    assert await adapter.is_signed_in(page)
    assert await form.fill(page, documents=Documents(), step=step) is None
    await require_whole(world, adapter, form)


async def require_whole(world: PortalWorld, adapter: LarkspurPortal, form: PortalForm) -> None:
    """The draft that is open shows the whole package of its form."""
    session = world.host.of(JOB.authorization_id)
    assert session is not None
    draft_id = adapter.draft_of(session.page.url)
    assert draft_id is not None
    async with session.clean_page() as clean:
        draft = await form.read_draft(clean, draft_id)
    assert form.package().differences(draft.package) == ()


async def test_a_member_whom_a_human_left_open_is_not_taken_for_another_one(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow")
    other = catalog.scenario("approved_automatic")
    assert other is not None
    adapter, credential = LarkspurPortal(), world.accounts.credential
    assert credential is not None
    session = await world.host.open(JOB, boundary=adapter.boundary(world.base_url))
    await adapter.sign_in(session.page, base_url=world.base_url, credential=credential)
    await session.page.goto(f"{world.base_url}/members")
    await session.page.get_by_label("Member ID").fill(other.portal["member"]["memberId"])
    await session.page.get_by_label("Date of birth").fill(other.portal["member"]["birthDate"])
    await press(world, "Search")
    await session.page.get_by_text("Member found").wait_for()

    async def step(_name: str) -> None:
        pass

    form = adapter.form(JOB, base_url=world.base_url)
    assert await form.fill(session.page, documents=Documents(), step=step) is None
    await require_whole(world, adapter, form)


async def test_without_a_credential_the_operator_is_told_what_to_do(world: PortalWorld) -> None:
    for nothing in (None, "cred_removed"):
        with pytest.raises(ChannelFault) as fault:
            await world.channel.prepare(replace(JOB, credential_id=nothing))
        assert fault.value.code == "credential_missing"
        assert "priorauth credentials add --payer larkspur-health" in fault.value.message


async def test_where_the_customer_signs_in_the_portal_is_open_and_nobody_is_signed_in(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow")
    job = replace(JOB, portal_auth_mode=PortalAuthMode.CUSTOMER_LOGIN, credential_id=None)

    needed = await world.channel.prepare(job)

    assert isinstance(needed, HumanNeeded)
    assert needed.reason is OfferReason.SIGN_IN
    assert world.accounts.states == []


async def test_a_refusal_suspends_the_credential_and_is_not_tried_again(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow", password="wrong")
    before = len(await world.sign_ins())

    with pytest.raises(SignInRefused):
        await world.channel.prepare(JOB)

    assert (await world.sign_ins())[before:] == [False]
    assert (world.accounts.tries, world.accounts.suspended) == (1, [SignInRefused().message])
    assert world.accounts.signing_in == set(), "its turn is over"
    assert world.host.of(JOB.authorization_id) is None


async def test_a_second_code_is_a_try_of_its_own(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow-app", totp_secret=pyotp.random_base32())
    assert isinstance(await prepared(world), HumanNeeded)
    assert (world.accounts.tries, world.accounts.suspended, world.accounts.signing_in) == (2, [], set())

    world.accounts.tries, world.accounts.tries_left = 0, 1
    CLOCK.advance(90)
    with pytest.raises(SignInsExhausted):
        await prepared(world)
    assert world.accounts.tries == 1, "the second code was not offered"


async def test_what_may_not_be_tried_is_not_offered_to_the_portal(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow")
    world.accounts.tries_left = 0
    before = await world.sign_ins()

    with pytest.raises(SignInsExhausted):
        await prepared(world)

    assert await world.sign_ins() == before


async def test_a_sign_in_page_that_fails_costs_no_try(world: PortalWorld) -> None:
    world.accounts.use("cedar-hollow")
    job = replace(JOB, authorization_id="auth_no_page")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    entrance = Entrance(
        host=world.host, adapters=ADAPTERS, credentials=world.accounts, addresses={world.portal: address}
    )

    with pytest.raises(ChannelFault):
        await entrance.enter(job)

    assert (world.accounts.tries, world.accounts.signing_in) == (0, set())
    await world.host.close(job.authorization_id)


@pytest.mark.parametrize("portal_id", ["larkspur", "juniper"])
async def test_an_account_that_the_portal_says_is_locked_is_a_refusal(tmp_path: Path, portal_id: str) -> None:
    adapter = ADAPTERS[portal_id]
    locked = Account(user_name="cedar-hollow", password=f"{portal_id}-sandbox", locked=True)
    async with portal_world(tmp_path, portal=portal_id, accounts_there=[locked]) as world:
        credential = world.accounts.credential
        assert credential is not None
        session = await world.host.open(JOB, boundary=adapter.boundary(world.base_url))

        with pytest.raises(SignInRefused):
            await adapter.sign_in(session.page, base_url=world.base_url, credential=credential)
        assert await world.sign_ins() == [False]
