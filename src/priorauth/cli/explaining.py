"""The commands that explain the program: its API and its settings."""

import json
from typing import Annotated

import typer

from priorauth.cli.common import read_settings
from priorauth.domain.organizations import Environment
from priorauth.settings import Settings


def openapi(environment: Annotated[Environment, typer.Option(help="Whose API.")] = Environment.SANDBOX) -> None:
    """Print the OpenAPI document."""
    from priorauth.http.app import create_app

    typer.echo(json.dumps(create_app(environment).openapi(), indent=2))


def explain_settings() -> None:
    """Explain every setting: its variable, its present value, what it means."""
    present = read_settings({})
    for name, field in Settings.model_fields.items():
        typer.echo(f"PRIORAUTH_{name.upper()} = {getattr(present, name)}\n    {field.description}")
