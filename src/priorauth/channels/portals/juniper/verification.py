"""“Confirm it's you”: the view in which Juniper's portal asks for a one-time code, and the way past it."""

from playwright.async_api import Page

from priorauth.channels.contract import HumanNeeded
from priorauth.channels.portals.juniper.views import press
from priorauth.channels.portals.one_time_codes import OneTimeCodes
from priorauth.channels.portals.pages import heading, portal_faults
from priorauth.domain.credentials import Credential

_HEADING = "Confirm it's you"
_BY_APP = "Open your authenticator app and enter the code that it shows for Juniper Ridge."


async def asks_for_code(page: Page) -> bool:
    """Say whether the open view asks for a one-time code."""
    return await heading(page) == _HEADING


async def pass_by(page: Page, credential: Credential, codes: OneTimeCodes) -> HumanNeeded | None:
    """Enter the credential's code in the open view; None when the portal took it."""
    async with portal_faults():
        by_app = await page.get_by_text(_BY_APP, exact=True).count() > 0

    async def enter(code: str) -> bool:
        async with portal_faults():
            await page.get_by_label("Verification code", exact=True).fill(code)
        await press(page, "Confirm")
        return not await asks_for_code(page)

    return await codes.pass_by(credential, enter, by_app=by_app)
