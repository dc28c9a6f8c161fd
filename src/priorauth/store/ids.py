"""Ids that sort by time and cannot be guessed, and the server's clock: chance and time enter the product here."""

import functools
import os
import threading
import time
from datetime import UTC, datetime

from priorauth.domain.moment import Moment

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, so that ids sort as their numbers do.


class _Ticks:
    """Microseconds since 1970, no two of them alike and each later than the one before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def following(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1_000)
            return self._last


_ticks = _Ticks()


def new_id(prefix: str) -> str:
    """Return `prefix_` and 27 characters: 55 bits of time in microseconds, growing in this process, 80 of chance."""
    return _written(prefix, _ticks.following())


def id_after(earlier: str) -> str:
    """Return a new id that sorts directly behind `earlier`, whose clock may go before this one's."""
    prefix, _, digits = earlier.rpartition("_")
    number = functools.reduce(lambda value, digit: value << 5 | _ALPHABET.index(digit), digits, 0)
    return _written(prefix, (number >> 80) + 1)


def _written(prefix: str, microseconds: int) -> str:
    number = (microseconds << 80) | int.from_bytes(os.urandom(10))
    digits = (_ALPHABET[(number >> shift) & 31] for shift in range(130, -5, -5))
    return f"{prefix}_{''.join(digits)}"


def present() -> Moment:
    """Return this moment: the time in UTC and the source of ids."""
    return Moment(datetime.now(UTC), new_id)
