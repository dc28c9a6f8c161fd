"""The health of payers' portals at rest: a row for each, in plain columns, which hold nothing of any case."""

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from priorauth.domain.portals.health import PortalHealth
from priorauth.store import tables
from priorauth.store.documents import sortable

_table = tables.portal_health
_FIRST = sa.text(
    "INSERT INTO portal_health (portal, address, faults, outages) VALUES (:portal, :address, 0, 0)"
    " ON CONFLICT DO NOTHING"
)
_TIMES = ("last_success_at", "last_fault_at", "down_since", "next_try_at")


class PortalHealths:
    """The health of all portals, within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def of(self, portal: str, address: str, *, held: bool = False) -> PortalHealth:
        """Return what is known of a portal; a writing transaction may hold it until its end."""
        query = sa.select(_table).filter_by(portal=portal, address=address)
        row = self._connection.execute(query.with_for_update() if held else query).mappings().first()
        return _health(row) if row is not None else PortalHealth(portal=portal, address=address)

    def all(self) -> list[PortalHealth]:
        """Return what is known of every portal that was tried, by name."""
        query = sa.select(_table).order_by(_table.c.portal, _table.c.address)
        return [_health(row) for row in self._connection.execute(query).mappings()]

    def put(self, health: PortalHealth) -> None:
        """Store what is known of a portal."""
        values = asdict(health)
        values |= {name: sortable(values[name]) if values[name] else None for name in _TIMES}
        changed = _table.update().filter_by(portal=health.portal, address=health.address).values(values)
        if not self._connection.execute(changed).rowcount:
            # Two workers may meet a portal for the first time at once.
            self._connection.execute(_FIRST, {"portal": health.portal, "address": health.address})
            self._connection.execute(changed)


def _health(row: sa.RowMapping) -> PortalHealth:
    times = {name: datetime.fromisoformat(row[name]) if row[name] else None for name in _TIMES}
    return PortalHealth(**{**row, **times})
