"""Contract, section 6: clients that show the live session and hand it to a human, and know nothing but what they read.

The one watches whenever something can be watched; the other hands the interaction over when the case asks for it, by
its version and with what its action covers, renews nothing that it does not need, and believes the case alone.
"""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from priorauth.sandbox import catalog
from tests.e2e.test_polling_clients import PollingClient, scenario
from tests.factories.humans import Human, human
from tests.factories.servers import Case, Integrator, ServerProcess, state_of, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CASES = "/v1/prior-authorizations"
HINDRANCES = {"no_active_channel_session", "live_view_not_available", "portal_claim_expired", "channel_session_lost"}


@pytest.fixture(scope="module")
def integrator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Integrator]:
    """Access to one fresh server for all clients."""
    server = ServerProcess(tmp_path_factory.mktemp("attended") / "data").start()
    yield Integrator(server, server.new_key())
    assert server.stop() == 0


@pytest.fixture(scope="module")
def somebody() -> Iterator[Human]:
    """Who acts at the payer."""
    with human() as found:
        yield found


class AttendedClient(PollingClient):
    """Shows the session while the service works in it, and lets a human act when the case says so."""

    prefix = CASES

    def __init__(
        self, integrator: Integrator, scenario: catalog.Scenario, *, act: Callable[[str], dict[str, Any]]
    ) -> None:
        super().__init__(integrator, scenario)
        self._act = act
        self.watched: list[str] = []
        self.handoffs: list[Any] = []

    def look(self) -> Any:
        """The live session; it is always there, and has no address of anything."""
        session = self._taken(self._call("GET", f"/{self.case['id']}/live-session"))
        assert session["state"] in ("live", "not_live")
        assert "http" not in str(session)
        return session

    def _moved(self) -> bool:
        if self.case["status"] == "processing":
            session = self.look()
            # What was read between two reads of one version is of that version: the case may move at any time.
            if self._taken(self._call("GET", f"/{self.case['id']}"))["version"] == self.case["version"]:
                self._watch(session)
            return False
        if self.case["status"] == "requires_action":
            self._hand_over()
            return True
        return super()._moved()

    def _watch(self, session: Any) -> None:
        """Open the session once for whoever wants to look on; lost is lost, the case says what is true."""
        assert session["owner"] == {"type": "automation", "manualHandoffId": None}
        assert "interactive" not in session["access"]["supportedModes"]
        assert session["handoff"]["allowed"] is False
        if self.watched or not session["access"]["available"]:
            return
        response = self._integrator.call("POST", f"{CASES}/{self.case['id']}/live-session/access-grants")
        if response.status_code == 409:
            error = response.json()["error"]
            assert (error["code"], error["details"]["reason"] in HINDRANCES) == ("live_session_not_available", True)
            return
        grant = self._taken(response)
        opened = httpx.get(grant["url"], follow_redirects=True, trust_env=False)
        if opened.status_code == 200:
            self.watched.append(grant["url"])

    def _hand_over(self) -> None:
        action = self.case["nextAction"]
        assert action["type"] == "complete_payer_interaction"
        covered = action["covers"]["reviewSnapshotId"]
        body = {"acceptedReviewSnapshotId": covered} if covered else {}
        assert not covered or covered == self.case["submission"]["reviewSnapshot"]["id"]
        handoff = self._post("", body, key=f"handoff-{self.case['id']}-{self.case['version']}", versioned=True)
        assert (handoff["state"], handoff["accessAvailable"], handoff["closedAt"]) == ("active", True, None)
        session = self.look()
        assert session["owner"] == {"type": "manual_handoff", "manualHandoffId": handoff["id"]}
        assert session["access"]["supportedModes"] == ["read_only", "interactive"]
        assert session["safety"]["finalSubmitCapable"] is handoff["finalSubmitCapable"] is bool(covered)
        grant = self._post(f"/{handoff['id']}/access-grants", None, key=f"handoff-grant-{handoff['id']}")
        closed = self._post(f"/{handoff['id']}/complete", self._act(grant["url"]), key=f"close-{handoff['id']}")
        assert closed["authorization"]["status"] == "processing"
        assert httpx.get(grant["url"], trust_env=False).status_code == 404
        self.handoffs.append(handoff)

    def _post(self, below: str, body: Any, *, key: str, versioned: bool = False) -> Any:
        version = {"If-Match": f'"{self.case["version"]}"'} if versioned else {}
        path = f"{CASES}/{self.case['id']}/manual-handoffs{below}"
        headers = {"Idempotency-Key": key, **version}
        return self._taken(self._integrator.call("POST", path, json=body, headers=headers))


