"""A worker in a process of its own beside the API of the same command: started again whenever it ends."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import structlog

_log = structlog.get_logger(__name__)

_COMMAND = (sys.executable, "-m", "priorauth.cli", "worker", "--while-stdin-is-open")
_PAUSE_SECONDS = 1.0


@asynccontextmanager
async def supervised_worker(environment: Mapping[str, str]) -> AsyncIterator[None]:
    """Keep a worker running under these variables. It ends with this process, however that ends: its input closes."""
    task = asyncio.create_task(_keep(environment), name="worker-supervisor")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep(environment: Mapping[str, str]) -> None:
    while True:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()
            raise
        _log.warning("worker_ended", status=status, hint="It is started again.")
        await asyncio.sleep(_PAUSE_SECONDS)
