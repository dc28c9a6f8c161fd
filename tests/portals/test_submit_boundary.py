"""Before its release the final submit does not reach the payer, whoever tries: the automation, a script of the page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
import pytest_asyncio
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from priorauth.domain.submissions import PayerReceipt
from tests.factories.channels import ADAPTERS, PortalWorld, portal_world
from tests.factories.jobs import job_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CASE = "auth_1"
SCENARIOS = {"larkspur": "approved_after_review", "juniper": "juniper_approved_after_review"}
Way = Callable[[Page], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SCENARIOS)
async def portal(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PortalWorld]:
    """A payer and a channel, for all tests of this file."""
    async with portal_world(tmp_path_factory.mktemp("portal"), portal=request.param) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def world(portal: PortalWorld) -> AsyncIterator[PortalWorld]:
    """A session at the review page."""
    portal.ledger.forget()
    await portal.channel.prepare(job_of(SCENARIOS[portal.portal], case=CASE))
    yield portal
    await portal.channel.let_go(CASE)


async def press(page: Page) -> None:
    """The automation presses the portal's own button."""
    async with page.expect_response("**/submit"):
        await page.get_by_role("button", name="Submit request").click()


async def attest_and_press(page: Page) -> None:
    """The automation presses the portal's own button and says yes to its question."""
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("checkbox").check()
    async with page.expect_response("**/submission"):
        await page.get_by_role("button", name="Submit request").click()


def script(text: str) -> Way:
    """A script of the page."""

    async def run(page: Page) -> None:
        await page.evaluate(text)

    return run


FORM = "document.querySelector('form[action$=submit]')"
FORM_BODY = f"new URLSearchParams(new FormData({FORM}))"
# What the page itself sends: its draft, with the token of its session.
PATH = "`/api/drafts/${location.pathname.split('/')[2]}/submission`"
TOKEN = "(await (await fetch('/api/session')).json()).session.csrfToken"
HEADERS = f"{{'Content-Type': 'application/json', 'X-CSRF-Token': {TOKEN}}}"
JSON_FETCH = f"fetch({PATH}, {{method: 'POST', headers: {HEADERS}, body: '{{\"attested\": true}}'"
XHR = (
    f"const sent = new XMLHttpRequest(), headers = {HEADERS}; sent.open('POST', {PATH});"
    " for (const [name, value] of Object.entries(headers)) sent.setRequestHeader(name, value);"
    " sent.send('{\"attested\": true}');"
)


async def keepalive_with_token(page: Page) -> None:
    """A script that leaves the page at once, with the token that it has fetched before."""
    headers = await page.evaluate(f"async () => ({HEADERS})")
    await page.evaluate(
        f"headers => {{ const body = '{{\"attested\": true}}';"
        f" fetch({PATH}, {{method: 'POST', keepalive: true, headers, body}}); location.href = 'about:blank' }}",
        headers,
    )


WAYS: dict[str, dict[str, Way]] = {
    "larkspur": {
        "the button": press,
        "a form": script(f"() => {{ {FORM}.submit() }}"),
        "a form into a new tab": script(f"() => {{ const form = {FORM}; form.target = '_blank'; form.submit() }}"),
        "fetch": script(f"() => fetch({FORM}.action, {{method: 'POST', body: {FORM_BODY}}})"),
        "XHR": script(
            f"() => {{ const sent = new XMLHttpRequest(); sent.open('POST', {FORM}.action); sent.send({FORM_BODY}) }}"
        ),
        "beacon": script(f"() => {{ navigator.sendBeacon({FORM}.action, {FORM_BODY}) }}"),
        "keepalive": script(
            f"() => {{ const body = {FORM_BODY};"
            f" fetch({FORM}.action, {{method: 'POST', keepalive: true, body}}); location.href = 'about:blank' }}"
        ),
    },
    "juniper": {
        "the button": attest_and_press,
        "a form": script(
            f"() => {{ const form = document.createElement('form'); form.method = 'post'; form.action = {PATH};"
            " document.body.append(form); form.submit() }"
        ),
        "a form into a new tab": script(
            f"() => {{ const form = document.createElement('form'); form.method = 'post'; form.action = {PATH};"
            " form.target = '_blank'; document.body.append(form); form.submit() }"
        ),
        "fetch": script(f"async () => {{ await {JSON_FETCH}}}) }}"),
        "XHR": script(f"async () => {{ {XHR} }}"),
        "beacon": script(f"() => {{ navigator.sendBeacon({PATH}, new Blob(['{{}}'], {{type: 'application/json'}})) }}"),
        "keepalive": keepalive_with_token,
    },
}


