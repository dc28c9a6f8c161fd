"""A case that waits for its payer to come back: since when, and when it looks again."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Outage:
    """Since when a run of a case waits for a payer that cannot be reached."""

    run: int
    since: datetime

    def next_look_in(self, now: datetime, *, spread: float, at_most: float) -> timedelta:
        """Return when to look again: after half of what was waited so far, `at_most` so many seconds.

        `spread`, from 0 to 1, is the case's own: not all that wait shall come at once.
        """
        waited = (now - self.since).total_seconds()
        return timedelta(seconds=max(1.0, min(waited / 2, at_most) * (0.75 + spread / 4)))
