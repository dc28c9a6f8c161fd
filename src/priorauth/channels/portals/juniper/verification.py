"""How Juniper's portal refuses a sign-in, and “Confirm it's you”, the view in which it asks for a one-time code."""

from playwright.async_api import Page

from priorauth.channels.contract import HumanNeeded, SignInRefused
from priorauth.channels.portals.juniper.views import press
from priorauth.channels.portals.one_time_codes import BeforeOffer, OneTimeCodes
from priorauth.channels.portals.pages import fill_field, heading, portal_faults
from priorauth.domain.credentials import Credential

_HEADING = "Confirm it's you"
_BY_APP = "Open your authenticator app and enter the code that it shows for Juniper Ridge."


# What the portal says beside the form where it refuses for good; all else that it may say is no refusal.
_REFUSALS = (
    "We don't recognize this user name and password.",
    "This account is locked. Ask your practice administrator to unlock it.",
)


async def require_not_refused(page: Page) -> None:
    """Raise SignInRefused when the open view says that the account cannot be signed in with."""
    async with portal_faults():
        for refusal in _REFUSALS:
            if await page.locator("main form").get_by_text(refusal, exact=True).count():
                raise SignInRefused


async def asks_for_code(page: Page) -> bool:
    """Say whether the open view asks for a one-time code."""
    return await heading(page) == _HEADING


async def pass_by(
    page: Page, credential: Credential, codes: OneTimeCodes, *, before_offer: BeforeOffer
) -> HumanNeeded | None:
    """Enter the credential's code in the open view; None when the portal took it."""
    async with portal_faults():
        by_app = await page.get_by_text(_BY_APP, exact=True).count() > 0

    async def enter(code: str) -> bool:
        async with portal_faults():
            await fill_field(page, "Verification code", code, exact=True)
        await press(page, "Confirm")
        await require_not_refused(page)
        return not await asks_for_code(page)

    return await codes.pass_by(credential, enter, by_app=by_app, before_offer=before_offer)
