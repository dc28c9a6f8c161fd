"""One real server after another over one data folder, and a customer who does not give up while they die."""

import os
import re
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
from playwright.sync_api import Error as PlaywrightError

from priorauth.sandbox import catalog
from tests.factories.humans import Human
from tests.factories.servers import Case, Integrator, ServerProcess, path_of

# A run takes ten seconds where the machine is its own, and a minute where it is not.
PATIENCE_SECONDS = 240.0


class Refused(Exception):
    """The server did not do what it was asked for this time; the case says what is true now."""


class PersistentCustomer(Integrator):
    """An integrator whose calls may fail: whatever was in flight, it reads the case again and goes on from there."""

    def create_once(self, scenario_id: str, *, key: str) -> Case:
        """Create a scenario's case under an idempotency key: as often as it takes, it is one case."""
        scenario = catalog.scenario(scenario_id)
        assert scenario is not None
        headers = {"Idempotency-Key": key}
        return self._checked(self.call("POST", "/v1/prior-authorizations", json=scenario.create, headers=headers))

    def cancel(self, case: Case) -> Case:
        """Cancel a case."""
        version = {"If-Match": f'"{case["version"]}"'}
        return self._checked(self.call("POST", f"{path_of(case)}/cancel", json={}, headers=version))

    def detach(self, case: Case) -> Case:
        """Take the first document off."""
        version = {"If-Match": f'"{case["version"]}"'}
        attachment = case["attachments"][0]["id"]
        return self._checked(self.call("DELETE", f"{path_of(case)}/attachments/{attachment}", headers=version))

    def replied(self, case: Case) -> int:
        """How many replies of the case the payer has counted."""
        portal = self._portal(case["request"]["payerId"])
        answer = httpx.get(f"{portal['url']}/sandbox/replies", trust_env=False)
        return sum(each["caseReference"] == case["id"] for each in answer.json()["data"]) if answer.is_success else 0

    def once(self, case: Case, scenario_id: str) -> Case:
        """Make one move, or wait for the service's."""
        return self._move(case, scenario_id) if case["nextAction"] else self._next_version(case)

    def let_act(self, case: Case, scenario_id: str, somebody: Human, *, acted: set[str]) -> Case:
        """Let a human do what the scenario wants of one; in a handoff in which they have, only give it back."""
        scenario = catalog.scenario(scenario_id)
        assert scenario is not None
        taken = case if case["activeManualHandoff"] else self.take_over(case)
        handoff = taken["activeManualHandoff"]["id"]
        if handoff not in acted:
            try:
                somebody.take_control(self.grant(taken)["url"])
                somebody.enter_code(scenario.resolves["oneTimeCode"])
            except (AssertionError, PlaywrightError):
                raise Refused("the view has ended") from None
            acted.add(handoff)
        self.give_back(taken, "complete", reportedOutcome="signed_in")
        return self.read(taken)

    def _checked(self, response: httpx.Response) -> Case:
        if not response.is_success:
            raise Refused(f"{response.status_code}: {response.text[:200]}")
        return super()._checked(response)


class Lane:
    """A data folder, the server over it, and what is armed in that server."""

    def __init__(self, folder: Path) -> None:
        self.armed = folder / "armed"
        self._passed = folder / "armed.passed"
        self.arm()
        self.server = ServerProcess(
            folder / "data",
            sweep_seconds=1,
            page_timeout_seconds=8,
            faultpoints=f"@{self.armed}",
            chromium_sandbox="off",
            log_level="warning",
        ).start()
        self.customer = PersistentCustomer(self.server, self.server.new_key())

    def arm(self, *places: str) -> None:
        """Arm these places, instead of what has not struck yet; what was passed before is forgotten."""
        self._passed.write_text("")
        self.armed.write_text("\n".join(places))

    def passed(self) -> list[str]:
        """Return the places that were passed since something was armed."""
        return self._passed.read_text().splitlines()

    def is_armed(self, place: str) -> bool:
        """Say whether a place has not struck yet."""
        return place in self.armed.read_text().splitlines()

    def revive(self) -> bool:
        """Start the server again if it has died; say whether it had."""
        if self.server.is_running:
            return False
        self.server.start()
        return True

    def kill_children(self, program: str) -> int:
        """kill -9 the server's descendants that run `program`; return how many those were."""
        killed = 0
        for pid in _descendants(self.server.pid):
            with _vanishing():
                if re.search(program, str(Path(f"/proc/{pid}/exe").readlink())):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
        return killed

    def close(self) -> None:
        """Stop the server."""
        if self.server.is_running:
            self.server.stop()


class Clock:
    """How long a customer still waits."""

    def __init__(self, seconds: float = PATIENCE_SECONDS) -> None:
        self._deadline = time.monotonic() + seconds
        self._breath = threading.Event()

    def breathe(self, waiting_for: str) -> None:
        """Wait a moment; fail when patience is at its end."""
        assert time.monotonic() < self._deadline, f"stuck: waiting for {waiting_for}"
        self._breath.wait(0.05)


def _descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with _vanishing():
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def _vanishing() -> suppress:
    """Processes may end while they are looked at."""
    return suppress(FileNotFoundError, ProcessLookupError, PermissionError)
