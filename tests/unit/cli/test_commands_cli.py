"""The list of all commands, and how little is imported to show it."""

import inspect
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from priorauth.cli.lazy import load
from priorauth.cli.main import COMMANDS, app

PROGRAM = (sys.executable, "-m", "priorauth.cli")
# Each takes longer to import than a command may take.
HEAVY = ("alembic", "dbos", "fastapi", "playwright", "priorauth.sandbox", "prometheus_client", "psycopg", "uvicorn")


@pytest.mark.parametrize("name", [name for name, place in COMMANDS.items() if not place.hidden])
def test_a_command_says_of_itself_what_the_list_says_of_it(name: str) -> None:
    own = inspect.cleandoc(load(name, COMMANDS[name]).help or "").split("\n\n")[0].replace("\n", " ")

    assert own.startswith(COMMANDS[name].help)


def test_the_list_has_every_command_that_is_not_hidden() -> None:
    listed = CliRunner().invoke(app, ["--help"]).stdout

    assert all(f" {name} " in listed for name, place in COMMANDS.items() if not place.hidden)
    assert " doubt " not in listed


def test_a_misspelt_command_is_told_with_its_neighbour() -> None:
    refused = CliRunner().invoke(app, ["doctr"])

    assert refused.exit_code == 2
    assert "doctor" in refused.output


@pytest.mark.parametrize("arguments", [["--help"], ["keys", "--help"], ["keys", "list"]])
def test_small_commands_import_nothing_large(arguments: list[str], tmp_path: object) -> None:
    """What a command takes is nearly all imports: seconds would measure the machine."""
    ask = f"import sys; from priorauth.cli.main import app; app({arguments!r}, standalone_mode=False)"
    told = f"{ask}; sys.exit(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    environment = {"PRIORAUTH_DATA_DIR": f"{tmp_path}/data"}
    subprocess.run([*PROGRAM, "migrate"], env=environment, check=True, capture_output=True)

    done = subprocess.run([sys.executable, "-c", told], env=environment, check=False, capture_output=True, text=True)

    assert done.stderr.strip() == ""
