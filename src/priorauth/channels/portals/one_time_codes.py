"""Offering the one-time codes of an authenticator app to a portal. Time and waiting are given: a test needs neither."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from priorauth.channels.contract import HumanNeeded
from priorauth.domain.credentials import TOTP_PERIOD, Credential, one_time_code
from priorauth.domain.handoffs import OfferReason

CODE_NEEDED = HumanNeeded(OfferReason.SIGN_IN, "The portal asks for a one-time code that only a human has.")
_NOT_TAKEN = HumanNeeded(
    OfferReason.SIGN_IN, "The portal does not take the one-time codes that the service makes from the credential."
)

# A wait that ended a moment early would meet the same period again.
_MARGIN_SECONDS = 1.0


# Awaited before each time that secrets are offered to a portal. It may raise ChannelFault: then they are not.
BeforeOffer = Callable[[], Awaitable[None]]


async def unlimited() -> None:
    """Let secrets be offered: for callers that count no tries."""


class OneTimeCodes:
    """Makes the codes of a secret and offers them, twice at most: more tries would get the account locked."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep

    async def pass_by(
        self,
        credential: Credential,
        enter: Callable[[str], Awaitable[bool]],
        *,
        by_app: bool,
        before_offer: BeforeOffer = unlimited,
    ) -> HumanNeeded | None:
        """Let `enter` offer the portal what it asks for; None when it took a code, else why only a human can go on.

        `by_app`: the portal asks for the code of an authenticator app. Any other one only a human has. The first code
        belongs to the password's try; the second is a try of its own, of which `before_offer` is told.
        """
        if not by_app or credential.totp_secret is None:
            return CODE_NEEDED
        return None if await self._offer(credential.totp_secret, enter, before_offer) else _NOT_TAKEN

    async def _offer(self, secret: str, enter: Callable[[str], Awaitable[bool]], before_offer: BeforeOffer) -> bool:
        # A code is taken once: where another session has just used it, the next period has another one.
        if await enter(one_time_code(secret, self._clock())):
            return True
        period = TOTP_PERIOD.total_seconds()
        elapsed = self._clock().timestamp() % period
        await self._sleep(period - elapsed + _MARGIN_SECONDS)
        await before_offer()
        return await enter(one_time_code(secret, self._clock()))
