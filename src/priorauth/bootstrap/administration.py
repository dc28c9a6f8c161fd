"""What an operator does to an installation beside running it."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

from priorauth.bootstrap import sandbox, storage
from priorauth.bootstrap.engines import ADAPTERS
from priorauth.commands.organizations import create_key, ensure_organization
from priorauth.domain.organizations import ApiKey, Environment, Scope
from priorauth.formats.payer_folders import PayerFolder, read_folder
from priorauth.http.app import create_app
from priorauth.sandbox.server import check_portal, seed_members
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.database import Database
from priorauth.store.encryption import keys, rotation
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction


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
            sandbox.grant_everything(tx, organization)
        return create_key(
            tx, moment, organization=organization, environment=environment, scopes=scopes, expires_at=expires_at
        )

    return database.write_now(operation)


def read_payer(folder: Path) -> PayerFolder:
    """Return the payer that a folder's files describe. Raises FaultyFolder."""
    return read_folder(folder, portals=frozenset(ADAPTERS), judge_member=check_portal)


def add_payer(database: Database, found: PayerFolder, settings: Settings) -> None:
    """Put a payer into the catalog; in the sandbox every organization may use it, and its portal knows its members.

    Members are written first: a crash in between leaves people whom nobody asks for.
    """
    is_sandbox = settings.environment is Environment.SANDBOX
    if is_sandbox:
        seed_members(settings.data_dir / "sandbox", found.payer.portal.id, found.members)

    def operation(tx: Transaction) -> None:
        tx.catalog.put_payer(settings.environment, found.payer)
        if is_sandbox:
            sandbox.give_accounts(tx)
            for organization in tx.organizations.all():
                sandbox.grant_everything(tx, organization)

    database.write_now(operation)


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


def openapi_document(environment: Environment) -> str:
    """Return the OpenAPI document of an environment as JSON."""
    return json.dumps(create_app(environment).openapi(), indent=2)
