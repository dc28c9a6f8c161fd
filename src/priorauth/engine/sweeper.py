"""Proves that no case is stuck and no session forgotten.

Whatever is the service's or the payer's move has work under way, or gets it again; what waits for a human has a
session, or is taken back; a handoff that its human has abandoned is closed. A session that its case no longer needs,
because it was canceled or rewritten at the review, is let go, and one that a human has no more is taken back at once.
Answers, and whatever else was kept long enough, are forgotten.
"""

import asyncio
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta

import structlog

from priorauth.channels.contract import Channel
from priorauth.commands import handoffs
from priorauth.commands import processing as moves
from priorauth.commands.record import load
from priorauth.domain.authorizations import Reason
from priorauth.domain.errors import whereabouts
from priorauth.domain.lifecycle import Status
from priorauth.domain.live_sessions import is_in_human_hands, needs_session
from priorauth.domain.moment import Moment
from priorauth.engine.retention import Retention
from priorauth.engine.retries import Bounds
from priorauth.store.database import Database
from priorauth.store.work import WorkState, case_of

_log = structlog.get_logger(__name__)


_EXHAUSTED = Reason(
    "processing_exhausted",
    "The service could not bring the case on and gave up after several tries. Create the case anew later, or ask the "
    "operator of this server what stood in the way.",
)

IsRunning = Callable[[str], bool]


class Sweeper:
    """Every `interval_seconds` one worker looks through the open cases, and each through what it works on."""

    def __init__(
        self,
        *,
        database: Database,
        channels: Mapping[str, Channel],
        present: Callable[[], Moment],
        bounds: Bounds,
        worker: str,
        retention: Retention | None = None,
        interval_seconds: float,
        answers_kept_for: timedelta = timedelta(days=30),
        handoffs_abandoned_after: timedelta = timedelta(minutes=30),
    ) -> None:
        self._database = database
        self._channels = channels
        self._present = present
        self._bounds = bounds
        self._worker = worker
        self._retention = retention
        self._interval_seconds = interval_seconds
        self._answers_kept_for = answers_kept_for
        self._handoffs_abandoned_after = handoffs_abandoned_after
        self._suspects: set[str] = set()
        self._idle: set[str] = set()

    async def sweep(self, is_running: IsRunning) -> int:
        """Start the work of every case that has lost it; return how many cases that were."""
        cases = await self._database.read(lambda tx: tx.authorizations.awaiting_attention())
        resumed = await self._look_through(cases, is_running)
        expired = self._present().now - self._answers_kept_for
        await self._database.write(lambda tx: tx.idempotency.forget(before=expired))
        if self._retention is not None:
            await self._retention.forget()
        return resumed

    async def sweep_own(self, is_running: IsRunning) -> int:
        """Do the same for the cases that this worker is believed to work on."""
        running = await self._database.read(lambda tx: tx.work.running(self._worker))
        return await self._look_through(sorted({case_of(work_id) for work_id in running}), is_running)

    async def _look_through(self, cases: Iterable[str], is_running: IsRunning) -> int:
        resumed, suspects = 0, set[str]()
        for authorization_id in cases:
            await self._attend(authorization_id)
            lost = await self._lost_work(authorization_id, is_running, suspects)
            if lost is not None:
                await self._resume(authorization_id, lost)
                resumed += 1
            # Reads are quick but many: requests are served in between.
            await asyncio.sleep(0)
        self._suspects = suspects
        await self._end_idle(is_running)
        await self._attend_sessions()
        return resumed

    async def _end_idle(self, is_running: IsRunning) -> None:
        """End what two sweeps found nobody to run: it would hold a place among its payer's cases for ever."""
        believed = await self._database.read(lambda tx: tx.work.running(self._worker))
        idle = {work_id for work_id in believed if not is_running(work_id)}
        if lost := idle & self._idle:
            await self._database.write(lambda tx: tx.work.end(lost, worker=self._worker))
            _log.warning("idle_work_ended", works=sorted(lost))
        self._idle = idle - lost

    async def run(self, is_running: IsRunning) -> None:
        """Sweep until canceled; a sweep that fails is logged, and the next one comes."""
        while True:
            try:
                sweep = self.sweep if await self._is_our_turn() else self.sweep_own
                resumed = await sweep(is_running)
                if resumed:
                    _log.warning("work_resumed", cases=resumed)
            except Exception as error:  # noqa: BLE001 - the next sweep comes, whatever happened to this one
                _log.error("sweep_failed", **whereabouts(error))
            await asyncio.sleep(self._interval_seconds)

    async def _is_our_turn(self) -> bool:
        # A little less than the pause: the only worker there is finds its turn each time.
        pause = self._interval_seconds * 0.9
        return await self._database.write(lambda tx: tx.workers.take_chore("sweep", every_seconds=pause))

    async def attend_sessions(self) -> None:
        """Let each session go as soon as its case needs it no more, and take each back as soon as no human has it.

        It ends when it is canceled, or with the database.
        """
        with self._database.changes.watched() as watch:
            while await watch.following(until=math.inf):
                try:
                    # Word comes of every case there is: who reads its own at each would make many machines slow.
                    await self._attend_sessions(watch.heard())
                except Exception as error:  # noqa: BLE001 - the next sweep does it
                    _log.error("sessions_not_attended", **whereabouts(error))

    async def _attend_sessions(self, changed: Collection[str] | None = None) -> None:
        """Attend the sessions of the cases that have changed; by default all."""
        for channel in self._channels.values():
            for authorization_id in channel.sessions():
                if changed is None or authorization_id in changed:
                    await self._attend_session(channel, authorization_id)

    async def _lost_work(self, authorization_id: str, is_running: IsRunning, suspects: set[str]) -> str | None:
        """Return the id of the work that the case has lost, or None when it is under way.

        The engine's tables may call work running that nobody runs, after a step that could not be written down. Whose
        work it is knows that, and the reaper knows who is dead. It is lost when two sweeps found it so: between being
        taken up and being run there is a moment, too.
        """
        work, state, runner = await self._database.read(lambda tx: moves.expected_work(tx, authorization_id))
        if work is None or state is WorkState.WAITING:
            return None
        if state is WorkState.RUNNING and runner == self._worker and not is_running(work.id):
            suspects.add(work.id)
            return work.id if work.id in self._suspects else None
        return work.id if state is WorkState.GONE else None

    async def _attend(self, authorization_id: str) -> None:
        """Close the handoff that its human has abandoned, and take back what waits for a human without a session."""
        case = await self._database.read(lambda tx: load(tx, authorization_id))
        if case.status is Status.REQUIRES_ACTION:
            patience = self._handoffs_abandoned_after
            await self._database.write(
                lambda tx: handoffs.attend(tx, self._present(), authorization_id=authorization_id, patience=patience)
            )

    async def _resume(self, authorization_id: str, lost: str) -> None:
        await self._database.write(
            lambda tx: moves.start_afresh(
                tx,
                self._present(),
                authorization_id=authorization_id,
                lost=lost,
                delay_seconds=0.0,
                at_most=self._bounds.at_most,
                gave_up=_EXHAUSTED,
            )
        )

    async def _attend_session(self, channel: Channel, authorization_id: str) -> None:
        case = await self._database.read(lambda tx: load(tx, authorization_id))
        if not needs_session(case):
            await channel.let_go(authorization_id)
        elif not is_in_human_hands(case):
            # Not left to the work that reads what is true: it may wait in the queue, and a page's script does not.
            channel.take_back(authorization_id)
