"""How a payer's portal fares, as the results of all cases tell, and whether it is worth a browser to try it now.

A portal that has been out of reach several times in a row, by whichever cases, counts as down. Then one case at a time
tries it, after growing pauses; the others wait. Whatever else it answers, it is up.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

DOWN_AFTER = 3
"""Out of reach so often in a row, a portal counts as down: fewer may be one case's bad luck."""
_LONGEST_PAUSE = 60.0
# A portal that is well is not written down again with every case.
_REMEMBERED_FOR = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalHealth:
    """One portal at one address.

    `faults` counts the tries in a row that failed, `outages` those of them in a row that did not reach it;
    `down_since` is the first of these. `next_try_at` is when the next case may try a portal that is down.
    """

    portal: str
    address: str
    last_success_at: datetime | None = None
    last_fault_at: datetime | None = None
    last_fault: str | None = None
    faults: int = 0
    outages: int = 0
    down_since: datetime | None = None
    next_try_at: datetime | None = None

    @property
    def is_down(self) -> bool:
        """Say whether the portal counts as down."""
        return self.outages >= DOWN_AFTER

    def pause(self, now: datetime) -> timedelta:
        """Return for how long a case should leave the portal alone."""
        if not self.is_down or self.next_try_at is None:
            return timedelta()
        return max(self.next_try_at - now, timedelta())

    def remembers(self, now: datetime) -> bool:
        """Say whether another success would tell nothing new."""
        known = self.last_success_at
        return self.faults == 0 and known is not None and now - known < _REMEMBERED_FOR

    def succeeded(self, now: datetime) -> "PortalHealth":
        """Return the health after a case has got through."""
        return replace(self, last_success_at=now, faults=0, outages=0, down_since=None, next_try_at=None)

    def failed(self, now: datetime, *, code: str, out_of_reach: bool) -> "PortalHealth":
        """Return the health after a case has met a fault of the portal."""
        after = replace(self, last_fault_at=now, last_fault=code, faults=self.faults + 1)
        if not out_of_reach:
            return replace(after, outages=0, down_since=None, next_try_at=None)
        after = replace(after, outages=self.outages + 1, down_since=self.down_since or now)
        return after.tried(now)

    def tried(self, now: datetime) -> "PortalHealth":
        """Return the health while a case tries a portal that is down: the others wait for what comes of it."""
        seconds = min(2.0 ** min(max(self.outages - DOWN_AFTER, 0), 32), _LONGEST_PAUSE)
        return replace(self, next_try_at=now + timedelta(seconds=seconds))
