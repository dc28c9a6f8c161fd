"""The nodes of an installation: what runs in one process, started in order and stopped in reverse.

All in one over the data folder's SQLite; or API nodes, workers and the simulated portals apart, over one PostgreSQL.
"""

import asyncio
import gc
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from priorauth.bootstrap.engines import ADAPTERS, engine_of, session_settings
from priorauth.bootstrap.listening import address_of, listen, serving
from priorauth.bootstrap.portals import portals_apart, portals_here
from priorauth.bootstrap.storage import blobs_of, claims_of, opened_database, server_key_of
from priorauth.bootstrap.watching import Watched
from priorauth.channels.portals.channel import PortalChannel
from priorauth.channels.portals.entrance import Entrance
from priorauth.channels.portals.sessions import SessionHost
from priorauth.commands import workers
from priorauth.domain.moment import Moment
from priorauth.engine.credentials import Credentials
from priorauth.engine.leases import Lease, elapsed
from priorauth.engine.ledger import Ledger
from priorauth.formats.documents.inspection import Inspection
from priorauth.http.app import create_app
from priorauth.http.edge import ApiSettings, SandboxPortal, Services
from priorauth.http.limits import Limits
from priorauth.http.live_relay import LiveRelay
from priorauth.http.live_views import Live, LiveViews
from priorauth.http.worker import create_worker_app
from priorauth.live.hub import Hub
from priorauth.live.viewer import viewer_file
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.blobs import Blobs
from priorauth.store.claims.submission_claims import SubmissionClaims
from priorauth.store.database import Database
from priorauth.store.databases import postgresql
from priorauth.store.ids import present
from priorauth.telemetry import traces
from priorauth.telemetry.page import MetricsPage

# A process that has the data folder to itself is followed by nobody while it lives.
_FOR_EVER = 1e10


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can serve: its address, and the wait for its unasked end."""

    url: str
    stopped: asyncio.Event


@asynccontextmanager
async def all_in_one(settings: Settings) -> AsyncIterator[Node]:
    """Run API, worker and, in the sandbox, the simulated portals in this process, over the data folder's SQLite."""
    async with AsyncExitStack() as stack:
        stack.enter_context(traces.exporting())
        stack.enter_context(data_folder.held(settings.data_dir))
        database = stack.enter_context(opened_database(settings))
        watched = Watched(settings, database)
        apart = settings.sandbox_url is not None
        portals = portals_apart(settings) if apart else await portals_here(settings, stack)
        listener = listen(settings.host, settings.port)
        url = settings.public_base_url or address_of(settings.host, listener)
        worker = _new_worker()
        claims = await _claims(settings, stack, database, worker=worker)
        await database.write(lambda tx: workers.join(tx, worker=worker, url=url, lease_seconds=_FOR_EVER, alone=True))
        live = await _work(settings, stack, database, worker=worker, portals=portals, watched=watched, claims=claims)
        app = create_app(settings.environment)
        app.state.services = services(
            settings,
            database,
            blobs_of(settings),
            url=url,
            portals=portals,
            live=live,
            metrics=watched.page,
            halted=claims.is_stale,
        )
        stopped = await _listen_on(settings, stack, app, listener, database=database, live=live)
        yield Node(url, stopped)


@asynccontextmanager
async def api(settings: Settings) -> AsyncIterator[Node]:
    """Run an API node, which leads viewers to the workers that hold their sessions."""
    async with AsyncExitStack() as stack:
        stack.enter_context(traces.exporting())
        database = stack.enter_context(opened_database(settings))
        watched = Watched(settings, database)
        await _claims(settings, stack, database)
        listener = listen(settings.host, settings.port)
        url = settings.public_base_url or address_of(settings.host, listener)
        live = LiveRelay(database=database, proof_for=_proofs(settings), viewer_file=viewer_file)
        app = create_app(settings.environment)
        app.state.services = services(
            settings,
            database,
            blobs_of(settings),
            url=url,
            portals=portals_apart(settings),
            live=live,
            metrics=watched.page,
        )
        stopped = await _listen_on(settings, stack, app, listener, database=database, live=live)
        yield Node(url, stopped)


@asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[Node]:
    """Run a worker under a lease, which listens for API nodes alone."""
    async with AsyncExitStack() as stack:
        stack.enter_context(traces.exporting())
        database = stack.enter_context(opened_database(settings))
        watched = Watched(settings, database)
        portals = portals_apart(settings)
        listener = listen(settings.worker_host, settings.worker_port)
        url = settings.worker_url or address_of(settings.worker_host, listener)
        name, seconds = _new_worker(), settings.lease_seconds
        claims = await _claims(settings, stack, database, worker=name)
        begun_at = elapsed()
        await database.write(lambda tx: workers.join(tx, worker=name, url=url, lease_seconds=seconds, alone=False))
        engine = postgresql.create_engine(database.url, writing=True)
        stack.callback(engine.dispose)
        lease = Lease(engine, worker=name, seconds=seconds, begun_at=begun_at)
        lease.begin()
        stack.push_async_callback(_leave, database, lease, name)
        live = await _work(
            settings,
            stack,
            database,
            worker=name,
            portals=portals,
            watched=watched,
            claims=claims,
            stands=lease.stands,
        )
        app = create_worker_app(_proofs(settings)(name))
        app.state.services = services(
            settings, database, blobs_of(settings), url=url, live=live, metrics=watched.page, halted=claims.is_stale
        )
        stopped = await _listen_on(settings, stack, app, listener, database=database, live=live)
        yield Node(url, stopped)


