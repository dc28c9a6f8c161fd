"""Access: which organization may act for which provider at which payer."""

from typing import Annotated

import typer

from priorauth.cli.common import AsJson, DataDir, opened, show
from priorauth.cli.providers import InEnvironment
from priorauth.domain.errors import UserFault
from priorauth.domain.organizations import Environment, Organization
from priorauth.store.transaction import Transaction

app = typer.Typer(help="Who may act for whom at which payer.", no_args_is_help=True)
Name = Annotated[str, typer.Option("--organization", help="The organization's name.")]
Npi = Annotated[str, typer.Option("--provider", help="The provider's NPI.")]
PayerId = Annotated[str, typer.Option("--payer", help="The payer's id.")]


@app.command("grant")
def grant(
    organization: Name,
    npi: Npi,
    payer: PayerId,
    environment: InEnvironment = Environment.SANDBOX,
    data_dir: DataDir = None,
) -> None:
    """Let an organization act for a provider at a payer, at once."""

    def operation(tx: Transaction) -> bool:
        owner = _organization(tx, organization)
        if tx.catalog.provider(environment, npi) is None:
            raise UserFault(f"There is no provider {npi}. `priorauth providers add` adds it.")
        if tx.catalog.payer(environment, payer) is None:
            known = ", ".join(each.id for each in tx.catalog.payers(environment)) or "none yet"
            raise UserFault(f"There is no payer {payer}. Payers that there are: {known}.")
        return tx.catalog.allow(owner.id, environment, npi=npi, payer_id=payer)

    with opened(data_dir, environment) as database:
        is_new = database.write_now(operation)
    said = "." if is_new else " already. Nothing changed."
    typer.echo(f"{organization} may act for {npi} at {payer}{said}")


@app.command("revoke")
def revoke(
    organization: Name,
    npi: Npi,
    payer: PayerId,
    environment: InEnvironment = Environment.SANDBOX,
    data_dir: DataDir = None,
) -> None:
    """Take the access away: no new cases. Cases that exist go on."""
    with opened(data_dir, environment) as database:
        was_granted = database.write_now(
            lambda tx: tx.catalog.disallow(_organization(tx, organization).id, environment, npi=npi, payer_id=payer)
        )
    if was_granted:
        typer.echo(f"{organization} may not act for {npi} at {payer} any more.")
    else:
        typer.echo(f"{organization} had no access for {npi} at {payer}. Nothing changed.")


@app.command("list")
def list_access(
    environment: InEnvironment = Environment.SANDBOX, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """List who may act for whom at which payer."""
    with opened(data_dir, environment) as database:
        found = database.read_now(lambda tx: tx.catalog.granted(environment))
    show([{"organization": name, "provider": npi, "payer": payer} for name, npi, payer in found], as_json=as_json)


def _organization(tx: Transaction, name: str) -> Organization:
    found = tx.organizations.named(name)
    if found is None:
        raise UserFault(
            f"There is no organization {name!r}. `priorauth organizations list` shows those that there are."
        )
    return found
