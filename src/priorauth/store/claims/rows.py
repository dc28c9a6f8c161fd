"""The claims that the database knows, within one transaction. Committed before the object that they name is created.

A claim has an ordinal, which counts the claims of its authorization, and a number, which counts those of the whole
installation. A database that was put back repeats both, and meets the objects that are in the file store.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from priorauth.domain.errors import TemporarilyUnavailable
from priorauth.store import tables
from priorauth.store.documents import sortable

_claims = tables.submission_claims
_log = tables.submission_log
_ROW = "log"
UNACKNOWLEDGED = (
    "This database was put back: the file store knows submissions that it lacks. Reads go on; everything else waits "
    "until the operator stops all nodes, runs `priorauth mark-restored` and starts them again."
)


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One attempt's claim: where its two objects are."""

    authorization_id: str
    ordinal: int
    attempt_id: str
    number: int


class ClaimRows:
    """The claims that the database knows."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, authorization_id: str, *, attempt_id: str, now: datetime) -> ClaimRow:
        """Give an attempt the next ordinal and the next number; the same again when it has them.

        The caller holds the authorization's row, so that ordinals of one authorization are given one at a time.
        """
        known = self.of_attempt(attempt_id)
        if known is not None:
            return known
        ordinal = max(self.attempts(authorization_id), default=0) + 1
        row = ClaimRow(authorization_id, ordinal, attempt_id, self._next_number())
        self._connection.execute(
            _claims.insert().values(
                authorization_id=row.authorization_id,
                ordinal=row.ordinal,
                attempt_id=row.attempt_id,
                number=row.number,
                claimed_at=sortable(now),
            )
        )
        return row

    def of_attempt(self, attempt_id: str) -> ClaimRow | None:
        """Return the claim of an attempt, or None."""
        columns = (_claims.c.authorization_id, _claims.c.ordinal, _claims.c.attempt_id, _claims.c.number)
        found = self._connection.execute(sa.select(*columns).where(_claims.c.attempt_id == attempt_id)).first()
        return ClaimRow(*found) if found is not None else None

    def attempts(self, authorization_id: str) -> dict[int, str | None]:
        """Return the attempts of one authorization by ordinal; None for what was taken over after a restore."""
        query = sa.select(_claims.c.ordinal, _claims.c.attempt_id)
        rows = self._connection.execute(query.where(_claims.c.authorization_id == authorization_id))
        return {row.ordinal: row.attempt_id for row in rows}

    def every(self) -> set[tuple[str, int]]:
        """Return authorization and ordinal of every claim that is known."""
        query = sa.select(_claims.c.authorization_id, _claims.c.ordinal)
        return {(authorization_id, ordinal) for authorization_id, ordinal in self._connection.execute(query)}

    def last_number(self) -> int:
        """Return the highest number that is known; 0 where there is none."""
        return self._connection.execute(sa.select(_log.c.last_number)).scalar() or 0

    def restore_found_at(self) -> str | None:
        """Return since when a restore is not acknowledged, in UTC; None where all is well."""
        found: str | None = self._connection.execute(sa.select(_log.c.restore_found_at)).scalar()
        return found

    def require_acknowledged(self) -> None:
        """Raise TemporarilyUnavailable while a restore is not acknowledged."""
        if self.restore_found_at() is not None:
            raise TemporarilyUnavailable(UNACKNOWLEDGED)

    def note_restore(self, *, now: datetime) -> None:
        """Record that the database was put back; the first time counts."""
        if self.restore_found_at() is None:
            self._put(restore_found_at=sortable(now))

    def acknowledge(self, claims: Iterable[tuple[str, int]], *, last_number: int, now: datetime) -> None:
        """Take over what the file store knows, and record that the restore is acknowledged.

        What was known by its attempt is now known whatever attempt of whatever database the object names.
        """
        self._connection.execute(_claims.update().values(attempt_id=None))
        lacking = [
            {"authorization_id": authorization_id, "ordinal": ordinal, "claimed_at": sortable(now)}
            for authorization_id, ordinal in claims
        ]
        if lacking:
            self._connection.execute(_claims.insert(), lacking)
        self._put(last_number=max(last_number, self.last_number()), restore_found_at=None)

    def _next_number(self) -> int:
        following = _log.c.last_number + 1
        found = self._connection.execute(_log.update().values(last_number=following).returning(_log.c.last_number))
        number: int | None = found.scalar()
        if number is None:
            number = 1
            self._put(last_number=number)
        return number

    def _put(self, **values: object) -> None:
        if self._connection.execute(_log.update().values(**values)).rowcount == 0:
            self._connection.execute(_log.insert().values(**{"id": _ROW, "last_number": 0, **values}))
