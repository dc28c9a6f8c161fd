"""The two things that a decision may not find out by itself: what time it is, and which new id to give."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """One decision's time (UTC) and its source of ids: `new_id("nact")` gives a fresh `nact_…`."""

    now: datetime
    new_id: Callable[[str], str]
