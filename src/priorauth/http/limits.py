"""Rate limits: so many reads and writes a minute for each key, counted in this process."""

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from priorauth.domain.errors import RateLimited


class Limits:
    """What each key may do within any minute; 0 limits nothing."""

    def __init__(self, *, reads_per_minute: int, writes_per_minute: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._amounts = {"reads": reads_per_minute, "writes": writes_per_minute}

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
