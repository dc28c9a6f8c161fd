"""Attending the viewers of live sessions: from a ticket to the end of a view, whatever ends it.

While a view runs, its right is judged anew at every change of its case and whenever time alone may end it. So a close,
a cancel or a revocation ends it as soon as it has committed, and a fault of judging ends it too.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from priorauth.commands import live_reports
from priorauth.commands import live_views as commands
from priorauth.commands.live_views import Connected
from priorauth.domain.errors import NotFoundError, PriorAuthError, whereabouts
from priorauth.domain.handoffs import Report
from priorauth.domain.live.statuses import Farewell, ViewStatus
from priorauth.domain.live.views import Ending, Screens, View, ViewerSocket
from priorauth.domain.live_sessions import SessionClaim
from priorauth.domain.moment import Moment
from priorauth.queries import live_statuses
from priorauth.queries.access_grants import Standing, standing
from priorauth.store.changes import Watch
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction

PROTOCOL = "priorauth.live.v1"
_TICKET = "ticket."
_LEFT, _STOPPED = "viewer_left", "server_stopped"
# How long one who has reported is shown the page that says what came of it.
_RESULT_SECONDS = 20.0
# Whoever else is sent away does not wait for words that are late.
_WORDS_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class Show(Protocol):
    """What shows sessions to views."""

    async def attend(self, view: View, socket: ViewerSocket) -> None:
        """Show the view's session until the view or its viewer ends; then close the socket."""
        ...

    async def close(self) -> None:
        """Send all viewers away to come back: the server stops."""
        ...


class MakeShow(Protocol):
    """How what shows sessions is made.

    `on_refused` hears of input that a view may not send, `on_renew` of a ticket, `on_report` of what a person reports
    of their handoff (None: they need more time). `farewells` gives the last words of a view that has ended.
    """

    def __call__(
        self,
        screens: Screens,
        *,
        on_refused: Callable[[View, str], None],
        on_renew: Callable[[View, str], Awaitable[None]],
        on_report: Callable[[View, Report | None], Awaitable[None]],
        farewells: Callable[[View], AsyncGenerator[Farewell, None]],
    ) -> Show: ...


class Live(Protocol):
    """What a node answers to those who want to look at sessions."""

    def shows(self, claim: SessionClaim) -> bool:
        """Say whether the session of a claim can be shown, as far as this node can tell."""
        ...

    def viewer_file(self, name: str) -> tuple[bytes, str] | None:
        """Return a file of the viewer's page and its type."""
        ...

    async def attend(self, socket: WebSocket) -> None:
        """Attend one viewer, who shows a ticket among the subprotocols; without a good one the handshake is refused."""
        ...

    async def close(self) -> None:
        """Send all viewers away to come back: the server stops."""
        ...


