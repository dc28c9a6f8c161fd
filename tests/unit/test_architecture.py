"""The layer rules hold, and they bite: each rule is broken once in a copy of the tree, and has to be noticed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(checkout: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over a checkout as `make lint` does."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", "pyproject.toml"],
        capture_output=True,
        check=False,
        cwd=checkout,
        # The copy's package and not the installed one; nothing of what the test's own environment points to.
        env={"PYTHONPATH": str(checkout / "src"), "COLUMNS": "200"},
        text=True,
        timeout=60,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package and of the rules, to be spoiled."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_tree_keeps_its_layers(checkout: Path) -> None:
    result = lint_imports(checkout)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("room", "line"),
    [
        pytest.param("domain", "import priorauth.store", id="the domain reaches up to the store"),
        pytest.param("store", "import priorauth.commands", id="the store reaches up to the commands"),
        pytest.param("commands", "import priorauth.queries", id="neighbours know each other"),
        pytest.param("commands", "import priorauth.settings", id="settings are read below bootstrap"),
        pytest.param("http", "import priorauth.engine", id="the edge calls the engine"),
        pytest.param("live", "import priorauth.channels", id="the live view knows the browser"),
        pytest.param("sandbox", "import priorauth.domain", id="the sandbox knows the product"),
        pytest.param("engine", "import priorauth.sandbox.catalog", id="the engine knows the sandbox"),
        pytest.param("http", "import priorauth.sandbox.larkspur", id="the edge knows more of it than the catalog"),
        pytest.param("domain", "import priorauth.faultpoints", id="the domain fails on purpose"),
        pytest.param("domain", "import asyncio", id="the domain waits"),
        pytest.param("domain", "import pydantic", id="the domain leans on a framework"),
        pytest.param("queries", "import fastapi", id="a query knows the web"),
        pytest.param("commands", "import priorauth.telemetry.traces", id="a command opens spans"),
        pytest.param("engine", "import priorauth.telemetry.watch", id="the engine counts by itself"),
        pytest.param("store", "import prometheus_client", id="the store knows how it is counted"),
        pytest.param("telemetry", "import priorauth.store", id="telemetry reads for itself"),
    ],
)
def test_an_import_against_the_layers_is_refused(checkout: Path, room: str, line: str) -> None:
    package = checkout / "src" / "priorauth" / room / "__init__.py"
    with package.open("a", encoding="utf-8") as opened:
        opened.write(f"\n{line}\n")

    result = lint_imports(checkout)

    assert result.returncode == 1, result.stdout + result.stderr
    assert f"priorauth.{room} -> {line.removeprefix('import ')}" in result.stdout


def test_a_room_outside_of_the_list_is_refused(checkout: Path) -> None:
    (checkout / "src" / "priorauth" / "helpers.py").write_text('"""Whatever found no place."""\n', encoding="utf-8")

    result = lint_imports(checkout)

    assert result.returncode == 1, result.stdout + result.stderr
    assert "priorauth.helpers" in result.stdout
