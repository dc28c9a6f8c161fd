"""The commands as an operator meets them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.factories.humans import human
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


def test_a_browsers_sandbox_that_is_demanded_and_not_to_be_had_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is no browser at all, so that its sandbox does not work for anybody, root or not.
    monkeypatch.setenv("PRIORAUTH_CHROMIUM_PATH", "/bin/true")
    monkeypatch.setenv("PRIORAUTH_CHROMIUM_SANDBOX", "on")

    refused = run("serve", "--port", "0", "--data-dir", str(tmp_path / "data"))

    assert refused.returncode == 1
    assert "Chromium's sandbox is demanded but" in refused.stderr
    assert not (tmp_path / "data").exists()


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
    assert not (folder.parent / "data").exists()
    assert f"`rm -r {folder.parent}` removes them" in shown.stdout


class Demo:
    """A demo that runs, and whoever sits at its terminal."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.shown = ""

    def tells(self, what: str) -> str:
        """Read until a line that has `what`; return the line after it, where the demo writes an address."""
        assert self._process.stdout is not None
        is_found = False
        for line in self._process.stdout:
            self.shown += line
            if is_found:
                return line.split()[-1]
            is_found = what in line
        raise AssertionError(f"the demo has ended without {what!r}: {self.shown}")

    def presses_enter(self) -> None:
        """Press Enter once."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def ends(self) -> int:
        """Read what is left; return the exit status."""
        self.shown += self._process.communicate()[0]
        return self._process.returncode


@contextmanager
def demo(*arguments: str, **settings: object) -> Iterator[Demo]:
    """Run the demo at a terminal of its own."""
    environment = {**os.environ, **{f"PRIORAUTH_{name.upper()}": str(value) for name, value in settings.items()}}
    with subprocess.Popen(
        [*PROGRAM, "demo", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    ) as process:
        try:
            yield Demo(process)
        finally:
            # As Ctrl+C does, so that it stops its server.
            process.send_signal(signal.SIGINT)


@pytest.mark.browser
def test_the_demo_lets_a_human_press_the_last_button() -> None:
    with human() as somebody, demo("--handoff", access_grant_seconds=12) as running:
        watching, first = running.tells("watch it at (read-only"), running.tells("act in it at (interactive")
        somebody.page.goto(watching)
        somebody.sees("Review and submit")
        fresh = running.tells("act in it at (interactive")
        assert fresh != first
        somebody.take_control(fresh)
        somebody.press_last_button()
        somebody.sees("Request received")
        running.presses_enter()
        somebody.is_in_the_dark()

        assert running.ends() == 0, running.shown
    assert "press the button “Submit request”" in running.shown
    assert "After the human's turn, at the payer: The payer has the case." in running.shown
    assert "the payer's receipt: LHP-" in running.shown
    assert "has counted 1 submission of this case" in running.shown


@pytest.mark.browser
def test_a_press_that_never_was_is_found_out_and_the_demo_offers_the_case_again() -> None:
    with demo("--handoff") as running:
        first = running.tells("act in it at (interactive")
        running.presses_enter()
        second = running.tells("act in it at (interactive")
        assert second != first
        assert "After the human's turn, at the payer: The payer shows nothing new of the case" in running.shown
        assert running.ends() == 1
    assert "has counted 0 submission of this case" in running.shown


@pytest.mark.browser
def test_the_demo_can_be_watched_until_the_approval() -> None:
    with human() as somebody, demo("--watch") as running:
        somebody.page.goto(running.tells("watch it at (read-only"))
        running.tells("to be approved")
        somebody.sees("Review and submit")
        running.presses_enter()

        assert running.ends() == 0, running.shown
    assert "outcome approved" in running.shown


@pytest.mark.browser
@pytest.mark.parametrize(
    ("option", "status", "told"),
    [
        ("--watch", 0, "Nobody is at the terminal: approved at once."),
        ("--handoff", 1, "Nobody is at the terminal to say when the human is done"),
    ],
)
def test_a_demo_that_nobody_attends_says_so_and_ends(option: str, status: int, told: str) -> None:
    closed = ("sh", "-c", 'exec "$@" <&-', "sh")
    done = subprocess.run([*closed, *PROGRAM, "demo", option], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    assert told in done.stdout
    assert done.stderr == ""


def told(data: Path, *arguments: str) -> str:
    """Run a command that must succeed; return what it says."""
    done = subprocess.run([*PROGRAM, *arguments, "--data-dir", str(data)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_keys_are_made_limited_exchanged_and_revoked_beside_a_running_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data).start()
    try:
        told(data, "organizations", "create", "Cedar Hollow")
        scope = ("--scope", "authorizations:read", "--expires", "90d")
        made = json.loads(told(data, "keys", "create", "--organization", "Cedar Hollow", *scope, "--json"))
        reader = Integrator(server, made["key"])
        path = "/v1/prior-authorizations"
        assert reader.call("GET", path).status_code == 200
        lacking = reader.call("POST", path, json={}, headers={"Idempotency-Key": "x"})
        assert lacking.json()["error"]["details"] == {"requiredScope": "authorizations:write"}
        (row,) = json.loads(told(data, "keys", "list", "--json"))
        assert (row["id"], row["organization"], row["state"]) == (made["id"], "Cedar Hollow", "active")
        assert row["scopes"] == ["authorizations:read"]
        assert row["expires"] > row["lastUsed"]

        rotated = json.loads(told(data, "keys", "rotate", made["id"], "--overlap", "24h", "--json"))
        assert (rotated["scopes"], rotated["expiresAt"]) == (made["scopes"], made["expiresAt"])
        assert [Integrator(server, key).call("GET", path).status_code for key in (made["key"], rotated["key"])] == [
            200,
            200,
        ]
        told(data, "keys", "revoke", made["id"])
        assert [Integrator(server, key).call("GET", path).status_code for key in (made["key"], rotated["key"])] == [
            401,
            200,
        ]
        assert made["key"] not in told(data, "keys", "list")
    finally:
        server.stop()


def test_a_provider_is_opened_to_an_organization_and_closed_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data).start()
    try:
        integrator = Integrator(server, server.new_key())
        told(data, "providers", "add", "1000000004", "--name", "Second Clinic", "--state", "CO")
        path = "/v1/prior-authorization-routes?providerNpi=1000000004"
        assert integrator.get(path)["options"] == []
        who = ("--organization", "Cedar Hollow", "--provider", "1000000004", "--payer", "larkspur-health")
        told(data, "access", "grant", *who)
        assert {each["payerId"] for each in integrator.get(path)["options"]} == {"larkspur-health"}
        assert "1000000004" in told(data, "access", "list")
        told(data, "access", "revoke", *who)
        assert integrator.get(path)["options"] == []
    finally:
        server.stop()


def test_a_password_is_asked_for_at_a_terminal_without_showing_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    told(data, "organizations", "create", "Cedar Hollow")
    at_a_terminal = (sys.executable, "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))")
    add = ("credentials", "add", "--payer", "larkspur-health", "--organization", "Cedar Hollow", "--user-name", "cedar")
    command = [*at_a_terminal, *PROGRAM, *add, "--data-dir", str(data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        shown = b""
        while not shown.endswith(b"Password: "):
            byte = process.stdout.read(1)
            assert byte, shown
            shown += byte
        process.stdin.write(b"rosebud-17\n")
        process.stdin.flush()
        shown += process.stdout.read()
    assert process.returncode == 0, shown
    assert b"cred_" in shown
    assert b"rosebud" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("keys", "revoke", "key_0"), "priorauth keys list"),
        (("keys", "rotate", "key_0"), "priorauth keys list"),
        (("keys", "create", "--organization", "A", "--expires", "soon"), "90d, 12h, or a date"),
        (("providers", "add", "1234567890", "--name", "A"), "check digit"),
        (("access", "grant", "--organization", "Nobody", "--provider", "1", "--payer", "x"), "organizations list"),
        (("organizations", "create", " "), "needs a name"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_to_do(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    command = [*PROGRAM, *arguments, "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
