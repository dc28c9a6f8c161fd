"""The commands. Each turns its options into settings and calls one thing."""

from typing import Annotated

import typer

from priorauth.bootstrap import administration
from priorauth.cli import (
    access,
    backups,
    credentials,
    encryption,
    grants,
    guard,
    keys,
    nodes,
    organizations,
    payers,
    providers,
)
from priorauth.cli.common import read_settings
from priorauth.cli.demo import demo
from priorauth.cli.doctor import doctor
from priorauth.cli.moving import move
from priorauth.cli.portals import portals
from priorauth.domain.organizations import Environment
from priorauth.settings import Settings

app = typer.Typer(
    help="priorauth: a self-hosted prior-authorization server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for name, commands in (
    ("organizations", organizations.app),
    ("keys", keys.app),
    ("providers", providers.app),
    ("payers", payers.app),
    ("access", access.app),
    ("credentials", credentials.app),
    ("grants", grants.app),
    ("encryption", encryption.app),
    ("guard", guard.app),
):
    app.add_typer(commands, name=name)
keeping = (backups.backup, backups.restore, backups.mark_restored, doctor, move)
for command in (nodes.serve, nodes.api, nodes.worker, nodes.sandbox, nodes.migrate, demo, portals, *keeping):
    app.command()(command)
app.command("doubt", hidden=True)(backups.mark_restored)


@app.command()
def openapi(environment: Annotated[Environment, typer.Option(help="Whose API.")] = Environment.SANDBOX) -> None:
    """Print the OpenAPI document."""
    typer.echo(administration.openapi_document(environment))


@app.command("settings")
def explain_settings() -> None:
    """Explain every setting: its variable, its present value, what it means."""
    present = read_settings({})
    for name, field in Settings.model_fields.items():
        typer.echo(f"PRIORAUTH_{name.upper()} = {getattr(present, name)}\n    {field.description}")
