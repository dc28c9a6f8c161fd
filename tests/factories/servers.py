"""Real server processes, and an integrator that drives cases over HTTP by `status` and `nextAction` alone."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from priorauth.sandbox import catalog
from tests.factories.humans import Human

PROGRAM = (sys.executable, "-m", "priorauth.cli")
Case = dict[str, Any]


class ServerProcess:
    """`priorauth serve`, or another node, on a free port or a given one, over a folder; started and killed at will."""

    def __init__(
        self, data_dir: Path, *, command: str = "serve", name: str = "", port: int = 0, **settings: object
    ) -> None:
        self.data_dir = data_dir
        self.command = command
        self.port = port
        self.url = ""
        self._settings = {f"PRIORAUTH_{name.upper()}": str(value) for name, value in settings.items()}
        self._process: subprocess.Popen[str] | None = None
        self.log = data_dir.parent / f"{name or data_dir.name}.log"

    def start(self) -> "ServerProcess":
        """Start, and return once it can serve."""
        command = [*PROGRAM, self.command, "--port", str(self.port), "--data-dir", str(self.data_dir)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **self._settings}
            )
        line = self._running.stdout.readline() if self._running.stdout else ""
        assert "serving at" in line, self.log.read_text()
        self.url = line.split()[-1]
        return self

    def kill(self) -> None:
        """kill -9, and wait until the process is gone."""
        self._running.kill()
        self._end()

    def stop(self) -> int:
        """SIGTERM; return the exit status."""
        if self._process is None:
            return 0
        self._running.send_signal(signal.SIGTERM)
        return self._end()

    def new_key(self, organization: str = "Cedar Hollow") -> str:
        """Create an API key by the command line."""
        return str(new_key(self.data_dir, organization, self._settings)["key"])

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._running.send_signal(number)

    def ended(self, seconds: float) -> int:
        """Wait for the process's own end; return its exit status."""
        self._running.wait(seconds)
        return self._end()

    @property
    def is_running(self) -> bool:
        """Whether the process lives; one that has died is forgotten."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        return self._process is not None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._running.pid

    @property
    def _running(self) -> "subprocess.Popen[str]":
        assert self._process is not None
        return self._process

    def _end(self) -> int:
        process, self._process = self._running, None
        status = process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()
        return status


def new_key(data_dir: Path, organization: str, variables: dict[str, str] | None = None) -> dict[str, Any]:
    """Run `priorauth keys create --json`."""
    command = [*PROGRAM, "keys", "create", "--data-dir", str(data_dir), "--organization", organization]
    command += ["--environment", "sandbox", "--json"]
    environment = {**os.environ, **(variables or {})}
    made = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(made.stdout)
    return found


class Integrator:
    """A client of one server. `server` may be restarted at another address in between.

    `verify` is whether the certificate of the address that clients are told has to be one that is known.
    """

    def __init__(self, server: ServerProcess, key: str, *, verify: bool = True) -> None:
        self._server = server
        self._verify = verify
        self._client = httpx.Client(headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=20)
        weakref.finalize(self, self._client.close)

    def follow(self, server: ServerProcess) -> None:
        """Talk to another server of the same installation from now on."""
        self._server = server

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send one request."""
        return self._client.request(method, self._server.url + path, **more)

    def get(self, path: str) -> Any:
        """GET, which must succeed."""
        return self._checked(self.call("GET", path))

    def create(self, scenario_id: str) -> Case:
        """Create the case of a scenario as it is."""
        scenario = catalog.scenario(scenario_id)
        assert scenario is not None
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        created = self.call("POST", "/v1/prior-authorizations", json=scenario.create, headers=headers)
        assert created.status_code == 201, created.text
        found: Case = created.json()
        return found

    def read(self, case: Case) -> Case:
        """Read a case again."""
        found: Case = self.get(path_of(case))
        return found

    def drive(
        self,
        case: Case,
        scenario_id: str,
        *,
        until: Callable[[Case], bool],
        seconds: float = 60,
        somebody: Human | None = None,
    ) -> list[Case]:
        """Follow the case until `until` says enough; return it as it was at each new version that was seen.

        Where only a human can go on, `somebody` does what the scenario wants of one.
        """
        seen = [case]
        deadline = time.monotonic() + seconds
        while not until(case):
            assert time.monotonic() < deadline, f"{case['status']} {case['statusReason']} {self._server.log}"
            if case["status"] == "requires_action" and somebody is not None:
                case = self._let_a_human_act(case, scenario_id, somebody)
            else:
                case = self._move(case, scenario_id) if case["nextAction"] else self._next_version(case)
            if case["version"] != seen[-1]["version"]:
                seen.append(case)
        return seen

    def take_over(self, case: Case) -> Case:
        """Create the handoff that the case offers, accepting what it covers; return the case with it."""
        covered = case["nextAction"]["covers"]["reviewSnapshotId"]
        body = {"acceptedReviewSnapshotId": covered} if covered else {}
        version = {"If-Match": f'"{case["version"]}"'}
        self._checked(self.call("POST", f"{path_of(case)}/manual-handoffs", json=body, headers=version))
        return self.read(case)

    def grant(self, case: Case) -> dict[str, Any]:
        """Create an address at which a human can act in the session of the case's handoff."""
        handoff = f"{path_of(case)}/manual-handoffs/{case['activeManualHandoff']['id']}"
        return self._checked(self.call("POST", f"{handoff}/access-grants"))

    def give_back(self, case: Case, how: str, **report: object) -> dict[str, Any]:
        """Close the case's handoff."""
        handoff = f"{path_of(case)}/manual-handoffs/{case['activeManualHandoff']['id']}"
        return self._checked(self.call("POST", f"{handoff}/{how}", json=report))

    def events(self, case: Case) -> list[dict[str, Any]]:
        """Read the whole timeline, oldest first."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get(f"{path_of(case)}/events?limit=100{cursor}")
            found += page["data"]
            if page["pagination"]["nextCursor"] is None:
                return found[::-1]
            cursor = f"&cursor={page['pagination']['nextCursor']}"

    def counted(self, case: Case) -> int:
        """How many submissions of the case the payer has counted."""
        return len(self.submissions(case))

    def submissions(self, case: Case) -> list[dict[str, Any]]:
        """What the payer has taken of the case."""
        portal = self._portal(case["request"]["payerId"])
        taken = httpx.get(portal["submissionsUrl"], trust_env=False).json()["data"]
        return [submission for submission in taken if submission["caseReference"] == case["id"]]

    def tell_payer(self, scenario_id: str, **behaviour: Any) -> None:
        """Tell the simulated payer how to treat the member of a scenario."""
        scenario = catalog.scenario(scenario_id)
        assert scenario is not None
        member = scenario.portal["member"]
        url = self._portal(scenario.create["request"]["payerId"])["url"]
        told = {"member": member, "behaviour": {**scenario.portal["behaviour"], **behaviour}}
        httpx.put(f"{url}/sandbox/members/{member['memberId']}", json=told, trust_env=False).raise_for_status()

    def _portal(self, payer_id: str) -> dict[str, Any]:
        """The portal that a payer uses; one that the catalog has not uses the first."""
        used = {each["id"]: each["portal"]["id"] for each in catalog.payers()}.get(payer_id, "larkspur")
        portals: list[dict[str, Any]] = self.get("/v1/sandbox/portals")["data"]
        return next(each for each in portals if each["id"] == used)

    def _let_a_human_act(self, case: Case, scenario_id: str, somebody: Human) -> Case:
        scenario = catalog.scenario(scenario_id)
        assert scenario is not None
        taken = self.take_over(case)
        somebody.take_control(self.grant(taken)["url"])
        code = scenario.resolves["oneTimeCode"]
        if code is not None:
            somebody.enter_code(code)
        else:
            somebody.submit()
        self.give_back(taken, "complete", reportedOutcome="signed_in" if code is not None else "submitted")
        return self.read(taken)

    def _move(self, case: Case, scenario_id: str) -> Case:
        version = {"If-Match": f'"{case["version"]}"'}
        if case["nextAction"]["type"] != "provide_requirements":
            body = {"nextActionId": case["nextAction"]["id"]}
            return self._checked(self.call("POST", f"{path_of(case)}/confirm", json=body, headers=version))
        scenario = catalog.scenario(scenario_id)
        assert scenario is not None
        wanted = {question["linkId"] for question in case["requirements"]["questions"]}
        wanted |= {issue["field"] for issue in case["requirements"]["issues"]}
        items = [each for each in scenario.resolves["questionnaireResponse"]["item"] if each["linkId"] in wanted]
        if items:
            body = {"questionnaireResponse": {"item": items}}
            return self._checked(self.call("PATCH", f"{path_of(case)}/answers", json=body, headers=version))
        missing = case["requirements"]["documents"][0]["type"]
        body = {"fileId": self.upload(), "documentTypes": [missing]}
        return self._checked(self.call("POST", f"{path_of(case)}/attachments", json=body, headers=version))

    def upload(self) -> str:
        """Upload the sample document; return the ready file's id."""
        declaration = {"fileName": "notes.pdf", "contentType": "application/pdf", "purpose": "authorization_attachment"}
        declared = self._checked(self.call("POST", "/v1/files", json=declaration))
        upload = declared["upload"]
        content, headers = catalog.sample_document(), upload["headers"]
        httpx.put(upload["url"], content=content, headers=headers, trust_env=False, verify=self._verify)
        file_id = declared["file"]["id"]
        assert self._checked(self.call("POST", f"/v1/files/{file_id}/complete"))["status"] == "ready"
        return str(file_id)

    def _next_version(self, case: Case) -> Case:
        waited = self.call("GET", f"{path_of(case)}?afterVersion={case['version']}&waitSeconds=2")
        return case if waited.status_code == 304 else self._checked(waited)

    def _checked(self, response: httpx.Response) -> Case:
        assert response.is_success, response.text
        found: Case = response.json()
        return found


def until(reached: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait for a condition that only asking can tell."""
    deadline = time.monotonic() + seconds
    breath = threading.Event()
    while not reached():
        assert time.monotonic() < deadline
        breath.wait(0.02)


def path_of(case: Case) -> str:
    """The path of a case."""
    return f"/v1/prior-authorizations/{case['id']}"


def state_of(case: Case) -> tuple[str, str | None, str | None]:
    """What a scenario's `expects` speaks of."""
    action = case["nextAction"]
    return case["status"], action["type"] if action else None, case["outcome"]
