"""The data folder: who may serve from it, its secret, and its schema.

One server at a time holds the folder; other commands (a key's creation) only write through the database. Whoever
comes first creates the schema: a lock of its own keeps two processes from doing it at once.
"""

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from dbos import DBOS

from priorauth.store import sqlite


class DataFolderInUse(Exception):
    """Another server holds the folder."""


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


def prepare(data_dir: Path) -> str:
    """Create the folder, its secret and its schema where they are missing, migrate; return the database's URL."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = sqlite.database_url(data_dir)
    with (data_dir / "migrate.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        secret(data_dir)
        engine = sqlite.create_engine(url, writing=True)
        with engine.connect() as connection:
            command.upgrade(alembic_configuration(connection), "head")
        engine.dispose()
        DBOS.migrate(url)
    return url


def alembic_configuration(connection: sa.Connection) -> Config:
    """Return what Alembic needs to run the migrations over `connection`."""
    configuration = Config()
    # It is an ini file's value to Alembic, where % begins an interpolation.
    configuration.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    return configuration


def secret(data_dir: Path) -> bytes:
    """Return the folder's secret (32 bytes), creating it readable by its owner alone."""
    path = data_dir / "server.key"
    if not path.exists():
        # Written aside and renamed: a process that dies in between leaves no half key behind.
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    return path.read_bytes()


def proof(key: bytes, subject: str) -> str:
    """Return the proof that this server issued an address for `subject`: an HMAC, so that none is stored."""
    return hmac.new(key, subject.encode(), hashlib.sha256).hexdigest()


def _migrations() -> Path:
    packaged = Path(str(files("priorauth"))) / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "migrations"
