"""“Verify your identity”: the page on which Larkspur's portal asks for a one-time code, and the way past it.

A code of an authenticator app is made from the credential's secret; any other one only a human has.
"""

from playwright.async_api import Page

from priorauth.channels.contract import HumanNeeded
from priorauth.channels.portals.one_time_codes import OneTimeCodes
from priorauth.channels.portals.pages import heading, portal_faults, press
from priorauth.domain.credentials import Credential

_HEADING = "Verify your identity"
_BY_APP = "Enter the code that your authenticator app shows."


async def asks_for_code(page: Page) -> bool:
    """Say whether the open page asks for a one-time code."""
    return await heading(page) == _HEADING


async def pass_by(page: Page, credential: Credential, codes: OneTimeCodes) -> HumanNeeded | None:
    """Enter the credential's code on the open page; None when the portal took it."""
    async with portal_faults():
        by_app = await page.get_by_text(_BY_APP, exact=True).count() > 0

    async def enter(code: str) -> bool:
        async with portal_faults():
            await page.get_by_label("One-time code", exact=True).fill(code)
        await press(page, "Verify")
        return not await asks_for_code(page)

    return await codes.pass_by(credential, enter, by_app=by_app)
