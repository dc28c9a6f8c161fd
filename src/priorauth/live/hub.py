"""Where viewers attend sessions: one room a session, and each view's end enforced the moment it comes.

It promises that a view which has ended passes nothing more, in either direction; that its viewer is told why; and that
a message which may not pass is dropped, counted and reported. It may not know HTTP, browsers or databases.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from priorauth.domain.errors import PriorAuthError, whereabouts
from priorauth.domain.handoffs import Report
from priorauth.domain.live.statuses import Farewell
from priorauth.domain.live.views import Ending, Screen, Screens, View, ViewerSocket
from priorauth.live import messages
from priorauth.live.arrivals import Arrivals
from priorauth.live.rooms import Room
from priorauth.live.takeovers import ANSWER_SECONDS
from priorauth.live.viewers import Viewer

CLOSE_RESTARTING: Final = 4000
CLOSE_CODES: Final = {Ending.EXPIRED: 4001, Ending.REVOKED: 4002, Ending.SESSION_LOST: 4003}
_CLOSE_MALFORMED: Final = 1008
_MALFORMED: Final = "malformed"
_REPORT_SECONDS: Final = 1.0
# A viewer that does not take its goodbye is left alone with it.
_GOODBYE_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)

OnRefused = Callable[[View, str], None]
OnRenew = Callable[[View, str], Awaitable[None]]
OnReport = Callable[[View, Report | None], Awaitable[None]]
Farewells = Callable[[View], AsyncGenerator[Farewell, None]]


class Hub:
    """Shows the sessions of `screens`.

    Args:
        screens: Where the sessions' screens are found.
        on_refused: Hears of a view's message that may not pass and of its type, at most once a second a view, and of
            one that no viewer sends as `malformed`.
        on_renew: Hears of the ticket that a viewer got for a fresh grant.
        on_report: Hears what the person in control reports of the handoff; None is a request for more time. It raises
            a PriorAuthError when that is not taken.
        farewells: Gives the last words of a view that has ended, and better ones as long as some may come.
        present: The wall clock.
        takeover_seconds: How long the person in control has to answer one who asks for it.
    """

    def __init__(
        self,
        screens: Screens,
        *,
        on_refused: OnRefused | None = None,
        on_renew: OnRenew | None = None,
        on_report: OnReport | None = None,
        farewells: Farewells | None = None,
        present: Callable[[], datetime] = lambda: datetime.now(UTC),
        takeover_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._screens = screens
        self._on_refused = on_refused
        self._on_renew = on_renew
        self._on_report = on_report
        self._farewells = farewells
        self._present = present
        self._takeover_seconds = takeover_seconds
        self._arrivals = Arrivals(time.monotonic)
        self._rooms: dict[str, Room] = {}
        self._attending: set[Viewer] = set()
        self._nobody_attends = asyncio.Event()
        self._nobody_attends.set()
        self._restarting = asyncio.Event()
        self._frames_sent = 0

    @property
    def viewers(self) -> int:
        """How many viewers attend now."""
        return len(self._attending)

    @property
    def frames_sent(self) -> int:
        """How many frames went out to viewers, in all."""
        return self._frames_sent + sum(viewer.frames_sent for viewer in self._attending)

    async def attend(self, view: View, socket: ViewerSocket) -> None:
        """Show the session to one viewer until its socket closes, its view ends or the session is gone.

        A session that is gone ends the view as lost.
        """
        screen = self._screens.screen(view.authorization_id, session_id=view.session_id)
        if screen is None:
            view.end(Ending.SESSION_LOST)
        viewer = Viewer(view, socket)
        self._attending.add(viewer)
        self._nobody_attends.clear()
        term = _Term(viewer, self._present)
        try:
            code, reason = CLOSE_RESTARTING, "reconnect"
            term.tell()
            if screen is not None and view.ending is None and not self._restarting.is_set():
                code, reason = await self._show(screen, viewer)
            if view.ending is not None:
                code, reason = CLOSE_CODES[view.ending], view.ending.value
                await self._say_goodbye(viewer)
            with suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await socket.close(code=code, reason=reason)
        finally:
            term.end()
            self._attending.discard(viewer)
            self._frames_sent += viewer.frames_sent
            if not self._attending:
                self._nobody_attends.set()

    async def close(self) -> None:
        """Send all viewers away to come back: the server restarts."""
        self._restarting.set()
        for viewer in self._attending:
            viewer.ended.set()
        await self._nobody_attends.wait()

    async def _show(self, screen: Screen, viewer: Viewer) -> tuple[int, str]:
        room = self._rooms.get(viewer.view.session_id)
        if room is None:
            room = Room(screen, self._arrivals, takeover_seconds=self._takeover_seconds)
            self._rooms[viewer.view.session_id] = room
        room.enter(viewer)
        receiving = asyncio.create_task(self._receive(room, viewer), name="live-receive")
        tasks = {
            receiving,
            asyncio.create_task(viewer.send(), name="live-send"),
            asyncio.create_task(viewer.ended.wait(), name="live-ended"),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            room.leave(viewer)
            if room.is_empty:
                del self._rooms[viewer.view.session_id]
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, messages.Malformed):
                if self._on_refused is not None:
                    self._on_refused(viewer.view, _MALFORMED)
                return _CLOSE_MALFORMED, "malformed message"
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                raise outcome
        return CLOSE_RESTARTING, "reconnect"

    async def _receive(self, room: Room, viewer: Viewer) -> None:
        reported = float("-inf")
        while (raw := await viewer.socket.receive()) is not None:
            message = messages.read(raw)
            if isinstance(message, messages.Renew):
                if self._on_renew is not None:
                    await self._on_renew(viewer.view, message.ticket)
                continue
            if isinstance(message, messages.ForReport) and room.acts(viewer):
                await self._report(viewer, message)
                continue
            # Asked and done in one step: no end of the view comes in between.
            if room.act(viewer, message):
                continue
            kind = messages.kind_of(message)
            viewer.refused[kind] += 1
            now = asyncio.get_running_loop().time()
            if self._on_refused is not None and now - reported >= _REPORT_SECONDS:
                reported = now
                self._on_refused(viewer.view, kind)

    async def _report(self, viewer: Viewer, message: messages.ForReport) -> None:
        """Pass on what the person reports, and answer; the end of the view is the answer to a close that is taken."""
        kind = messages.kind_of(message)
        if self._on_report is None:
            return
        try:
            await self._on_report(viewer.view, None if isinstance(message, messages.MoreTime) else message.report())
        except PriorAuthError as error:
            viewer.tell("report", messages.reported(kind, code=error.code, words=error.message))
        else:
            viewer.tell("report", messages.reported(kind))

    async def _say_goodbye(self, viewer: Viewer) -> None:
        """Say the view's last words, until the last of them is said, the viewer has gone or the server restarts."""
        if self._farewells is None:
            return
        tasks = {
            asyncio.create_task(_say(viewer.socket, self._farewells(viewer.view)), name="live-farewell"),
            asyncio.create_task(_until_gone(viewer.socket), name="live-gone"),
            asyncio.create_task(self._restarting.wait(), name="live-restarting"),
        }
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError | TimeoutError):
                _log.error("farewell_not_said", view_id=viewer.view.id, **whereabouts(outcome))


