"""From one machine to many: a data folder's contents into a PostgreSQL."""

from typing import Annotated

import typer

from priorauth.bootstrap import moving
from priorauth.bootstrap.logs import configure_logging
from priorauth.cli.common import DataDir, read_settings, show, told


def move(
    to: Annotated[str | None, typer.Option(help="The PostgreSQL; by default PRIORAUTH_DATABASE_URL.")] = None,
    files: Annotated[
        str | None, typer.Option(help="Where to copy the files; by default PRIORAUTH_FILES_URL, or nowhere.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Move a data folder's database into an empty PostgreSQL, with a check. Stop the server first."""
    settings = read_settings({"data_dir": data_dir, "database_url": to, "files_url": files})
    configure_logging("warning")
    with told():
        done = moving.move(settings)
    show(
        [{"table": each.table, "rows": each.rows, "digest": each.digest[:16], "equal": "yes"} for each in done.tables],
        as_json=False,
    )
    typer.echo(f"{done.opened} sealed values were opened; {done.work} pieces of work wait anew.")
    if done.files is not None:
        typer.echo(f"{done.files} files were copied to {settings.files_url}.")
    else:
        typer.echo(f"The files stay in {settings.data_dir / 'files'}, and the keys beside them: all nodes need both.")
    typer.echo(
        f"{settings.data_dir} is marked: nobody serves from it any more. Set PRIORAUTH_DATABASE_URL for all nodes."
    )
