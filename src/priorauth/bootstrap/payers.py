"""Payers as data: read from a folder, and put into the catalog."""

from pathlib import Path

from priorauth.bootstrap import sandbox
from priorauth.bootstrap.administration import grant_everything
from priorauth.bootstrap.engines import ADAPTERS
from priorauth.domain.organizations import Environment
from priorauth.formats.payer_folders import PayerFolder, read_folder
from priorauth.sandbox.server import check_portal, seed_members
from priorauth.settings import Settings
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction


def read_payer(folder: Path) -> PayerFolder:
    """Return the payer that a folder's files describe. Raises FaultyFolder."""
    return read_folder(folder, portals=frozenset(ADAPTERS), judge_member=check_portal)


def add_payer(database: Database, found: PayerFolder, settings: Settings) -> bool:
    """Put a payer into the catalog; say whether that changed anything.

    In the sandbox every organization may use it, and its portal knows its members.
    Members are written first: a crash in between leaves people whom nobody asks for.
    """
    is_sandbox = settings.environment is Environment.SANDBOX
    if is_sandbox:
        seed_members(settings.data_dir / "sandbox", found.payer.portal.id, found.members)

    def operation(tx: Transaction) -> bool:
        changed = tx.catalog.put_payer(settings.environment, found.payer) is not None
        if is_sandbox:
            sandbox.give_accounts(tx)
            for organization in tx.organizations.all():
                grant_everything(tx, organization)
        return changed

    return database.write_now(operation)
