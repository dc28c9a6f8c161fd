"""Contract, sections 1 and 2: two clients that know nothing but statuses, next actions, polling and approvals.

The first branches on `status` and resolves what it is asked; the second reviews what is to be submitted, approves it
under the second prefix, and recovers when a snapshot has become stale. Both poll, and neither knows a scenario by name.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from priorauth.sandbox import catalog
from tests.factories.servers import Case, Integrator, ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_SECONDS = 60
CADENCE_SECONDS = 0.2
OUTCOMES = {"approved", "denied", "modified", "not_required", "failed"}


@pytest.fixture(scope="module")
def integrator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Integrator]:
    """Access to one fresh server for both clients."""
    server = ServerProcess(tmp_path_factory.mktemp("clients") / "data").start()
    yield Integrator(server, server.new_key())
    assert server.stop() == 0


class PollingClient:
    """Reads the case on a steady cadence and branches on its status, whatever it is."""

    prefix = "/v1/prior-authorizations"

    def __init__(self, integrator: Integrator, scenario: catalog.Scenario) -> None:
        self._integrator = integrator
        self._answers = scenario.resolves["questionnaireResponse"]["item"]
        self.case = self._taken(self._call("POST", "", json=scenario.create))

    def until(self, reached: Callable[[Case], bool]) -> Case:
        """Follow the case until it is where it is wanted."""
        breath = threading.Event()
        for _ in range(int(PATIENCE_SECONDS / CADENCE_SECONDS)):
            self.case = self._taken(self._call("GET", f"/{self.case['id']}"))
            if reached(self.case):
                return self.case
            if not self._moved():
                breath.wait(CADENCE_SECONDS)
        raise AssertionError(f"{self.case['status']} {self.case['statusReason']} after {PATIENCE_SECONDS} seconds")

    def confirm(self, *, action: str | None = None, version: int | None = None) -> httpx.Response:
        """Send the id of the current next action, or another."""
        body = {"nextActionId": action or self.case["nextAction"]["id"]}
        return self._call("POST", f"/{self.case['id']}/confirm", json=body, version=version or self.case["version"])

    def answer(self, items: list[Any]) -> httpx.Response:
        """Patch answers."""
        body = {"questionnaireResponse": {"item": items}}
        return self._call("PATCH", f"/{self.case['id']}/answers", json=body, version=self.case["version"])

    def cancel(self) -> Case:
        """Stop."""
        self.case = self._taken(self._call("POST", f"/{self.case['id']}/cancel"))
        return self.case

    def _moved(self) -> bool:
        """Do what the status asks for; False while the move is not ours."""
        status, action = self.case["status"], self.case["nextAction"]
        if status == "requires_input":
            assert action["type"] == "provide_requirements"
            self._provide(self.case["requirements"])
        elif status == "requires_confirmation":
            assert action["type"] in ("advance_case", "approve_submission")
            self.case = self._taken(self.confirm())
        elif status == "waiting_on_payer":
            assert self.case["submission"]["payerReceipt"] is not None
        return action is not None

    def _provide(self, requirements: Any) -> None:
        open_items = {each["linkId"] for each in requirements["questions"]}
        open_items |= {each["field"] for each in requirements["issues"]}
        items = [each for each in self._answers if each["linkId"] in open_items]
        if items:
            self.case = self._taken(self.answer(items))
        for missing in self.case["requirements"]["documents"]:
            body = {"fileId": self._integrator.upload(), "documentTypes": [missing["type"]]}
            path = f"/{self.case['id']}/attachments"
            self.case = self._taken(self._call("POST", path, json=body, version=self.case["version"]))

    def _call(self, method: str, below: str, *, version: int | None = None, **rest: Any) -> httpx.Response:
        headers = {"If-Match": f'"{version}"'} if version else {}
        if method == "POST":
            headers["Idempotency-Key"] = uuid.uuid4().hex
        return self._integrator.call(method, self.prefix + below, headers=headers, **rest)

    def _taken(self, response: httpx.Response) -> Case:
        assert response.is_success, response.text
        found: Case = response.json()
        return found


class ReviewingClient(PollingClient):
    """Stops at each approval, so that somebody can look at the snapshot first."""

    prefix = "/v1/prior-auth/authorizations"

    def next_review(self) -> Any:
        """The snapshot that is to be approved."""
        case = self.until(asks_for_approval)
        snapshot = case["submission"]["reviewSnapshot"]
        assert snapshot["status"] == "current"
        assert snapshot["covers"]["authorizationVersion"] == case["version"]
        assert case["nextAction"]["covers"]["reviewSnapshotId"] == snapshot["id"]
        return snapshot


def scenario(scenario_id: str) -> catalog.Scenario:
    """One scenario as data."""
    found = catalog.scenario(scenario_id)
    assert found is not None
    return found


def asks_for_approval(case: Case) -> bool:
    """Say whether the case waits before the final boundary."""
    return case["nextAction"] is not None and case["nextAction"]["type"] == "approve_submission"


def is_over(case: Case) -> bool:
    """Say whether the case has its outcome."""
    return bool(case["status"] == "completed")


def test_status_and_next_action_lead_to_the_outcome(integrator: Integrator) -> None:
    client = PollingClient(integrator, scenario("discovery_adds_questions"))

    end = client.until(is_over)

    assert end["outcome"] in OUTCOMES
    assert end["submission"]["decision"]["outcome"] == end["outcome"]
    assert end["nextAction"] is None


def test_what_is_not_to_be_confirmed_is_not_and_a_cancel_keeps_what_the_payer_gave(integrator: Integrator) -> None:
    client = PollingClient(integrator, scenario("quickstart_receipt"))
    assert client.case["status"] == "requires_input"
    too_early = client.confirm()

    waiting = client.until(lambda case: case["status"] == "waiting_on_payer")
    over = client.cancel()
    late = client.answer([])

    assert (too_early.status_code, too_early.json()["error"]["code"]) == (409, "next_action_not_confirmable")
    assert over["status"] == "canceled"
    assert waiting["submission"]["payerReceipt"]["referenceNumber"]
    assert over["submission"]["payerReceipt"] == waiting["submission"]["payerReceipt"]
    assert (late.status_code, late.json()["error"]["code"]) == (409, "prior_authorization_not_mutable")


def test_a_stale_snapshot_is_recovered_by_reading_rendering_and_confirming_anew(integrator: Integrator) -> None:
    client = ReviewingClient(integrator, scenario("approved_after_review"))
    first = client.next_review()
    superseded, version = client.case["nextAction"]["id"], client.case["version"]

    assert client.answer([{"linkId": "service.units", "answer": [{"valueInteger": 2}]}]).is_success
    stale = client.confirm(action=superseded, version=version)
    second = client.next_review()
    approved = client.confirm()
    end = client.until(is_over)

    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "review_stale")
    assert second["id"] != first["id"]
    assert [each["after"] for each in second["summary"]["changes"]] == ["2"]
    assert (approved.status_code, approved.json()["status"]) == (200, "processing")
    assert end["outcome"] == "approved"
    assert integrator.counted(end) == 1


def test_an_automatic_case_never_asks_for_an_approval(integrator: Integrator) -> None:
    client = ReviewingClient(integrator, scenario("approved_automatic"))

    end = client.until(lambda case: is_over(case) or asks_for_approval(case))

    assert (end["status"], end["outcome"]) == ("completed", "approved")
    assert end["submission"]["reviewSnapshot"] is None
