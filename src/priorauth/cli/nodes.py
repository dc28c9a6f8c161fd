"""The commands that run a node until they are asked to stop, and the one that prepares the database for all of them."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from priorauth import faultpoints
from priorauth.bootstrap import nodes
from priorauth.bootstrap.children import supervised_worker
from priorauth.bootstrap.doctor.machine import require_configured
from priorauth.bootstrap.engines import isolation_settings
from priorauth.bootstrap.logs import configure_logging, log_faults_of
from priorauth.bootstrap.portals import portals_here
from priorauth.bootstrap.storage import opened_database
from priorauth.channels.portals.chromium import find_chromium
from priorauth.channels.portals.isolation.launching import require
from priorauth.cli.common import KEEP_KEYS, DataDir, missing_keys, read_settings, tell_of_new_keys, told
from priorauth.domain.errors import UserFault
from priorauth.domain.organizations import Environment
from priorauth.settings import Settings

_log = structlog.get_logger(__name__)

Host = Annotated[str | None, typer.Option(help="The address to listen on.")]
Port = Annotated[int | None, typer.Option(help="The port to listen on; 0 takes a free one.")]


def serve(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Run the API, a worker and, in the sandbox environment, the simulated payers, all in one."""
    settings = _settings(host=host, port=port, data_dir=data_dir)
    with told():
        require_configured(settings)
        _require_browser(settings)
        run = nodes.all_in_one if settings.database_url is None else _with_a_worker
        missing = missing_keys(settings.data_dir)
        asyncio.run(_run("priorauth", run(settings), without=missing))


def api(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Run an API node over PostgreSQL."""
    settings = _settings(host=host, port=port, data_dir=data_dir)
    with told():
        _require_postgresql(settings, "api")
        require_configured(settings)
        asyncio.run(_run("priorauth api", nodes.api(settings)))


def worker(
    worker_host: Annotated[str | None, typer.Option("--host", help="The private address to listen on.")] = None,
    worker_port: Annotated[
        int | None, typer.Option("--port", help="The port to listen on; 0 takes a free one.")
    ] = None,
    data_dir: DataDir = None,
    while_stdin_is_open: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run a worker over PostgreSQL: it works on cases, in browsers."""
    settings = _settings(worker_host=worker_host, worker_port=worker_port, data_dir=data_dir)
    with told():
        _require_postgresql(settings, "worker")
        require_configured(settings)
        _require_browser(settings)
        asyncio.run(_run("priorauth worker", nodes.worker(settings), while_stdin_is_open=while_stdin_is_open))


def sandbox(
    sandbox_host: Annotated[str | None, typer.Option("--host", help="The address to listen on.")] = None,
    sandbox_portal_port: Annotated[int | None, typer.Option("--port", help="The first portal's port.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Run the simulated payers' portals apart."""
    settings = _settings(sandbox_host=sandbox_host, sandbox_portal_port=sandbox_portal_port, data_dir=data_dir)
    with told():
        if settings.environment is not Environment.SANDBOX:
            raise UserFault("The simulated payers are of the sandbox environment alone.")
        asyncio.run(_run("priorauth sandbox", _sandbox(settings)))


def migrate(data_dir: DataDir = None) -> None:
    """Bring the database's schema up to date and exit; nodes of the version before go on beside it."""
    settings = _settings(data_dir=data_dir)
    missing = missing_keys(settings.data_dir)
    with told(), opened_database(settings):
        tell_of_new_keys(missing)
        typer.echo("The database is ready.")


def _settings(**given: Any) -> Settings:  # noqa: ANN401 - whatever an option takes
    settings = read_settings(given)
    configure_logging(settings.log_level)
    faultpoints.arm(settings.faultpoints)
    return settings


def _require_browser(settings: Settings) -> None:
    """Refuse to start without a browser, and without what is demanded to surround it: not first at a case."""
    browser = find_chromium(settings.chromium_path)
    if settings.chromium_sandbox == "on" or settings.browser_isolation == "required":
        require(browser, sandbox=settings.chromium_sandbox, settings=isolation_settings(settings))


def _require_postgresql(settings: Settings, command: str) -> None:
    if settings.database_url is None:
        raise UserFault(
            f"`priorauth {command}` is for many nodes over one PostgreSQL: set PRIORAUTH_DATABASE_URL. "
            "On one machine, `priorauth serve` runs everything."
        )


@asynccontextmanager
async def _with_a_worker(settings: Settings) -> AsyncIterator[nodes.Node]:
    """Run an API node here and a worker beside it: the lease that a worker loses must not end the API."""
    async with AsyncExitStack() as stack:
        portals = await portals_here(settings, stack) if settings.sandbox_url is None else ()
        if portals:
            settings = settings.model_copy(update={"sandbox_url": portals[0].url})
        node = await stack.enter_async_context(nodes.api(settings))
        told = {"PRIORAUTH_DATA_DIR": str(settings.data_dir)}
        if settings.sandbox_url is not None:
            told["PRIORAUTH_SANDBOX_URL"] = settings.sandbox_url
        await stack.enter_async_context(supervised_worker(told))
        yield node


@asynccontextmanager
async def _sandbox(settings: Settings) -> AsyncIterator[nodes.Node]:
    async with AsyncExitStack() as stack:
        portals = await portals_here(settings, stack)
        yield nodes.Node(portals[0].url, asyncio.Event())


async def _run(
    name: str,
    node: AbstractAsyncContextManager[nodes.Node],
    *,
    while_stdin_is_open: bool = False,
    without: Sequence[Path] = (),
) -> None:
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    log_faults_of(loop)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked_to_stop.set)
    if while_stdin_is_open:
        loop.add_reader(sys.stdin.fileno(), _until_closed, asked_to_stop)
    async with node as running:
        made = [str(path) for path in without if path.exists()]
        if made:
            # A server's standard error is its log, of JSON alone.
            _log.warning("keys_made", files=made, advice=KEEP_KEYS)
        sys.stdout.write(f"{name} is serving at {running.url}\n")
        sys.stdout.flush()
        waits = [asyncio.create_task(event.wait()) for event in (asked_to_stop, running.stopped)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


def _until_closed(asked_to_stop: asyncio.Event) -> None:
    # Nothing is ever written there: what can be read is its end.
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    asked_to_stop.set()
