"""Cases at rest: one document each, and the columns by which they are listed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import AuthorizationNotFound
from priorauth.domain.lifecycle import Status
from priorauth.domain.organizations import Caller, Environment
from priorauth.store import tables
from priorauth.store.documents import decode, encode, sortable
from priorauth.store.encryption.sealing import Sealer

_table = tables.authorizations
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a list may be narrowed by; None narrows nothing."""

    status: str | None = None
    outcome: str | None = None
    payer_id: str | None = None
    provider_npi: str | None = None
    external_case_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def clauses(self, sealer: Sealer) -> Iterable[sa.ColumnElement[bool]]:
        """Yield one condition for each field that is set."""
        for name in ("status", "outcome", "payer_id", "provider_npi"):
            wanted = getattr(self, name)
            if wanted is not None:
                yield _table.c[name] == wanted
        if self.external_case_id is not None:
            yield _table.c.external_case_id == sealer.index(self.external_case_id)
        if self.created_after is not None:
            yield _table.c.created_at >= sortable(self.created_after)
        if self.created_before is not None:
            yield _table.c.created_at < sortable(self.created_before)


class Authorizations:
    """The cases, within one transaction. `changed` names those that were saved in it."""

    def __init__(self, connection: sa.Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer
        self.changed: set[str] = set()

    def add(self, case: Authorization) -> None:
        """Store a new case."""
        self._connection.execute(_table.insert().values(id=case.id, **self._columns(case)))

    def save(self, case: Authorization) -> None:
        """Store a changed case."""
        self._connection.execute(_table.update().where(_table.c.id == case.id).values(**self._columns(case)))
        self.changed.add(case.id)

    def get(self, authorization_id: str) -> Authorization | None:
        """Return a case whoever owns it; a writing transaction holds it until its end. For the engine alone."""
        query = sa.select(_table.c.id, _table.c.document).where(_table.c.id == authorization_id).with_for_update()
        return self._one(query)

    def require(self, caller: Caller, authorization_id: str) -> Authorization:
        """Return a case that the caller may see. Raises AuthorizationNotFound, whoever else may own it."""
        query = sa.select(_table.c.id, _table.c.document).where(
            _table.c.id == authorization_id,
            _table.c.organization_id == caller.organization_id,
            _table.c.environment == caller.environment,
        )
        case = self._one(query.with_for_update())
        if case is None:
            raise AuthorizationNotFound
        return case

    def page(self, caller: Caller, *, narrowed: Filter, before: str | None, limit: int) -> list[Authorization]:
        """Return up to `limit` of the caller's cases, newest first, older than the case `before`."""
        query = sa.select(_table.c.id, _table.c.document).where(
            _table.c.organization_id == caller.organization_id,
            _table.c.environment == caller.environment,
            *narrowed.clauses(self._sealer),
        )
        if before is not None:
            query = query.where(_table.c.id < before)
        rows = self._connection.execute(query.order_by(_table.c.id.desc()).limit(limit))
        return [self._opened(row.id, row.document) for row in rows]

    def newest(self, environment: Environment, *, narrowed: Filter, limit: int) -> list[Authorization]:
        """Return up to `limit` cases of all organizations, newest first. For operators alone."""
        query = sa.select(_table.c.id, _table.c.document).where(
            _table.c.environment == environment, *narrowed.clauses(self._sealer)
        )
        rows = self._connection.execute(query.order_by(_table.c.id.desc()).limit(limit))
        return [self._opened(row.id, row.document) for row in rows]

    def awaiting_attention(self) -> list[str]:
        """Return the ids of the cases that somebody must look after, oldest first."""
        query = sa.select(_table.c.id).where(_table.c.awaits_work.is_(True)).order_by(_table.c.id)
        return list(self._connection.execute(query).scalars())

    def count(self, caller: Caller, status: Status) -> int:
        """Return how many authorizations of the caller's organization have a status."""
        query = sa.select(sa.func.count()).where(
            _table.c.organization_id == caller.organization_id,
            _table.c.environment == caller.environment,
            _table.c.status == status,
        )
        return int(self._connection.execute(query).scalar_one())

    def count_by_status(self) -> dict[Status, int]:
        """Return how many cases of all organizations are in each status."""
        counts = dict.fromkeys(Status, 0)
        # Grouped as an index is, so that no document is read.
        groups = (_table.c.organization_id, _table.c.environment, _table.c.status)
        for status, count in self._connection.execute(sa.select(_table.c.status, sa.func.count()).group_by(*groups)):
            counts[Status(status)] += count
        return counts

    def unfinished(self) -> list[str]:
        """Return the ids of the cases that have not come to their end, or of which evidence may come, oldest first."""
        ended = _table.c.status.in_([status for status in Status if status.is_final])
        query = sa.select(_table.c.id).where(sa.or_(~ended, _table.c.awaits_work.is_(True))).order_by(_table.c.id)
        return list(self._connection.execute(query).scalars())

    def existing(self, authorization_ids: Iterable[str]) -> set[str]:
        """Return which of these there are."""
        wanted = sorted(authorization_ids)
        found = set[str]()
        # A statement takes a bounded number of parameters.
        for start in range(0, len(wanted), _BATCH):
            query = sa.select(_table.c.id).where(_table.c.id.in_(wanted[start : start + _BATCH]))
            found.update(self._connection.execute(query).scalars())
        return found

    def _one(self, query: sa.Select[str, bytes]) -> Authorization | None:
        row = self._connection.execute(query).first()
        return self._opened(row.id, row.document) if row is not None else None

    def _opened(self, authorization_id: str, document: bytes) -> Authorization:
        return decode(self._sealer.open(document, _place(authorization_id)), Authorization)

    def _columns(self, case: Authorization) -> dict[str, object]:
        external = case.metadata.get("externalCaseId")
        return {
            "organization_id": case.organization_id,
            "environment": case.environment,
            "version": case.version,
            "status": case.status,
            "outcome": case.outcome,
            "payer_id": case.payer_id,
            "provider_npi": case.provider.npi,
            "external_case_id": self._sealer.index(external) if external is not None else None,
            "awaits_work": case.awaits_attention,
            "created_at": sortable(case.created_at),
            "document": self._sealer.seal(encode(case), _place(case.id)),
        }


def _place(authorization_id: str) -> str:
    return f"authorizations:{authorization_id}"
