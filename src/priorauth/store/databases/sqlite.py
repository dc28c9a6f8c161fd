"""SQLite: one file in the data folder, WAL, full durability, transactions begun by us, and one writer.

Writes that arrive while a commit is under way share the next one; each runs in a savepoint of its own, so that a
refused command undoes itself and nobody else. Reads run at once on the caller's thread, on a connection that never
writes. Commands of an operator run beside the server, in processes of their own: what those commit is announced in a
table, which the server reads several times a second.
"""

import sqlite3
import threading
import uuid
from collections.abc import Callable, Collection
from concurrent.futures import Future, InvalidStateError
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from queue import PriorityQueue

import sqlalchemy as sa
import structlog
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from priorauth import faultpoints
from priorauth.domain.errors import whereabouts
from priorauth.store import tables
from priorauth.store.changes import Changes
from priorauth.store.databases.runner import Body, DatabaseReplaced, Done, Result, TransactionLost

_BATCH = 64
_IN_TURN, _BEHIND, _LAST = range(3)
_LISTENING_SECONDS = 0.1
_UNREADABLE = {
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
}
_announcements = tables.announcements

_log = structlog.get_logger(__name__)


def database_url(data_dir: Path) -> str:
    """Return the URL of the database in `data_dir`."""
    return sa.URL.create("sqlite", database=str(data_dir / "priorauth.db")).render_as_string()


def create_engine(url: str, *, writing: bool) -> sa.Engine:
    """Return an engine whose transactions begin IMMEDIATE when `writing`: a deferred one could fail after its reads.

    A connection that has met what cannot be read is not used again: it remembers pages that it filled with nothing.
    """
    engine = sa.create_engine(
        url, connect_args={"check_same_thread": False}, pool_size=1, max_overflow=4, hide_parameters=True
    )
    begin = "BEGIN IMMEDIATE" if writing else "BEGIN"

    @sa.event.listens_for(engine, "connect")
    def configure(connection: DBAPIConnection, _record: object) -> None:
        # Python's own BEGIN is switched off, since it begins late and never IMMEDIATE.
        connection.isolation_level = None
        # Readers wait for nobody in WAL but for a log that is being recovered; the server's stand on its event loop.
        # They do not choose WAL either: in a file that shows nothing that would wait for all other connections.
        kept = ("busy_timeout=30000", "journal_mode=WAL") if writing else ("busy_timeout=1000", "query_only=ON")
        for pragma in (*kept, "synchronous=FULL", "foreign_keys=ON"):
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

    @sa.event.listens_for(engine, "handle_error")
    def leave_unreadable(context: sa.ExceptionContext) -> None:
        if _is_unreadable(context.original_exception):
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = False

    @sa.event.listens_for(engine, "begin")
    def begin_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    @sa.event.listens_for(engine, "commit")
    def commit_transaction(connection: sa.Connection) -> None:
        # SQLite ends a transaction by itself when the disk is full; Python's commit would then pass in silence.
        connection.exec_driver_sql("COMMIT")

    return engine


def scrub_once(engine: sa.Engine) -> None:
    """Write the database anew, once in its life: pages that were let go still hold what lay in them in clear."""
    borrowed = engine.raw_connection()
    try:
        cursor = borrowed.cursor()
        if cursor.execute("PRAGMA user_version").fetchone() == (0,):
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.execute("PRAGMA user_version = 1")
    finally:
        borrowed.close()


def in_transaction(connection: sa.Connection) -> bool:
    """Say whether the connection's transaction is still open: SQLite undoes it by itself when the disk is full."""
    driver = connection.connection.driver_connection
    return bool(driver is not None and driver.in_transaction)


class _Write:
    """A body that waits for its commit."""

    def __init__(self, body: Body[object]) -> None:
        self.body = body
        self.outcome: Future[object] = Future()
        self.done: Done[object] | None = None

    def run(self, connection: sa.Connection) -> bool:
        """Run in a savepoint; say whether there is something to commit."""
        if not self.outcome.set_running_or_notify_cancel():
            # Its caller has gone before it began. From here on a cancel comes too late: the outcome is set, unheard.
            return False
        try:
            with connection.begin_nested():
                self.done = self.body(connection)
        except Exception as error:
            self.fail(error)
            if not in_transaction(connection):
                raise TransactionLost from error
            return False
        return True

    def fail(self, error: Exception) -> None:
        """Tell the caller, unless it was told already or has gone."""
        with suppress(InvalidStateError):
            self.outcome.set_exception(error)


