"""The product's database: operations are synchronous functions over a `Transaction`.

A write is acknowledged once its COMMIT is durable. How transactions run is each database's own (`store.databases`);
what an operation does is the same on all of them, and may be run again from its start where the database wants that.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import sqlalchemy as sa
import structlog

from priorauth.domain.errors import TemporarilyUnavailable, whereabouts
from priorauth.domain.events import Observer
from priorauth.store.changes import Changes, Witness
from priorauth.store.databases import sqlite
from priorauth.store.databases.runner import Body, DatabaseReplaced, Done, Runner, is_outage
from priorauth.store.databases.urls import is_postgresql
from priorauth.store.encryption.sealing import Sealer
from priorauth.store.transaction import Transaction
from priorauth.store.work import WorkQueue

_log = structlog.get_logger(__name__)

Result = TypeVar("Result")
Operation = Callable[[Transaction], Result]

_REPLACED = (
    "The database's file was replaced while the server runs. Stop the server, run `priorauth mark-restored`, and start "
    "it again."
)
# Whoever comes when so many writes wait already would be answered too late to be of use.
_CONGESTED = 1000


class Database:
    """The product's database. `url` is SQLAlchemy's; the schema must be there already, sealed by `sealer`.

    `beside`: another process serves from it, and is to hear what is changed here. `observer` is told of what has
    committed; whoever watches takes its place.
    """

    def __init__(self, url: str, sealer: Sealer, *, connections: int = 8, beside: bool = False) -> None:
        self.url = url
        self.observer = Observer()
        self.changes = Changes()
        self._sealer = sealer
        self._runner = _runner(url, self.changes, connections=connections, beside=beside)
        self._queue = WorkQueue(self._runner.reading)
        self._closed = False

    @property
    def waiting_writes(self) -> int:
        """How many writes wait for their turn."""
        return self._runner.waiting

    @property
    def is_congested(self) -> bool:
        """Whether so many writes wait that more of them are better refused."""
        return self.waiting_writes > _CONGESTED

    @property
    def is_replaced(self) -> bool:
        """Whether another file was put in this one's place while it is open. Nothing is read or written then."""
        return self._runner.is_replaced

    async def write(self, operation: Operation[Result], *, behind: bool = False) -> Result:
        """Run `operation` in a transaction and return its result once it is durable. Raises what it raises.

        With `behind` it runs after all other writes that wait: for what can wait, and may come in numbers.
        Raises TemporarilyUnavailable when the database cannot do its part.
        """
        try:
            return await asyncio.wrap_future(self._submit(operation, behind=behind))
        except Exception as error:
            raise _told(error) from error

    def write_now(self, operation: Operation[Result]) -> Result:
        """The same for callers without an event loop."""
        try:
            return self._submit(operation).result()
        except Exception as error:
            raise _told(error) from error

    async def read(self, operation: Operation[Result]) -> Result:
        """Run an operation that only reads, on one consistent state. Raises as `write` does."""
        try:
            return await self._runner.read(self._body(operation))
        except Exception as error:
            raise _told(error) from error

    def read_now(self, operation: Operation[Result]) -> Result:
        """The same for callers without an event loop."""
        try:
            return self._runner.read_now(self._body(operation))
        except Exception as error:
            raise _told(error) from error

    def close(self) -> None:
        """Finish the writes that are waiting, then close every connection."""
        self._closed = True
        self._queue.close()
        self._runner.close()

    def _submit(self, operation: Operation[Result], *, behind: bool = False) -> Future[Result]:
        if self._closed:
            raise RuntimeError("the database is closed")
        witness = Witness(self.observer)
        outcome = self._runner.write(self._body(lambda tx: witness.see(operation, tx)), behind=behind)
        # The first to hear of the outcome: what has committed is counted before its caller goes on.
        outcome.add_done_callback(witness.tell)
        return outcome

    def _body(self, operation: Operation[Result]) -> Body[Result]:
        def body(connection: sa.Connection) -> Done[Result]:
            transaction = Transaction(connection, self._queue, self._sealer)
            return Done(operation(transaction), transaction.touched, transaction.written)

        return body


def _runner(url: str, changes: Changes, *, connections: int, beside: bool) -> Runner:
    if not is_postgresql(url):
        return sqlite.OneWriter(url, changes, beside=beside)
    # Its driver is a large import, and most commands run over SQLite.
    from priorauth.store.databases import postgresql  # noqa: PLC0415

    return postgresql.Pool(url, changes, connections=connections)


def _told(error: Exception) -> Exception:
    """Return what a caller hears of an error; of an outage the operator hears."""
    if not is_outage(error):
        return error
    _log.error("database_unavailable", **whereabouts(error))
    if isinstance(error, DatabaseReplaced):
        return TemporarilyUnavailable(_REPLACED)
    return TemporarilyUnavailable()
