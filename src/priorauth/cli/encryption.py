"""The keys that patients' data are sealed with."""

import typer

from priorauth.bootstrap import administration
from priorauth.bootstrap.logs import configure_logging
from priorauth.cli.common import DataDir, read_settings, told

app = typer.Typer(help="The keys that patients' data are sealed with.", no_args_is_help=True)


@app.command()
def rotate(data_dir: DataDir = None) -> None:
    """Seal all data with a new key. Stop the server first; if this is interrupted, run it again."""
    settings = read_settings({"data_dir": data_dir})
    configure_logging("warning")
    with told():
        changed = administration.rotate_keys(settings)
    typer.echo(f"{changed} values and files are sealed with the new key; older keys are not needed any more.")
