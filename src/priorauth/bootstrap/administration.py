"""What an operator does to an installation beside running it."""

import asyncio
from datetime import datetime

from priorauth.bootstrap import storage
from priorauth.commands import catalog as catalog_commands
from priorauth.commands.organizations import create_key, ensure_organization
from priorauth.domain.organizations import ApiKey, Environment, Organization, Scope
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.database import Database
from priorauth.store.encryption import keys, rotation
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction


def grant_everything(tx: Transaction, organization: Organization) -> None:
    """Open all providers at all payers of the sandbox to an organization."""
    catalog_commands.grant_all(
        tx,
        organization=organization,
        environment=Environment.SANDBOX,
        providers=tx.catalog.providers(Environment.SANDBOX, after="", limit=100_000),
        payers=tx.catalog.payers(Environment.SANDBOX),
    )


def issue_key(
    database: Database,
    *,
    organization_name: str,
    environment: Environment,
    scopes: tuple[Scope, ...] = tuple(Scope),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key for an organization, which is created when it is new and, in the sandbox, gets the whole catalog."""

    def operation(tx: Transaction) -> tuple[ApiKey, str]:
        moment = present()
        organization = ensure_organization(tx, moment, name=organization_name)
        if environment is Environment.SANDBOX:
            grant_everything(tx, organization)
        return create_key(
            tx, moment, organization=organization, environment=environment, scopes=scopes, expires_at=expires_at
        )

    return database.write_now(operation)


def rotate_keys(settings: Settings) -> int:
    """Seal everything with a new key, or with the first of the keys that are given; return how many values had another.

    Raises DataFolderInUse while a server or a command runs, FaultyKey. Killed at any moment, it can be run again.
    """
    with data_folder.held(settings.data_dir), data_folder.keys_held(settings.data_dir, exchanging=True):
        path, given = data_folder.key_file(settings.data_dir), storage.given_keys(settings)
        with storage.database_of(settings):
            pass
        if given is None:
            keys.write(path, [keys.fresh(), *keys.read(path)])
        with storage.database_of(settings) as database:
            changed = rotation.seal_anew(database)
        blobs = storage.blobs_of(settings)
        changed += asyncio.run(blobs.seal_anew())
        if given is None:
            keys.write(path, keys.read(path)[:1])
    return changed
