"""How long the work of a killed worker lies idle, until it runs elsewhere or has ended; seen in the engine's tables."""

import asyncio
from time import monotonic

from tests.chaos.cluster import Node
from tests.chaos.databases import Database, DatabaseDown

_LOOK_SECONDS = 0.1
_AT_MOST_SECONDS = 60.0


class Takeovers:
    """Watches the work of those who die. On SQLite there is nobody to take it over."""

    def __init__(self, database: Database, *, many: bool) -> None:
        self.seconds: list[float] = []
        self.never: list[str] = []
        self.database_down_seconds = 0.0
        self._database = database
        self._many = many
        self._watching: set[asyncio.Task[None]] = set()

    async def expect(self, node: Node) -> None:
        """Look up what a worker has under way that is about to be killed, and watch it from now on."""
        if not self._many:
            return
        port = node.url.rpartition(":")[2]
        owner = f"(SELECT id FROM workers WHERE url LIKE '%:{port}' ORDER BY lease_ends_at DESC LIMIT 1)"
        under_way = await self._database.rows(
            f"SELECT workflow_uuid, executor_id FROM workflow_status WHERE status = 'PENDING' AND executor_id = {owner}"
        )
        for work_id, dead in under_way:
            watch = asyncio.create_task(self._watch(work_id, dead, monotonic()))
            self._watching.add(watch)
            watch.add_done_callback(self._watching.discard)

    def database_was_down(self, seconds: float) -> None:
        """Note what nobody can take over meanwhile."""
        self.database_down_seconds += seconds

    async def finish(self) -> None:
        """Wait for what is still watched."""
        await asyncio.gather(*self._watching)

    async def _watch(self, work_id: str, dead: str, died_at: float) -> None:
        while monotonic() - died_at < _AT_MOST_SECONDS:
            await asyncio.sleep(_LOOK_SECONDS)
            if await self._goes_on(work_id, dead):
                self.seconds.append(monotonic() - died_at)
                return
        self.never.append(work_id)

    async def _goes_on(self, work_id: str, dead: str) -> bool:
        """Say whether the work has ended, or runs elsewhere."""
        query = f"SELECT status, executor_id FROM workflow_status WHERE workflow_uuid = '{work_id}'"
        try:
            found = await self._database.rows(query)
        except DatabaseDown:
            return False
        status, executor = found[0] if found else ("GONE", None)
        return status not in ("PENDING", "ENQUEUED", "DELAYED") or (status == "PENDING" and executor != dead)
