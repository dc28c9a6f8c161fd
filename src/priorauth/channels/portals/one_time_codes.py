"""Offering the one-time codes of an authenticator app to a portal. Time and waiting are given: a test needs neither."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from priorauth.domain.credentials import TOTP_PERIOD, one_time_code

# A wait that ended a moment early would meet the same period again.
_MARGIN_SECONDS = 1.0


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

    async def offer(self, secret: str, enter: Callable[[str], Awaitable[bool]]) -> bool:
        """Say whether `enter` took a code.

        A code is taken once: where another session has just used it, the next period has another one.
        """
        if await enter(one_time_code(secret, self._clock())):
            return True
        period = TOTP_PERIOD.total_seconds()
        elapsed = self._clock().timestamp() % period
        await self._sleep(period - elapsed + _MARGIN_SECONDS)
        return await enter(one_time_code(secret, self._clock()))
