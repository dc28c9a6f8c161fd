"""PostgreSQL: a pool of connections, each write and each read in a transaction of its own.

Commands hold the rows that they decide about (`SELECT … FOR UPDATE`), so READ COMMITTED is enough for writes; what
still collides, such as two requests under one new idempotency key, is run again from its start. Reads hold nothing and
see one state. Word of changes goes to every process by NOTIFY, in the transaction of the change.
"""

import asyncio
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql.base import PGCompiler

from priorauth import faultpoints
from priorauth.domain.errors import UserFault, whereabouts
from priorauth.store.changes import Changes
from priorauth.store.databases.runner import Body, Result

_log = structlog.get_logger(__name__)

_CHANNEL = "priorauth_changes"
_TRIES = 5
# Two that add the same row, two that wait for each other: whoever lost begins again and finds what the other one did.
_COLLISIONS = {"23505", "40001", "40P01"}
# A peer that stopped within a transaction must not hold its rows for ever, and a server that is gone is noticed.
_SESSION = (
    "-c idle_in_transaction_session_timeout=10s -c lock_timeout=10s -c statement_timeout=60s -c synchronous_commit=on"
)
_CONNECTING = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}


def driver_url(url: str) -> sa.URL:
    """Return the URL with the driver that is used here, however the operator wrote it."""
    return sa.make_url(re.sub("^postgres:", "postgresql:", url)).set(drivername="postgresql+psycopg")


def create_engine(url: str, *, writing: bool, connections: int = 1) -> sa.Engine:
    """Return an engine; one that is not `writing` begins read-only transactions that see one state and lock nothing."""
    engine = sa.create_engine(
        driver_url(url),
        connect_args={**_CONNECTING, "options": _SESSION},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,
        isolation_level="READ COMMITTED" if writing else "REPEATABLE READ",
    )
    if not writing:
        engine = engine.execution_options(postgresql_readonly=True)
        engine.dialect.statement_compiler = _LockingNothing
    return engine


class NoSessions(UserFault):
    """What is between here and PostgreSQL gives no sessions, or drops their settings."""


def require_sessions(url: str) -> None:
    """Raise NoSessions unless a connection is a session of PostgreSQL, with the settings that were asked for.

    A pooler that hands a server's connection on after each transaction breaks advisory locks, LISTEN and prepared
    statements, each at a moment of its own. Two clients show it: while both are connected they meet one session, or
    one client meets two.
    """
    told = "PRIORAUTH_DATABASE_URL leads to a connection pooler such as PgBouncer"
    advice = (
        "Name PostgreSQL itself (mostly port 5432), or a pool with pool_mode=session that passes startup options on. "
        "A node holds few connections of its own (PRIORAUTH_DATABASE_CONNECTIONS)."
    )
    try:
        with _plain(url) as one, _plain(url) as other:
            first = _session_of(one)
            with other.transaction():
                second = _session_of(other)
                again = _session_of(one)
            settings = one.execute("SHOW idle_in_transaction_session_timeout").fetchone()
    except psycopg.OperationalError as error:
        if "unsupported startup parameter" not in str(error):
            raise sa.exc.OperationalError("", None, error) from error
        raise NoSessions(f"{told}, which refuses the settings of a session. {advice}") from None
    if first == second or first != again:
        raise NoSessions(f"{told} in transaction mode, which gives no sessions. {advice}")
    if settings != ("10s",):
        raise NoSessions(f"{told}, which drops the settings of a session. {advice}")


def _plain(url: str) -> "psycopg.Connection[Any]":
    conninfo = driver_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    given: dict[str, Any] = {**_CONNECTING, "options": _SESSION, "prepare_threshold": None}
    return psycopg.connect(conninfo, autocommit=True, **given)


def _session_of(connection: "psycopg.Connection[Any]") -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0


class _LockingNothing(PGCompiler):
    """Commands and queries load rows alike; only a writer holds what it has loaded."""

    def for_update_clause(self, *_: object, **__: object) -> str:
        return ""


class Pool:
    """The `Runner` over PostgreSQL."""

    def __init__(self, url: str, changes: Changes, *, connections: int) -> None:
        self.engine = create_engine(url, writing=True, connections=connections)
        self.reading = create_engine(url, writing=False, connections=connections)
        self._writers = ThreadPoolExecutor(connections, thread_name_prefix="priorauth-writer")
        # Of all connections one at most, whatever waits.
        self._behind = ThreadPoolExecutor(1, thread_name_prefix="priorauth-writer-behind")
        self._readers = ThreadPoolExecutor(connections, thread_name_prefix="priorauth-reader")
        self._listener = _Listener(url, changes)
        self._begun = _Count()

    @property
    def waiting(self) -> int:
        """How many writes wait for their turn."""
        return self._begun.waiting

    def write(self, body: Body[Result], *, behind: bool = False) -> Future[Result]:
        """Run a body as soon as a connection is free; those that are `behind` one after the other."""
        if behind:
            return self._behind.submit(self._commit, body)
        return self._writers.submit(self._begun.counting(lambda: self._commit(body)))

    async def read(self, body: Body[Result]) -> Result:
        """Read on a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, body)

    def read_now(self, body: Body[Result]) -> Result:
        """Read on the caller's thread."""
        with self.reading.connect() as connection, connection.begin():
            return body(connection).result

    @property
    def is_replaced(self) -> bool:
        """A server's database has no file that anybody could replace."""
        return False

    def close(self) -> None:
        """Finish the writes that are waiting, then close every connection."""
        self._writers.shutdown()
        self._behind.shutdown()
        self._readers.shutdown()
        self._listener.close()
        self.engine.dispose()
        self.reading.dispose()

    def _commit(self, body: Body[Result]) -> Result:
        for left in reversed(range(_TRIES)):
            try:
                with self.engine.begin() as connection:
                    done = body(connection)
                    for touched in done.touched:
                        connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, touched)))
                    faultpoints.before_commit(done.written)
                faultpoints.after_commit(done.written)
            except sa.exc.DBAPIError as error:
                if not left or getattr(error.orig, "sqlstate", None) not in _COLLISIONS:
                    raise
            else:
                return done.result
        raise AssertionError("unreachable")


class _Count:
    """How many of the calls that were handed over have not begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.waiting = 0

    def counting(self, call: Callable[[], Result]) -> Callable[[], Result]:
        """Return the call, counted as waiting until it begins."""
        self._add(1)

        def begin() -> Result:
            self._add(-1)
            return call()

        return begin

    def _add(self, number: int) -> None:
        with self._lock:
            self.waiting += number


class _Listener:
    """Hears of committed changes, whoever made them, on a connection and a thread of its own."""

    def __init__(self, url: str, changes: Changes) -> None:
        self._conninfo = driver_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._changes = changes
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
                self._listen()
            except psycopg.Error as error:
                _log.warning("changes_not_heard", **whereabouts(error))
                self._closed.wait(0.5)

    def _listen(self) -> None:
        with psycopg.connect(self._conninfo, autocommit=True, **_CONNECTING) as connection:  # type: ignore[arg-type]
            connection.execute(f"LISTEN {_CHANNEL}")
            # Whatever was said while nobody listened.
            self._changes.announce_all()
            while not self._closed.is_set():
                for word in connection.notifies(timeout=0.25):
                    self._changes.announce([word.payload])
