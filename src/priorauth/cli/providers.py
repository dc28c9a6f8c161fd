"""Providers: clinics and practitioners on whose behalf cases are sent."""

from typing import Annotated

import typer

from priorauth.cli.common import AsJson, DataDir, opened, show
from priorauth.domain.catalog import Provider, is_npi, is_state
from priorauth.domain.errors import UserFault
from priorauth.domain.organizations import Environment
from priorauth.store.transaction import Transaction

app = typer.Typer(help="Providers.", no_args_is_help=True)
InEnvironment = Annotated[
    Environment, typer.Option("--environment", envvar="PRIORAUTH_ENVIRONMENT", help="Whose catalog.")
]


@app.command("add")
def add(
    npi: Annotated[str, typer.Argument(help="The National Provider Identifier.")],
    name: Annotated[str, typer.Option(help="The name as payers know it.")],
    state: Annotated[str | None, typer.Option(help="The state of practice, two letters.")] = None,
    environment: InEnvironment = Environment.SANDBOX,
    data_dir: DataDir = None,
) -> None:
    """Add a provider, or change the one of this NPI. `priorauth access grant` opens it to an organization."""
    with opened(data_dir, environment) as database:
        if not is_npi(npi):
            raise UserFault(f"{npi} is no NPI: ten digits, the first 1 or 2, the last a check digit.")
        if state is not None and not is_state(state):
            raise UserFault(f"{state} is no state: write its two capital letters, such as TX.")
        provider = Provider(npi, name, state)

        def operation(tx: Transaction) -> Provider | None:
            before = tx.catalog.provider(environment, npi)
            if before != provider:
                tx.catalog.put_provider(environment, provider)
            return before

        before = database.write_now(operation)
    if before is None or before == provider:
        typer.echo(f"{npi} is in the catalog of {environment}{'.' if before is None else ' already. Nothing changed.'}")
    else:
        typer.echo(f"{npi} was {before.name}, {before.state or 'no state'}. It is {name}, {state or 'no state'}, now.")


@app.command("list")
def list_providers(
    environment: InEnvironment = Environment.SANDBOX, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """List all providers."""
    with opened(data_dir, environment) as database:
        found = database.read_now(lambda tx: tx.catalog.providers(environment, after="", limit=100_000))
    show([{"npi": each.npi, "name": each.name, "state": each.state} for each in found], as_json=as_json)
