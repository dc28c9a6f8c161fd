"""What the database tells: its health and clock, and whether the cases in it are served."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from priorauth.bootstrap.doctor.findings import Check, Finding, fault, ok, warning
from priorauth.bootstrap.storage import blobs_of, sealer_of, server_key_of
from priorauth.commands.processing import expected_work
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.errors import TemporarilyUnavailable
from priorauth.domain.organizations import Environment
from priorauth.settings import Settings
from priorauth.store import data_folder, tables
from priorauth.store.claims.objects import ClaimObjects
from priorauth.store.database import Database
from priorauth.store.databases import clock, postgresql, schema, sqlite
from priorauth.store.keeping.backups import damage_of
from priorauth.store.transaction import Transaction
from priorauth.store.work import WorkState

_TOLERABLE_SECONDS, _WRONG_SECONDS = 2.0, 30.0
_LONG_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Data:
    """An installation whose folder, keys and database are there."""

    settings: Settings
    engine: sa.Engine
    database: Database

    @property
    def is_postgresql(self) -> bool:
        """Whether many nodes may share it."""
        return self.settings.database_url is not None


@contextmanager
def opened(settings: Settings) -> Iterator[Data]:
    """Open the database as it is: nothing is made or migrated."""
    url = settings.database_url.get_secret_value() if settings.database_url else sqlite.database_url(settings.data_dir)
    create = postgresql.create_engine if settings.database_url else sqlite.create_engine
    engine = create(url, writing=False)
    try:
        with closing(Database(url, sealer_of(settings), connections=1)) as database:
            yield Data(settings, engine, database)
    finally:
        engine.dispose()


def check_database(data: Data) -> Finding:
    """Does it answer, with the schema of this version, and is it sound?"""
    schema.require_usable(data.database.url)
    with data.engine.connect() as connection:
        found, newest = schema.revision(connection), schema.newest()
        if found is None:
            return fault("The database has no schema. `priorauth migrate` makes it.")
        if found != newest:
            return fault(
                f"The schema is {found}, this version wants {newest}. Run `priorauth migrate` of the newest version."
            )
        driver = connection.connection.driver_connection
        damage = damage_of(driver) if isinstance(driver, sqlite3.Connection) else None
    if damage is not None:
        return fault(f"The database is damaged: {damage}. Restore a backup (docs/backup.md).")
    return ok(f"The database answers, has schema {found}" + (" and is sound." if not data.is_postgresql else "."))


def check_clock(data: Data) -> Finding:
    """Do the database and this machine agree on the time?"""
    with data.engine.connect() as connection:
        before = time.time()
        apart = abs(clock.present(connection) - (before + time.time()) / 2)
    said = f"The database's clock and this machine's are {apart:.1f} s apart."
    if apart > _WRONG_SECONDS:
        return fault(f"{said} Leases and schedules go wrong: let both follow one time server.")
    return ok(said) if apart <= _TOLERABLE_SECONDS else warning(f"{said} Let both follow one time server.")


def check_sealing(data: Data) -> Finding:
    """Are the keys those that the data were sealed with?"""
    with data.engine.connect() as connection:
        row = connection.execute(sa.select(tables.installation)).first()
    if row is None:
        return ok("Nothing is sealed yet.")
    sealer_of(data.settings).open(row.document, f"{tables.installation.name}:{row.id}")
    if row.server_key_proof != data_folder.proof(server_key_of(data.settings), "installation"):
        return fault(
            "The server's key is not the one that this installation began with. Put the right server.key back."
        )
    return ok("The keys are those of the data.")


def check_submissions(data: Data) -> Finding:
    """Does the database know every submission that the file store knows?"""
    objects = ClaimObjects(blobs_of(data.settings))
    try:
        there = asyncio.run(objects.last_number())
    except TemporarilyUnavailable:
        return fault("The file store cannot be read, and nothing is submitted without it.")
    known, found_at = data.database.read_now(
        lambda tx: (tx.submission_claims.last_number(), tx.submission_claims.restore_found_at())
    )
    if found_at is not None or there > known:
        since = f", found at {found_at[:19]} UTC" if found_at is not None else ""
        return fault(
            f"This database was put back: the file store knows submissions that it lacks{since}. Stop all nodes, run "
            "`priorauth mark-restored`, and start them again (docs/backup.md)."
        )
    return ok(f"The database knows every submission that the file store knows; the last is number {there}.")


def check_credentials(data: Data) -> Finding:
    """Can the service sign in at every payer that it signs in at?"""
    environment = data.settings.environment

    def suspended(tx: Transaction) -> list[str]:
        there = tx.credentials.all(environment)
        return [each.id for each in there if tx.credentials.sign_ins(each.id).suspension is not None]

    refused = data.database.read_now(suspended)
    if refused:
        return fault(
            f"The payer's portal has refused {', '.join(refused)}: what needs them waits. `priorauth credentials "
            "replace ID` gives one other secrets; `priorauth credentials release ID` tries the same ones once more."
        )

    def without(tx: Transaction) -> list[str]:
        able = {each.payer_id for each in tx.credentials.all(environment)}
        automated = (
            payer.id
            for payer in tx.catalog.payers(environment)
            if any(PortalAuthMode.AUTOMATED in route.portal_auth_modes for route in payer.routes)
        )
        return sorted(set(automated) - able)

    missing = data.database.read_now(without)
    if not missing:
        return ok("There is a credential for every payer.")
    said = f"There is no credential for {', '.join(missing)}: its cases fail. `priorauth credentials add` adds one."
    return fault(said) if environment is Environment.PRODUCTION else warning(said)


def check_workers(data: Data) -> Finding:
    """Is somebody at work?"""
    if not data.is_postgresql:
        served = data_folder.is_held(data.settings.data_dir)
        return (
            ok("A server holds the folder.")
            if served
            else warning("No server runs on this folder. Start `priorauth serve`.")
        )
    with data.engine.connect() as connection:
        alive = tables.workers.c.lease_ends_at > clock.present(connection)
        living = connection.execute(sa.select(sa.func.count()).select_from(tables.workers).where(alive)).scalar_one()
    if not living:
        return warning("No worker is alive: cases wait. Start `priorauth worker`.")
    return ok(f"{living} workers are alive.")


def check_queue(data: Data) -> Finding:
    """Does work start soon after it is due?"""
    load = data.database.read_now(lambda tx: tx.work.load())
    if load.waiting_since is None:
        return ok("No work waits.")
    with data.engine.connect() as connection:
        waited = max(clock.present(connection) - load.waiting_since, 0.0)
    said = f"{load.waiting} pieces of work wait, the oldest for {waited:.0f} s."
    return ok(said) if waited < _LONG_SECONDS else warning(f"{said} Start more workers, or look why they take none.")


def check_cases(data: Data) -> Finding:
    """Has every case that waits for the service or the payer its work under way?"""

    def lost(tx: Transaction) -> list[str]:
        found = ((each, expected_work(tx, each)) for each in tx.authorizations.awaiting_attention())
        return [each for each, (work, state, _) in found if work is not None and state is WorkState.GONE]

    cases = data.database.read_now(lost)
    if not cases:
        return ok("Every open case has its work under way.")
    return warning(
        f"{len(cases)} open cases have no work under way, such as {cases[0]}. A running worker starts it again within "
        f"{data.settings.sweep_seconds:.0f} s; if they stay, look at its log."
    )


def check_portals(data: Data) -> Finding:
    """Are the payers' portals up, as far as cases have met them?"""
    down = [each for each in data.database.read_now(lambda tx: tx.portal_health.all()) if each.is_down]
    if not down:
        return ok("No portal is known to be down.")
    names = ", ".join(f"{each.portal} since {each.down_since:%Y-%m-%d %H:%M} UTC ({each.last_fault})" for each in down)
    return warning(f"Down: {names}. Their cases wait; tell the payer if it lasts.")


CHECKS: Mapping[str, Check[Data]] = {
    "database": check_database,
    "clock": check_clock,
    "sealing": check_sealing,
    "submissions": check_submissions,
    "credentials": check_credentials,
    "workers": check_workers,
    "queue": check_queue,
    "cases": check_cases,
    "portals": check_portals,
}
