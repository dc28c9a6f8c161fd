"""Successful answers kept by their idempotency key, so that a repeated request gets the first answer again."""

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

    @property
    def place(self) -> str:
        """Where the answer lies, as sealing names it."""
        return "idempotency_records:" + "\n".join(self.columns().values())

    def columns(self) -> dict[str, str]:
        """Return the primary key."""
        return {
            "organization_id": self.organization_id,
            "environment": self.environment,
            "method": self.method,
            "path": self.path,
            "key": self.key,
        }


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A first answer, byte for byte, and the hash of the body that it answered."""

    body_hash: str
    status_code: int
    version: int | None
    body: bytes


class Idempotency:
    """The kept answers, within one transaction."""

    def __init__(self, connection: sa.Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def find(self, scope: IdempotencyScope, *, since: datetime) -> StoredAnswer | None:
        """Return the answer kept under this key since `since`."""
        query = sa.select(_table).filter_by(**scope.columns()).where(_table.c.created_at >= sortable(since))
        row = self._connection.execute(query).first()
        if row is None:
            return None
        return StoredAnswer(row.body_hash, row.status_code, row.version, self._sealer.open(row.body, scope.place))

    def keep(self, scope: IdempotencyScope, answer: StoredAnswer, *, now: datetime) -> None:
        """Keep an answer; one that had expired under the same key is replaced."""
        self._connection.execute(_table.delete().filter_by(**scope.columns()))
        self._connection.execute(
            _table.insert().values(
                **scope.columns(),
                body_hash=answer.body_hash,
                status_code=answer.status_code,
                version=answer.version,
                body=self._sealer.seal(answer.body, scope.place),
                created_at=sortable(now),
            )
        )

    def forget(self, *, before: datetime) -> int:
        """Delete what was kept before `before`; return how many answers that were."""
        return self._connection.execute(_table.delete().where(_table.c.created_at < sortable(before))).rowcount
