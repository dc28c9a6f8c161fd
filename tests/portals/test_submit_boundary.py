"""Before its release the final submit does not reach the payer, whoever tries: the automation, a script of the page."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.factories.channels import PortalWorld, portal_world
from tests.factories.jobs import job_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CASE = "auth_1"
SCENARIO = "approved_after_review"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PortalWorld]:
    """A payer and a channel, for all tests of this file."""
    async with portal_world(tmp_path_factory.mktemp("portal")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def world(portal: PortalWorld) -> AsyncIterator[PortalWorld]:
    """A session at the review page."""
    portal.ledger.forget()
    await portal.channel.prepare(job_of(SCENARIO, case=CASE))
    yield portal
    await portal.channel.let_go(CASE)


async def press(page: Page) -> None:
    """The automation presses the portal's own button."""
    async with page.expect_response("**/submit"):
        await page.get_by_role("button", name="Submit request").click()


def script(text: str) -> Callable[[Page], Awaitable[None]]:
    """A script of the page."""

    async def run(page: Page) -> None:
        await page.evaluate(text)

    return run


FORM = "document.querySelector('form[action$=submit]')"
WAYS = {
    "the button": press,
    "form.submit()": script(f"() => {{ {FORM}.submit() }}"),
    "a form into a new tab": script(f"() => {{ const form = {FORM}; form.target = '_blank'; form.submit() }}"),
    "fetch": script(f"() => fetch({FORM}.action, {{method: 'POST', body: new URLSearchParams(new FormData({FORM}))}})"),
    "beacon": script(f"() => {{ navigator.sendBeacon({FORM}.action, new URLSearchParams(new FormData({FORM}))) }}"),
    "keepalive": script(
        f"() => {{ const body = new URLSearchParams(new FormData({FORM}));"
        f" fetch({FORM}.action, {{method: 'POST', keepalive: true, body}}); location.href = 'about:blank' }}"
    ),
}


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_final_reaches_the_payer_before_the_release(world: PortalWorld, way: str) -> None:
    await WAYS[way](world.session(CASE).page)

    refused = await world.ledger.until_noted("submit_refused")
    assert refused[0] == {"method": "POST", "origin": world.base_url, "reason": "final_not_released"}
    assert await world.counted(CASE) == 0


async def test_a_request_that_the_adapter_does_not_list_is_refused(world: PortalWorld) -> None:
    await world.session(CASE).page.evaluate("() => fetch('/sandbox/members/LKS1', {method: 'PUT', body: '{}'})")

    refused = await world.ledger.until_noted("request_refused")
    assert refused[0]["reason"] == "undeclared_write"


async def test_the_page_cannot_reach_anybody_else(world: PortalWorld) -> None:
    elsewhere = "() => fetch('http://127.0.0.1:8999/', {mode: 'no-cors'}).catch(() => null)"
    await world.session(CASE).page.evaluate(elsewhere)

    refused = await world.ledger.until_noted("request_refused")
    assert refused[0]["reason"] == "foreign_host"
