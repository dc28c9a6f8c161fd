"""Organizations: those whose cases nobody else sees."""

from typing import Annotated

import typer

from priorauth.cli.common import AsJson, DataDir, opened, show
from priorauth.commands.organizations import ensure_organization
from priorauth.domain.errors import UserFault
from priorauth.store.ids import present

app = typer.Typer(help="Organizations.", no_args_is_help=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Its name.")], data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Create an organization; one that exists stays as it is."""
    with opened(data_dir) as database:
        if not name.strip():
            raise UserFault("An organization needs a name.")
        found = database.write_now(lambda tx: ensure_organization(tx, present(), name=name.strip()))
    show([{"id": found.id, "name": found.name}], as_json=as_json)


@app.command("list")
def list_organizations(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all organizations."""
    with opened(data_dir) as database:
        found = database.read_now(lambda tx: tx.organizations.all())
    show([{"id": each.id, "name": each.name} for each in found], as_json=as_json)
