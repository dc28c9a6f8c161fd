"""What all commands share: their settings, and how a fault is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from sqlalchemy.exc import DatabaseError

from priorauth import bootstrap
from priorauth.channels.portals.chromium import ChromiumError
from priorauth.settings import Settings
from priorauth.store.data_folder import DataFolderInUse
from priorauth.store.encryption.keys import FaultyKey

DataDir = Annotated[
    Path | None, typer.Option(help="The data folder; by default PRIORAUTH_DATA_DIR or ./priorauth-data.")
]


def read_settings(given: dict[str, Any]) -> Settings:
    """Return the settings with what was given on the command line, which wins over the environment."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            name = str(fault["loc"][0])
            typer.echo(f"priorauth: PRIORAUTH_{name.upper()} or its option: {fault['msg']}.", err=True)
        typer.echo("priorauth: unset what is wrong; then `priorauth settings` explains every setting.", err=True)
        raise typer.Exit(2) from None


@contextmanager
def told() -> Iterator[None]:
    """Turn what an operator can mend into a message on standard error and exit status 1."""
    try:
        yield
    except (DataFolderInUse, FaultyKey, ChromiumError, bootstrap.CannotListen) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename or 'the data folder'}: {error.strerror or error}"
    except DatabaseError as error:
        message = f"the database cannot be used: {error.orig}"
    else:
        return
    typer.echo(f"priorauth: {message}", err=True)
    raise typer.Exit(1)
