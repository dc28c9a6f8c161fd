"""Backups of a data folder: made, checked, restored; and what a database that was restored otherwise needs."""

from pathlib import Path
from typing import Annotated

import typer

from priorauth.bootstrap import backups
from priorauth.bootstrap.backups import Marked
from priorauth.bootstrap.logs import configure_logging
from priorauth.cli.common import DataDir, read_settings, told
from priorauth.domain.errors import UserFault
from priorauth.store.keeping import backups as copies
from priorauth.store.keeping import moved
from priorauth.store.keeping.backups import Manifest

_APART = (
    "The keys are not in it: keep data.key and server.key of the data folder apart from the backup, and safe. "
    "Without them nobody can read it, you neither."
)
_TOGETHER = "The keys are in it: whoever has the backup can read all of it. Keep it as you keep the keys."


def backup(
    target: Annotated[Path, typer.Argument(help="The folder to make; it must not exist. With --check, one to check.")],
    check: Annotated[bool, typer.Option("--check", help="Say whether a backup is whole, and make none.")] = False,
    with_keys: Annotated[bool, typer.Option("--with-keys", help="Put the keys of the data into it, too.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Copy database and files as they are at one moment, beside a running server; or check such a copy."""
    settings = read_settings({"data_dir": data_dir})
    with told():
        if check:
            typer.echo(f"{target} is whole: {_contents(copies.check(target))}")
            return
        made = backups.back_up(settings, target, with_keys=with_keys)
    typer.echo(f"{target}: {_contents(made)}")
    if made.files_elsewhere:
        typer.echo(
            "The files are not in it: they lie at PRIORAUTH_FILES_URL. Copy or version that store by its own means."
        )
    typer.echo(_TOGETHER if with_keys else _APART)


def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="A backup, as `priorauth backup` made it.")],
    data_dir: Annotated[Path, typer.Option(help="The data folder to make; it must not exist.")],
    keys: Annotated[
        Path | None, typer.Option(help="The folder with data.key and server.key, unless the backup has them.")
    ] = None,
) -> None:
    """Make a data folder out of a backup. Every open case is looked for at its payer before anything is sent for it."""
    settings = read_settings({"data_dir": data_dir})
    configure_logging("warning")
    with told():
        restored = backups.restore(settings, source, keys_from=keys)
    typer.echo(f"{data_dir} is as it was at {restored.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC.")
    _tell(restored.marked)


def mark_restored(data_dir: DataDir = None) -> None:
    """After a database was put back by other means: look for every open case before anything is sent for it.

    Run it while all nodes are stopped. A node that finds such a database by itself answers 503 to every write, and
    works on nothing, until this was run. `priorauth doubt` is its old name.
    """
    settings = read_settings({"data_dir": data_dir})
    configure_logging("warning")
    with told():
        if settings.database_url is None:
            moved.require_here(settings.data_dir)
        if settings.database_url is None and not (settings.data_dir / copies.DATABASE).exists():
            raise UserFault(f"{settings.data_dir} has no database. Name the server's folder with --data-dir.")
        _tell(backups.mark_restored(settings))


def _tell(marked: Marked) -> None:
    cases = f"{marked.open} open cases are" if marked.open != 1 else "One open case is"
    typer.echo(
        f"{cases} looked for at the payer before anything is sent for it, since the backup does not know what was."
    )
    if marked.submissions:
        typer.echo(f"{marked.submissions} submissions were in the file store that the database did not know.")
    if marked.unknown:
        typer.echo(
            f"{len(marked.unknown)} of their authorizations are not in this database. Their payers may have them, and "
            "nothing here follows them. Look for these references at the payers' portals:"
        )
        for each in marked.unknown:
            typer.echo(f"  {each}")


def _contents(manifest: Manifest) -> str:
    rows, files = sum(manifest.rows.values()), manifest.files
    size = (manifest.database_bytes + manifest.file_bytes) / 1e6
    made = f"{manifest.made_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{rows} rows and {files} files, {size:.1f} MB, schema {manifest.schema}, made at {made}."