@pytest.mark.parametrize("way", WAYS["larkspur"])
async def test_nothing_final_reaches_the_payer_before_the_release(world: PortalWorld, way: str) -> None:
    await WAYS[world.portal][way](world.session(CASE).page)

    refused = await world.ledger.until_noted("submit_refused")
    assert refused[0] == {"method": "POST", "origin": world.base_url, "reason": "final_not_released"}
    assert await world.counted(CASE) == 0


async def test_after_a_refused_try_the_released_one_arrives_once(world: PortalWorld) -> None:
    case = f"{CASE}_released"
    job = job_of(SCENARIOS[world.portal], case=case)
    await world.channel.prepare(job)
    await WAYS[world.portal]["fetch"](world.session(case).page)
    await world.ledger.until_noted("submit_refused")

    async def yes() -> bool:
        return True

    assert isinstance(await world.channel.submit(job, allowed=(), intend=yes), PayerReceipt)
    assert await world.counted(case) == 1


async def test_a_request_that_the_adapter_does_not_list_is_refused(world: PortalWorld) -> None:
    await world.session(CASE).page.evaluate("() => fetch('/sandbox/members/LKS1', {method: 'PUT', body: '{}'})")

    refused = await world.ledger.until_noted("request_refused")
    assert refused[0]["reason"] == "undeclared_write"


async def test_the_page_cannot_reach_anybody_else(world: PortalWorld) -> None:
    elsewhere = "() => fetch('http://127.0.0.1:8999/', {mode: 'no-cors'}).catch(() => null)"
    await world.session(CASE).page.evaluate(elsewhere)

    refused = await world.ledger.until_noted("request_refused")
    assert refused[0]["reason"] == "foreign_host"


# Another draft than the one that is open, and other content of the one that is.
FOREIGN: dict[str, dict[str, Way]] = {
    "larkspur": {
        "another draft": script(f"() => fetch('/drafts/999999/submit', {{method: 'POST', body: {FORM_BODY}}})"),
        "another field": script(f"() => fetch({FORM}.action, {{method: 'POST', body: {FORM_BODY} + '&member_id=X'}})"),
        "a query string": script(f"() => fetch({FORM}.action + '?draft=9', {{method: 'POST', body: {FORM_BODY}}})"),
        "another spelling": script(
            f"() => fetch({FORM}.action.replace('submit', 'Submit'), {{method: 'POST', body: {FORM_BODY}}})"
        ),
    },
    "juniper": {
        "another draft": script(
            "() => fetch('/api/drafts/999999/submission', {method: 'POST',"
            " headers: {'Content-Type': 'application/json'}, body: '{\"attested\": true}'})"
        ),
        "another field": script(
            f"() => fetch({PATH}, {{method: 'POST', headers: {{'Content-Type': 'application/json'}},"
            ' body: \'{"attested": true, "memberId": "X"}\'})'
        ),
        "a query string": script(
            f"() => fetch({PATH} + '?draft=9', {{method: 'POST', headers: {{'Content-Type': 'application/json'}},"
            " body: '{\"attested\": true}'})"
        ),
        "another spelling": script(f"() => fetch({PATH}.replace('submission', '%73ubmission'), {{method: 'POST'}})"),
    },
}


@pytest.mark.parametrize("way", FOREIGN["larkspur"])
async def test_a_page_that_uses_the_permit_for_something_else_ends_it(world: PortalWorld, way: str) -> None:
    session, adapter = world.session(CASE), ADAPTERS[world.portal]
    draft_id = adapter.draft_of(session.page.url)
    assert draft_id is not None
    session.release(adapter.final_request(world.base_url, draft_id))
    with suppress(PlaywrightError):
        # The session ends under its hands.
        await FOREIGN[world.portal][way](session.page)

    (refused,) = await world.ledger.until_noted("foreign_submission_refused")
    assert refused["reason"] == "foreign_final"
    assert session.guard.is_barred
    await world.ledger.until_released(CASE)
    assert await world.counted(CASE) == 0
    assert not session.guard.is_spent


async def test_a_page_cannot_rewrite_a_draft_whose_writes_are_frozen(world: PortalWorld) -> None:
    page, gate = world.session(CASE).page, world.session(CASE)._gate
    await gate.freeze_writes()
    rewrite = {
        "larkspur": f"() => fetch({FORM}.action.replace('submit', 'service'), {{method: 'POST', body: {FORM_BODY}}})",
        "juniper": "() => fetch(`/api/drafts/${location.pathname.split('/')[2]}/service`, {method: 'PUT',"
        " headers: {'Content-Type': 'application/json'}, body: '{}'})",
    }
    await page.evaluate(rewrite[world.portal])

    refused = await world.ledger.until_noted("request_refused")
    assert refused[0]["reason"] == "writes_frozen"
    gate.thaw_writes()
