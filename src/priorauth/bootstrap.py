"""The only place that wires everything: settings in, a running server out, and the way back in order."""

import asyncio
import gc
import json
import logging
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from priorauth import faultpoints
from priorauth.channels.contract import Channel
from priorauth.channels.portals.adapter import PortalAdapter
from priorauth.channels.portals.channel import PortalChannel
from priorauth.channels.portals.entrance import Entrance
from priorauth.channels.portals.juniper.portal import JuniperPortal
from priorauth.channels.portals.larkspur.portal import LarkspurPortal
from priorauth.channels.portals.sessions import SessionHost, SessionSettings
from priorauth.commands import catalog as catalog_commands
from priorauth.commands import credentials as credential_commands
from priorauth.commands import live_sessions, live_views
from priorauth.commands.credentials import Secrets
from priorauth.commands.organizations import create_key, ensure_organization
from priorauth.domain.catalog import Payer, Provider
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import ApiKey, Environment, Organization, Scope
from priorauth.engine.credentials import Credentials
from priorauth.engine.following import Following
from priorauth.engine.ledger import Ledger
from priorauth.engine.processing import Processing
from priorauth.engine.reconciling import Reconciling
from priorauth.engine.retries import Bounds, Retries
from priorauth.engine.runtime import Engine
from priorauth.engine.sweeper import Sweeper
from priorauth.formats.payer_folders import PayerFolder, read_folder
from priorauth.formats.payers import payer_of, provider_of
from priorauth.http.app import create_app
from priorauth.http.edge import ApiSettings, SandboxPortal, Services
from priorauth.http.limits import Limits
from priorauth.http.live_views import LiveViews
from priorauth.http.protocol import EnvelopingProtocol
from priorauth.live.hub import Hub
from priorauth.live.messages import MESSAGE_LIMIT
from priorauth.live.viewer import viewer_file
from priorauth.sandbox import catalog as sandbox_catalog
from priorauth.sandbox.server import PortalServer, check_portal, seed_members
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.blobs import Blobs, folder_store, remote_store
from priorauth.store.database import Database
from priorauth.store.encryption import keys, rotation
from priorauth.store.encryption.sealing import Sealer
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction

_ADAPTERS: dict[str, PortalAdapter] = {adapter.id: adapter for adapter in (LarkspurPortal(), JuniperPortal())}


class CannotListen(Exception):
    """The address is taken, or not one of this machine."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that can serve: its address, and the wait for its end."""

    url: str
    stopped: asyncio.Event


def configure_logging(level: str) -> None:
    """Log as JSON lines on standard error, ours and the libraries' alike."""
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared)
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """Open the data folder's database.

    Creates folder, schema and, in the sandbox, the catalog and its accounts where they are missing. Raises
    DataFolderInUse while the key is exchanged.
    """
    with data_folder.keys_held(settings.data_dir), _database(settings) as database:
        if settings.environment is Environment.SANDBOX:
            _install_sandbox_catalog(database)
        yield database


