"""Payers as data: check a folder of files, put it into the catalog."""

import json
import shutil
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from priorauth.bootstrap import payers as payer_folders
from priorauth.cli.common import AsJson, DataDir, opened, read_settings, show, told
from priorauth.cli.providers import InEnvironment
from priorauth.domain.errors import UserFault
from priorauth.domain.organizations import Environment
from priorauth.formats.payer_files import json_schema
from priorauth.formats.payer_folders import FaultyFolder, PayerFolder

app = typer.Typer(help="Payers.", no_args_is_help=True)
_EXAMPLE = Path(__file__).parent / "examples" / "juniper-heart"
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
Folder = Annotated[Path, typer.Argument(help="The folder that holds payer.yaml.", exists=True, file_okay=False)]


@app.command("check")
def check(folder: Folder, environment: InEnvironment = Environment.SANDBOX) -> None:
    """Say whether a folder describes a payer that an environment can have; if not, every reason."""
    found = _read(folder)
    _require_fit(found, environment)
    payer = found.payer
    questions = sum(len(each.item) for each in payer.questionnaires)
    typer.echo(
        f"{payer.id}: {payer.display_name}, {len(payer.services)} services, {len(payer.routes)} routes, "
        f"{len(payer.questionnaires)} questionnaires with {questions} items. It can be added to {environment}."
    )


@app.command("add")
def add(folder: Folder, environment: InEnvironment = Environment.SANDBOX, data_dir: DataDir = None) -> None:
    """Put a payer into the catalog, or a new version of it: cases that exist keep the version that they began with."""
    found = _read(folder)
    _require_fit(found, environment)
    settings = read_settings({"data_dir": data_dir, "environment": environment})
    with opened(data_dir, environment) as database:
        changed = payer_folders.add_payer(database, found, settings)
    said = "." if changed else " already. Nothing changed."
    typer.echo(f"{found.payer.id} is in the catalog of {environment}{said}")


@app.command("list")
def list_payers(
    environment: InEnvironment = Environment.SANDBOX, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """List all payers."""
    with opened(data_dir, environment) as database:
        found = database.read_now(lambda tx: tx.catalog.payers(environment))
    rows = [{"id": each.id, "name": each.display_name, "states": each.supported_states} for each in found]
    show(rows, as_json=as_json)


@app.command("example")
def example(folder: Annotated[Path, typer.Argument(help="The folder to write.")] = Path("juniper-heart")) -> None:
    """Write the folder of an example payer, the one that the guide describes. What is there already stays."""
    with told():
        if folder.exists():
            raise UserFault(f"{folder} is there already. Name a folder that is not.")
    shutil.copytree(_EXAMPLE, folder)
    typer.echo(f"{folder} is written. Change it, then: priorauth payers check {folder}")


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of payer.yaml, for editors."""
    typer.echo(json.dumps(json_schema(), indent=2))


def _require_fit(found: PayerFolder, environment: Environment) -> None:
    if environment is Environment.PRODUCTION:
        with told():
            _require_address(found.payer.portal.base_url)


def _require_address(base_url: str | None) -> None:
    """Raise UserFault unless production may meet a portal there."""
    if base_url is None:
        raise UserFault(
            "portal.baseUrl: a payer of production needs the address of its portal. Add it to the payer's file, "
            "such as https://provider.example.com, and add the payer again."
        )
    address = urlsplit(base_url)
    if address.scheme != "https" and address.hostname not in _THIS_MACHINE:
        raise UserFault(f"portal.baseUrl: {base_url} would carry passwords in clear. Write https://.")


def _read(folder: Path) -> PayerFolder:
    try:
        return payer_folders.read_payer(folder)
    except FaultyFolder as faulty:
        for fault in faulty.faults:
            typer.echo(f"{folder / fault.file}:{fault.line}: {fault.message}", err=True)
        raise typer.Exit(1) from None
