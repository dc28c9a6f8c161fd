"""Time and ids that a test decides: a clock that moves when told, ids that count."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from priorauth.domain.moment import Moment

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class Clock:
    """A clock at `START`, and a source of ids `prefix_000001`, `prefix_000002`, … ."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now
        self._given: Counter[str] = Counter()

    def new_id(self, prefix: str) -> str:
        self._given[prefix] += 1
        return f"{prefix}_{self._given[prefix]:06d}"

    def moment(self, *, later: float = 0.0) -> Moment:
        """Move on by `later` seconds, and return the moment that this is."""
        self.now += timedelta(seconds=later)
        return Moment(self.now, self.new_id)
