"""Exchanging the key of the data: every sealed value is opened and sealed anew, in batches that commit one by one.

Whoever is killed in between begins again: what is done stays done, and all keys of the ring open until the end.
"""

from collections.abc import Iterator

import sqlalchemy as sa

from priorauth.store import tables
from priorauth.store.database import Database
from priorauth.store.idempotency import place_of
from priorauth.store.transaction import Transaction

_BATCH = 200
_DOCUMENTS = (
    tables.installation,
    tables.authorizations,
    tables.timeline,
    tables.files,
    tables.credentials,
    tables.browser_states,
)
_SCOPE = ("organization_id", "environment", "method", "path", "key")


def seal_anew(database: Database) -> int:
    """Seal every value of the database with the key that seals now; return how many had another one."""
    return sum(_table_anew(database, table) for table in _DOCUMENTS) + sum(_answers_anew(database))


def sealed_values(connection: sa.Connection) -> Iterator[tuple[str, bytes]]:
    """Yield every sealed value of the database, with the place that it is bound to."""
    for table in _DOCUMENTS:
        query = sa.select(table.c.id, table.c.document)
        for row in connection.execute(query, execution_options={"yield_per": _BATCH}):
            yield f"{table.name}:{row.id}", row.document
    answers = tables.idempotency_records
    for answer in connection.execute(sa.select(*(answers.c[name] for name in _SCOPE), answers.c.body)):
        yield place_of(dict(zip(_SCOPE, answer, strict=False))), answer.body


def _table_anew(database: Database, table: sa.Table) -> int:
    changed, last = 0, ""
    while True:

        def batch(tx: Transaction, after: str = last) -> list[tuple[str, bool]]:
            query = sa.select(table.c.id, table.c.document).where(table.c.id > after).order_by(table.c.id)
            done = []
            for row in tx.connection.execute(query.limit(_BATCH)):
                stale = not tx.sealer.is_fresh(row.document)
                if stale:
                    place = f"{table.name}:{row.id}"
                    document = tx.sealer.seal(tx.sealer.open(row.document, place), place)
                    tx.connection.execute(table.update().where(table.c.id == row.id).values(document=document))
                done.append((row.id, stale))
            return done

        done = database.write_now(batch)
        changed += sum(stale for _, stale in done)
        if not done:
            return changed
        last = done[-1][0]


def _answers_anew(database: Database) -> Iterator[int]:
    table = tables.idempotency_records

    def keys(tx: Transaction) -> list[dict[str, str]]:
        rows = tx.connection.execute(sa.select(*(table.c[name] for name in _SCOPE)))
        return [dict(zip(_SCOPE, row, strict=True)) for row in rows]

    def reseal(tx: Transaction, key: dict[str, str]) -> int:
        query = sa.select(table.c.body).filter_by(**key)
        body: bytes | None = tx.connection.execute(query).scalar()
        if body is None or tx.sealer.is_fresh(body):
            return 0
        sealed = tx.sealer.seal(tx.sealer.open(body, place_of(key)), place_of(key))
        tx.connection.execute(table.update().filter_by(**key).values(body=sealed))
        return 1

    for key in database.read_now(keys):
        yield database.write_now(lambda tx, key=key: reseal(tx, key))  # type: ignore[misc]
