"""The server of the demo: a process of its own on a free port, over a folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

_PROGRAM = (sys.executable, "-m", "priorauth.cli")
_OF_AN_INSTALLATION = {
    f"PRIORAUTH_{name}"
    for name in (
        "DATABASE_URL",
        "ENCRYPTION_KEYS",
        "FILES_URL",
        "HOST",
        "PUBLIC_BASE_URL",
        "SANDBOX_URL",
        "SECRETS_DIR",
        "SERVER_KEY",
    )
}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Give the address of a server over the folder, which leaves pictures and its log there; stop it afterwards."""
    log = folder / "server.log"
    command = [*_PROGRAM, "serve", "--port", "0", "--data-dir", str(folder / "data")]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=_environment(folder))
    with process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                typer.echo(f"The server did not start:\n{log.read_text()}", err=True)
                raise typer.Exit(1)
            yield line.split()[-1]
        finally:
            process.terminate()


def _environment(folder: Path) -> dict[str, str]:
    """Return the shell's variables, without those that lead to an installation: a demo must never reach its data."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_AN_INSTALLATION}
    return {**kept, "PRIORAUTH_SCREENSHOTS_DIR": str(folder / "screenshots"), "PRIORAUTH_ENVIRONMENT": "sandbox"}


def new_key(folder: Path) -> str:
    """Create an API key at the server of the folder."""
    command = [
        *_PROGRAM,
        "keys",
        "create",
        "--data-dir",
        str(folder / "data"),
        "--organization",
        "Demo Clinic",
        "--json",
    ]
    made = subprocess.run(command, check=True, capture_output=True, text=True, env=_environment(folder))
    key: str = json.loads(made.stdout)["key"]
    return key
