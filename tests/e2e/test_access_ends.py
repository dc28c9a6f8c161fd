"""Access ends when its reason ends: an operator's command beside a real server, while a person acts at the payer."""

import json
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.factories.servers import PROGRAM, Case, Integrator, ServerProcess, new_key, path_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CLINIC = "Cedar Hollow"


class Person:
    """Somebody with an address, who looks at the session and may act in it; without the viewer's page."""

    def __init__(self, url: str) -> None:
        ticket = httpx.get(url, headers={"Accept": "application/json"}, trust_env=False).json()["ticket"]
        self.ended: tuple[int, str] | None = None
        self.ended_at = 0.0
        self.is_in_control = threading.Event()
        self._gone = threading.Event()
        self._socket: ClientConnection = connect(
            url.split("/runtime/", maxsplit=1)[0].replace("http", "ws") + "/runtime/live/socket",
            subprotocols=[Subprotocol("priorauth.live.v1"), Subprotocol(f"ticket.{ticket}")],
            max_size=None,
            compression=None,
            proxy=None,
        )
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def say(self, **message: Any) -> None:
        """Send something to the session; once the view has ended there is nothing to send it to."""
        try:
            self._socket.send(json.dumps(message))
        except ConnectionClosed:
            assert self.ended is not None

    def is_gone(self, seconds: float) -> bool:
        """Wait until the server has ended the view."""
        return self._gone.wait(seconds)

    def _listen(self) -> None:
        try:
            for message in self._socket:
                if isinstance(message, bytes):
                    if message[0] == 1:
                        self._socket.send(json.dumps({"type": "ack", "frame": struct.unpack(">I", message[1:5])[0]}))
                    continue
                told = json.loads(message)
                if told["type"] == "control" and told["holder"] == "you":
                    self.is_in_control.set()
        except ConnectionClosed:
            pass
        self.ended, self.ended_at = (self._socket.close_code or 0, self._socket.close_reason or ""), time.monotonic()
        self._gone.set()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    started = ServerProcess(tmp_path_factory.mktemp("ends") / "data").start()
    yield started
    assert started.stop() == 0


def told(server: ServerProcess, *arguments: str) -> str:
    """Run a command that must succeed, beside the server."""
    command = [*PROGRAM, *arguments, "--data-dir", str(server.data_dir)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def taken_over(integrator: Integrator, scenario: str) -> Case:
    """A case that a person has."""
    case = integrator.create(scenario)
    case = integrator.drive(case, scenario, until=lambda each: each["status"] == "requires_action")[-1]
    return integrator.take_over(case)


def test_a_key_that_is_revoked_while_its_person_acts_ends_their_view_and_nothing_is_submitted(
    server: ServerProcess,
) -> None:
    keeper = Integrator(server, server.new_key(CLINIC))
    leaving = new_key(server.data_dir, CLINIC)
    case = taken_over(keeper, "handoff_review_backed")
    person = Person(Integrator(server, leaving["key"]).grant(case)["url"])
    colleague = Person(keeper.call("POST", f"{path_of(case)}/live-session/access-grants").json()["url"])
    assert person.is_in_control.wait(20)

    told(server, "keys", "revoke", leaving["id"])
    revoked_at = time.monotonic()
    person.say(type="key", motion="down", key="Enter", code="Enter", modifiers=0)

    assert person.is_gone(1.0)
    assert person.ended == (4002, "access_grant_revoked")
    assert person.ended_at - revoked_at < 1
    assert colleague.ended is None
    assert keeper.counted(case) == 0

    # The handoff goes on: whoever has a key that stands may act.
    following = Person(keeper.grant(case)["url"])
    assert following.is_in_control.wait(20)
    keeper.give_back(case, "revoke", reason="The shift has ended.")
    assert following.is_gone(5)
    assert keeper.counted(case) == 0


def test_a_grant_that_the_operator_revokes_ends_its_view_within_a_second(server: ServerProcess) -> None:
    integrator = Integrator(server, server.new_key(CLINIC))
    case = taken_over(integrator, "handoff_mfa")
    grant = integrator.grant(case)
    person = Person(grant["url"])
    assert person.is_in_control.wait(20)
    (row,) = json.loads(told(server, "grants", "list", "--authorization", case["id"], "--json"))
    assert (row["id"], row["mode"], row["revoked"]) == (grant["id"], "interactive", None)

    told(server, "grants", "revoke", grant["id"])

    assert person.is_gone(1.0)
    assert person.ended == (4002, "access_grant_revoked")
    assert "access_grant_revoked" in {each["type"] for each in integrator.events(case)}


def test_people_are_kept_out_of_an_account_from_the_command_on(server: ServerProcess) -> None:
    integrator = Integrator(server, server.new_key(CLINIC))
    case = taken_over(integrator, "handoff_mfa")
    person = Person(integrator.grant(case)["url"])
    assert person.is_in_control.wait(20)
    accounts = json.loads(told(server, "credentials", "list", "--json"))
    account = next(each for each in accounts if each["payer"] == case["payer"]["id"])
    assert account["peopleMayEnter"] is True

    try:
        told(server, "credentials", "forbid-people", account["id"])

        assert person.is_gone(1.0)
        refused = integrator.call(
            "POST", f"{path_of(case)}/manual-handoffs/{case['activeManualHandoff']['id']}/access-grants"
        )
        assert refused.json()["error"]["details"] == {"reason": "live_view_not_available"}
    finally:
        told(server, "credentials", "allow-people", account["id"])


def test_scopes_that_are_of_no_use_together_are_refused_and_the_message_says_what_to_add(
    server: ServerProcess,
) -> None:
    command = [*PROGRAM, "keys", "create", "--organization", CLINIC, "--scope", "authorizations:confirm"]
    done = subprocess.run([*command, "--data-dir", str(server.data_dir)], check=False, capture_output=True, text=True)

    assert done.returncode == 1
    assert "--scope authorizations:read" in done.stderr
    made = json.loads(told(server, "keys", "create", "--organization", CLINIC, "--json"))
    assert set(made["scopes"]) >= {"authorizations:read", "live:view"}
