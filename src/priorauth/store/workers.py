"""The workers and their leases, by the database's clock; and the chores that one of them does for all."""

import sqlalchemy as sa

from priorauth.store import tables
from priorauth.store.databases import clock

_table = tables.workers
_chores = tables.chores


class Workers:
    """The workers, within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, worker: str, *, url: str, lease_seconds: float) -> None:
        """Register a worker that API nodes reach at `url`."""
        ends = clock.present(self._connection) + lease_seconds
        self._connection.execute(_table.insert().values(id=worker, url=url, lease_ends_at=ends))

    def renew(self, worker: str, *, lease_seconds: float) -> bool:
        """Let a worker's lease begin anew; False when it has ended, and others may have taken its cases over."""
        now = clock.present(self._connection)
        stands = _table.update().where(_table.c.id == worker, _table.c.lease_ends_at > now)
        return self._connection.execute(stands.values(lease_ends_at=now + lease_seconds)).rowcount > 0

    def remove(self, worker: str) -> None:
        """End a worker's lease."""
        self._connection.execute(_table.delete().where(_table.c.id == worker))

    def remove_all_but(self, worker: str) -> None:
        """End every other lease: for the one process that a data folder has."""
        self._connection.execute(_table.delete().where(_table.c.id != worker))

    def remove_dead(self) -> list[str]:
        """End the leases that have run out; return whose they were."""
        ended = _table.delete().where(_table.c.lease_ends_at <= clock.present(self._connection))
        return list(self._connection.execute(ended.returning(_table.c.id)).scalars())

    def living(self) -> list[str]:
        """Return whose leases are there, by id."""
        return list(self._connection.execute(sa.select(_table.c.id).order_by(_table.c.id)).scalars())

    def count(self) -> int:
        """Return how many leases stand now, whether or not anybody has ended the others yet."""
        stands = _table.c.lease_ends_at > clock.present(self._connection)
        return int(self._connection.execute(sa.select(sa.func.count()).where(stands)).scalar_one())

    def url_of(self, worker: str) -> str | None:
        """Return where API nodes reach a worker; None when there is no such one any more."""
        found: str | None = self._connection.execute(sa.select(_table.c.url).where(_table.c.id == worker)).scalar()
        return found

    def take_chore(self, name: str, *, every_seconds: float) -> bool:
        """Take a chore that is due, for whoever asks first; its next turn comes after `every_seconds`."""
        now = clock.present(self._connection)
        due = _chores.update().where(_chores.c.name == name, _chores.c.due_at <= now)
        if self._connection.execute(due.values(due_at=now + every_seconds)).rowcount:
            return True
        if self._connection.execute(sa.select(_chores.c.name).filter_by(name=name)).first() is not None:
            return False
        self._connection.execute(_chores.insert().values(name=name, due_at=now + every_seconds))
        return True
