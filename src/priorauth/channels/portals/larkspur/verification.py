"""How Larkspur's portal refuses a sign-in, and “Verify your identity”, the page on which it asks for a one-time code.

A code of an authenticator app is made from the credential's secret; any other one only a human has.
"""

from playwright.async_api import Page

from priorauth.channels.contract import HumanNeeded, SignInRefused
from priorauth.channels.portals.one_time_codes import BeforeOffer, OneTimeCodes
from priorauth.channels.portals.pages import fill_field, heading, portal_faults, press
from priorauth.domain.credentials import Credential

_HEADING = "Verify your identity"
_BY_APP = "Enter the code that your authenticator app shows."


# What the portal says in an alert where it refuses for good; all else that it may say is no refusal.
_REFUSALS = (
    "The user name or password is not correct.",
    "Your account is locked. Call provider services to unlock it.",
)


async def require_not_refused(page: Page) -> None:
    """Raise SignInRefused when the open page says that the account cannot be signed in with."""
    async with portal_faults():
        alerts = [each.strip() for each in await page.get_by_role("alert").all_inner_texts()]
    if any(each in _REFUSALS for each in alerts):
        raise SignInRefused


async def asks_for_code(page: Page) -> bool:
    """Say whether the open page asks for a one-time code."""
    return await heading(page) == _HEADING


async def pass_by(
    page: Page, credential: Credential, codes: OneTimeCodes, *, before_offer: BeforeOffer
) -> HumanNeeded | None:
    """Enter the credential's code on the open page; None when the portal took it."""
    async with portal_faults():
        by_app = await page.get_by_text(_BY_APP, exact=True).count() > 0

    async def enter(code: str) -> bool:
        async with portal_faults():
            await fill_field(page, "One-time code", code, exact=True)
        await press(page, "Verify")
        await require_not_refused(page)
        return not await asks_for_code(page)

    return await codes.pass_by(credential, enter, by_app=by_app, before_offer=before_offer)
