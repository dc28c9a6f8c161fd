"""The nodes of an installation: what runs in one process, started in order and stopped in reverse."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from priorauth.bootstrap.engines import ADAPTERS, engine_of, session_settings
from priorauth.bootstrap.listening import address_of, listen, serving
from priorauth.bootstrap.storage import blobs_of, given_keys, opened_database
from priorauth.channels.portals.channel import PortalChannel
from priorauth.channels.portals.entrance import Entrance
from priorauth.channels.portals.sessions import SessionHost
from priorauth.commands import live_sessions, live_views
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Environment
from priorauth.engine.credentials import Credentials
from priorauth.engine.ledger import Ledger
from priorauth.http.app import create_app
from priorauth.http.edge import ApiSettings, SandboxPortal, Services
from priorauth.http.limits import Limits
from priorauth.http.live_views import LiveViews
from priorauth.live.hub import Hub
from priorauth.live.viewer import viewer_file
from priorauth.sandbox import catalog as sandbox_catalog
from priorauth.sandbox.server import PortalServer
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.blobs import Blobs
from priorauth.store.database import Database
from priorauth.store.ids import present


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that can serve: its address, and the wait for its end."""

    url: str
    stopped: asyncio.Event


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[RunningServer]:
    """Run API, engine and, in the sandbox, the simulated payer; on leaving, stop them in order."""
    async with AsyncExitStack() as stack:
        stack.enter_context(data_folder.held(settings.data_dir))
        database = stack.enter_context(opened_database(settings))
        await database.write(lambda tx: live_sessions.release_all(tx, present()))
        await database.write(lambda tx: live_views.end_all(tx, present()))
        blobs = blobs_of(settings, data_folder.sealer(settings.data_dir, given_keys(settings)))
        portals = await portals_of(settings, stack)
        host = SessionHost(session_settings(settings), Ledger(database, present))
        stack.push_async_callback(host.shut_down)
        entrance = Entrance(
            host=host,
            adapters=ADAPTERS,
            credentials=Credentials(database, present),
            addresses={portal.id: portal.url for portal in portals},
        )
        channel = PortalChannel(host=host, entrance=entrance, documents=blobs)
        engine = engine_of(settings, database, channel)
        listener = listen(settings)
        url = settings.public_base_url or address_of(settings, listener)
        await engine.start()
        stack.push_async_callback(engine.stop, within_seconds=settings.shutdown_seconds)
        app = create_app(settings.environment)
        live = LiveViews(database=database, present=present, screens=host, show=Hub, viewer_file=viewer_file)
        app.state.services = services(settings, database, blobs, url=url, portals=portals, live=live)
        stopped = await stack.enter_async_context(serving(app, listener, trusted_proxies=settings.forwarded_allow_ips))
        stack.callback(database.changes.end)
        stack.push_async_callback(live.close)
        # What is loaded by now stays for good: no collection of garbage has to walk through it again.
        gc.collect()
        gc.freeze()
        yield RunningServer(url, stopped)


def services(
    settings: Settings,
    database: Database,
    blobs: Blobs,
    *,
    url: str,
    portals: tuple[SandboxPortal, ...] = (),
    live: LiveViews | None = None,
    present: Callable[[], Moment] = present,
) -> Services:
    """Return what an API works with that serves under `url`; it needs no engine to be up."""
    api_settings = ApiSettings(
        environment=settings.environment,
        public_base_url=url.rstrip("/"),
        server_key=data_folder.secret(settings.data_dir),
        automatic_submission_allowed=settings.automatic_submission_allowed,
        upload_seconds=settings.upload_seconds,
        file_bytes_limit=settings.file_bytes_limit,
        idempotency_days=settings.idempotency_days,
        access_grant_seconds=settings.access_grant_seconds,
        live_frame_ancestors=settings.live_frame_ancestors,
        sandbox_portals=portals,
    )
    limits = Limits(reads_per_minute=settings.reads_per_minute, writes_per_minute=settings.writes_per_minute)
    return Services(database, blobs, api_settings, limits, present, live)


async def portals_of(settings: Settings, stack: AsyncExitStack) -> tuple[SandboxPortal, ...]:
    """Start the simulated portals; outside of the sandbox there are none."""
    if settings.environment is not Environment.SANDBOX:
        return ()
    portals = []
    for number, portal in enumerate(sandbox_catalog.PORTALS):
        server = PortalServer(settings.data_dir / "sandbox", portal=portal.id)
        url = await server.start("127.0.0.1", settings.sandbox_portal_port if number == 0 else 0)
        stack.push_async_callback(server.stop)
        portals.append(SandboxPortal(id=portal.id, display_name=portal.display_name, url=url))
    return tuple(portals)
