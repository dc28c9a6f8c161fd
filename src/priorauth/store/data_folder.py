"""The data folder: who may serve from it, its secrets, and its schema.

One server at a time holds the folder; other commands (a key's creation) only write through the database. Whoever
comes first creates the schema: a lock of its own keeps two processes from doing it at once.
"""

import fcntl
import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from dbos import DBOS

from priorauth.store import sqlite, tables
from priorauth.store.blobs import seal_clear_files
from priorauth.store.encryption import keys
from priorauth.store.encryption.keys import FaultyKey
from priorauth.store.encryption.sealing import CannotOpen, Sealer

# The last schema whose data lay in clear.
_LAST_IN_CLEAR = "0001"


class DataFolderInUse(Exception):
    """Another server holds the folder, or other commands its keys."""


@contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Hold the folder for one server. Raises DataFolderInUse when another process has it; its death frees it."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "server.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise DataFolderInUse(
                f"Another priorauth server (process {holder}) is using {data_dir}. "
                "Stop it, or give this one a folder of its own with --data-dir."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def keys_held(data_dir: Path, *, exchanging: bool = False) -> Iterator[None]:
    """Hold the folder's keys: to use them, beside others, or to exchange them, alone. Raises DataFolderInUse.

    Whoever sealed with a key that is dropped meanwhile would leave what nobody can open any more.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "keys.lock").open("a") as lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_EX if exchanging else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataFolderInUse(
                f"Another priorauth command is using {data_dir}. Let it end, then exchange the key."
                if exchanging
                else f"The key of {data_dir} is being exchanged. Try again after `priorauth encryption rotate`."
            ) from None
        yield


def prepare(data_dir: Path, given: tuple[bytes, ...] | None = None) -> str:
    """Create the folder, its secrets and its schema where they are missing, migrate; return the database's URL.

    `given` are the keys of the data, instead of the folder's own. Raises FaultyKey when they do not open the data.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = sqlite.database_url(data_dir)
    with (data_dir / "migrate.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        secret(data_dir)
        engine = sqlite.create_engine(url, writing=True)
        with engine.connect() as connection:
            found = _sealed_document(connection)
            if given is None and not key_file(data_dir).exists() and found is None:
                keys.write(key_file(data_dir), [keys.fresh()])
            sealing = sealer(data_dir, given)
            _require_readable(found, sealing)
            if _revision(connection) == _LAST_IN_CLEAR:
                # Before the schema says that everything is sealed: killed in between, the next start begins again.
                seal_clear_files(data_dir / "files", sealing)
            command.upgrade(alembic_configuration(connection, sealing), "head")
        sqlite.scrub_once(engine)
        engine.dispose()
        DBOS.migrate(url)
    return url


def alembic_configuration(connection: sa.Connection, sealing: Sealer | None = None) -> Config:
    """Return what Alembic needs to run the migrations over `connection`; `sealing` for data that are there already."""
    configuration = Config()
    # It is an ini file's value to Alembic, where % begins an interpolation.
    configuration.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    configuration.attributes["sealer"] = sealing
    return configuration


def secret(data_dir: Path) -> bytes:
    """Return the folder's secret (32 bytes), creating it readable by its owner alone."""
    path = data_dir / "server.key"
    if not path.exists():
        keys.store_secret(path, keys.fresh())
    return path.read_bytes()


def key_file(data_dir: Path) -> Path:
    """Return where the folder keeps the keys of its data, unless they are given from outside."""
    return data_dir / "data.key"


def sealer(data_dir: Path, given: tuple[bytes, ...] | None = None) -> Sealer:
    """Return what seals the folder's data: with the keys `given`, or with those of its key file. Raises FaultyKey."""
    path = key_file(data_dir)
    if given is None and not path.exists():
        raise FaultyKey(
            f"{path} is missing, and the data in {data_dir} were sealed with it. Put it back from your backup, "
            "or give the key by PRIORAUTH_ENCRYPTION_KEYS."
        )
    return Sealer(given or keys.read(path), index_key=_derived(secret(data_dir), "index"))


def proof(key: bytes, subject: str) -> str:
    """Return the proof that this server issued an address for `subject`: an HMAC, so that none is stored."""
    return hmac.new(key, subject.encode(), hashlib.sha256).hexdigest()


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.new(key, purpose.encode(), hashlib.sha256).digest()


def _revision(connection: sa.Connection) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    return revision


def _sealed_document(connection: sa.Connection) -> tuple[str, bytes] | None:
    """Return one sealed document and its place, from whichever table has one; kept answers never stand alone."""
    if _revision(connection) in {None, _LAST_IN_CLEAR}:
        return None
    there = sa.inspect(connection).get_table_names()
    connection.rollback()
    for table in (tables.authorizations, tables.files, tables.credentials):
        if table.name not in there:
            continue
        row = connection.execute(sa.select(table.c.id, table.c.document).limit(1)).first()
        connection.rollback()
        if row is not None:
            return f"{table.name}:{row.id}", row.document
    return None


def _require_readable(found: tuple[str, bytes] | None, sealing: Sealer) -> None:
    try:
        if found is not None:
            sealing.open(found[1], found[0])
    except CannotOpen:
        raise FaultyKey(
            "The data of this folder were sealed with another key. Give the key that they were sealed with, "
            "in PRIORAUTH_ENCRYPTION_KEYS or in the folder's data.key."
        ) from None


def _migrations() -> Path:
    packaged = Path(str(files("priorauth"))) / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "migrations"