def issue_key(
    database: Database,
    *,
    organization_name: str,
    environment: Environment,
    scopes: tuple[Scope, ...] = tuple(Scope),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key for an organization, which is created when it is new and, in the sandbox, gets the whole catalog."""

    def operation(tx: Transaction) -> tuple[ApiKey, str]:
        moment = present()
        organization = ensure_organization(tx, moment, name=organization_name)
        if environment is Environment.SANDBOX:
            _grant_everything(tx, organization)
        return create_key(
            tx, moment, organization=organization, environment=environment, scopes=scopes, expires_at=expires_at
        )

    return database.write_now(operation)


def read_payer(folder: Path) -> PayerFolder:
    """Return the payer that a folder's files describe. Raises FaultyFolder."""
    return read_folder(folder, portals=frozenset(_ADAPTERS), judge_member=check_portal)


def add_payer(database: Database, found: PayerFolder, settings: Settings) -> None:
    """Put a payer into the catalog; in the sandbox every organization may use it, and its portal knows its members.

    Members are written first: a crash in between leaves people whom nobody asks for.
    """
    sandbox = settings.environment is Environment.SANDBOX
    if sandbox:
        seed_members(settings.data_dir / "sandbox", found.payer.portal.id, found.members)

    def operation(tx: Transaction) -> None:
        tx.catalog.put_payer(settings.environment, found.payer)
        if sandbox:
            _give_sandbox_accounts(tx)
            for organization in tx.organizations.all():
                _grant_everything(tx, organization)

    database.write_now(operation)


def rotate_keys(settings: Settings) -> int:
    """Seal everything with a new key, or with the first of the keys that are given; return how many values had another.

    Raises DataFolderInUse while a server or a command runs, FaultyKey. Killed at any moment, it can be run again.
    """
    with data_folder.held(settings.data_dir), data_folder.keys_held(settings.data_dir, exchanging=True):
        path, given = data_folder.key_file(settings.data_dir), _given_keys(settings)
        data_folder.prepare(settings.data_dir, given)
        if given is None:
            keys.write(path, [keys.fresh(), *keys.read(path)])
        with _database(settings) as database:
            changed = rotation.seal_anew(database)
        blobs = _blobs(settings, data_folder.sealer(settings.data_dir, given))
        changed += asyncio.run(blobs.seal_anew())
        if given is None:
            keys.write(path, keys.read(path)[:1])
    return changed


def openapi_document(environment: Environment) -> str:
    """Return the OpenAPI document of an environment as JSON."""
    return json.dumps(create_app(environment).openapi(), indent=2)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[RunningServer]:
    """Run API, engine and, in the sandbox, the simulated payer; on leaving, stop them in order."""
    faultpoints.arm(settings.faultpoints)
    async with AsyncExitStack() as stack:
        stack.enter_context(data_folder.held(settings.data_dir))
        database = stack.enter_context(opened_database(settings))
        await database.write(lambda tx: live_sessions.release_all(tx, present()))
        await database.write(lambda tx: live_views.end_all(tx, present()))
        blobs = _blobs(settings, data_folder.sealer(settings.data_dir, _given_keys(settings)))
        portals = await _sandbox_portals(settings, stack)
        host = SessionHost(_session_settings(settings), Ledger(database, present))
        stack.push_async_callback(host.shut_down)
        entrance = Entrance(
            host=host,
            adapters=_ADAPTERS,
            credentials=Credentials(database, present),
            addresses={portal.id: portal.url for portal in portals},
        )
        channel = PortalChannel(host=host, entrance=entrance, documents=blobs)
        engine = _engine(settings, database, channel)
        listener = _listen(settings)
        url = settings.public_base_url or _address(settings, listener)
        await engine.start()
        stack.push_async_callback(engine.stop, within_seconds=settings.shutdown_seconds)
        app = create_app(settings.environment)
        live = LiveViews(database=database, present=present, screens=host, show=Hub, viewer_file=viewer_file)
        app.state.services = services(settings, database, blobs, url=url, portals=portals, live=live)
        stopped = await stack.enter_async_context(_serving(app, listener))
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


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    given = _given_keys(settings)
    url = data_folder.prepare(settings.data_dir, given)
    database = Database(url, data_folder.sealer(settings.data_dir, given))
    try:
        yield database
    finally:
        database.close()


def _grant_everything(tx: Transaction, organization: Organization) -> None:
    """Open all providers at all payers of the sandbox to an organization."""
    catalog_commands.grant_all(
        tx,
        organization=organization,
        environment=Environment.SANDBOX,
        providers=tx.catalog.providers(Environment.SANDBOX, after="", limit=100_000),
        payers=tx.catalog.payers(Environment.SANDBOX),
    )


def _given_keys(settings: Settings) -> tuple[bytes, ...] | None:
    given = settings.encryption_keys
    return keys.parse(given.get_secret_value(), source="PRIORAUTH_ENCRYPTION_KEYS") if given else None


def _blobs(settings: Settings, sealer: Sealer) -> Blobs:
    store = remote_store(settings.files_url) if settings.files_url else folder_store(settings.data_dir / "files")
    return Blobs(store, sealer)


def _engine(settings: Settings, database: Database, channel: PortalChannel) -> Engine:
    channels: dict[str, Channel] = {"portal": channel}
    bounds = Bounds(at_most=settings.fresh_starts)
    retries = Retries(database, present, bounds)
    return Engine(
        database_url=database.url,
        processing=Processing(database=database, channels=channels, present=present, retries=retries),
        reconciling=Reconciling(database=database, channels=channels, present=present, retries=retries),
        following=Following(database=database, channels=channels, present=present),
        sweeper=Sweeper(
            database=database,
            channels=channels,
            present=present,
            bounds=bounds,
            interval_seconds=settings.sweep_seconds,
            answers_kept_for=timedelta(days=settings.idempotency_days),
            handoffs_abandoned_after=timedelta(seconds=settings.handoff_abandoned_seconds),
        ),
        concurrency=settings.concurrent_sessions,
        polling_seconds=settings.queue_polling_seconds,
    )


def _session_settings(settings: Settings) -> SessionSettings:
    if settings.screenshots_dir is not None:
        settings.screenshots_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return SessionSettings(
        worker=f"worker_{secrets.token_hex(8)}",
        chromium=settings.chromium_path,
        sandbox=settings.chromium_sandbox,
        page_timeout_seconds=settings.page_timeout_seconds,
        hold_seconds=settings.review_hold_seconds,
        human_hold_seconds=settings.handoff_hold_seconds,
        held_at_most=settings.held_sessions,
        screenshots=settings.screenshots_dir,
    )


async def _sandbox_portals(settings: Settings, stack: AsyncExitStack) -> tuple[SandboxPortal, ...]:
    if settings.environment is not Environment.SANDBOX:
        return ()
    portals = []
    for number, portal in enumerate(sandbox_catalog.PORTALS):
        server = PortalServer(settings.data_dir / "sandbox", portal=portal.id)
        url = await server.start("127.0.0.1", settings.sandbox_portal_port if number == 0 else 0)
        stack.push_async_callback(server.stop)
        portals.append(SandboxPortal(id=portal.id, display_name=portal.display_name, url=url))
    return tuple(portals)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named, since asyncio switches Nagle's algorithm off only for sockets that name it.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise CannotListen(f"cannot listen on {settings.host} port {settings.port}: {reason}") from None
    return listener


def _address(settings: Settings, listener: socket.socket) -> str:
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - named in order not to be shown
    host = anywhere.get(settings.host) or (f"[{settings.host}]" if ":" in settings.host else settings.host)
    return f"http://{host}:{listener.getsockname()[1]}"


class _ApiServer(uvicorn.Server):
    """A guest of this process: it takes no signals, and tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the command line."""
        yield


@asynccontextmanager
async def _serving(app: FastAPI, listener: socket.socket) -> AsyncIterator[asyncio.Event]:
    stopped = asyncio.Event()
    server = _ApiServer(
        uvicorn.Config(
            app,
            http=EnvelopingProtocol,
            ws="websockets-sansio",
            ws_max_size=MESSAGE_LIMIT,
            # Pictures are compressed already.
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name="api")
    task.add_done_callback(lambda _: stopped.set())
    await server.listening.wait()
    try:
        yield stopped
    finally:
        server.should_exit = True
        await task


def _install_sandbox_catalog(database: Database) -> None:
    providers, payers = _sandbox_entries()

    def operation(tx: Transaction) -> None:
        catalog_commands.install(tx, environment=Environment.SANDBOX, providers=providers, payers=payers)
        _give_sandbox_accounts(tx)

    database.write_now(operation)


def _give_sandbox_accounts(tx: Transaction) -> None:
    """Let the service sign in at the simulated portal of every payer that has no credential for everybody yet."""
    for payer in tx.catalog.payers(Environment.SANDBOX):
        there = tx.credentials.of_payer(Environment.SANDBOX, payer.id)
        accounts = sandbox_catalog.PORTAL_ACCOUNTS.get(payer.portal.id, ())
        if accounts and not any(each.is_for_everybody for each in there):
            known = Secrets(accounts[0].user_name, accounts[0].password, accounts[0].totp_secret)
            credential_commands.add(tx, present(), environment=Environment.SANDBOX, payer_id=payer.id, secrets=known)


def _sandbox_entries() -> tuple[tuple[Provider, ...], tuple[Payer, ...]]:
    return (
        tuple(provider_of(entry) for entry in sandbox_catalog.providers()),
        tuple(payer_of(entry) for entry in sandbox_catalog.payers()),
    )
