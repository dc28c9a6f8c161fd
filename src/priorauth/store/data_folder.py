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
from pathlib import Path

import sqlalchemy as sa

from priorauth.domain.errors import UserFault
from priorauth.store import tables
from priorauth.store.blobs import seal_clear_files
from priorauth.store.databases import schema, sqlite
from priorauth.store.encryption import keys
from priorauth.store.encryption.keys import FaultyKey
from priorauth.store.encryption.sealing import CannotOpen, Sealer

# The last schema whose data lay in clear.
_LAST_IN_CLEAR = "0001"
_INSTALLATION = "keys"


class DataFolderInUse(UserFault):
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


def is_held(data_dir: Path) -> bool:
    """Say whether a server holds the folder."""
    try:
        with (data_dir / "server.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


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


def prepare(
    data_dir: Path,
    given: tuple[bytes, ...] | None = None,
    *,
    database_url: str | None = None,
    server_key: bytes | None = None,
) -> str:
    """Create the folder, its secrets and the schema where they are missing, migrate; return the database's URL.

    `given` are the keys of the data, and `server_key` the server's secret, instead of the folder's own; `database_url`
    is a PostgreSQL instead of the folder's SQLite. Raises FaultyKey when the keys are not those of the data,
    NoSessions.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = database_url or sqlite.database_url(data_dir)
    schema.require_usable(url)
    with (data_dir / "migrate.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with schema.held(url) as connection:
            server_key = server_key or secret(data_dir)
            found = _sealed_document(connection)
            if given is None and not key_file(data_dir).exists() and found is None:
                keys.write(key_file(data_dir), [keys.fresh()])
            sealing = sealer(data_dir, given, server_key=server_key)
            _require_readable(found, sealing)
            if schema.revision(connection) == _LAST_IN_CLEAR:
                # Before the schema says that everything is sealed: killed in between, the next start begins again.
                seal_clear_files(data_dir / "files", sealing)
            schema.upgrade(url, connection, sealing)
            _require_same_keys(connection, sealing, server_key)
            if database_url is None:
                sqlite.scrub_once(connection.engine)
    return url


def secret(data_dir: Path) -> bytes:
    """Return the folder's secret (32 bytes), creating it readable by its owner alone."""
    path = data_dir / "server.key"
    if not path.exists():
        keys.store_secret(path, keys.fresh())
    return path.read_bytes()


def key_file(data_dir: Path) -> Path:
    """Return where the folder keeps the keys of its data, unless they are given from outside."""
    return data_dir / "data.key"


def sealer(data_dir: Path, given: tuple[bytes, ...] | None = None, *, server_key: bytes | None = None) -> Sealer:
    """Return what seals the data: with the keys `given`, or with those of the folder's key file. Raises FaultyKey."""
    path = key_file(data_dir)
    if given is None and not path.exists():
        raise FaultyKey(
            f"{path} is missing, and the data in {data_dir} were sealed with it. Put it back from your backup, "
            "or give the key by PRIORAUTH_ENCRYPTION_KEYS."
        )
    return Sealer(given or keys.read(path), index_key=_derived(server_key or secret(data_dir), "index"))


def proof(key: bytes, subject: str) -> str:
    """Return the proof that this server issued an address for `subject`: an HMAC, so that none is stored."""
    return hmac.new(key, subject.encode(), hashlib.sha256).hexdigest()


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.new(key, purpose.encode(), hashlib.sha256).digest()


def _sealed_document(connection: sa.Connection) -> tuple[str, bytes] | None:
    """Return one sealed document and its place, from whichever table has one; kept answers never stand alone."""
    if schema.revision(connection) in {None, _LAST_IN_CLEAR}:
        return None
    there = sa.inspect(connection).get_table_names()
    connection.rollback()
    for table in (tables.installation, tables.authorizations, tables.files, tables.credentials):
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
            "The data were sealed with another key. Give the key that they were sealed with, "
            "in PRIORAUTH_ENCRYPTION_KEYS or in the folder's data.key."
        ) from None


def _require_same_keys(connection: sa.Connection, sealing: Sealer, server_key: bytes) -> None:
    """Leave a proof of the keys with the data, or hold ours against the one that is there."""
    table, shown = tables.installation, proof(server_key, "installation")
    found: str | None = connection.execute(sa.select(table.c.server_key_proof)).scalar()
    if found is None:
        document = sealing.seal(b"priorauth", f"{table.name}:{_INSTALLATION}")
        values = {"id": _INSTALLATION, "server_key_proof": shown, "document": document}
        connection.execute(table.insert().values(**values))
    connection.commit()
    if found not in (None, shown):
        raise FaultyKey(
            "The server's key is not the one that this installation began with. Give the same to all of its nodes, in "
            "PRIORAUTH_SERVER_KEY or in server.key of the data folder."
        )
