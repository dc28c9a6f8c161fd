"""A worker's lease: its right to work on cases, which ends by itself when it is not renewed.

It promises that whoever takes the worker's cases over, which nobody does before the lease has ended by the database's
clock, need not fear it: here the lease counts from the moment BEFORE its renewal was asked for, so it ends no later
than there, and with it the permits of the guards. A process that is stopped, or hangs, cannot look at a clock: the
kernel's timer ends it before its next instruction. What is assumed is that the two clocks run at one rate, and that a
whole machine that was asleep wakes with its clocks put forward.
"""

import os
import signal
import threading
import time
from collections.abc import Callable

import sqlalchemy as sa
import structlog

from priorauth.domain.errors import whereabouts
from priorauth.store.workers import Workers

_log = structlog.get_logger(__name__)

_LOST = 75
"""The exit status of a worker that has lost its lease (EX_TEMPFAIL: start it again)."""

SetTimer = Callable[[float], object]


def elapsed() -> float:
    """Return seconds that go on while the process is stopped and the machine asleep."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def end_process_after(seconds: float) -> None:
    """Let the kernel end this process unless this is called again in time; 0 lets it be."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


class Lease:
    """The lease of one worker, kept by a thread of its own from `begin` to `end`.

    `begun_at` is when its registration was asked for, by `elapsed`. `set_timer` is told how long it is good for.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        worker: str,
        seconds: float,
        begun_at: float,
        set_timer: SetTimer = end_process_after,
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._seconds = seconds
        self._ends_at = begun_at + seconds
        self._set_timer = set_timer
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="priorauth-lease", daemon=True)

    def stands(self) -> bool:
        """Say whether nobody can have taken this worker's cases over yet."""
        return elapsed() < self._ends_at

    def begin(self) -> None:
        """Renew from now on."""
        self._set_timer(max(self._ends_at - elapsed(), 0.001))
        self._thread.start()

    def end(self) -> None:
        """Renew no more: the worker has let go of everything."""
        self._ended.set()
        self._thread.join()
        self._set_timer(0)

    def _keep(self) -> None:
        pause = self._seconds / 4
        while not self._ended.wait(pause):
            asked_at = elapsed()
            try:
                with self._engine.begin() as connection:
                    renewed = Workers(connection).renew(self._worker, lease_seconds=self._seconds)
            except sa.exc.SQLAlchemyError as error:
                _log.warning("lease_not_renewed", worker=self._worker, **whereabouts(error))
                # The database may be back in a moment, and time is short.
                pause = 0.2
                renewed = self.stands()
            else:
                pause = self._seconds / 4
                if renewed:
                    self._ends_at = asked_at + self._seconds
                    self._set_timer(max(self._ends_at - elapsed(), 0.001))
            if not renewed:
                self._give_up()

    def _give_up(self) -> None:
        _log.error("lease_lost", worker=self._worker, hint="Others take its cases over. Start the worker again.")
        os._exit(_LOST)
