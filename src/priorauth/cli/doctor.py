"""The examination of an installation, a line a check."""

import json
from typing import Annotated

import typer

from priorauth.bootstrap.doctor.examination import examine
from priorauth.bootstrap.doctor.findings import Level
from priorauth.bootstrap.logs import configure_logging
from priorauth.cli.common import AsJson, DataDir, read_settings, told
from priorauth.domain.organizations import Environment


def doctor(
    data_dir: DataDir = None,
    environment: Annotated[Environment | None, typer.Option(help="By default PRIORAUTH_ENVIRONMENT.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check an installation: a line for each check, and what to do next. Exit status 1 when there is a fault."""
    settings = read_settings({"data_dir": data_dir, "environment": environment})
    configure_logging("error")
    found = []
    with told():
        for name, finding in examine(settings):
            found.append({"check": name, "level": finding.level.value, "message": finding.said})
            if not as_json:
                typer.echo(f"{finding.level.value:<8} {name:<12} {finding.said}")
    if as_json:
        typer.echo(json.dumps(found))
    if any(each["level"] == Level.FAULT for each in found):
        raise typer.Exit(1)