def ended(client: AttendedClient, scenario: catalog.Scenario) -> Case:
    """Follow the case to the end that its scenario names."""
    end = scenario.expects[-1]
    return client.until(lambda case: state_of(case) == (end["status"], end["nextActionType"], end["outcome"]))


def result_of(client: AttendedClient, integrator: Integrator) -> list[tuple[str, str]]:
    """What became of the client's handoffs, once the service has read what is true."""
    places = [f"{CASES}/{client.case['id']}/manual-handoffs/{each['id']}" for each in client.handoffs]
    until(lambda: all(integrator.get(place)["closedAt"] for place in places))
    return [(found["state"], found["result"]) for found in map(integrator.get, places)]


def test_a_human_enters_the_code_and_the_service_goes_on(integrator: Integrator, somebody: Human) -> None:
    chosen = scenario("handoff_mfa")

    def enter_the_code(url: str) -> dict[str, Any]:
        somebody.take_control(url)
        somebody.sees("Verify your identity")
        somebody.enter(str(chosen.resolves["oneTimeCode"]))
        somebody.sees("Member search")
        return {"reportedOutcome": "signed_in", "operatorNotes": "The code was on the phone."}

    client = AttendedClient(integrator, chosen, act=enter_the_code)
    end = ended(client, chosen)

    assert end["submission"]["payerReceipt"]["referenceNumber"]
    assert result_of(client, integrator) == [("closed", "completed_reported")]
    assert [each["finalSubmitCapable"] for each in client.handoffs] == [False]
    assert client.watched
    assert integrator.counted(end) == 1


def test_a_human_submits_what_was_reviewed_and_accepted(integrator: Integrator, somebody: Human) -> None:
    chosen = scenario("handoff_review_backed")

    def press_the_button(url: str) -> dict[str, Any]:
        somebody.take_control(url)
        somebody.sees("Review and submit")
        somebody.press_last_button()
        somebody.sees("Request received")
        return {"reportedOutcome": "submitted", "operatorNotes": "Sent."}

    client = AttendedClient(integrator, chosen, act=press_the_button)
    end = ended(client, chosen)

    assert end["submission"]["payerReceipt"]["referenceNumber"]
    assert result_of(client, integrator) == [("closed", "completed_reported")]
    assert [each["finalSubmitCapable"] for each in client.handoffs] == [True]
    assert client.watched
    assert integrator.counted(end) == 1


def test_who_reports_more_than_was_done_is_not_believed(integrator: Integrator, somebody: Human) -> None:
    """The examples know no other report than a submission; a human who has only signed in may send it as well."""
    chosen = scenario("handoff_mfa")

    def enter_the_code(url: str) -> dict[str, Any]:
        somebody.take_control(url)
        somebody.enter(str(chosen.resolves["oneTimeCode"]))
        somebody.sees("Member search")
        return {"reportedOutcome": "submitted", "observedReferenceNumber": "ABC123"}

    client = AttendedClient(integrator, chosen, act=enter_the_code)
    end = ended(client, chosen)

    assert end["submission"]["payerReceipt"]["referenceNumber"] != "ABC123"
    assert integrator.counted(end) == 1
