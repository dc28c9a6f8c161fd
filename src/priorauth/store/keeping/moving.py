"""The contents of one database into another: all in one transaction, and held against each other row by row.

What is of a process that has ended is left: leases, turns, places in a queue. The engine's own tables are left too.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from obstore.store import ObjectStore

from priorauth.domain.errors import UserFault
from priorauth.store import tables
from priorauth.store.claims.objects import is_claim
from priorauth.store.encryption.rotation import sealed_values
from priorauth.store.encryption.sealing import Sealer

_BATCH = 500
_STREAMED = {"yield_per": _BATCH}
_LEFT = (tables.workers, tables.chores, tables.places, tables.installation, tables.announcements)
MOVED = tuple(table for table in tables.metadata.sorted_tables if table not in _LEFT)


class CannotMove(UserFault):
    """The contents cannot be moved, or did not arrive as they were. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a table holds: how many rows, and a digest of them in whatever order."""

    table: str
    rows: int
    digest: str


def take_time(connection: sa.Connection) -> None:
    """Let a transaction last as long as it takes: nobody else works on what it fills."""
    if connection.dialect.name == "postgresql":
        for name in ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout"):
            connection.execute(sa.text(f"SET LOCAL {name} = 0"))


def contents(connection: sa.Connection) -> list[Contents]:
    """Return what each table holds that is moved."""
    return [_contents_of(connection, table) for table in MOVED]


def is_empty(connection: sa.Connection) -> bool:
    """Say whether there is nothing yet of what is moved."""
    return all(
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is None for table in MOVED
    )


def copy(source: sa.Connection, target: sa.Connection) -> None:
    """Write every row of `source` into the empty tables of `target`, in an order in which rows find those they name."""
    for table in MOVED:
        for rows in source.execute(sa.select(table), execution_options=_STREAMED).mappings().partitions(_BATCH):
            target.execute(table.insert(), [dict(row) for row in rows])


def open_all(connection: sa.Connection, sealer: Sealer) -> int:
    """Open every sealed value once; return how many those are. Raises CannotOpen."""
    return sum(1 for place, sealed in sealed_values(connection) if sealer.open(sealed, place) is not None)


async def copy_files(source: ObjectStore, target: ObjectStore) -> int:
    """Copy every file as it lies, sealed; return how many those are. One that is there already is not sent again."""
    number = 0
    async for listed in source.list():
        for each in listed:
            name = each["path"]
            content = bytes(await (await source.get_async(name)).bytes_async())
            there = await _bytes_of(target, name)
            if there != content:
                if there is not None and is_claim(name):
                    raise CannotMove(
                        "The file store that is named holds submissions of another database. Name another prefix for "
                        "--files, or make sure that nothing uses this one and empty it."
                    )
                await target.put_async(name, content)
                if await _bytes_of(target, name) != content:
                    raise CannotMove(
                        f"The file {name} did not arrive as it was. Look at the store, and run this again."
                    )
            number += 1
    return number


async def _bytes_of(store: ObjectStore, name: str) -> bytes | None:
    try:
        return bytes(await (await store.get_async(name)).bytes_async())
    except FileNotFoundError:
        return None


def _contents_of(connection: sa.Connection, table: sa.Table) -> Contents:
    # A sum of the rows' digests: databases order text differently.
    number = total = 0
    for row in _rows(connection, table):
        number += 1
        total += int.from_bytes(hashlib.sha256(msgspec.json.encode(tuple(row))).digest())
    return Contents(table.name, number, f"{total % 2**256:064x}")


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[sa.Row[tuple[object, ...]]]:
    columns = sorted(table.columns, key=lambda column: column.name)
    for rows in connection.execute(sa.select(*columns), execution_options=_STREAMED).partitions(_BATCH):
        yield from rows