class LiveViews:
    """The views of the sessions that this process holds."""

    def __init__(
        self,
        *,
        database: Database,
        present: Callable[[], Moment],
        screens: Screens,
        show: MakeShow,
        viewer_file: Callable[[str], tuple[bytes, str] | None],
        review_seconds: float,
    ) -> None:
        self._screens = screens
        self._review_seconds = review_seconds
        self.viewer_file = viewer_file
        self._database = database
        self._present = present
        self._show = show(
            screens,
            on_refused=self._note_refusal,
            on_renew=self._renew,
            on_report=self._report,
            farewells=self._farewells,
        )
        self._stopping = False
        self._noted: dict[str, set[str]] = {}
        self._noting: set[asyncio.Task[None]] = set()

    def shows(self, claim: SessionClaim) -> bool:
        """Say whether the session of a claim is up."""
        return self._screens.screen(claim.authorization_id, session_id=claim.session_id) is not None

    async def attend(self, socket: WebSocket) -> None:
        """Attend one viewer, who shows a ticket among the subprotocols; without a good one the handshake is refused."""
        connected = await self._connected(socket.scope["subprotocols"])
        if connected is None:
            await socket.close()
            return
        view = _view(connected)
        try:
            await socket.accept(subprotocol=PROTOCOL)
            with self._database.changes.watched(view.authorization_id) as watch:
                await self._judge(view)
                watching = asyncio.create_task(self._watch(view, watch), name="live-view-watch")
                try:
                    await self._show.attend(view, _Socket(socket))
                finally:
                    watching.cancel()
                    await asyncio.wait([watching])
        finally:
            self._noted.pop(view.id, None)
            reason = self._reason(view)
            await self._database.write(
                lambda tx: commands.end(
                    tx, self._present(), view_id=view.id, next_ticket=connected.next_ticket, reason=reason
                )
            )

    async def close(self) -> None:
        """Send all viewers away to come back: the server stops."""
        self._stopping = True
        await self._show.close()

    def _reason(self, view: View) -> str:
        if view.ending is not None:
            return view.ending.value
        return _STOPPED if self._stopping else _LEFT

    async def _connected(self, subprotocols: list[str]) -> Connected | None:
        ticket = ticket_among(subprotocols)
        if ticket is None:
            return None
        try:
            found = await self._database.write(
                lambda tx: commands.connect(tx, self._present(), ticket=ticket, review_seconds=self._review_seconds)
            )
        except PriorAuthError:
            return None
        return found if isinstance(found, Connected) else None

    async def _watch(self, view: View, watch: Watch) -> None:
        """End the view as soon as it must end. Whatever keeps this from judging ends it too."""
        loop = asyncio.get_running_loop()
        try:
            while view.ending is None:
                seconds = await self._judge(view)
                if not await watch.following(until=loop.time() + seconds) and self._database.changes.ended:
                    view.end(Ending.SESSION_LOST)
        except Exception as error:  # noqa: BLE001 - a right that cannot be judged is none
            _log.error("view_not_judged", view_id=view.id, **whereabouts(error))
            view.end(Ending.SESSION_LOST)

    async def _judge(self, view: View) -> float:
        """End the view if it must end, else show it what is new; return for how long its right lasts by itself."""

        def look(tx: Transaction) -> tuple[Standing, ViewStatus | None]:
            found = standing(
                tx,
                self._present(),
                view_id=view.id,
                session_id=view.session_id,
                next_ticket=view.next_ticket,
                review_seconds=self._review_seconds,
            )
            shown = live_statuses.status(tx, self._present(), view_id=view.id) if found.ending is None else None
            return found, shown

        found, status = await self._database.read(look)
        if found.ending is not None:
            view.end(found.ending)
        elif status is not None:
            view.show_status(status)
        return found.seconds

    async def _report(self, view: View, report: Report | None) -> None:
        """Close the view's handoff, or prolong it. Raises the error of a command that refuses."""
        held = {"view_id": view.id, "next_ticket": view.next_ticket}
        if report is None:
            until = await self._database.write(lambda tx: live_reports.prolong(tx, self._present(), **held))
            view.extend(until)
            return
        # Set first, and kept where this is canceled: the close ends the view, and this with it, once it has committed.
        view.has_reported = True
        try:
            await self._database.write(lambda tx: live_reports.close(tx, self._present(), **held, report=report))
        except Exception:
            view.has_reported = False
            raise
        view.end(Ending.REVOKED)

    async def _farewells(self, view: View) -> AsyncGenerator[Farewell, None]:
        """Yield the last words of an ended view; to one who has reported, also what came of it within seconds."""
        ending = view.ending or Ending.SESSION_LOST
        loop = asyncio.get_running_loop()
        until = loop.time() + (_RESULT_SECONDS if view.has_reported else 0)
        said: Farewell | None = None
        with self._database.changes.watched(view.authorization_id) as watch:
            while True:
                async with asyncio.timeout(None if view.has_reported else _WORDS_SECONDS):
                    words = await self._database.read(
                        lambda tx: live_statuses.farewell(tx, view_id=view.id, ending=ending)
                    )
                if words != said:
                    said = words
                    yield words
                if words.is_settled or not await watch.following(until=until):
                    return

    async def _renew(self, view: View, ticket: str) -> None:
        """Let the view go on under the fresh grant that the ticket is of; one that does not fit changes nothing."""
        try:
            fresh = await self._database.write(
                lambda tx: commands.renew(
                    tx, self._present(), view_id=view.id, ticket=ticket, review_seconds=self._review_seconds
                )
            )
        except NotFoundError:
            self._note_refusal(view, "renew")
            return
        view.extend(fresh.expires_at)

    def _note_refusal(self, view: View, reason: str) -> None:
        # Once for each reason: a pointer that moves over a view would fill the timeline.
        noted = self._noted.setdefault(view.id, set())
        if reason in noted:
            return
        noted.add(reason)
        task = asyncio.get_running_loop().create_task(self._noted_refusal(view.id, reason))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _noted_refusal(self, view_id: str, reason: str) -> None:
        try:
            await self._database.write(
                lambda tx: commands.note_refused_input(tx, self._present(), view_id=view_id, reason=reason)
            )
        except Exception as error:  # noqa: BLE001 - the input stays refused, whether or not it could be noted
            _log.error("refusal_not_noted", view_id=view_id, **whereabouts(error))


def ticket_among(subprotocols: list[str]) -> str | None:
    """Return the ticket that a viewer shows beside the protocol's name."""
    tickets = [each.removeprefix(_TICKET) for each in subprotocols if each.startswith(_TICKET)]
    return tickets[0] if PROTOCOL in subprotocols and len(tickets) == 1 else None


def _view(connected: Connected) -> View:
    viewer, grant = connected.viewer, connected.grant
    return View(
        view_id=viewer.id,
        authorization_id=viewer.authorization_id,
        session_id=connected.session_id,
        mode=grant.mode,
        may_submit=connected.may_submit,
        expires_at=grant.expires_at,
        next_ticket=connected.next_ticket,
    )


class _Socket:
    """A `ViewerSocket` over a web socket that was accepted."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def receive(self) -> str | bytes | None:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text: str | None = message.get("text")
        return text if text is not None else bytes(message["bytes"])

    async def send(self, message: str | bytes) -> None:
        try:
            if isinstance(message, str):
                await self._socket.send_text(message)
            else:
                await self._socket.send_bytes(message)
        except (WebSocketDisconnect, RuntimeError, OSError):
            raise ConnectionError("The viewer has gone.") from None

    async def close(self, *, code: int, reason: str) -> None:
        # One who has gone needs no close.
        with suppress(WebSocketDisconnect, RuntimeError, OSError):
            await self._socket.close(code, reason)
