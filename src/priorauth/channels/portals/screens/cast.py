"""The frames of one tab: a screencast that is paced, and whose last frame is never lost.

Chromium sends a frame for each change, but keeps at most three on the way; what changes while three are unacknowledged
is never sent. So acknowledgements are the brake that holds a busy page to some frames a second, and whenever the brake
may have cost the last frame of a change, the cast is started anew once the page is quiet: a start always sends a frame.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

FRAMES_A_SECOND: Final = 15
_QUIET_SECONDS: Final = 0.15
_FORMAT: Final = {"format": "jpeg", "quality": 70, "maxWidth": 1920, "maxHeight": 1600}

Show = Callable[[bytes, int, int], None]


class Cast:
    """A screencast of the page behind `cdp`: `show` gets each new picture, and the page's size in CSS pixels."""

    def __init__(self, cdp: CDPSession, show: Show) -> None:
        self._cdp = cdp
        self._show = show
        self._on = False
        self._last = ""
        self._on_the_way = 0
        self._may_have_lost = False
        self._next_ack = 0.0
        self._timers: set[asyncio.TimerHandle] = set()
        self._quiet: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()
        cdp.on("Page.screencastFrame", self._take)

    @property
    def is_complete(self) -> bool:
        """Whether the picture that was shown last is the page's last one for sure."""
        return not self._may_have_lost

    async def start(self) -> None:
        """Start the cast. The page's picture comes at once, even if it is the one that was shown last."""
        self._last = ""
        await self._begin()

    async def stop(self) -> None:
        """Stop the cast; from here on the page costs nothing."""
        self._halt()
        await self._cdp.send("Page.stopScreencast")

    async def _begin(self) -> None:
        self._on = True
        await self._cdp.send("Page.startScreencast", _FORMAT)

    def _halt(self) -> None:
        self._on = False
        self._on_the_way = 0
        self._may_have_lost = False
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None

    def _take(self, event: dict[str, Any]) -> None:
        if not self._on:
            return
        loop = asyncio.get_running_loop()
        self._on_the_way += 1
        moment = max(loop.time(), self._next_ack)
        self._next_ack = moment + 1 / FRAMES_A_SECOND
        self._acknowledge(event["sessionId"], after=moment - loop.time())
        # A start sends the same picture again now and then; taking that for a change would start it for ever.
        if event["data"] != self._last:
            # Two, where three block: what Chromium has sent and we have not yet seen is on the way as well.
            self._may_have_lost |= self._on_the_way > 1
            self._last = event["data"]
            metadata = event["metadata"]
            self._show(base64.b64decode(event["data"]), int(metadata["deviceWidth"]), int(metadata["deviceHeight"]))
        self._wait_for_quiet(moment)

    def _wait_for_quiet(self, moment: float) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_at(moment + _QUIET_SECONDS, self._be_quiet)

    def _be_quiet(self) -> None:
        self._quiet = None
        if self._may_have_lost:
            self._spawn(self._refresh())

    async def _refresh(self) -> None:
        await self.stop()
        # Between the two the cast may have been stopped for good, or started by another.
        if not self._on:
            await self._begin()

    def _acknowledge(self, frame: int, *, after: float) -> None:
        if after <= 0:
            self._spawn(self._send_ack(frame))
            return

        def due() -> None:
            self._timers.discard(timer)
            self._spawn(self._send_ack(frame))

        timer = asyncio.get_running_loop().call_later(after, due)
        self._timers.add(timer)

    async def _send_ack(self, frame: int) -> None:
        await self._cdp.send("Page.screencastFrameAck", {"sessionId": frame})
        self._on_the_way = max(0, self._on_the_way - 1)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(_unless_gone(work))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)


async def _unless_gone(work: Awaitable[None]) -> None:
    # The page or its browser has ended meanwhile: there is nothing to acknowledge any more.
    with suppress(PlaywrightError):
        await work
