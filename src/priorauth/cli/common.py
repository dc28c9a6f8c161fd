"""What all commands share: their settings, and how a fault is told."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy.exc import DatabaseError

from priorauth.bootstrap.logs import configure_logging
from priorauth.domain.errors import UserFault
from priorauth.domain.organizations import Environment
from priorauth.settings import Settings, unknown_variables

if TYPE_CHECKING:
    from priorauth.store.database import Database

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DataDir = Annotated[
    Path | None, typer.Option(help="The data folder; by default PRIORAUTH_DATA_DIR or ./priorauth-data.")
]


def read_settings(given: dict[str, Any]) -> Settings:
    """Return the settings with what was given on the command line, which wins over the environment."""
    for name, near in unknown_variables().items():
        meant = f"did you mean {' or '.join(near)}?" if near else "`priorauth settings` lists those that are."
        typer.echo(f"priorauth: {name} is no setting and has no effect; {meant}", err=True)
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except SettingsError as error:
        typer.echo(f"priorauth: a file of PRIORAUTH_SECRETS_DIR cannot be read: {error.__cause__}.", err=True)
        raise typer.Exit(2) from None
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            name = str(fault["loc"][0])
            typer.echo(
                f"priorauth: PRIORAUTH_{name.upper()} or its option: {fault['msg'].removeprefix('Value error, ')}.",
                err=True,
            )
        typer.echo("priorauth: unset what is wrong; then `priorauth settings` explains every setting.", err=True)
        raise typer.Exit(2) from None


def show(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
    if as_json:
        typer.echo(json.dumps(list(rows), default=str))
        return
    if not rows:
        typer.echo("None yet.")
        return
    texts = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for line in texts:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


@contextmanager
def opened(data_dir: Path | None, environment: Environment | None = None) -> "Iterator[Database]":
    """Give the data folder's database, beside a running server too; faults are told."""
    settings = read_settings({"data_dir": data_dir, "environment": environment})
    configure_logging("warning")
    from priorauth.bootstrap import storage

    missing = missing_keys(settings.data_dir)
    with told(), storage.opened_database(settings, beside=True) as database:
        tell_of_new_keys(missing)
        yield database


KEEP_KEYS = (
    "Back this up now, apart from the data folder's backups: without it nothing in the database can be read any more."
)


def missing_keys(folder: Path) -> list[Path]:
    """Return the key files that a data folder does not have yet."""
    return [path for name in ("data.key", "server.key") if not (path := folder / name).exists()]


def tell_of_new_keys(missing: Sequence[Path]) -> None:
    """Say on standard error which of the key files were made since they were missing, and to keep a copy."""
    made = " and ".join(str(path) for path in missing if path.exists())
    if made:
        typer.echo(f"priorauth: made {made}. {KEEP_KEYS}", err=True)


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "-" if value is None else str(value)


@contextmanager
def told() -> Iterator[None]:
    """Turn what an operator can mend into a message on standard error and exit status 1."""
    try:
        yield
    except UserFault as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename or 'the data folder'}: {error.strerror or error}"
    except DatabaseError as error:
        message = f"the database cannot be used: {error.orig}"
    else:
        return
    typer.echo(f"priorauth: {message}", err=True)
    raise typer.Exit(1)