async def _say(socket: ViewerSocket, farewells: AsyncGenerator[Farewell, None]) -> None:
    async with aclosing(farewells):
        async for words in farewells:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await socket.send(messages.end(words))


async def _until_gone(socket: ViewerSocket) -> None:
    while await socket.receive() is not None:
        """Nothing that comes now is done any more."""


class _Term:
    """A view's time: ends the view when it is over, and tells its viewer when it changes."""

    def __init__(self, viewer: Viewer, present: Callable[[], datetime]) -> None:
        self._viewer = viewer
        self._present = present
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        viewer.view.on_change(self._changed)
        viewer.view.on_status(self._tell_status)
        self._wait()

    def tell(self) -> None:
        """Tell the viewer what it may do, and until when."""
        self._viewer.tell("view", messages.view(self._viewer.view, self._present()))
        self._tell_status()

    def end(self) -> None:
        """Let the view's time be another's: the viewer has left."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()

    def _tell_status(self) -> None:
        if self._viewer.view.status is not None and not self._is_over:
            self._viewer.tell("status", messages.status(self._viewer.view.status))

    def _changed(self) -> None:
        if self._is_over:
            return
        if self._viewer.view.ending is not None:
            self._viewer.ended.set()
        else:
            self.tell()
            self._wait()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        expires_at = self._viewer.view.expires_at
        if expires_at is not None and self._viewer.view.ending is None:
            left = (expires_at - self._present()).total_seconds()
            self._timer = asyncio.get_running_loop().call_later(max(left, 0), self._expire)

    def _expire(self) -> None:
        expires_at = self._viewer.view.expires_at
        if expires_at is not None and self._present() < expires_at:
            # The wall clock was set back: wait for what is left.
            self._wait()
        else:
            self._viewer.view.end(Ending.EXPIRED)
