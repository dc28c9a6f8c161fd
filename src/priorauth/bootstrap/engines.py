"""A worker's parts: the engine, its channels, and the browsers that they use."""

from datetime import timedelta

from priorauth.channels.contract import Channel
from priorauth.channels.portals.adapter import PortalAdapter
from priorauth.channels.portals.channel import PortalChannel
from priorauth.channels.portals.isolation.plan import IsolationSettings
from priorauth.channels.portals.juniper.portal import JuniperPortal
from priorauth.channels.portals.larkspur.portal import LarkspurPortal
from priorauth.channels.portals.sessions import SessionSettings
from priorauth.channels.portals.upstream.egress import EgressProxy
from priorauth.engine.following import Following
from priorauth.engine.processing import Processing
from priorauth.engine.reaper import Reaper
from priorauth.engine.reconciling import Reconciling
from priorauth.engine.retention import Retention
from priorauth.engine.retries import Bounds, Retries
from priorauth.engine.runtime import Engine
from priorauth.engine.sweeper import Sweeper
from priorauth.settings import Settings
from priorauth.store.blobs import Blobs
from priorauth.store.claims.submission_claims import SubmissionClaims
from priorauth.store.database import Database
from priorauth.store.ids import present

ADAPTERS: dict[str, PortalAdapter] = {adapter.id: adapter for adapter in (LarkspurPortal(), JuniperPortal())}


def engine_of(
    settings: Settings,
    database: Database,
    blobs: Blobs,
    channel: PortalChannel,
    *,
    worker: str,
    claims: SubmissionClaims,
) -> Engine:
    """Return the engine of a worker that reaches payers through `channel`, and claims what it sends."""
    channels: dict[str, Channel] = {"portal": channel}
    bounds = Bounds(at_most=settings.fresh_starts, outage_patience=timedelta(seconds=settings.outage_patience_seconds))
    retries = Retries(database, present, bounds)
    return Engine(
        database_url=database.url,
        worker=worker,
        processing=Processing(
            database=database, claims=claims, channels=channels, present=present, retries=retries, pictures=blobs
        ),
        reconciling=Reconciling(database=database, channels=channels, present=present, retries=retries),
        following=Following(database=database, channels=channels, present=present),
        sweeper=Sweeper(
            database=database,
            channels=channels,
            present=present,
            bounds=bounds,
            worker=worker,
            retention=Retention(
                database=database,
                blobs=blobs,
                present=present,
                ended_work=timedelta(days=settings.ended_work_days),
                ended_access=timedelta(days=settings.ended_access_days),
                unused_uploads=timedelta(days=settings.unused_upload_days),
                unattached_files=timedelta(days=settings.unattached_file_days),
            ),
            interval_seconds=settings.sweep_seconds,
            answers_kept_for=timedelta(days=settings.idempotency_days),
            handoffs_abandoned_after=timedelta(seconds=settings.handoff_abandoned_seconds),
        ),
        reaper=Reaper(database=database, present=present, interval_seconds=settings.lease_seconds / 8),
        concurrency=settings.concurrent_sessions,
        concurrency_per_payer=settings.concurrent_sessions_per_payer,
        polling_seconds=settings.queue_polling_seconds,
        observer=database.observer,
        halted=claims.is_stale,
    )


def isolation_settings(settings: Settings) -> IsolationSettings:
    """Return how a worker keeps its browsers apart."""
    folders = (settings.data_dir, settings.secrets_dir, settings.screenshots_dir)
    return IsolationSettings(
        mode=settings.browser_isolation,
        hidden=tuple(folder for folder in folders if folder is not None),
        first_uid=settings.browser_uid,
        memory_mib=settings.browser_memory_mib,
    )


def session_settings(settings: Settings, *, worker: str) -> SessionSettings:
    """Return how a worker holds its browsers."""
    if settings.screenshots_dir is not None:
        settings.screenshots_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return SessionSettings(
        worker=worker,
        chromium=settings.chromium_path,
        sandbox=settings.chromium_sandbox,
        page_timeout_seconds=settings.page_timeout_seconds,
        hold_seconds=settings.review_hold_seconds,
        human_hold_seconds=settings.handoff_hold_seconds,
        held_at_most=settings.held_sessions,
        screenshots=settings.screenshots_dir,
        isolation=isolation_settings(settings),
        egress=egress_proxy(settings),
    )


def egress_proxy(settings: Settings) -> EgressProxy | None:
    """Return the outgoing proxy of the settings. Raises MalformedEgress."""
    if settings.egress_proxy is None or not settings.egress_proxy.get_secret_value():
        return None
    return EgressProxy.parse(settings.egress_proxy.get_secret_value())
