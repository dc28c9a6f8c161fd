"""Word of committed changes: who waits for a case is told when it changed, and nobody asks the database meanwhile.

An observer is told what happened, too.
"""

import asyncio
import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from priorauth.domain.events import Observer, Occurrence
from priorauth.store.transaction import Transaction

Result = TypeVar("Result")

_ANY = ""


class Watch:
    """One waiter for the changes of one case, or of any, on the event loop that made it."""

    def __init__(self, changes: "Changes") -> None:
        self._changes = changes
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        self._heard: set[str] | None = set()

    async def following(self, *, until: float) -> bool:
        """Wait for the next word of a change; False when the loop's time `until` is over, or all waiting has ended."""
        try:
            async with asyncio.timeout_at(until):
                await self._told.wait()
        except TimeoutError:
            return False
        self._told.clear()
        return not self._changes.ended

    def heard(self) -> set[str] | None:
        """Return the cases that were spoken of since this was asked last; None: any may have changed."""
        heard, self._heard = self._heard, set()
        return heard

    def tell(self, authorization_ids: Collection[str] | None) -> None:
        """Wake the waiter, from whatever thread; None speaks of all cases."""
        # A loop that was closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._hear, authorization_ids)

    def _hear(self, authorization_ids: Collection[str] | None) -> None:
        if authorization_ids is None:
            self._heard = None
        elif self._heard is not None:
            self._heard.update(authorization_ids)
        self._told.set()


class Changes:
    """Those who wait. The writer tells them after its COMMIT; word may come without a change, never the other way."""

    def __init__(self) -> None:
        self.ended = False
        self._lock = threading.Lock()
        self._waiting: dict[str, set[Watch]] = {}

    @contextmanager
    def watched(self, authorization_id: str = _ANY) -> Iterator[Watch]:
        """Watch a case, or all. What commits after this began is not missed; read the case only then."""
        watch = Watch(self)
        with self._lock:
            self._waiting.setdefault(authorization_id, set()).add(watch)
        if self.ended:
            watch.tell(None)
        try:
            yield watch
        finally:
            with self._lock:
                watchers = self._waiting[authorization_id]
                watchers.discard(watch)
                if not watchers:
                    del self._waiting[authorization_id]

    def announce(self, authorization_ids: Collection[str]) -> None:
        """Tell whoever waits for one of these cases."""
        with self._lock:
            told = [watch for each in (*authorization_ids, _ANY) for watch in self._waiting.get(each, ())]
        for watch in told:
            watch.tell(authorization_ids)

    def announce_all(self) -> None:
        """Tell everybody: what was said may have been missed."""
        with self._lock:
            told = [watch for watches in self._waiting.values() for watch in watches]
        for watch in told:
            watch.tell(None)

    def end(self) -> None:
        """End all waiting, present and future: the server is about to stop."""
        self.ended = True
        self.announce_all()


class Witness:
    """Sees one write, on whatever thread it runs, and tells `observer` of it once it has committed.

    Operation and observer are called in the context of whoever asked for the write: they belong to its trace.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._context = contextvars.copy_context()
        self._began = time.perf_counter()
        self._happened: list[Occurrence] = []

    def see(self, operation: Callable[[Transaction], Result], tx: Transaction) -> Result:
        """Run the operation and keep what happens in it. Of several runs, all undone but the last, that one counts."""
        self._happened = tx.timeline.appended
        return self._context.run(operation, tx)

    def tell(self, outcome: "Future[Result]") -> None:
        """Tell the observer, if the write has committed."""
        if outcome.cancelled() or outcome.exception() is not None:
            return
        self._context.run(self._observer.wrote, time.perf_counter() - self._began)
        for occurrence in self._happened:
            self._context.run(self._observer.recorded, occurrence)
