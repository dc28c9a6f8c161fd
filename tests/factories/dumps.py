"""A database's rows as they are at one moment, and the same put back later: a dump, by SQL, of either kind."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from priorauth.store import tables
from priorauth.store.transaction import Transaction
from tests.factories.databases import Home

Dump = Mapping[sa.Table, list[dict[str, Any]]]
_TABLES = tables.metadata.sorted_tables


def dump(home: Home) -> Dump:
    """Return all rows."""

    def operation(tx: Transaction) -> Dump:
        return {table: [dict(row) for row in tx.connection.execute(sa.select(table)).mappings()] for table in _TABLES}

    return home.database.read_now(operation)


def put_back(home: Home, rows: Dump) -> None:
    """Let the database have these rows, and no others."""

    def operation(tx: Transaction) -> None:
        for table in reversed(_TABLES):
            tx.connection.execute(table.delete())
        for table in _TABLES:
            if rows[table]:
                tx.connection.execute(table.insert(), rows[table])

    home.database.write_now(operation)
