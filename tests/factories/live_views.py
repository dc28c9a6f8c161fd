"""A live room without pictures: it says what a view may do, and gives back what its viewer sends."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable

from priorauth.domain.errors import PriorAuthError
from priorauth.domain.handoffs import HandoffResult, Report, ReportedOutcome, UnableReason
from priorauth.domain.live.statuses import Farewell
from priorauth.domain.live.views import Ending, Screen, Screens, View, ViewerSocket
from tests.factories.screens import PaintedScreen

VIEWER_FILES = {
    "index.html": (b"<!doctype html><title>Live</title>", "text/html; charset=utf-8"),
    "viewer.js": (b"'use strict';", "text/javascript; charset=utf-8"),
}
CLOSE_CODES = {Ending.EXPIRED: 4001, Ending.REVOKED: 4002, Ending.SESSION_LOST: 4003}


class DarkScreens:
    """The screens of every session but of those that are `gone`."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    def screen(self, authorization_id: str, *, session_id: str) -> Screen | None:
        del authorization_id
        return PaintedScreen() if session_id not in self.gone else None


# What a person reports, by the text that says it here.
REPORTS = {
    "more time": None,
    "done": Report(result=HandoffResult.COMPLETED_REPORTED, outcome=ReportedOutcome.SIGNED_IN),
    "unable": Report(result=HandoffResult.UNABLE_TO_COMPLETE, unable=UnableReason.OTHER),
}


class EchoShow:
    """Attends as the live room does.

    A text `renew:<ticket>` renews, those of `REPORTS` report, `status` asks for the status; anything else comes back,
    or is refused. One who has reported hears the codes of the last words.
    """

    def __init__(
        self,
        screens: Screens,
        *,
        on_refused: Callable[[View, str], None],
        on_renew: Callable[[View, str], Awaitable[None]],
        on_report: Callable[[View, Report | None], Awaitable[None]],
        farewells: Callable[[View], AsyncGenerator[Farewell, None]],
    ) -> None:
        self._screens = screens
        self._on_refused = on_refused
        self._on_renew = on_renew
        self._on_report = on_report
        self._farewells = farewells
        self._leaving = asyncio.Event()

    async def attend(self, view: View, socket: ViewerSocket) -> None:
        ended = asyncio.Event()
        view.on_change(lambda: ended.set() if view.ending is not None else None)
        if view.ending is not None:
            ended.set()
        await socket.send(said_of(view))
        tasks = {
            asyncio.create_task(each) for each in (self._receive(view, socket), ended.wait(), self._leaving.wait())
        }
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
        if view.has_reported:
            async for words in self._farewells(view):
                await socket.send(json.dumps({"end": words.code}))
        reason = view.ending.value if view.ending else "reconnect"
        await socket.close(code=CLOSE_CODES[view.ending] if view.ending else 4000, reason=reason)

    async def close(self) -> None:
        self._leaving.set()

    async def _receive(self, view: View, socket: ViewerSocket) -> None:
        while (message := await socket.receive()) is not None:
            if isinstance(message, str) and message.startswith("renew:"):
                await self._on_renew(view, message.removeprefix("renew:"))
                await socket.send(said_of(view))
            elif message == "status" and view.status is not None:
                await socket.send(json.dumps({"phase": view.status.phase, "mayReport": view.status.may_report}))
            elif isinstance(message, str) and message in REPORTS:
                try:
                    await self._on_report(view, REPORTS[message])
                    await socket.send(said_of(view))
                except PriorAuthError as error:
                    await socket.send(json.dumps({"refused": error.code}))
            elif isinstance(message, str) and message.startswith("fault:"):
                raise RuntimeError(message)
            elif view.may_act:
                await socket.send(message)
            else:
                self._on_refused(view, "text")
                await socket.send("refused")


def said_of(view: View) -> str:
    """What a viewer is told of its view first, and whenever that changes."""
    expires_at = view.expires_at.isoformat() if view.expires_at else None
    return json.dumps({"mode": view.mode, "expiresAt": expires_at, "nextTicket": view.next_ticket})
