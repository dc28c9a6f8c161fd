"""What every database does for `store.database`: run bodies in transactions and acknowledge what is durable."""

from collections.abc import Callable, Sequence, Set
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import sqlalchemy as sa

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """What a body has returned, the cases of which whoever watches them should hear once it is committed, and what it
    wrote, by the names that the fault points of its commit have.
    """

    result: Result
    touched: Set[str]
    written: Sequence[str]


Body = Callable[[sa.Connection], Done[Result]]


class TransactionLost(Exception):
    """The database has undone the whole transaction by itself, the writes before this one included."""


class DatabaseReplaced(Exception):
    """Another file has the name of the database that this process has open."""


class Runner(Protocol):
    """One database: `engine` writes, `reading` never does."""

    engine: sa.Engine
    reading: sa.Engine

    @property
    def waiting(self) -> int:
        """How many writes wait for their turn."""
        ...

    def write(self, body: Body[Result], *, behind: bool = False) -> Future[Result]:
        """Run a body in a transaction of its own; the result is there once it is durable.

        One that is `behind` waits for the others, and no other one for it.
        """
        ...

    async def read(self, body: Body[Result]) -> Result:
        """Run a body that only reads, on one consistent state, without keeping the event loop."""
        ...

    def read_now(self, body: Body[Result]) -> Result:
        """The same for callers without an event loop."""
        ...

    @property
    def is_replaced(self) -> bool:
        """Whether another database has taken this one's place under this process."""
        ...

    def close(self) -> None:
        """Finish the writes that are waiting, then close every connection."""
        ...


def is_outage(error: Exception) -> bool:
    """Say whether the database could not do its part: nothing was acknowledged, and another time it may be."""
    if isinstance(
        error,
        DatabaseReplaced | TransactionLost | sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.TimeoutError,
    ):
        return True
    # What is no database file, or a broken one, has no class of its own.
    if type(error) is sa.exc.DatabaseError:
        return True
    return isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
