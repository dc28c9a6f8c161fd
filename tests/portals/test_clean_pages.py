"""Clean pages: neither a script's cookies nor stored markup change what is read on them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

from priorauth.channels.contract import AtBoundary, ChannelFault
from priorauth.channels.portals.chromium import find_chromium
from priorauth.channels.portals.pages import described, list_items, table_rows
from priorauth.sandbox import catalog
from priorauth.sandbox.accounts import Account
from tests.factories.channels import PortalWorld, portal_world
from tests.factories.jobs import job_of
from tests.portals.larkspur_visitor import Visitor, browser

pytestmark = pytest.mark.browser

OTHER = Account(user_name="other-clinic", password="other-password")
# A browser keeps so many cookies of a host and drops the oldest, also one that scripts cannot read.
REPLACE = """token => {
    for (let i = 0; i < 400; i++) document.cookie = `j${i}=x; path=/`;
    document.cookie = `LPCSESSION=${token}; path=/`;
    for (let i = 0; i < 400; i++) document.cookie = `j${i}=; path=/; max-age=0`;
    return document.cookie;
}"""


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    accounts = (*catalog.PORTAL_ACCOUNTS["larkspur"], OTHER)
    async with portal_world(tmp_path, accounts_there=accounts) as there:
        yield there


async def user_of(page: Page, world: PortalWorld) -> str:
    """Who has signed in, as the portal sees it."""
    await page.goto(f"{world.base_url}/home")
    return await page.locator("form.signed-in").inner_text()


async def test_cookie_that_a_script_replaced_is_the_portals_on_a_clean_page(world: PortalWorld) -> None:
    async with browser(world.base_url) as http:
        await Visitor(http).sign_in(account=OTHER)
        token = http.cookies["LPCSESSION"]
    job = job_of("approved_after_review", case="auth_cookie")
    assert isinstance(await world.channel.prepare(job), AtBoundary)
    session = world.session("auth_cookie")
    assert token in await session.page.evaluate(REPLACE, token)

    async with session.clean_page() as clean:
        shown = await user_of(clean, world)

    assert OTHER.user_name not in shown
    assert token.encode() not in await session.state(), "the next session would take it for the portal's"
    assert OTHER.user_name in await user_of(session.page, world), "the script's cookie is that of the open page"


LIST = (
    '<dl class="review"><dt>Member ID</dt><dd>A1</dd><dt>Sent</dt><dd><time datetime="2026-01-02">soon</time></dd></dl>'
)
TABLE = '<table class="documents"><tbody><tr><td>a</td></tr></tbody></table>'


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=find_chromium(None), args=["--no-sandbox"])
        yield await (await chromium.new_context(java_script_enabled=False)).new_page()
        await chromium.close()


async def test_one_plain_list_and_one_table_are_read(page: Page) -> None:
    await page.set_content(f"<main>{LIST}{TABLE}</main>")

    assert await described(page, "dl.review") == {"Member ID": "A1", "Sent": "2026-01-02"}
    assert await table_rows(page, "table.documents", required=True) == [["a"]]
    assert await table_rows(page, "table.requests") == []


@pytest.mark.parametrize(
    "markup",
    [
        "</dd></dl><dl hidden><dt>x</dt><dd>",
        "</dd><dt>Member ID</dt><dd>B2",
        "</dd></dl><dt>x</dt><dd>",
        "</dd></dl><textarea hidden>",
        "</dd></dl><!--",
        "</dd></dl><template>",
        "<b>B2</b>",
        "<time datetime='2031-01-01'></time>",
        "<time datetime='2031-01-01'>B2</time>",
        "</dd>B2<dt>y</dt><dd>",
        "</dd><div><dt>y</dt><dd>B2</dd></div><dt>z</dt><dd>",
    ],
)
async def test_list_that_stored_markup_changed_is_not_read(page: Page, markup: str) -> None:
    await page.set_content(f"<main>{LIST.replace('A1', f'A1{markup}')}{TABLE}</main>")

    with pytest.raises(ChannelFault) as met:
        await described(page, "dl.review")

    assert met.value.code == "unexpected_page"


@pytest.mark.parametrize("tables", ["", TABLE * 2, TABLE.replace(">a<", f">{TABLE}<")])
async def test_documents_in_no_single_table_are_not_read(page: Page, tables: str) -> None:
    await page.set_content(f"<main>{LIST}{tables}</main>")

    with pytest.raises(ChannelFault) as met:
        await table_rows(page, "table.documents", required=True)

    assert met.value.code == "unexpected_page"


async def test_text_that_is_longer_than_any_is_not_read(page: Page) -> None:
    await page.set_content(f"<dl class=review><dt>Reference number<dd>{'A' * 50_001}</dl>")
    with pytest.raises(ChannelFault, match="longer text"):
        await described(page, "dl.review")
    await page.set_content("<table class=lines>" + f"<tr><td>{'A' * 1_000}" * 501 + "</table>")
    with pytest.raises(ChannelFault, match="longer text"):
        await table_rows(page, "table.lines")
    await page.set_content("<ul class=notes>" + f"<li>{'A' * 1_000}" * 501 + "</ul>")
    with pytest.raises(ChannelFault, match="longer text"):
        await list_items(page, "ul.notes")

    await page.set_content(f"<dl class=review><dt>Reference number<dd>{'A' * 50_000}</dl>")
    assert len((await described(page, "dl.review"))["Reference number"]) == 50_000
