"""The timeline at rest: appended to, never changed."""

from dataclasses import replace

import sqlalchemy as sa

from priorauth.domain.events import Occurrence, TimelineEntry
from priorauth.store import tables
from priorauth.store.documents import decode, encode
from priorauth.store.encryption.sealing import Sealer
from priorauth.store.ids import id_after

_table = tables.timeline
# No observation of the engine begins so.
_REPEATED = "repeated:"


class Timeline:
    """The timelines of all cases, within one transaction. `appended` are the types of what was appended in it."""

    def __init__(self, connection: sa.Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer
        self.appended: list[Occurrence] = []

    def append(self, occurrence: Occurrence, *, observation_id: str | None = None) -> None:
        """Append an entry. An observation is recorded under its deterministic id, once.

        Nodes have clocks of their own: an entry's id is made to follow the case's last one, whoever wrote that.
        """
        entry, authorization_id = occurrence.entry, occurrence.authorization_id
        query = sa.select(sa.func.max(_table.c.id)).where(_table.c.authorization_id == authorization_id)
        last: str | None = self._connection.execute(query).scalar()
        if last is not None and last > entry.id:
            entry = replace(entry, id=id_after(last))
        values = {"id": entry.id, "authorization_id": authorization_id, "observation_id": observation_id}
        document = self._sealer.seal(encode(entry), f"timeline:{entry.id}")
        self._connection.execute(_table.insert().values(**values, document=document))
        self.appended.append(occurrence)

    def append_repeated(self, occurrence: Occurrence, *, ordinal: int) -> None:
        """Append an entry of those that are bounded: of its event type the one with this number, from 0 on."""
        self.append(occurrence, observation_id=f"{_REPEATED}{occurrence.entry.type}:{ordinal}")

    def tell(self, occurrence: Occurrence) -> None:
        """Tell observers what happened, and append nothing."""
        self.appended.append(occurrence)

    def count_repeated(self, authorization_id: str, event: str) -> int:
        """Return how many entries of an event type were appended by `append_repeated`."""
        return self.count_observed(authorization_id, f"{_REPEATED}{event}:")

    def count_observed(self, authorization_id: str, prefix: str) -> int:
        """Return how many entries have observation ids that begin so."""
        query = sa.select(sa.func.count()).where(
            _table.c.authorization_id == authorization_id,
            _table.c.observation_id.startswith(prefix, autoescape=True),
        )
        return int(self._connection.execute(query).scalar_one())

    def has_observed(self, authorization_id: str, observation_id: str) -> bool:
        """Say whether the observation was recorded before."""
        query = sa.select(_table.c.id).where(
            _table.c.authorization_id == authorization_id, _table.c.observation_id == observation_id
        )
        return self._connection.execute(query).first() is not None

    def page(self, authorization_id: str, *, before: str | None, limit: int) -> list[TimelineEntry]:
        """Return up to `limit` entries, newest first, older than the entry `before`."""
        query = sa.select(_table.c.id, _table.c.document).where(_table.c.authorization_id == authorization_id)
        if before is not None:
            query = query.where(_table.c.id < before)
        rows = self._connection.execute(query.order_by(_table.c.id.desc()).limit(limit))
        return [decode(self._sealer.open(row.document, f"timeline:{row.id}"), TimelineEntry) for row in rows]
