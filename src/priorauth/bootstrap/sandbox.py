"""What the sandbox has from the start: its catalog, accounts at its portals, and the portals themselves."""

from priorauth.commands import catalog as catalog_commands
from priorauth.commands import credentials as credential_commands
from priorauth.commands.credentials import Secrets
from priorauth.domain.catalog import Payer, Provider
from priorauth.domain.organizations import Environment
from priorauth.formats.payers import payer_of, provider_of
from priorauth.sandbox import catalog as sandbox_catalog
from priorauth.store.database import Database
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction


def install_catalog(database: Database) -> None:
    """Put the sandbox's providers, payers and accounts into the catalog, where they are missing."""
    providers, payers = _sandbox_entries()

    def operation(tx: Transaction) -> None:
        catalog_commands.install(tx, environment=Environment.SANDBOX, providers=providers, payers=payers)
        give_accounts(tx)

    database.write_now(operation)


def give_accounts(tx: Transaction) -> None:
    """Let the service sign in at the simulated portal of every payer that has no credential for everybody yet.

    People may enter the simulated accounts, in which there is nobody's data, unless the operator has said otherwise.
    """
    for payer in tx.catalog.payers(Environment.SANDBOX):
        accounts = sandbox_catalog.PORTAL_ACCOUNTS.get(payer.portal.id, ())
        shared = [each for each in tx.credentials.of_payer(Environment.SANDBOX, payer.id) if each.is_for_everybody]
        if accounts and not shared:
            known = Secrets(accounts[0].user_name, accounts[0].password, accounts[0].totp_secret)
            credential_commands.add(
                tx,
                present(),
                environment=Environment.SANDBOX,
                payer_id=payer.id,
                secrets=known,
                people_may_enter=True,
            )
        simulated = {account.user_name for account in accounts}
        for each in shared:
            if each.people_may_enter is None and each.user_name in simulated:
                credential_commands.let_people_enter(tx, credential_id=each.id, allowed=True)


def _sandbox_entries() -> tuple[tuple[Provider, ...], tuple[Payer, ...]]:
    return (
        tuple(provider_of(entry) for entry in sandbox_catalog.providers()),
        tuple(payer_of(entry) for entry in sandbox_catalog.payers()),
    )