class OneWriter:
    """The `Runner` over SQLite. One that is `beside` a server tells it what was changed here, and hears nothing."""

    def __init__(self, url: str, changes: Changes, *, beside: bool = False) -> None:
        self._changes = changes
        self._path = Path(str(sa.make_url(url).database))
        self._identity = _identity(self._path)
        self._beside = beside
        self.engine = create_engine(url, writing=True)
        self.reading = create_engine(url, writing=False)
        # Of equal rank the earlier one first; two of the same number, which would compare writes, there are not.
        self._waiting: PriorityQueue[tuple[int, int, _Write | None]] = PriorityQueue()
        self._numbers = count()
        self._writer = threading.Thread(target=self._write_all, name="priorauth-writer", daemon=True)
        self._writer.start()
        self._listener = None if beside else _Listener(self.reading, self._heard)

    @property
    def waiting(self) -> int:
        """How many writes wait for their turn."""
        return self._waiting.qsize()

    def write(self, body: Body[Result], *, behind: bool = False) -> Future[Result]:
        """Run a body after those that wait already, or `behind` all that are not."""
        write = _Write(body)  # type: ignore[arg-type]
        self._waiting.put((_BEHIND if behind else _IN_TURN, next(self._numbers), write))
        return write.outcome  # type: ignore[return-value]

    async def read(self, body: Body[Result]) -> Result:
        """Read at once: a thread would cost more than the read."""
        return self.read_now(body)

    @property
    def is_replaced(self) -> bool:
        """Whether the file's name leads to another file, or to none: the one that is open has no name any more.

        A connection that was opened now would read the other file beside this one's log.
        """
        return self._identity is not None and _identity(self._path) != self._identity

    def read_now(self, body: Body[Result]) -> Result:
        """Read on the caller's thread. Raises DatabaseReplaced."""
        self._require_in_place()
        with self.reading.connect() as connection, connection.begin():
            return body(connection).result

    def _require_in_place(self) -> None:
        if self.is_replaced:
            raise DatabaseReplaced

    def close(self) -> None:
        """Finish the writes that are waiting, then close every connection."""
        if self._listener is not None:
            self._listener.close()
        self._waiting.put((_LAST, next(self._numbers), None))
        self._writer.join()
        self.engine.dispose()
        self.reading.dispose()

    def _write_all(self) -> None:
        while (first := self._waiting.get()[-1]) is not None:
            batch = [first]
            last = False
            while len(batch) < _BATCH and not self._waiting.empty():
                following = self._waiting.get()[-1]
                if following is None:
                    last = True
                    break
                batch.append(following)
            self._commit(batch)
            if last:
                return

    def _commit(self, batch: list[_Write]) -> None:
        try:
            self._require_in_place()
            with self.engine.connect() as connection, connection.begin():
                written = [write for write in batch if write.run(connection)]
                done = [(write, write.done) for write in written if write.done is not None]
                touched = {case for _, each in done for case in each.touched}
                if self._beside:
                    _announce(connection, touched)
                faultpoints.before_commit([name for _, each in done for name in each.written])
            faultpoints.after_commit([name for _, each in done for name in each.written])
        except Exception as error:  # noqa: BLE001 - a failed COMMIT is every waiting caller's failure
            for write in batch:
                write.fail(error)
            return
        # Before its caller goes on: who begins to wait after a write must not hear of it any more.
        self._changes.announce(touched)
        for write, each in done:
            write.outcome.set_result(each.result)

    def _heard(self, ids: Collection[str], authorization_ids: Collection[str]) -> None:
        """Tell those who wait here, and delete what they were told: the next server need not hear it."""

        def forget(connection: sa.Connection) -> Done[None]:
            connection.execute(_announcements.delete().where(_announcements.c.id.in_(ids)))
            return Done(None, frozenset(), ())

        self.write(forget)
        self._changes.announce(authorization_ids)


class _Listener:
    """Hears what processes beside this one have committed, on a connection and a thread of its own."""

    def __init__(self, engine: sa.Engine, heard: Callable[[Collection[str], Collection[str]], None]) -> None:
        self._engine = engine
        self._heard = heard
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen_on, name="priorauth-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        self._thread.join()

    def _listen_on(self) -> None:
        while not self._closed.is_set():
            try:
                with closing(self._engine.raw_connection()) as connection:
                    self._listen(connection)
            except (sqlite3.Error, sa.exc.SQLAlchemyError) as error:
                # The server goes on; what was said meanwhile is still there when the database is.
                _log.warning("changes_not_heard", **whereabouts(error))
                self._closed.wait(0.5)

    def _listen(self, connection: sa.PoolProxiedConnection) -> None:
        try:
            self._listen_by(connection.cursor())
        except sqlite3.Error:
            connection.invalidate()
            raise

    def _listen_by(self, cursor: DBAPICursor) -> None:
        last = None
        while not self._closed.wait(_LISTENING_SECONDS):
            # A look at shared memory: the table is read only when somebody has committed anything.
            cursor.execute("PRAGMA data_version")
            version = cursor.fetchone()
            if version == last:
                continue
            last = version
            cursor.execute(f"SELECT id, authorization_id FROM {_announcements.name}")  # noqa: S608 - a name of ours
            found = dict(cursor.fetchall())
            if found:
                self._heard(list(found), set(found.values()))


def _is_unreadable(error: BaseException) -> bool:
    """Say whether SQLite could not read the file, or not make sense of it. A full disk is another matter."""
    code = error.sqlite_errorcode if isinstance(error, sqlite3.Error) and hasattr(error, "sqlite_errorcode") else None
    return code in _UNREADABLE


def _announce(connection: sa.Connection, touched: Collection[str]) -> None:
    rows = [{"id": uuid.uuid4().hex, "authorization_id": each} for each in touched]
    if rows:
        connection.execute(_announcements.insert(), rows)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
