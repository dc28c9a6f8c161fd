"""A folder that belongs to a PostgreSQL: without the setting that names it no command begins an empty installation."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from priorauth.cli.main import app
from priorauth.store.keeping import moved
from tests.factories.postgres import fresh_database

pytestmark = pytest.mark.postgres
COMMANDS = {
    "migrate": [],
    "serve": [],
    "portals": [],
    "mark-restored": [],
    "keys": ["list"],
    "organizations": ["create", "Cedar Hollow Clinic"],
    "payers": ["list"],
    "encryption": ["rotate"],
    "doctor": [],
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that a command over PostgreSQL has made."""
    with fresh_database() as url:
        made = CliRunner().invoke(app, ["migrate", "--data-dir", str(tmp_path / "data")], env={DATABASE: url})
        assert made.exit_code == 0, made.output
        yield tmp_path / "data"


DATABASE = "PRIORAUTH_DATABASE_URL"


def test_no_command_begins_anew_beside_it(folder: Path) -> None:
    for command, rest in COMMANDS.items():
        refused = CliRunner().invoke(app, [command, *rest, "--data-dir", str(folder)], env={DATABASE: None})
        assert refused.exit_code == 1, (command, refused.output)
        assert DATABASE in refused.output, (command, refused.output)
    assert not (folder / "priorauth.db").exists()


def test_the_mark_names_no_password(folder: Path) -> None:
    moved.belong(folder, to="postgresql://user:***@db/priorauth")

    assert moved.elsewhere(folder) == "postgresql://user:***@db/priorauth"


def test_a_folder_with_a_database_of_its_own_is_not_taken_to_another(folder: Path, tmp_path: Path) -> None:
    _ = folder
    own = tmp_path / "own"
    assert CliRunner().invoke(app, ["migrate", "--data-dir", str(own)], env={DATABASE: None}).exit_code == 0

    with fresh_database() as url:
        refused = CliRunner().invoke(app, ["migrate", "--data-dir", str(own)], env={DATABASE: url})

    assert refused.exit_code == 1
    assert "`priorauth move` moves its contents" in refused.output
