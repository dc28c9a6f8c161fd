"""Proves that no case is stuck and no session forgotten.

Whatever is the service's or the payer's move has work under way, or gets it again; a session that its case no longer
needs, because it was canceled or rewritten at the review, is let go.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from priorauth.channels.contract import Channel
from priorauth.commands import processing as moves
from priorauth.commands.record import load
from priorauth.domain.errors import whereabouts
from priorauth.domain.live_sessions import needs_session
from priorauth.domain.moment import Moment
from priorauth.engine.processing import Bounds
from priorauth.store.database import Database

_log = structlog.get_logger(__name__)


class Sweeper:
    """Looks through the open cases every `interval_seconds`."""

    def __init__(
        self,
        *,
        database: Database,
        channels: Mapping[str, Channel],
        present: Callable[[], Moment],
        bounds: Bounds,
        interval_seconds: float,
    ) -> None:
        self._database = database
        self._channels = channels
        self._present = present
        self._bounds = bounds
        self._interval_seconds = interval_seconds

    async def sweep(self) -> int:
        """Start the work of every case that has lost it; return how many cases that were."""
        resumed = 0
        for authorization_id in await self._database.read(lambda tx: tx.authorizations.awaiting_work()):
            resumed += await self._resume(authorization_id)
        for channel in self._channels.values():
            for authorization_id in channel.sessions():
                await self._let_go(channel, authorization_id)
        return resumed

    async def run(self) -> None:
        """Sweep until canceled; a sweep that fails is logged, and the next one comes."""
        while True:
            try:
                resumed = await self.sweep()
                if resumed:
                    _log.warning("work_resumed", cases=resumed)
            except Exception as error:  # noqa: BLE001 - the next sweep comes, whatever happened to this one
                _log.error("sweep_failed", **whereabouts(error))
            await asyncio.sleep(self._interval_seconds)

    async def _resume(self, authorization_id: str) -> bool:
        if not await self._database.read(lambda tx: moves.is_stuck(tx, authorization_id)):
            return False
        await self._database.write(
            lambda tx: moves.resume(
                tx, self._present(), authorization_id=authorization_id, at_most=self._bounds.at_most
            )
        )
        return True

    async def _let_go(self, channel: Channel, authorization_id: str) -> None:
        case = await self._database.read(lambda tx: load(tx, authorization_id))
        if not needs_session(case):
            await channel.let_go(authorization_id)