def services(
    settings: Settings,
    database: Database,
    blobs: Blobs,
    *,
    url: str,
    portals: tuple[SandboxPortal, ...] = (),
    live: Live | None = None,
    metrics: MetricsPage | None = None,
    present: Callable[[], Moment] = present,
    halted: asyncio.Event | None = None,
) -> Services:
    """Return what an API works with that serves under `url`; it needs no engine to be up."""
    api_settings = ApiSettings(
        environment=settings.environment,
        public_base_url=url.rstrip("/"),
        server_key=server_key_of(settings),
        automatic_submission_allowed=settings.automatic_submission_allowed,
        upload_seconds=settings.upload_seconds,
        file_bytes_limit=settings.file_bytes_limit,
        stored_bytes_limit=settings.stored_bytes_limit,
        idempotency_days=settings.idempotency_days,
        access_grant_seconds=settings.access_grant_seconds,
        review_view_seconds=settings.review_seconds,
        live_frame_ancestors=settings.live_frame_ancestors,
        waiting_work_limit=settings.waiting_work_limit,
        sandbox_portals=portals,
    )
    limits = Limits(reads_per_minute=settings.reads_per_minute, writes_per_minute=settings.writes_per_minute)
    inspection = Inspection(refuses_active=settings.refuse_active_content, scan_command=settings.scan_command)
    return Services(database, blobs, api_settings, limits, present, live, metrics, halted, inspection)


async def _work(
    settings: Settings,
    stack: AsyncExitStack,
    database: Database,
    *,
    worker: str,
    portals: tuple[SandboxPortal, ...],
    watched: Watched,
    claims: SubmissionClaims,
    stands: Callable[[], bool] = lambda: True,
) -> LiveViews:
    """Start to work on cases; return the views of the sessions in which that happens."""
    host = SessionHost(
        session_settings(settings, worker=worker),
        Ledger(
            database,
            present,
            claims=claims,
            sessions_per_credential=settings.concurrent_sessions_per_credential,
        ),
        stands=stands,
    )
    stack.push_async_callback(host.shut_down)
    watched.sessions(host)
    entrance = Entrance(
        host=host,
        adapters=ADAPTERS,
        credentials=Credentials(database, present, worker=worker),
        addresses={portal.id: portal.url for portal in portals},
    )
    blobs = blobs_of(settings)
    channel = PortalChannel(host=host, entrance=entrance, documents=blobs)
    engine = engine_of(settings, database, blobs, channel, worker=worker, claims=claims)
    await engine.start(shutdown_seconds=settings.shutdown_seconds)
    stack.push_async_callback(engine.stop, within_seconds=settings.shutdown_seconds)
    return LiveViews(
        database=database,
        present=present,
        screens=host,
        show=lambda *screens, **told: watched.viewers(Hub(*screens, **told)),
        viewer_file=viewer_file,
        review_seconds=settings.review_seconds,
    )


async def _claims(
    settings: Settings, stack: AsyncExitStack, database: Database, *, worker: str = ""
) -> SubmissionClaims:
    """Return what claims submissions, after the database was held against the file store; it is again at intervals."""
    claims = claims_of(settings, database, worker=worker)
    await stack.enter_async_context(claims.watched(interval_seconds=settings.sweep_seconds))
    return claims


async def _listen_on(
    settings: Settings, stack: AsyncExitStack, app: FastAPI, listener: socket.socket, *, database: Database, live: Live
) -> asyncio.Event:
    stopped = await stack.enter_async_context(serving(app, listener, trusted_proxies=settings.forwarded_allow_ips))
    stack.callback(database.changes.end)
    stack.push_async_callback(live.close)
    # What is loaded by now stays for good: no collection of garbage has to walk through it again.
    gc.collect()
    gc.freeze()
    return stopped


async def _leave(database: Database, lease: Lease, worker: str) -> None:
    """End a lease after all that was done under it: others take over at once what is left."""
    try:
        await database.write(lambda tx: workers.leave(tx, worker=worker))
    finally:
        await asyncio.to_thread(lease.end)


def _proofs(settings: Settings) -> Callable[[str], str]:
    """Return how an API node proves to a worker that it is one of the installation."""
    key = server_key_of(settings)
    return lambda worker: data_folder.proof(key, f"worker:{worker}")


def _new_worker() -> str:
    return f"worker_{secrets.token_hex(8)}"
