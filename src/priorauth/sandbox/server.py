"""Runs the simulated portals, each on the event loop of its caller and at an address of its own.

Leaves the process alone: no signal handlers, no logging configuration. Its data outlive it.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from priorauth.sandbox import catalog
from priorauth.sandbox.accounts import Account
from priorauth.sandbox.failures import FailingPortal, Failures
from priorauth.sandbox.hostile.portal import HostilePortal, Site
from priorauth.sandbox.juniper import app as juniper
from priorauth.sandbox.juniper.control import check_portal as check_juniper
from priorauth.sandbox.juniper.records import Records as JuniperRecords
from priorauth.sandbox.larkspur import app as larkspur
from priorauth.sandbox.larkspur.control import check_portal as check_larkspur
from priorauth.sandbox.larkspur.records import Records as LarkspurRecords
from priorauth.sandbox.records import PlanRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What there is to know of one portal in order to serve it."""

    records: type[PlanRecords]
    create_app: Callable[..., Starlette]
    check: Callable[[object], str | None]
    banner: str
    site: Site


_KINDS = {
    "larkspur": _Kind(
        records=LarkspurRecords,
        create_app=larkspur.create_app,
        check=check_larkspur,
        banner="LPC-Web/4.2",
        site=Site(final="/drafts/{}/submit", worker="/static/portal.js", takes_json=False),
    ),
    "juniper": _Kind(
        records=JuniperRecords,
        create_app=juniper.create_app,
        check=check_juniper,
        banner="jr-workspace",
        site=Site(final="/api/drafts/{}/submission", worker="/assets/main.js", takes_json=True),
    ),
}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class PortalServer:
    """One simulated portal over the data of one folder; it may be started again after it was stopped."""

    def __init__(
        self,
        data_dir: Path,
        *,
        portal: str = "larkspur",
        accounts: Iterable[Account] | None = None,
        clock: Callable[[], datetime] = _utc_now,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        failure_rate: float = 0.0,
        failure_seed: int = 0,
    ) -> None:
        """Make a portal that does not run yet. `failure_rate`: the share of all requests at which it fails by chance.

        Raises ValueError for a rate that is none.
        """
        self._failures = Failures(failure_rate, failure_seed)
        self._data_dir = data_dir
        self._portal = portal
        self._accounts = tuple(catalog.PORTAL_ACCOUNTS[portal] if accounts is None else accounts)
        self._clock = clock
        self._sleep = sleep
        self._records: PlanRecords | None = None
        self._server: _Server | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve, and return the base URL; port 0 takes a free one."""
        if self._running is not None:
            raise RuntimeError("the portal is running already")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # With the protocol spelled out: without it asyncio leaves Nagle's algorithm on, which costs each page 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            self._records = self._open_records()
        except BaseException:
            listener.close()
            raise
        self._server = _Server(self._configuration(self._records))
        self._running = asyncio.create_task(self._server.serve(sockets=[listener]), name=f"sandbox-{self._portal}")
        started = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait({self._running, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if self._running.done():
            await self.stop()
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        return f"http://{shown}:{listener.getsockname()[1]}"

    async def stop(self) -> None:
        """Finish what is being answered and close; harmless where nothing runs."""
        running, self._running = self._running, None
        records, self._records = self._records, None
        if self._server is not None:
            self._server.should_exit = True
        try:
            if running is not None:
                await running
        finally:
            if records is not None:
                records.close()

    def _open_records(self) -> PlanRecords:
        records = _open(self._data_dir, self._portal)
        for told in catalog.members_at(self._portal):
            records.seed_member(told["member"], told["behaviour"], now=self._clock())
        return records

    def _configuration(self, records: PlanRecords) -> uvicorn.Config:
        kind = _KINDS[self._portal]
        app = kind.create_app(records, accounts=self._accounts, clock=self._clock, sleep=self._sleep)
        return uvicorn.Config(
            FailingPortal(HostilePortal(app, records, kind.site), self._failures, sleep=self._sleep),
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            # Loopback decides who may steer the sandbox: no header may claim it.
            proxy_headers=False,
            server_header=False,
            headers=[("Server", kind.banner)],
            timeout_keep_alive=15,
            timeout_graceful_shutdown=1,
        )


def check_portal(portal: str, told: object) -> str | None:
    """What is wrong with what a portal is told of a member, if anything; nothing is, where there is no such portal."""
    kind = _KINDS.get(portal)
    return None if kind is None else kind.check(told)


def seed_members(data_dir: Path, portal: str, members: Iterable[dict[str, Any]]) -> None:
    """Let the portal of this folder know members that `check_portal` takes, beside a running one too."""
    records = _open(data_dir, portal)
    try:
        for each in members:
            records.seed_member(each["member"], each["behaviour"], now=datetime.now(UTC))
    finally:
        records.close()


def _open(data_dir: Path, portal: str) -> PlanRecords:
    data_dir.mkdir(parents=True, exist_ok=True)
    return _KINDS[portal].records(data_dir / f"{portal}.sqlite3")


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The signals belong to the process that this server is a guest of."""
        yield


class _Connection(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # A fault that breaks the connection needs it; one connection must not see another one's.
        self.app_state = {**self.app_state, "transport": transport}
        # Off for this server only: the switch in the configuration turns off the whole process's access log.
        self.access_log = False
