"""Takes each part of the submission protocol out and requires that the tests which claim it fail: `make mutations`.

Each mutation is made in a copy of the tree. Prints which tests failed for which mutation; one that survives is a
missing test, and fails the run. Words choose the mutations whose names contain all of them.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutations.table import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("src", "tests", "migrations", "scripts", "docs", "pyproject.toml", "README.md")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def main(*words: str) -> int:
    """Run, print, and return the exit status."""
    survivors = 0
    for mutation in MUTATIONS:
        if all(word in mutation.part for word in words):
            began = time.monotonic()
            failed, passed = carry_out(mutation)
            survivors += bool(passed)
            print(f"{time.monotonic() - began:6.1f} s  without {mutation.part}", flush=True)
            for name in failed:
                print(f"          fails:    {name}")
            for name in passed:
                print(f"          SURVIVES: {name}", flush=True)
    print(f"{survivors} survived." if survivors else "None survived.")
    return min(survivors, 1)


def carry_out(mutation: Mutation) -> tuple[list[str], list[str]]:
    """Return which of the tests and runs that claim the part fail without it, and which do not."""
    with tempfile.TemporaryDirectory(prefix="priorauth-mutation-") as folder:
        copy = Path(folder)
        _copy(copy)
        for edit in mutation.edits:
            path = copy / edit.file
            text = path.read_text()
            if text.count(edit.old) != 1:
                raise SystemExit(
                    f"{edit.file} has changed: {edit.old!r} is there {text.count(edit.old)} times, not once"
                )
            path.write_text(text.replace(edit.old, edit.new))
        failing = {name for name in mutation.tests if _test_fails(copy, name)}
        failing |= {name for name in mutation.runs if _run_fails(copy, name)}
    claimed = (*mutation.tests, *mutation.runs)
    return [name for name in claimed if name in failing], [name for name in claimed if name not in failing]


def _copy(to: Path) -> None:
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to)


def _test_fails(copy: Path, name: str) -> bool:
    """Say whether the test fails; one that is not there, or breaks before it begins, is no proof."""
    done = _python(copy, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", name)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{name} could not be run:\n{done.stdout}{done.stderr}")
    return done.returncode == 1 and any(name in found for found in _FAILED.findall(done.stdout))


def _run_fails(copy: Path, name: str) -> bool:
    done = _python(copy, "-m", "tests.faults", "--lanes", "1", "--run", name)
    if "1 runs" not in done.stdout:
        raise SystemExit(f"{name} could not be run:\n{done.stdout}{done.stderr}")
    return done.returncode == 1


def _python(copy: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    # The copy's package and not the installed one.
    path = {"PYTHONPATH": f"{copy / 'src'}{os.pathsep}{copy}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=copy, env={**os.environ, **path}, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
