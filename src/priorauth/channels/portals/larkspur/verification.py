"""“Verify your identity”: the page on which Larkspur's portal asks for a one-time code, and the way past it.

A code of an authenticator app is made from the credential's secret; any other one only a human has.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from playwright.async_api import Page

from priorauth.channels.contract import HumanNeeded
from priorauth.channels.portals.pages import heading, portal_faults, press
from priorauth.domain.credentials import TOTP_PERIOD, Credential, one_time_code
from priorauth.domain.handoffs import OfferReason

_HEADING = "Verify your identity"
_BY_APP = "Enter the code that your authenticator app shows."
# A wait that ended a moment early would meet the same period again.
_MARGIN_SECONDS = 1.0

CODE_NEEDED = HumanNeeded(OfferReason.SIGN_IN, "The portal asks for a one-time code that only a human has.")
_NOT_TAKEN = HumanNeeded(
    OfferReason.SIGN_IN, "The portal does not take the one-time codes that the service makes from the credential."
)


async def asks_for_code(page: Page) -> bool:
    """Say whether the open page asks for a one-time code."""
    return await heading(page) == _HEADING


class Verification:
    """Passes the page where the service can make the code. Time and waiting are given, so that a test needs neither."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep

    async def pass_by(self, page: Page, credential: Credential) -> HumanNeeded | None:
        """Enter the credential's code on the open page; None when the portal took it."""
        async with portal_faults():
            by_app = await page.get_by_text(_BY_APP, exact=True).count() > 0
        secret = credential.totp_secret
        if not by_app or secret is None:
            return CODE_NEEDED
        if await self._enter(page, secret):
            return None
        # A code is taken once: where another session has just used it, the next period has another. Once only, since
        # whoever goes on trying with a wrong secret gets the account locked.
        elapsed = self._clock().timestamp() % TOTP_PERIOD.total_seconds()
        await self._sleep(TOTP_PERIOD.total_seconds() - elapsed + _MARGIN_SECONDS)
        return None if await self._enter(page, secret) else _NOT_TAKEN

    async def _enter(self, page: Page, secret: str) -> bool:
        async with portal_faults():
            await page.get_by_label("One-time code", exact=True).fill(one_time_code(secret, self._clock()))
        await press(page, "Verify")
        return not await asks_for_code(page)
