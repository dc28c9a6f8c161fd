"""Setup of a checkout: which packages it installs for what, what it says, and what it does the second time."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.manifests import DEPLOY

CHECKOUT = DEPLOY.parent
# A Python that makes environments out of itself, finds every browser, and notes what pip is asked for.
PYTHON = """#!/bin/sh
case "$*" in
"-m venv"*) mkdir -p "$4/bin"; cp "$0" "$4/bin/python" ;;
*"pip"*"--requirement"*)
    echo "$@" >>"$ASKED"
    for each in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo "Collecting package$each"; done
    if [ -n "${FAILS:-}" ]; then echo "ERROR: no route to the index" >&2; exit 1; fi ;;
"-c"*"sys.executable"*) echo "$0" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with what setup reads, and a Python that only notes what is asked of it."""
    for folder in ("scripts", "requirements"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder)
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    (tmp_path / "python3").write_text(PYTHON)
    (tmp_path / "python3").chmod(0o755)
    return tmp_path


def set_up(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run setup there."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("PRIORAUTH_")}
    environment = {**known, "PYTHON": str(checkout / "python3"), "ASKED": str(checkout / "asked"), **variables}
    command = [str(checkout / "scripts" / "setup.sh"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def asked(checkout: Path) -> list[str]:
    """Return what pip was asked for, a line each time."""
    path = checkout / "asked"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("target", ["demo", "serve"])
def test_trying_it_needs_no_tools_of_tests(target: str) -> None:
    planned = subprocess.run(["make", "-n", target], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout

    assert "scripts/setup.sh runtime" in planned


def test_the_runtime_is_installed_without_the_tools_and_with_progress(checkout: Path) -> None:
    done = set_up(checkout, "runtime")

    assert done.returncode == 0
    assert "requirements/runtime.txt" in asked(checkout)[0]
    assert "dev.txt" not in asked(checkout)[0]
    assert "--require-hashes" in asked(checkout)[0]
    assert "setup: 20 of about" in done.stderr
    assert "Collecting" not in done.stdout + done.stderr


def test_what_is_there_is_neither_installed_nor_told_again(checkout: Path) -> None:
    set_up(checkout, "runtime")

    again = set_up(checkout, "runtime")

    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert len(asked(checkout)) == 1


def test_who_tests_gets_the_tools_which_serve_the_runtime_too(checkout: Path) -> None:
    set_up(checkout, "runtime")
    set_up(checkout)
    set_up(checkout, "runtime")

    assert ["dev.txt" in line for line in asked(checkout)] == [False, True]


def test_a_failed_installation_says_why_and_is_tried_again(checkout: Path) -> None:
    failed = set_up(checkout, "runtime", FAILS="yes")

    assert failed.returncode == 1
    assert "ERROR: no route to the index" in failed.stderr
    assert "pip could not install requirements/runtime.txt" in failed.stderr

    assert set_up(checkout, "runtime").returncode == 0
    assert len(asked(checkout)) == 2


def test_an_unknown_kind_of_setup_is_refused(checkout: Path) -> None:
    refused = set_up(checkout, "production")

    assert refused.returncode == 2
    assert "neither 'runtime' nor 'dev'" in refused.stderr
