"""Organizations and their keys at rest."""

from dataclasses import replace

import sqlalchemy as sa

from priorauth.domain.moment import Moment
from priorauth.domain.organizations import ApiKey, Organization, Scope
from priorauth.store import tables
from priorauth.store.documents import decode, encode, sortable

_keys = tables.api_keys
# What a node of the version before can read in a key's document, and what such a document leaves unsaid.
_OF_BEFORE = (Scope.READ, Scope.WRITE, Scope.CONFIRM)
_SINCE = Scope.LIVE_VIEW


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
        self._connection.execute(
            tables.api_keys.insert().values(**values, document=_document(key), scopes=" ".join(key.scopes))
        )

    def key(self, key_id: str) -> ApiKey | None:
        """Return the key of this id; a writing transaction holds it until its end."""
        found = self._keys(_keys.c.id == key_id, held=True)
        return found[0] if found else None

    def keys_of(self, organization_id: str, environment: str) -> list[ApiKey]:
        """Return an organization's keys of an environment, oldest first; a writing transaction holds them."""
        return self._keys(_keys.c.organization_id == organization_id, _keys.c.environment == environment, held=True)

    def save_key(self, key: ApiKey) -> None:
        """Store a changed key."""
        update = _keys.update().where(_keys.c.id == key.id)
        self._connection.execute(update.values(document=_document(key), scopes=" ".join(key.scopes)))

    def keys(self) -> list[tuple[Organization, ApiKey]]:
        """Return every key with its organization, oldest first."""
        owners = {each.id: each for each in self.all()}
        return [(owners[key.organization_id], key) for key in self._keys()]

    def all(self) -> list[Organization]:
        """Return every organization, by name."""
        table = tables.organizations
        rows = self._connection.execute(sa.select(table.c.id, table.c.name).order_by(table.c.name))
        return [Organization(row.id, row.name) for row in rows]

    def _keys(self, *clauses: sa.ColumnElement[bool], held: bool = False) -> list[ApiKey]:
        query = sa.select(_keys.c.document, _keys.c.scopes).where(*clauses).order_by(_keys.c.id)
        rows = self._connection.execute(query.with_for_update() if held else query)
        return [_read(row.document, row.scopes) for row in rows]


def _document(key: ApiKey) -> bytes:
    return encode(replace(key, scopes=tuple(scope for scope in key.scopes if scope in _OF_BEFORE)))


def _read(document: bytes, scopes: str | None) -> ApiKey:
    key = decode(document, ApiKey)
    if scopes is not None:
        return replace(key, scopes=tuple(map(Scope, scopes.split())))
    return replace(key, scopes=(*key.scopes, _SINCE)) if Scope.READ in key.scopes else key
