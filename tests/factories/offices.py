"""A hub over one painted screen, and what its viewers report."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from priorauth.domain.errors import ManualHandoffNotActive
from priorauth.domain.handoffs import Report
from priorauth.domain.live.statuses import Farewell
from priorauth.domain.live.views import Ending, Screen, View
from priorauth.domain.live_sessions import AccessMode
from priorauth.live.hub import Hub
from tests.factories.screens import PaintedScreen, Pipe

READ_ONLY, INTERACTIVE = AccessMode.READ_ONLY, AccessMode.INTERACTIVE
CLICK = {"type": "pointer", "motion": "down", "tab": 1, "x": 5, "y": 5, "button": "left", "buttons": 1, "clicks": 1}
ENTER = {"type": "key", "motion": "down", "key": "Enter", "code": "Enter"}
START = datetime(2031, 3, 1, 12, tzinfo=UTC)


class Office:
    """A hub over one painted screen."""

    def __init__(self) -> None:
        self.painted = PaintedScreen()
        self.is_up = True
        self.now = START
        self.refused: list[tuple[str, str]] = []
        self.renewed: list[tuple[str, str]] = []
        self.reports: list[Report | None] = []
        self.last_words: list[Farewell] = []
        self.hub = Hub(
            self,
            on_refused=self._note,
            on_renew=self._renew,
            on_report=self._take,
            farewells=self._farewells,
            present=lambda: self.now,
            takeover_seconds=0.05,
        )
        self._views = 0

    def screen(self, authorization_id: str, *, session_id: str) -> Screen | None:
        return self.painted if self.is_up and (authorization_id, session_id) == ("auth_1", "sess_1") else None

    def view(self, mode: AccessMode = READ_ONLY, *, expires_at: datetime | None = None) -> View:
        self._views += 1
        return View(
            view_id=f"view_{self._views}",
            authorization_id="auth_1",
            session_id="sess_1",
            mode=mode,
            may_submit=mode is INTERACTIVE,
            expires_at=expires_at,
            next_ticket=f"next_{self._views}",
        )

    @asynccontextmanager
    async def attending(self, view: View, *, arrives: bool = True) -> AsyncIterator[Pipe]:
        """Attend with a view, and be let in; a person who may act starts, and clicks into the page."""
        pipe = Pipe()
        task = asyncio.create_task(self.hub.attend(view, pipe))
        await until(lambda: pipe.told("control") or pipe.closed)
        if arrives and view.may_act and not pipe.closed:
            pipe.say(type="start")
            if pipe.told("control")[-1]["holder"] == "you":
                await self.click(pipe)
        yield pipe
        pipe.say_raw(None)
        async with asyncio.timeout(5):
            await task

    async def click(self, pipe: Pipe) -> None:
        """Click into the page as the one in control, and forget it."""
        pipe.say(**CLICK)
        await until(lambda: pipe.told("input")[-1]["state"] == "open")
        self.painted.acted.clear()

    async def _take(self, view: View, report: Report | None) -> None:
        if report is not None and report.notes == "too late":
            raise ManualHandoffNotActive
        self.reports.append(report)
        if report is not None:
            view.end(Ending.REVOKED)

    async def _farewells(self, view: View) -> AsyncGenerator[Farewell, None]:
        assert view.ending is not None
        for words in self.last_words:
            yield words

    def _note(self, view: View, kind: str) -> None:
        self.refused.append((view.id, kind))

    async def _renew(self, view: View, ticket: str) -> None:
        self.renewed.append((view.id, ticket))
        view.extend(self.now + timedelta(minutes=5))


async def until(condition: Callable[[], object]) -> None:
    """Let the others go on until a condition holds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - one round of the event loop, whoever changes something
            await asyncio.sleep(0)
