"""How much at a time: reads and writes a minute for each key, large bodies under way; counted in this process."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from priorauth.domain.errors import RateLimited, TemporarilyUnavailable

BODIES_OF_AN_ORGANIZATION = 16
BODIES = 64


class Limits:
    """What each key may do within any minute; 0 limits nothing."""

    def __init__(self, *, reads_per_minute: int, writes_per_minute: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._amounts = {"reads": reads_per_minute, "writes": writes_per_minute}
        self._bodies = Counter[str]()
        self.parsing = asyncio.Lock()
        """Held while a large body is parsed."""

    def take(self, key_id: str, kind: str) -> dict[str, str]:
        """Count one of the `reads` or `writes` of a key; return the headers that tell what is left.

        Raises RateLimited, which knows the headers too, when nothing was left.
        """
        amount = self._amounts[kind]
        if not amount:
            return {}
        item = RateLimitItemPerMinute(amount)
        taken = self._limiter.hit(item, kind, key_id)
        stats = self._limiter.get_window_stats(item, kind, key_id)
        seconds = str(max(math.ceil(stats.reset_time - time.time()), 1))
        left = {"RateLimit-Limit": str(amount), "RateLimit-Remaining": str(stats.remaining), "RateLimit-Reset": seconds}
        if not taken:
            raise RateLimited(
                f"More than {amount} {kind} within a minute with this key. Wait {seconds} seconds.",
                details={"retryAfterSeconds": int(seconds), "limit": amount},
            )
        return left

    @contextmanager
    def reading(self, organization_id: str) -> Iterator[None]:
        """Count a large body while it arrives. Raises RateLimited, or TemporarilyUnavailable when all places are taken.

        A share for each organization: one that sends slowly keeps no other one waiting.
        """
        if self._bodies[organization_id] >= BODIES_OF_AN_ORGANIZATION:
            raise RateLimited(
                f"{BODIES_OF_AN_ORGANIZATION} large bodies of this organization are under way. Send the next one when "
                "one of them has been answered.",
                details={"retryAfterSeconds": 1, "limit": BODIES_OF_AN_ORGANIZATION},
            )
        if self._bodies.total() >= BODIES:
            raise TemporarilyUnavailable
        self._bodies[organization_id] += 1
        try:
            yield
        finally:
            self._bodies[organization_id] -= 1
            if not self._bodies[organization_id]:
                del self._bodies[organization_id]
