"""Successful answers kept by their idempotency key, so that a repeated request gets the first answer again."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from priorauth.store import tables
from priorauth.store.documents import sortable
from priorauth.store.encryption.sealing import Sealer

_table = tables.idempotency_records


@dataclass(frozen=True, slots=True)
class IdempotencyScope:
    """Within what a key means one request."""

    organization_id: str
    environment: str
    method: str
    path: str
    key: str

    def columns(self, sealer: Sealer) -> dict[str, str]:
        """Return the primary key. The client's own key becomes a keyed hash: it may be made of anything."""
        return {
            "organization_id": self.organization_id,
            "environment": self.environment,
            "method": self.method,
            "path": self.path,
            "key": sealer.index(f"idempotency key:{self.key}"),
        }


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A first answer, byte for byte, and the keyed hash of the body that it answered."""

    body_hash: str
    status_code: int
    version: int | None
    body: bytes


class Idempotency:
    """The kept answers, within one transaction."""

    def __init__(self, connection: sa.Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def take(self, scope: IdempotencyScope) -> bool:
        """Keep others from working under this key until the transaction ends; False while somebody does.

        On SQLite nobody can: there is one writer.
        """
        if self._connection.dialect.name != "postgresql":
            return True
        digest = hashlib.sha256(place_of(scope.columns(self._sealer)).encode()).digest()
        number = int.from_bytes(digest[:8], signed=True)
        return bool(self._connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(number))).scalar())

    def find(self, scope: IdempotencyScope, *, since: datetime) -> StoredAnswer | None:
        """Return the answer kept under this key since `since`."""
        columns = scope.columns(self._sealer)
        query = sa.select(_table).filter_by(**columns).where(_table.c.created_at >= sortable(since))
        row = self._connection.execute(query).first()
        if row is None:
            return None
        body = self._sealer.open(row.body, place_of(columns))
        return StoredAnswer(row.body_hash, row.status_code, row.version, body)

    def keep(self, scope: IdempotencyScope, answer: StoredAnswer, *, now: datetime) -> None:
        """Keep an answer; one that had expired under the same key is replaced."""
        columns = scope.columns(self._sealer)
        self._connection.execute(_table.delete().filter_by(**columns))
        self._connection.execute(
            _table.insert().values(
                **columns,
                body_hash=answer.body_hash,
                status_code=answer.status_code,
                version=answer.version,
                body=self._sealer.seal(answer.body, place_of(columns)),
                created_at=sortable(now),
            )
        )

    def forget(self, *, before: datetime) -> int:
        """Delete what was kept before `before`; return how many answers that were."""
        return self._connection.execute(_table.delete().where(_table.c.created_at < sortable(before))).rowcount


def place_of(columns: Mapping[str, str]) -> str:
    """Return where the answer with this primary key lies, as sealing names it."""
    return "idempotency_records:" + "\n".join(columns.values())
