"""The catalog at rest: providers, payers with all their versions, and which organization may use what."""

import hashlib

import sqlalchemy as sa

from priorauth.domain.catalog import Payer, Provider
from priorauth.store import tables
from priorauth.store.documents import decode, encode

_versions: dict[str, Payer] = {}


class Catalog:
    """Providers, payers and access, within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def put_provider(self, environment: str, provider: Provider) -> None:
        """Store a provider, replacing the one with its NPI."""
        table, key = tables.providers, {"environment": environment, "npi": provider.npi}
        self._connection.execute(table.delete().filter_by(**key))
        self._connection.execute(table.insert().values(**key, document=encode(provider)))

    def provider(self, environment: str, npi: str) -> Provider | None:
        """Return the provider of this NPI."""
        query = sa.select(tables.providers.c.document).filter_by(environment=environment, npi=npi)
        document = self._connection.execute(query).scalar()
        return decode(document, Provider) if document is not None else None

    def put_payer(self, environment: str, payer: Payer) -> str | None:
        """Store a payer as its current version; earlier versions stay for the cases that pinned them.

        Returns:
            The name of the version, or None if it was the current one already.
        """
        document = encode(payer)
        version = hashlib.sha256(document).hexdigest()
        versions, table, key = tables.payer_versions, tables.payers, {"environment": environment, "id": payer.id}
        known = self._connection.execute(sa.select(versions.c.version).filter_by(version=version)).first()
        if known is None:
            self._connection.execute(versions.insert().values(version=version, document=document))
        current = self._connection.execute(sa.select(table.c.version).filter_by(**key)).scalar()
        if version == current:
            return None
        self._connection.execute(table.delete().filter_by(**key))
        self._connection.execute(table.insert().values(**key, version=version))
        return version

    def payer(self, environment: str, payer_id: str) -> tuple[Payer, str] | None:
        """Return the payer's current version and that version's name."""
        query = sa.select(tables.payers.c.version).filter_by(environment=environment, id=payer_id)
        version = self._connection.execute(query).scalar()
        return (self.payer_version(version), version) if version is not None else None

    def providers(
        self, environment: str, *, after: str, limit: int, organization_id: str | None = None
    ) -> list[Provider]:
        """Return up to `limit` providers, by NPI, behind the one of NPI `after`.

        With an `organization_id` those for whom that organization may act.
        """
        table, access = tables.providers, tables.provider_access
        query = sa.select(table.c.document).filter_by(environment=environment).where(table.c.npi > after)
        if organization_id is not None:
            own = sa.select(access.c.npi).filter_by(organization_id=organization_id, environment=environment)
            query = query.where(table.c.npi.in_(own))
        rows = self._connection.execute(query.order_by(table.c.npi).limit(limit)).scalars()
        return [decode(document, Provider) for document in rows]

    def payers(self, environment: str) -> list[Payer]:
        """Return every payer in its current version, by id."""
        table = tables.payers
        query = sa.select(table.c.version).filter_by(environment=environment).order_by(table.c.id)
        return [self.payer_version(version) for version in self._connection.execute(query).scalars()]

    def payers_beside(self, environment: str, payer_id: str) -> frozenset[str]:
        """Return the ids of the payers whose portal has the same accounts as this payer's, itself included."""
        places = {each.id: each.portal.place for each in self.payers(environment)}
        there = {each for each, place in places.items() if place == places.get(payer_id)}
        return frozenset({*there, payer_id})

    def payer_version(self, version: str) -> Payer:
        """Return one version of a payer. Versions never change, so they are decoded once."""
        if version not in _versions:
            query = sa.select(tables.payer_versions.c.document).filter_by(version=version)
            _versions[version] = decode(self._connection.execute(query).scalar_one(), Payer)
        return _versions[version]

    def allow(self, organization_id: str, environment: str, *, npi: str, payer_id: str) -> bool:
        """Let an organization act for a provider at a payer; say whether it could not before."""
        key = {"organization_id": organization_id, "environment": environment, "npi": npi, "payer_id": payer_id}
        if self.allows(organization_id, environment, npi=npi, payer_id=payer_id):
            return False
        self._connection.execute(tables.provider_access.insert().values(**key))
        return True

    def allows(self, organization_id: str, environment: str, *, npi: str, payer_id: str) -> bool:
        """Say whether an organization may act for a provider at a payer."""
        table = tables.provider_access
        query = sa.select(table.c.npi).filter_by(
            organization_id=organization_id, environment=environment, npi=npi, payer_id=payer_id
        )
        return self._connection.execute(query).first() is not None

    def disallow(self, organization_id: str, environment: str, *, npi: str, payer_id: str) -> bool:
        """Take an organization's access for a provider at a payer away; say whether there was one."""
        key = {"organization_id": organization_id, "environment": environment, "npi": npi, "payer_id": payer_id}
        return self._connection.execute(tables.provider_access.delete().filter_by(**key)).rowcount > 0

    def granted(self, environment: str) -> list[tuple[str, str, str]]:
        """Return every access as (organization's name, NPI, payer's id)."""
        table, owners = tables.provider_access, tables.organizations
        query = (
            sa.select(owners.c.name, table.c.npi, table.c.payer_id)
            .join(owners)
            .where(table.c.environment == environment)
        )
        rows = self._connection.execute(query.order_by(owners.c.name, table.c.npi, table.c.payer_id))
        return [(row.name, row.npi, row.payer_id) for row in rows]
