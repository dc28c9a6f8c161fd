"""A disk that is full, or nearly: what was acknowledged is there, what was not is not, and room made again is used."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from priorauth.domain.organizations import Organization
from priorauth.store import tables
from priorauth.store.databases import sqlite
from priorauth.store.databases.runner import is_outage
from priorauth.store.transaction import Transaction
from priorauth.store.work import Work, WorkState, processing
from tests.factories.databases import Home, sqlite_home

LARGE = 4_000_000
SPARE_PAGES = 40


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A database in a file: others do not know SQLite's bound."""
    with sqlite_home(tmp_path / "data") as opened:
        yield opened


class Disk:
    """What a database writes to, with an end."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._boundless = self._pragma("max_page_count")

    def leave(self, pages: int) -> None:
        """Leave room for so many pages more."""
        self._pragma(f"max_page_count={self._pragma('page_count') + pages}")

    def widen(self) -> None:
        """Take the end away."""
        self._pragma(f"max_page_count={self._boundless}")

    def _pragma(self, pragma: str) -> int:
        # SQLite counts for each connection of its own: the writer's is told, on the writer's thread.
        return self._home.database.write_now(
            lambda tx: int(tx.connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one())
        )


@pytest.fixture
def disk(home: Home) -> Disk:
    """The home's disk."""
    return Disk(home)


@contextmanager
def writer_held(home: Home) -> Iterator[None]:
    """Keep the writer busy, so that what is written meanwhile gathers for one commit."""
    begun, release = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        begun.set()
        assert release.wait(30)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(home.database.write_now, hold)
        assert begun.wait(30)
        try:
            yield
        finally:
            release.set()
        held.result()


def organization(number: int, size: int) -> Organization:
    return Organization(f"org_{number:03d}", f"{number:03d}".ljust(size, "x"))


def work_of(number: int) -> Work:
    return processing(f"auth_{number:03d}", run=1, turn=0)


def add(tx: Transaction, *, home: Home, number: int, size: int) -> int:
    tx.enqueue(work_of(number))
    tx.organizations.add(organization(number, size), home.clock.moment())
    return number


def add_and_carry_on(tx: Transaction, *, home: Home, number: int, size: int) -> int:
    """An operation that takes no notice of what the database said."""
    with suppress(sa.exc.OperationalError):
        add(tx, home=home, number=number, size=size)
    return number


def in_one_batch(home: Home, operations: list[Callable[[Transaction], int]]) -> list[Future[int]]:
    with writer_held(home):
        writes = [home.database._submit(operation) for operation in operations]
    for write in writes:
        write.exception(30)
    return writes


def stored(home: Home, number: int, size: int) -> tuple[bool, bool]:
    """Say of a write whether its organization and whether its work is in the database."""

    def read(tx: Transaction) -> tuple[bool, bool]:
        named = tx.organizations.named(organization(number, size).name) is not None
        return named, tx.work.state_of(work_of(number).id) is not WorkState.GONE

    return home.database.read_now(read)


def check(home: Home, writes: list[Future[int]], sizes: list[int]) -> list[bool]:
    """Hold what was said of each write against what is stored; return which were acknowledged."""
    for number, (write, size) in enumerate(zip(writes, sizes, strict=True)):
        error = write.exception(30)
        assert error is None or (isinstance(error, Exception) and is_outage(error))
        kept = error is None
        assert stored(home, number, size) == (kept, kept), f"write {number}: {error!r}"
    return [write.exception(30) is None for write in writes]


def whole(file: Path) -> bool:
    with sqlite3.connect(file) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return bool(answer[0] == "ok")


SMALL = 10
ORDERS = {
    "in the middle": [SMALL, SMALL, LARGE, SMALL, SMALL],
    "first": [LARGE, SMALL, SMALL],
    "last": [SMALL, SMALL, LARGE],
    "twice": [SMALL, LARGE, SMALL, LARGE, SMALL],
    "alone": [LARGE],
}


@pytest.mark.parametrize("operation", [add, add_and_carry_on])
@pytest.mark.parametrize("order", ORDERS)
def test_only_what_is_stored_is_acknowledged(
    home: Home, disk: Disk, tmp_path: Path, order: str, operation: Callable[..., int]
) -> None:
    sizes = ORDERS[order]
    disk.leave(SPARE_PAGES)

    writes = in_one_batch(
        home, [partial(operation, home=home, number=number, size=size) for number, size in enumerate(sizes)]
    )

    acknowledged = check(home, writes, sizes)
    assert not any(kept for kept, size in zip(acknowledged, sizes, strict=True) if size == LARGE)
    # What fits is taken afterwards, on the full disk too: nothing of the failed batch is left open.
    home.database.write_now(partial(add, home=home, number=500, size=SMALL))
    assert stored(home, 500, SMALL) == (True, True)

    disk.widen()
    refused = [number for number, kept in enumerate(acknowledged) if not kept]
    for number in refused:
        assert home.database.write_now(partial(add, home=home, number=number, size=sizes[number])) == number
        assert stored(home, number, sizes[number]) == (True, True)
    assert whole(tmp_path / "data" / "priorauth.db")


@pytest.mark.parametrize("pages", [0, 1, 2, 3, 5, 8, 13, 21])
def test_a_disk_that_fills_up_little_by_little_loses_nothing_that_was_acknowledged(
    home: Home, disk: Disk, pages: int
) -> None:
    sizes = [SMALL + 40 * number for number in range(60)]
    disk.leave(pages)

    # One after the other, so that each has a commit of its own and the disk is filled to its last page.
    writes: list[Future[int]] = []
    for number, size in enumerate(sizes):
        write = home.database._submit(partial(add, home=home, number=number, size=size))
        write.exception(30)
        writes.append(write)

    acknowledged = check(home, writes, sizes)
    assert not all(acknowledged)
    disk.widen()
    number = acknowledged.index(False)
    assert home.database.write_now(partial(add, home=home, number=number, size=sizes[number])) == number


def test_the_commit_of_what_sqlite_has_undone_fails(home: Home, tmp_path: Path) -> None:
    engine = sqlite.create_engine(sqlite.database_url(tmp_path / "data"), writing=True)
    insert = tables.organizations.insert()
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.rollback()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + SPARE_PAGES}")
        connection.rollback()

        with pytest.raises(sa.exc.OperationalError), connection.begin():  # noqa: PT012 - the end is what raises
            connection.execute(insert.values(id="org_small", name="small", created_at=""))
            with suppress(sa.exc.OperationalError):
                connection.execute(insert.values(id="org_large", name="x" * LARGE, created_at=""))
    engine.dispose()

    assert home.database.read_now(lambda tx: tx.organizations.named("small")) is None
