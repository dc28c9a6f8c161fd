"""A payer's portal that refuses the service's password: it is asked once, everything waits, and goes on when mended."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from priorauth.sandbox import catalog
from tests.factories.clusters import cluster
from tests.factories.servers import PROGRAM, Case, Integrator, ServerProcess, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCENARIO, PAYER, PORTAL = "approved_automatic", "larkspur-health", "larkspur"
PASSWORD = catalog.PORTAL_ACCOUNTS[PORTAL][0].password
AT_ONCE = 5


class Operator:
    """Runs commands beside the server."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self._data_dir = data_dir
        self._variables = {f"PRIORAUTH_{name.upper()}": value for name, value in variables.items()}

    def run(self, *arguments: str, typed: str = "") -> str:
        """Run a command that must succeed; return what it prints."""
        return self.tried(*arguments, typed=typed, status=0)

    def tried(self, *arguments: str, typed: str = "", status: int) -> str:
        """Run a command that must end with this status; return what it prints."""
        done = subprocess.run(
            [*PROGRAM, *arguments, "--data-dir", str(self._data_dir)],
            input=typed,
            env={**os.environ, **self._variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout

    def credential(self) -> dict[str, Any]:
        """What `list` says of the payer's credential."""
        rows: list[dict[str, Any]] = json.loads(self.run("credentials", "list", "--json"))
        return next(each for each in rows if each["payer"] == PAYER)


def confirmed(integrator: Integrator) -> Case:
    """An authorization of which the service has the next move."""
    created = integrator.create(SCENARIO)
    return integrator.drive(created, SCENARIO, until=lambda now: now["status"] == "processing")[-1]


def passwords(integrator: Integrator) -> Callable[[], list[bool]]:
    """How the portal is asked whether it accepted each password that it was offered."""
    portals = {each["id"]: each["url"] for each in integrator.get("/v1/sandbox/portals")["data"]}
    address = f"{portals[PORTAL]}/sandbox/sign-ins"
    return lambda: [each["accepted"] for each in httpx.get(address, trust_env=False).json()["data"]]


def events(integrator: Integrator, authorization: Case) -> list[str]:
    """The types of its timeline."""
    return [each["type"] for each in integrator.events(authorization)]


def all_wait(integrator: Integrator, authorizations: list[Case]) -> bool:
    """Whether the timeline of each says that it waits for the account."""
    return all("sign_in_awaited" in events(integrator, each) for each in authorizations)


def completed(integrator: Integrator, authorization: Case) -> str:
    """The outcome of an authorization that comes to its end."""
    ended = integrator.drive(
        integrator.read(authorization), SCENARIO, until=lambda now: now["status"] == "completed", seconds=180
    )[-1]
    return str(ended["outcome"])


@pytest.mark.timeout(900)
def test_a_wrong_password_is_tried_once_and_all_goes_on_when_it_is_replaced(tmp_path: Path) -> None:
    operator = Operator(tmp_path / "data", environment="sandbox")
    server = ServerProcess(tmp_path / "data", concurrent_sessions=AT_ONCE).start()
    try:
        integrator = Integrator(server, server.new_key())
        offered = passwords(integrator)
        credential = operator.credential()
        assert "has the secrets that you gave" in operator.run(
            "credentials", "rotate", credential["id"], typed="wrong\n"
        )

        waiting = [confirmed(integrator) for _ in range(AT_ONCE)]
        until(lambda: all_wait(integrator, waiting), seconds=120)

        assert offered() == [False]
        assert {integrator.read(each)["status"] for each in waiting} == {"processing"}
        assert sum("credential_suspended" in events(integrator, each) for each in waiting) == 1
        listed = operator.credential()
        assert listed["suspended"] is not None
        assert listed["suspensionReason"] == "The portal did not accept the service's credentials."
        assert credential["id"] in operator.tried("doctor", status=1)
        metrics = httpx.get(f"{server.url}/metrics", trust_env=False).text
        assert "priorauth_credentials_suspended 1.0" in metrics

        assert "signs in again" in operator.run("credentials", "release", credential["id"])
        until(lambda: offered() == [False, False], seconds=60)
        until(lambda: operator.credential()["suspended"] is not None)
        assert "stays suspended" in operator.run("credentials", "replace", credential["id"], typed="wrong\n")
        assert offered() == [False, False]

        operator.run("credentials", "replace", credential["id"], typed=f"{PASSWORD}\n")
        assert [completed(integrator, each) for each in waiting] == ["approved"] * AT_ONCE
        assert offered() == [False, False, True]
        assert operator.credential()["suspended"] is None
        assert [integrator.counted(each) for each in waiting] == [1] * AT_ONCE
    finally:
        assert server.stop() == 0


@pytest.mark.timeout(900)
def test_three_workers_together_try_a_wrong_password_once(tmp_path: Path) -> None:
    with cluster(tmp_path) as installation:
        operator = Operator(installation.folder, environment="sandbox", database_url=installation.database_url)
        api = installation.start("api")
        integrator = Integrator(api, api.new_key())
        offered = passwords(integrator)
        operator.run("credentials", "rotate", operator.credential()["id"], typed="wrong\n")
        waiting = [confirmed(integrator) for _ in range(AT_ONCE + 1)]

        for _ in range(3):
            installation.start("worker", concurrent_sessions=2)

        until(lambda: all_wait(integrator, waiting), seconds=120)
        assert offered() == [False]
        assert {integrator.read(each)["status"] for each in waiting} == {"processing"}


@pytest.mark.timeout(900)
def test_a_worker_that_dies_while_it_signs_in_is_followed(tmp_path: Path) -> None:
    armed = tmp_path / "armed"
    armed.write_text("sign_in:before:delay=600")
    with cluster(tmp_path) as installation:
        api = installation.start("api")
        integrator = Integrator(api, api.new_key())
        offered = passwords(integrator)
        waiting = [confirmed(integrator) for _ in range(2)]
        first = installation.start("worker", faultpoints=f"@{armed}")
        until(lambda: not armed.read_text())
        installation.start("worker")

        first.kill()

        assert [completed(integrator, each) for each in waiting] == ["approved", "approved"]
        assert offered() == [True]
