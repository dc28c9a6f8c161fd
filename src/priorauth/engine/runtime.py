"""The durable engine's life: it starts inside the running event loop, takes up what a crash left, and stops in order.

On SQLite one process holds the data folder, so the executor's id is constant: whatever was running when the process
died is this executor's work, and DBOS takes it up again at launch. The application's version is constant too, since a
new one would strand the work that is under way.
"""

import asyncio
from contextlib import suppress

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from priorauth.engine.following import Following
from priorauth.engine.processing import Processing, Verdict
from priorauth.engine.sweeper import Sweeper
from priorauth.store.work import FOLLOW, PROCESS, QUEUE


class Engine:
    """Runs the workflows of one server."""

    def __init__(
        self,
        *,
        database_url: str,
        processing: Processing,
        following: Following,
        sweeper: Sweeper,
        concurrency: int,
        polling_seconds: float,
    ) -> None:
        self._database_url = database_url
        self._processing = processing
        self._following = following
        self._sweeper = sweeper
        self._concurrency = concurrency
        self._polling_seconds = polling_seconds
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Launch DBOS in the running loop, register the workflows, recover, and begin to sweep."""
        configuration: DBOSConfig = {
            "name": "priorauth",
            "system_database_url": self._database_url,
            "executor_id": "single",
            "application_version": "1",
            "serializer": DBOSPortableJSONSerializer(),
            "max_executor_threads": 32,
            "log_level": "WARNING",
        }
        DBOS(config=configuration)
        self._register()
        DBOS.launch()
        await DBOS.register_queue_async(
            QUEUE,
            worker_concurrency=self._concurrency,
            polling_interval_sec=self._polling_seconds,
            on_conflict="always_update",
        )
        self._sweeping = asyncio.create_task(self._sweeper.run(), name="sweeper")

    async def stop(self, *, within_seconds: int) -> None:
        """Stop taking work, give running steps `within_seconds`, and let go; what is unfinished is taken up later."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=within_seconds)

    def _register(self) -> None:
        @DBOS.workflow(name=PROCESS)
        async def process(authorization_id: str, run: int, turn: int) -> str:
            case = (authorization_id, run, turn)
            verdict = await DBOS.run_step_async({"name": "advance"}, self._processing.advance, *case)
            if verdict == Verdict.UNRESOLVED:
                verdict = await DBOS.run_step_async({"name": "settle"}, self._processing.settle, *case)
            await DBOS.run_step_async({"name": "end"}, self._processing.end, authorization_id)
            return str(verdict)

        @DBOS.workflow(name=FOLLOW)
        async def follow(authorization_id: str, run: int, turn: int) -> str:
            return str(await DBOS.run_step_async({"name": "look"}, self._following.look, authorization_id, run, turn))
