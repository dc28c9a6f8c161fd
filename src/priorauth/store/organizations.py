"""Organizations and their keys at rest."""

import sqlalchemy as sa

from priorauth.domain.moment import Moment
from priorauth.domain.organizations import ApiKey, Organization
from priorauth.store import tables
from priorauth.store.documents import decode, encode, sortable


class Organizations:
    """Organizations and keys, within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def named(self, name: str) -> Organization | None:
        """Return the organization of this name."""
        table = tables.organizations
        row = self._connection.execute(sa.select(table.c.id, table.c.name).where(table.c.name == name)).first()
        return Organization(row.id, row.name) if row else None

    def add(self, organization: Organization, moment: Moment) -> None:
        """Store a new organization."""
        values = {"id": organization.id, "name": organization.name, "created_at": sortable(moment.now)}
        self._connection.execute(tables.organizations.insert().values(**values))

    def add_key(self, key: ApiKey) -> None:
        """Store a new key."""
        values = {"id": key.id, "organization_id": key.organization_id, "environment": key.environment}
        self._connection.execute(tables.api_keys.insert().values(**values, document=encode(key)))

    def key(self, key_id: str) -> ApiKey | None:
        """Return the key of this id."""
        table = tables.api_keys
        document = self._connection.execute(sa.select(table.c.document).where(table.c.id == key_id)).scalar()
        return decode(document, ApiKey) if document is not None else None

    def save_key(self, key: ApiKey) -> None:
        """Store a changed key."""
        table = tables.api_keys
        self._connection.execute(table.update().where(table.c.id == key.id).values(document=encode(key)))

    def keys(self) -> list[tuple[Organization, ApiKey]]:
        """Return every key with its organization, oldest first."""
        table, owners = tables.api_keys, tables.organizations
        query = sa.select(owners.c.id, owners.c.name, table.c.document).join(owners).order_by(table.c.id)
        rows = self._connection.execute(query)
        return [(Organization(row.id, row.name), decode(row.document, ApiKey)) for row in rows]

    def all(self) -> list[Organization]:
        """Return every organization, by name."""
        table = tables.organizations
        rows = self._connection.execute(sa.select(table.c.id, table.c.name).order_by(table.c.name))
        return [Organization(row.id, row.name) for row in rows]
