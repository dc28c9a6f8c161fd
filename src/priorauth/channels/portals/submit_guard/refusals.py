"""Counts what was refused in one session, and says which entries its authorization's timeline gets, and when.

A page can be refused as often as it likes. The first refusal of a kind is an entry at once; those that follow are
counted in memory, and are one entry at the end of an interval. Must not depend on clocks, event loops or databases.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from priorauth.channels.portals.gate import Refusal
from priorauth.channels.portals.guard import RefusalReason

FIRST_INTERVAL_SECONDS: Final = 60.0
LONGEST_INTERVAL_SECONDS: Final = 3600.0
# Blocked fonts, counters and error reports of an ordinary page are a few a second.
FLOOD: Final = 3_000
FLOOD_SECONDS: Final = 60.0

_ORIGIN_LIMIT: Final = 200
_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

Entry = tuple[str, Mapping[str, str]]
"""An event type, and the details of its entry."""


@dataclass(slots=True)
class _Kind:
    """Refusals of one event type and reason. `waiting` of them are in no entry yet; `details` are of the last one."""

    interval: float
    due_at: float
    waiting: int = 0
    details: Mapping[str, str] = field(default_factory=dict)


class Refusals:
    """The refusals of one session."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._window_began = float("-inf")
        self._in_window = 0

    @property
    def is_flood(self) -> bool:
        """Whether more was refused within a minute than any ordinary page asks for."""
        return self._in_window > FLOOD

    def add(self, refusal: Refusal, *, now: float) -> Entry | None:
        """Count a refusal.

        Args:
            refusal: What was refused.
            now: Seconds of a clock that only goes forward.

        Returns:
            The entry to write now; None where it is counted and comes later.
        """
        if now - self._window_began >= FLOOD_SECONDS:
            self._window_began, self._in_window = now, 0
        self._in_window += 1
        event, details = _entry(refusal)
        kind = self._kinds.get((event, details["reason"]))
        if kind is None:
            self._kinds[event, details["reason"]] = _Kind(FIRST_INTERVAL_SECONDS, now + FIRST_INTERVAL_SECONDS)
            return event, details
        kind.waiting += 1
        kind.details = details
        return None

    def due(self, *, now: float) -> list[Entry]:
        """Return the entries of intervals that have ended; the next interval of each kind is twice as long."""
        return self._counted([each for each, kind in self._kinds.items() if kind.due_at <= now], now=now)

    def rest(self) -> list[Entry]:
        """Return the entries of all that was counted and not written: the session ends."""
        return self._counted(list(self._kinds), now=float("inf"))

    def _counted(self, keys: list[tuple[str, str]], *, now: float) -> list[Entry]:
        found: list[Entry] = []
        for key in keys:
            kind = self._kinds[key]
            if kind.waiting:
                found.append((key[0], {**kind.details, "times": str(kind.waiting)}))
                kind.waiting = 0
                kind.interval = min(2 * kind.interval, LONGEST_INTERVAL_SECONDS)
                kind.due_at = now + kind.interval
        return found


def _entry(refusal: Refusal) -> Entry:
    if refusal.foreign:
        event = "foreign_submission_refused"
    elif refusal.reason is RefusalReason.HELD_REFUSED:
        event = "held_submission_refused"
    else:
        event = "submit_refused" if refusal.final else "request_refused"
    return event, {
        # Both are the page's words, and as long as it likes.
        "method": refusal.method if refusal.method in _METHODS else "other",
        # Without the path, which at some portals names a member.
        "origin": refusal.origin[:_ORIGIN_LIMIT],
        "reason": refusal.code or refusal.reason.value,
    }
