"""One database, one writer: operations are synchronous functions over a `Transaction`, run one after the other.

A write is acknowledged after its COMMIT has reached the disk. Writes that arrive while a commit is under way share
the next one; each runs in a savepoint of its own, so that a refused command undoes itself and nobody else. Reads run
at once on the caller's thread, on a connection that never writes.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

import sqlalchemy as sa

from priorauth import faultpoints
from priorauth.domain.errors import TemporarilyUnavailable
from priorauth.store import sqlite
from priorauth.store.changes import Changes
from priorauth.store.encryption.sealing import Sealer
from priorauth.store.transaction import Transaction
from priorauth.store.work import WorkQueue

Result = TypeVar("Result")
Operation = Callable[[Transaction], Result]

_BATCH = 64


class TransactionLost(Exception):
    """The database has undone the whole transaction by itself, the writes before this one included."""


# A full disk, a file that cannot be read or written: nothing was stored, and another time it may be.
_UNAVAILABLE = (sa.exc.OperationalError, TransactionLost)


class _Write:
    """An operation that waits for its commit."""

    def __init__(self, operation: Operation[object]) -> None:
        self.operation = operation
        self.outcome: Future[object] = Future()
        self.result: object = None

    def run(self, connection: sa.Connection, transaction: Transaction) -> bool:
        """Run in a savepoint; say whether there is something to commit."""
        if not self.outcome.set_running_or_notify_cancel():
            # Its caller has gone before it began. From here on a cancel comes too late: the outcome is set, unheard.
            return False
        try:
            with connection.begin_nested():
                self.result = self.operation(transaction)
        except Exception as error:
            self.fail(error)
            if not sqlite.in_transaction(connection):
                raise TransactionLost from error
            return False
        return True

    def fail(self, error: Exception) -> None:
        """Tell the caller, unless it was told already or has gone."""
        with suppress(InvalidStateError):
            self.outcome.set_exception(TemporarilyUnavailable() if isinstance(error, _UNAVAILABLE) else error)


class Database:
    """The product's database. `url` is SQLAlchemy's; the schema must be there already, sealed by `sealer`."""

    def __init__(self, url: str, sealer: Sealer) -> None:
        self.url = url
        self._sealer = sealer
        self.changes = Changes()
        self._writing = sqlite.create_engine(url, writing=True)
        self._reading = sqlite.create_engine(url, writing=False)
        self._queue = WorkQueue(self._writing)
        self._waiting: SimpleQueue[_Write | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="priorauth-writer", daemon=True)
        self._closed = False
        self._writer.start()

    async def write(self, operation: Operation[Result]) -> Result:
        """Run `operation` in a transaction and return its result once it is durable. Raises what it raises."""
        return await asyncio.wrap_future(self._submit(operation))

    def write_now(self, operation: Operation[Result]) -> Result:
        """The same for callers without an event loop."""
        return self._submit(operation).result()

    async def read(self, operation: Operation[Result]) -> Result:
        """Run an operation that only reads, on one consistent state."""
        return self.read_now(operation)

    def read_now(self, operation: Operation[Result]) -> Result:
        """The same for callers without an event loop."""
        with self._reading.connect() as connection, connection.begin():
            return operation(Transaction(connection, self._queue, self._sealer))

    def close(self) -> None:
        """Finish the writes that are waiting, then close every connection."""
        self._closed = True
        self._waiting.put(None)
        self._writer.join()
        self._queue.close()
        self._writing.dispose()
        self._reading.dispose()

    def _submit(self, operation: Operation[Result]) -> Future[Result]:
        if self._closed:
            raise RuntimeError("the database is closed")
        write = _Write(operation)
        self._waiting.put(write)
        return write.outcome  # type: ignore[return-value]

    def _write_all(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            last = False
            while len(batch) < _BATCH and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    last = True
                    break
                batch.append(following)
            self._commit(batch)
            if last:
                return

    def _commit(self, batch: list[_Write]) -> None:
        done: list[_Write] = []
        try:
            with self._writing.connect() as connection, connection.begin():
                transaction = Transaction(connection, self._queue, self._sealer)
                done = [write for write in batch if write.run(connection, transaction)]
                faultpoints.before_commit(transaction.written)
            faultpoints.after_commit(transaction.written)
        except Exception as error:  # noqa: BLE001 - a failed COMMIT is every waiting caller's failure
            for write in batch:
                write.fail(error)
            return
        # Before its caller goes on: who begins to wait after a write must not hear of it any more.
        self.changes.announce(transaction.touched)
        for write in done:
            write.outcome.set_result(write.result)
