"""The commands as an operator meets them."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.factories.servers import PROGRAM, Integrator, ServerProcess, new_key

pytestmark = pytest.mark.slow


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the program."""
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, check=False)


def test_keys_are_made_before_and_while_the_server_runs(tmp_path: Path) -> None:
    data = tmp_path / "data"
    before = new_key(data, "Cedar Hollow")
    server = ServerProcess(data).start()
    try:
        during = new_key(data, "Cedar Hollow")
        assert before["organizationId"] == during["organizationId"]
        for made in (before, during):
            assert Integrator(server, made["key"]).create("approved_automatic")["status"] == "requires_confirmation"
    finally:
        assert server.stop() == 0


def test_a_second_server_on_the_same_folder_refuses_and_says_why(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data").start()
    try:
        second = run("serve", "--port", "0", "--data-dir", str(server.data_dir))
        assert second.returncode == 1
        assert "Another priorauth server" in second.stderr
        assert "--data-dir" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        server.stop()


def test_health_and_readiness_are_public(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data").start()
    try:
        assert httpx.get(f"{server.url}/health", trust_env=False).status_code == 200
        assert httpx.get(f"{server.url}/ready", trust_env=False).status_code == 200
    finally:
        server.stop()


def test_the_document_is_printed() -> None:
    printed = run("openapi")
    assert "/v1/prior-authorizations/{authorization_id}/confirm" in json.loads(printed.stdout)["paths"]


def test_every_setting_is_explained() -> None:
    printed = run("settings").stdout
    assert "PRIORAUTH_DATA_DIR" in printed
    assert "PRIORAUTH_REVIEW_HOLD_SECONDS" in printed


@pytest.mark.browser
def test_the_demo_ends_with_the_decision_and_leaves_pictures() -> None:
    shown = run("demo")

    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "Review snapshot rev_" in shown.stdout
    assert "outcome approved" in shown.stdout
    assert "has counted 1 submission of this case" in shown.stdout
    folder = Path(shown.stdout.rsplit("Pictures of the payer's pages: ", 1)[1].strip())
    assert len(list(folder.glob("*.png"))) >= 8
