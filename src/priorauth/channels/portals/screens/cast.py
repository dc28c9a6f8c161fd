"""The frames of one tab: a screencast that is paced, never queues, and whose last frame is never lost.

Chromium sends a frame for each change, but has at most three on the way; what changes while three are unacknowledged is
never sent. So acknowledgements are the brake. A frame that comes alone is acknowledged at once. In a storm they are
paced, and two are held back, so that one frame alone is being drawn and carried: three would queue, each late by the
others. And since the brake may have cost the last frame of a change, the cast is started anew once the page is quiet: a
start always sends a frame.
"""

import asyncio
import base64
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from playwright.async_api import CDPSession

from priorauth.channels.portals.screens.gone import unless_gone

FRAMES_A_SECOND: Final = 15
_QUIET_SECONDS: Final = 0.15
_HELD_BACK: Final = 2
_FORMAT: Final = {"format": "jpeg", "quality": 70, "maxWidth": 1920, "maxHeight": 1600}

Show = Callable[[bytes, int, int], None]


class Cast:
    """A screencast of the page behind `cdp`: `show` gets each new picture, and the page's size in CSS pixels."""

    def __init__(self, cdp: CDPSession, show: Show) -> None:
        self._cdp = cdp
        self._show = show
        self._wanted = False
        self._on = False
        self._last = ""
        self._storm = False
        self._unacknowledged: deque[int] = deque()
        self._acknowledging = 0
        self._next_ack = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._working: set[asyncio.Task[None]] = set()
        cdp.on("Page.screencastFrame", self._take)

    @property
    def is_complete(self) -> bool:
        """Whether the picture that was shown last is the page's last one for sure."""
        return not self._storm

    async def start(self) -> None:
        """Start the cast. The page's picture comes at once, even if it is the one that was shown last."""
        self._wanted = True
        self._last = ""
        await self._begin()

    async def stop(self) -> None:
        """Stop the cast; from here on the page costs nothing."""
        self._wanted = False
        await self._end()

    async def _begin(self) -> None:
        self._on = True
        await self._cdp.send("Page.startScreencast", _FORMAT)

    async def _end(self) -> None:
        self._on = False
        self._storm = False
        self._unacknowledged.clear()
        for timer in (self._timer, self._quiet):
            if timer is not None:
                timer.cancel()
        self._timer = self._quiet = None
        await self._cdp.send("Page.stopScreencast")

    def _take(self, event: dict[str, Any]) -> None:
        if not self._on:
            return
        self._unacknowledged.append(event["sessionId"])
        # A start sends the same picture again now and then; taking that for a change would start it for ever.
        if event["data"] != self._last:
            # Two are a storm, where three block: what Chromium has sent and we have not yet seen is on the way as well.
            self._storm |= len(self._unacknowledged) + self._acknowledging > 1
            self._last = event["data"]
            metadata = event["metadata"]
            self._show(base64.b64decode(event["data"]), int(metadata["deviceWidth"]), int(metadata["deviceHeight"]))
        self._acknowledge()
        self._wait_for_quiet()

    def _wait_for_quiet(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(_QUIET_SECONDS, self._be_quiet)

    def _be_quiet(self) -> None:
        self._quiet = None
        if self._storm:
            self._run(self._refresh())

    async def _refresh(self) -> None:
        await self._end()
        # Meanwhile the cast may have been stopped for good, or started by another.
        if self._wanted and not self._on:
            await self._begin()

    def _acknowledge(self) -> None:
        """Acknowledge what is not held back, each in its time."""
        if self._timer is not None or len(self._unacknowledged) <= (_HELD_BACK if self._storm else 0):
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._next_ack:
            self._timer = loop.call_at(self._next_ack, self._acknowledge_again)
            return
        self._next_ack = loop.time() + 1 / FRAMES_A_SECOND
        self._acknowledging += 1
        self._run(self._send_ack(self._unacknowledged.popleft()))
        self._acknowledge()

    def _acknowledge_again(self) -> None:
        self._timer = None
        self._acknowledge()

    async def _send_ack(self, frame: int) -> None:
        try:
            await self._cdp.send("Page.screencastFrameAck", {"sessionId": frame})
        finally:
            self._acknowledging -= 1

    def _run(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(unless_gone(work))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
