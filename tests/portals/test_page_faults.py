"""What a page lacks, and who has refused it, is named: on the case, in the log and for the portal's health."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, async_playwright

from priorauth.channels.contract import ChannelFault
from priorauth.channels.portals import pages
from priorauth.channels.portals.chromium import find_chromium
from priorauth.channels.portals.forms import enter
from priorauth.channels.portals.pages import visit
from priorauth.channels.portals.wording import Entry
from priorauth.domain.catalog import Widget

FORM = """<form><label for=p>Place</label><select id=p><option>Office</select><label for=n>Notes</label><input id=n>
    <fieldset><legend>Side</legend><input type=radio id=l><label for=l>Left</label></fieldset></form>"""


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=find_chromium(None), args=["--no-sandbox"])
        yield await chromium.new_page()
        await chromium.close()


async def test_field_or_option_that_is_not_there_is_named(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    await page.set_content(FORM)
    there = (
        Entry("Place", "Office", "Office", Widget.SELECT),
        Entry("Notes", "a", "a"),
        Entry("Side", "Left", "Left", Widget.RADIO),
    )
    await enter(page, there)
    monkeypatch.setattr(pages, "_FIELD_MILLISECONDS", 300.0)
    for entry, code in (
        (Entry("Remarks", "Secret", "Secret"), "field_missing"),
        (Entry("Rank", "Secret", "Secret", Widget.SELECT), "field_missing"),
        (Entry("Place", "Secret", "Secret", Widget.SELECT), "option_missing"),
        (Entry("Side", "Secret", "Secret", Widget.RADIO), "option_missing"),
    ):
        with pytest.raises(ChannelFault) as fault:
            await enter(page, (entry,))
        assert fault.value.code == code
        assert f"“{entry.label}”" in fault.value.message
        assert "Secret" not in fault.value.message


@pytest.mark.parametrize(
    ("status", "headers", "code"),
    [
        (403, {"X-Priorauth-Refused": "foreign_host"}, "refused_by_guard"),
        (403, {}, "portal_refused"),
        (404, {}, "portal_refused"),
        (500, {}, "portal_error"),
    ],
)
async def test_refusals_of_the_portal_and_of_the_guard_are_told_apart(
    page: Page, status: int, headers: dict[str, str], code: str
) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(status=status, headers=headers)

    await page.route("**/*", answer)
    with pytest.raises(ChannelFault) as fault:
        await visit(page, "http://portal.example/")
    assert fault.value.code == code
