"""Databases for a test: prepared once, copied for each, with an organization and the sandbox's catalog in them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from priorauth.commands import catalog, organizations
from priorauth.domain.authorizations import Authorization
from priorauth.domain.catalog import Payer
from priorauth.domain.organizations import Caller, Environment, Organization, Scope
from priorauth.store import data_folder
from priorauth.store.database import Database
from priorauth.store.databases import sqlite
from priorauth.store.transaction import Transaction
from tests.factories import cases, payers, postgres
from tests.factories.moments import Clock


@dataclass(frozen=True, slots=True)
class Home:
    """A database with somebody in it, and the clock by which its test lives."""

    database: Database
    clock: Clock
    caller: Caller
    stranger: Caller
    payer: Payer
    payer_version: str

    def case(self, **changes: object) -> Authorization:
        """A new case of the caller, ready to be confirmed."""
        case = replace(
            cases.ready(self.clock),
            organization_id=self.caller.organization_id,
            payer_version=self.payer_version,
        )
        return replace(case, **changes)  # type: ignore[arg-type]


@cache
def _prepared() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="priorauth-prepared-"))
    data_folder.prepare(folder)
    return folder


def copy_prepared(folder: Path) -> str:
    """Fill `folder` as `data_folder.prepare` would, but quicker; return the database's URL."""
    shutil.copytree(_prepared(), folder, dirs_exist_ok=True)
    return sqlite.database_url(folder)


@cache
def _prepared_postgres() -> str:
    url = postgres.new_database()
    data_folder.prepare(_prepared(), database_url=url)
    return url


@contextmanager
def sqlite_home(folder: Path) -> Iterator[Home]:
    """Open a furnished SQLite database in `folder`."""
    with _furnished(Database(copy_prepared(folder), data_folder.sealer(folder))) as home:
        yield home


@contextmanager
def postgres_home(folder: Path) -> Iterator[Home]:
    """Open a furnished database on a real PostgreSQL; its keys lie in `folder`."""
    with (
        postgres_database(folder) as url,
        _furnished(Database(url, data_folder.sealer(folder), connections=4)) as home,
    ):
        yield home


@contextmanager
def postgres_database(folder: Path) -> Iterator[str]:
    """Give the URL of a prepared, empty PostgreSQL whose keys lie in `folder`."""
    template = _prepared_postgres()
    copy_prepared(folder)
    # A folder with a database of its own is not served over another.
    for file in folder.glob("priorauth.db*"):
        file.unlink()
    with postgres.fresh_database(template) as url:
        yield url


HOMES = {"sqlite": sqlite_home, "postgresql": postgres_home}


@contextmanager
def _furnished(database: Database) -> Iterator[Home]:
    clock, payer = Clock(), payers.larkspur()

    def furnish(tx: Transaction) -> tuple[Organization, Organization, str]:
        ours = organizations.ensure_organization(tx, clock.moment(), name="Cedar Hollow")
        theirs = organizations.ensure_organization(tx, clock.moment(), name="Elsewhere")
        providers = (payers.clinic(),)
        catalog.install(tx, environment=Environment.SANDBOX, providers=providers, payers=(payer,))
        catalog.grant_all(tx, organization=ours, environment=Environment.SANDBOX, providers=providers, payers=(payer,))
        found = tx.catalog.payer(Environment.SANDBOX, payer.id)
        assert found is not None
        return ours, theirs, found[1]

    try:
        ours, theirs, version = database.write_now(furnish)
        caller = Caller(ours.id, Environment.SANDBOX, "key_000001", tuple(Scope))
        yield Home(database, clock, caller, replace(caller, organization_id=theirs.id), payer, version)
    finally:
        database.close()
