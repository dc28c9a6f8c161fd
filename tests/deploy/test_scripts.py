"""The scripts of deploy/: what makes secrets, what tells health, and what lints the rest."""

import base64
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.deploy.manifests import DEPLOY
from tests.deploy.proxied import free_port, needed

CHECKOUT = DEPLOY.parent
KEYS = ("priorauth_encryption_keys", "priorauth_server_key")


def make_secrets(folder: Path) -> dict[str, str]:
    """Run make-secrets.sh; return what it has left."""
    needed("openssl")
    done = subprocess.run([DEPLOY / "make-secrets.sh", folder], check=True, capture_output=True, text=True)
    assert done.stdout + done.stderr == ""
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_secrets_are_made_once_and_lie_where_only_their_owner_goes(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made = make_secrets(folder)

    assert {*made} == {"postgres_password", "priorauth_database_url", *KEYS}
    assert made["priorauth_database_url"] == f"postgresql://priorauth:{made['postgres_password']}@postgres/priorauth"
    assert [len(base64.b64decode(made[name], validate=True)) for name in KEYS] == [32, 32]
    assert len(made["postgres_password"]) == 64
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o444}
    assert make_secrets(folder) == made


def test_secrets_whose_making_was_cut_short_are_made_anew(tmp_path: Path) -> None:
    (tmp_path / ".priorauth_server_key").write_text("half")
    (tmp_path / "priorauth_encryption_keys").write_text("")

    made = make_secrets(tmp_path)

    assert [len(base64.b64decode(made[name], validate=True)) for name in KEYS] == [32, 32]


class _Answers(BaseHTTPRequestHandler):
    """Answers what its path says."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


@pytest.fixture
def answering() -> Iterator[int]:
    """The port of somebody who answers."""
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("path", "healthy"), [("/200", True), ("/503", False), ("/404", False)])
def test_health_is_an_answer_200(answering: int, path: str, healthy: bool) -> None:
    assert (health(path, answering).returncode == 0) is healthy


def test_who_does_not_answer_is_not_healthy() -> None:
    done = health("/health", free_port())

    assert done.returncode == 1
    assert "no answer at port" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("/health",)])
def test_health_asks_by_default_at_the_port_of_the_api(arguments: tuple[str, ...]) -> None:
    port = free_port()
    done = health(*arguments, PRIORAUTH_PORT=str(port))

    assert f"no answer at port {port}" in done.stderr


def health(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the health check of the image."""
    command = [sys.executable, str(DEPLOY / "healthcheck.py"), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    ("tool", "file", "before", "after"),
    [
        ("hadolint", "Dockerfile", "WORKDIR /var/lib/priorauth", "WORKDIR var/lib/priorauth"),
        ("yamllint", "compose.yaml", "name: priorauth", "name:  priorauth"),
        ("check-jsonschema", "compose.yaml", "stop_grace_period", "stop_grace_perriod"),
        ("kubernetes-validate", "kubernetes/worker.yaml", "terminationGracePeriodSeconds", "terminationGraceSeconds"),
        ("gixy", "nginx/priorauth.conf", "$host$request_uri", "$host$uri"),
    ],
)
def test_lint_finds_a_fault(tool: str, file: str, before: str, after: str, tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets", ".env"))
    spoiled = tmp_path / "deploy" / file
    assert before in spoiled.read_text()
    spoiled.write_text(spoiled.read_text().replace(before, after))

    lint = [sys.executable, str(CHECKOUT / "scripts" / "lint_deploy.py")]
    done = subprocess.run(lint, check=False, capture_output=True, text=True, cwd=tmp_path)

    assert done.returncode == 1
    assert f"{tool} " in done.stdout
