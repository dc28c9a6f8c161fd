"""Takes dead workers' cases back: what they held is let go, and what they ran is taken up by those who live."""

import asyncio
from collections.abc import Callable

import structlog
from dbos import DBOS

from priorauth.commands import workers
from priorauth.domain.errors import whereabouts
from priorauth.domain.moment import Moment
from priorauth.store.database import Database

_log = structlog.get_logger(__name__)


class Reaper:
    """Looks for dead workers every `interval_seconds`."""

    def __init__(self, *, database: Database, present: Callable[[], Moment], interval_seconds: float) -> None:
        self._database = database
        self._present = present
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        """Reap until canceled; what fails is logged, and the next time comes."""
        while True:
            try:
                await self.reap()
            except Exception as error:  # noqa: BLE001 - the next time comes, whatever happened to this one
                _log.error("dead_not_reaped", **whereabouts(error))
            await asyncio.sleep(self._interval_seconds)

    async def reap(self) -> None:
        """Let go of what the dead held, then let the living take up what they ran."""
        left = await self._database.write(workers.bury)
        for authorization_id in left.cases:
            await self._take_back(authorization_id)
        if left.runners:
            # The version of the library is pinned for this: the function is private. It moves work from these owners
            # alone, so whoever does it twice moves it once.
            handles = await asyncio.to_thread(DBOS._recover_pending_workflows, list(left.runners))  # noqa: SLF001
            _log.warning("work_taken_over", workers=list(left.runners), works=len(handles))

    async def _take_back(self, authorization_id: str) -> None:
        await self._database.write(lambda tx: workers.take_back(tx, self._present(), authorization_id=authorization_id))
