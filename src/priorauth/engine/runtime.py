"""The durable engine's life: it starts inside the running event loop, takes up what the dead left, and stops in order.

Every start of a worker is another executor to DBOS, which by itself recovers nothing of others: the reaper does. The
application's version is constant, since a new one would strand the work that is under way. A worker listens to the
common queue and to its own, where work waits that goes on in a session which it holds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress

import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind

from priorauth import faultpoints
from priorauth.domain.errors import whereabouts
from priorauth.domain.events import Observer
from priorauth.engine.following import Following
from priorauth.engine.processing import Processing, Verdict
from priorauth.engine.reaper import Reaper
from priorauth.engine.reconciling import Reconciling
from priorauth.engine.sweeper import Sweeper
from priorauth.faultpoints import Phase, Point
from priorauth.store.work import FOLLOW, PROCESS, QUEUE, queue_of
from priorauth.telemetry import traces

_log = structlog.get_logger(__name__)

Step = Callable[[str, int, int], Awaitable[str]]


class Engine:
    """Runs the workflows of one server."""

    def __init__(
        self,
        *,
        database_url: str,
        worker: str,
        processing: Processing,
        reconciling: Reconciling,
        following: Following,
        sweeper: Sweeper,
        reaper: Reaper,
        concurrency: int,
        concurrency_per_payer: int,
        polling_seconds: float,
        observer: Observer | None = None,
        halted: asyncio.Event | None = None,
    ) -> None:
        self._database_url = database_url
        self._processing = processing
        self._reconciling = reconciling
        self._following = following
        self._sweeper = sweeper
        self._reaper = reaper
        self._worker = worker
        self._concurrency = concurrency
        self._concurrency_per_payer = concurrency_per_payer
        self._polling_seconds = polling_seconds
        self._observer = observer or Observer()
        self._halted = halted or asyncio.Event()
        self._halting: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._launched = False
        self._tending: tuple[asyncio.Task[None], ...] = ()
        self._running: set[str] = set()

    async def start(self, *, shutdown_seconds: int = 10) -> None:
        """Start to work, unless the engine is halted; stop by itself as soon as it is, as `stop` does."""
        async with self._changing:
            if not self._halted.is_set():
                await self._launch()
        self._halting = asyncio.create_task(self._halt(shutdown_seconds), name="engine-halt")

    async def stop(self, *, within_seconds: int) -> None:
        """Stop taking work, give running steps `within_seconds`, and let go; what is unfinished is taken up later."""
        if self._halting is not None and not self._halted.is_set():
            self._halting.cancel()
        async with self._changing:
            await self._end(within_seconds)

    async def _halt(self, within_seconds: int) -> None:
        await self._halted.wait()
        async with self._changing:
            _log.error("engine_halted", advice="The database was put back. No work goes on in this process.")
            await self._end(within_seconds)

    async def _launch(self) -> None:
        """Launch DBOS in the running loop, register workflows and queues, take up what was left, begin to sweep."""
        self._launched = True
        configuration: DBOSConfig = {
            "name": "priorauth",
            "system_database_url": self._database_url,
            "executor_id": self._worker,
            "application_version": "1",
            "serializer": DBOSPortableJSONSerializer(),
            "max_executor_threads": 32,
            "run_migrations": False,
            "log_level": "WARNING",
        }
        DBOS(config=configuration)
        self._register()
        DBOS.listen_queues([QUEUE, queue_of(self._worker)])
        DBOS.launch()
        await DBOS.register_queue_async(
            QUEUE,
            worker_concurrency=self._concurrency,
            partition_concurrency=self._concurrency_per_payer,
            polling_interval_sec=self._polling_seconds,
            on_conflict="always_update",
        )
        await DBOS.register_queue_async(
            queue_of(self._worker),
            worker_concurrency=self._concurrency,
            polling_interval_sec=self._polling_seconds,
            on_conflict="always_update",
        )
        await self._reaper.reap()
        self._tending = (
            asyncio.create_task(self._reaper.run(), name="reaper"),
            asyncio.create_task(self._sweeper.run(self.is_running), name="sweeper"),
            asyncio.create_task(self._sweeper.attend_sessions(), name="session-attendant"),
        )

    async def _end(self, within_seconds: int) -> None:
        if not self._launched:
            return
        self._launched = False
        for task in self._tending:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=within_seconds)
        # DBOS leaves the loop with its own executor, which takes no work any more; what stops after it needs one.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    def is_running(self, work_id: str) -> bool:
        """Say whether this process runs the work now, whatever the engine's tables believe."""
        return work_id in self._running

    def _register(self) -> None:
        @DBOS.workflow(name=PROCESS)
        async def process(authorization_id: str, run: int, turn: int, trace: str | None = None) -> str:
            case = (authorization_id, run, turn)
            with self._under_way(), _span(PROCESS, authorization_id, within=traces.brought(trace)):
                verdict = await self._step("advance", self._processing.advance, case=case)
                if verdict == Verdict.CLOSING:
                    verdict = await self._step("reconcile", self._reconciling.reconcile, case=case)
                if verdict == Verdict.UNRESOLVED:
                    verdict = await self._step("settle", self._processing.settle, case=case)
                return verdict

        @DBOS.workflow(name=FOLLOW)
        async def follow(authorization_id: str, run: int, turn: int, trace: str | None = None) -> str:
            # Looks go on for days: each is a trace of its own, which names the one that it came from.
            with self._under_way(), _span(FOLLOW, authorization_id, after=traces.brought(trace)):
                return await self._step("look", self._following.look, case=(authorization_id, run, turn))

    async def _step(self, name: str, step: Step, *, case: tuple[str, int, int]) -> str:
        if self._halted.is_set():
            # Work that ends unfinished is started again by the sweeper of the next engine.
            return Verdict.AGAIN
        began, verdict = time.perf_counter(), "failed"
        with traces.span(name, {traces.CASE: case[0], traces.STEP: name}) as span:
            try:
                verdict = await _recorded(name, step, case=case)
                return verdict
            finally:
                span.set_attribute(traces.VERDICT, verdict)
                self._observer.stepped(
                    step=name, authorization_id=case[0], verdict=verdict, seconds=time.perf_counter() - began
                )

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        work_id = str(DBOS.workflow_id)
        self._running.add(work_id)
        try:
            yield
        finally:
            self._running.discard(work_id)


class StepFailed(Exception):
    """A step met an error that nobody foresaw. What the error says stays out of the engine's tables."""


async def _recorded(name: str, step: Step, *, case: tuple[str, int, int]) -> str:
    point = Point(name)

    async def guarded() -> str:
        try:
            await faultpoints.passing(point, Phase.BEFORE)
            verdict = str(await step(*case))
            await faultpoints.passing(point, Phase.AFTER)
            return verdict
        except Exception as error:  # noqa: BLE001 - the engine writes down what it catches, so it gets no text
            _log.error("step_failed", step=name, authorization_id=case[0], **whereabouts(error))
            raise StepFailed(f"{name}: {type(error).__name__}") from None

    verdict = await DBOS.run_step_async({"name": name}, guarded)
    await faultpoints.passing(point, Phase.RECORDED)
    return verdict


def _span(
    name: str, authorization_id: str, *, within: Context | None = None, after: Context | None = None
) -> AbstractContextManager[Span]:
    # Whoever enqueued it is long gone: work that no trace has brought begins one.
    return traces.span(
        name, {traces.CASE: authorization_id}, kind=SpanKind.CONSUMER, within=within or Context(), after=after
    )
