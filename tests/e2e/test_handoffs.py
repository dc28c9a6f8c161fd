"""Contract, section 6, and of section 2 what a human did: handoffs from end to end.

There is a real server, a real payer, and a human in a real browser on a granted address.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from priorauth.sandbox import catalog
from tests.factories.humans import Human, human
from tests.factories.servers import Case, Integrator, ServerProcess, path_of, state_of, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VERIFY, REVIEW, RECEIVED = "Verify your identity", "Review and submit", "Request received"


@pytest.fixture(scope="module")
def integrator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Integrator]:
    server = ServerProcess(tmp_path_factory.mktemp("handoffs") / "data").start()
    yield Integrator(server, server.new_key())
    assert server.stop() == 0


@pytest.fixture(scope="module")
def somebody() -> Iterator[Human]:
    with human() as found:
        yield found


def offered(integrator: Integrator, scenario: str) -> Case:
    """The case at its offer to a human."""
    return integrator.drive(
        integrator.create(scenario), scenario, until=lambda case: case["status"] in ("requires_action", "completed")
    )[-1]


def taken_over(integrator: Integrator, scenario: str) -> tuple[Case, str]:
    """The case with its handoff, and the address of the session."""
    case = integrator.take_over(offered(integrator, scenario))
    return case, integrator.grant(case)["url"]


def ended(integrator: Integrator, case: Case, scenario: str) -> Case:
    """The case at the end that its scenario names."""
    found = catalog.scenario(scenario)
    assert found is not None
    end = found.expects[-1]
    expected = (end["status"], end["nextActionType"], end["outcome"])
    return integrator.drive(case, scenario, until=lambda case: state_of(case) == expected)[-1]


def test_a_code_from_the_phone_lets_the_service_go_on(integrator: Integrator, somebody: Human) -> None:
    scenario = "handoff_mfa"
    case, url = taken_over(integrator, scenario)
    assert case["nextAction"]["reason"]["code"] == "sign_in"
    somebody.take_control(url)
    somebody.sees(VERIFY)
    somebody.enter(one_time_code(scenario))
    somebody.sees("Member search")

    integrator.give_back(case, "complete", reportedOutcome="signed_in")

    somebody.is_in_the_dark()
    end = ended(integrator, integrator.read(case), scenario)
    assert end["submission"]["payerReceipt"]
    assert integrator.counted(end) == 1


def test_a_human_presses_the_last_button_of_what_they_accepted(integrator: Integrator, somebody: Human) -> None:
    scenario = "handoff_review_backed"
    case, url = taken_over(integrator, scenario)
    live = integrator.get(f"{path_of(case)}/live-session")
    assert live["safety"] == {
        "irreversibleBoundaryState": "at_boundary",
        "finalSubmitCapable": True,
        "requiresReviewApprovalForSubmit": False,
        "reviewSnapshotId": case["submission"]["reviewSnapshot"]["id"],
    }
    somebody.take_control(url)
    somebody.sees(REVIEW)
    somebody.press_last_button()
    somebody.sees(RECEIVED)
    assert integrator.counted(case) == 1

    integrator.give_back(case, "complete", reportedOutcome="submitted")

    end = ended(integrator, integrator.read(case), scenario)
    assert integrator.counted(end) == 1
    assert [event["type"] for event in integrator.events(end)].count("receipt_proven") == 1


def test_before_the_snapshot_is_accepted_nothing_leaves(integrator: Integrator, somebody: Human) -> None:
    scenario = "handoff_review_backed"
    case = offered(integrator, scenario)
    refused = integrator.call(
        "POST", f"{path_of(case)}/manual-handoffs", json={}, headers={"If-Match": f'"{case["version"]}"'}
    )
    assert refused.json()["error"]["code"] == "review_acknowledgement_required"
    watching = integrator.call("POST", f"{path_of(case)}/live-session/access-grants").json()
    somebody.page.goto(watching["url"])
    somebody.sees(REVIEW)
    ticket = httpx.get(watching["url"], headers={"Accept": "application/json"}, trust_env=False).json()["ticket"]
    protocols = [Subprotocol("priorauth.live.v1"), Subprotocol(f"ticket.{ticket}")]
    address = watching["url"].partition("/runtime/")[0].replace("http", "ws", 1)
    with connect(f"{address}/runtime/live/socket", subprotocols=protocols, proxy=None) as crafted:
        crafted.recv()
        for motion in ("down", "up"):
            crafted.send(json.dumps({"type": "key", "motion": motion, "key": "Enter", "code": "Enter"}))
        until(lambda: "live_input_refused" in [event["type"] for event in integrator.events(case)])

    assert integrator.counted(case) == 0
    assert integrator.call("POST", f"{path_of(case)}/cancel").is_success
    somebody.is_in_the_dark()


def test_the_customer_signs_in_and_watches_until_the_approval(integrator: Integrator, somebody: Human) -> None:
    scenario = "customer_login"
    case, url = taken_over(integrator, scenario)
    somebody.take_control(url)
    somebody.enter(one_time_code(scenario))
    somebody.sees("Welcome")
    integrator.give_back(case, "complete", reportedOutcome="signed_in")
    review = integrator.drive(
        integrator.read(case), scenario, until=lambda case: state_of(case)[1] == "approve_submission"
    )[-1]

    address = review["submission"]["reviewSnapshot"]["liveViewUrl"]
    somebody.page.goto(address)
    somebody.sees(REVIEW)

    end = ended(integrator, review, scenario)
    assert end["outcome"] == "approved"
    assert integrator.counted(end) == 1
    assert end["submission"]["reviewSnapshot"]["liveViewUrl"] == address
    gone = httpx.get(address, trust_env=False)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "channel_session_lost")


OFFERED_AGAIN = ("requires_action", "complete_payer_interaction", None)
LIES: list[tuple[str, dict[str, Any], tuple[str, str | None, str | None]]] = [
    ("complete", {"reportedOutcome": "submitted", "observedReferenceNumber": "LK-INVENTED"}, OFFERED_AGAIN),
    ("complete", {"reportedOutcome": "decision_observed"}, OFFERED_AGAIN),
    ("complete", {"reportedOutcome": "not_required_observed"}, OFFERED_AGAIN),
    ("unable-to-complete", {"reason": "channel_blocked"}, ("completed", None, "failed")),
]


@pytest.mark.parametrize(("how", "report", "expected"), LIES, ids=str)
def test_a_report_of_what_never_was_ends_in_the_payers_truth(
    integrator: Integrator, how: str, report: dict[str, Any], expected: tuple[str, str | None, str | None]
) -> None:
    scenario = "handoff_review_backed"
    case, _ = taken_over(integrator, scenario)

    integrator.give_back(case, how, **report)

    end = integrator.drive(
        integrator.read(case),
        scenario,
        until=lambda now: now["activeManualHandoff"] is None and state_of(now) == expected,
    )[-1]
    assert integrator.counted(end) == 0
    assert end["submission"]["payerReceipt"] is None


def test_who_says_unable_though_it_was_submitted_is_corrected_by_the_payer(
    integrator: Integrator, somebody: Human
) -> None:
    scenario = "handoff_review_backed"
    case, url = taken_over(integrator, scenario)
    somebody.take_control(url)
    somebody.sees(REVIEW)
    somebody.press_last_button()
    somebody.sees(RECEIVED)

    integrator.give_back(case, "unable-to-complete", reason="other")

    end = ended(integrator, integrator.read(case), scenario)
    assert (end["status"], end["outcome"]) == ("waiting_on_payer", None)
    assert integrator.counted(end) == 1


def test_who_presses_in_vain_is_given_a_second_turn_in_which_the_button_works(
    integrator: Integrator, somebody: Human
) -> None:
    scenario = "handoff_review_backed"
    integrator.tell_payer(scenario, faults=[{"at": "submit", "kind": "error", "times": 1}])
    case, url = taken_over(integrator, scenario)
    somebody.take_control(url)
    somebody.sees(REVIEW)
    somebody.press_last_button()
    somebody.has_left(REVIEW)
    integrator.give_back(case, "complete", reportedOutcome="submitted")

    again = integrator.drive(
        integrator.read(case), scenario, until=lambda now: state_of(now) == OFFERED_AGAIN and now["version"] > 6
    )[-1]
    assert integrator.counted(again) == 0
    again = integrator.take_over(again)
    somebody.take_control(integrator.grant(again)["url"])
    somebody.sees(REVIEW)
    somebody.press_last_button()
    somebody.sees(RECEIVED)
    integrator.give_back(again, "complete", reportedOutcome="submitted")

    end = ended(integrator, integrator.read(again), scenario)
    assert integrator.counted(end) == 1


@pytest.mark.parametrize("searchable", [True, False])
def test_what_was_sent_before_a_cancel_is_recorded_as_late_evidence(
    integrator: Integrator, somebody: Human, searchable: bool
) -> None:
    scenario = "handoff_review_backed"
    integrator.tell_payer(scenario, searchUnavailable=not searchable)
    case, url = taken_over(integrator, scenario)
    somebody.take_control(url)
    somebody.sees(REVIEW)
    somebody.press_last_button()
    somebody.sees(RECEIVED)

    assert integrator.call("POST", f"{path_of(case)}/cancel").is_success

    somebody.is_in_the_dark()
    until(lambda: integrator.read(case)["submission"]["payerReceipt"] is not None, seconds=20)
    assert integrator.read(case)["status"] == "canceled"
    assert integrator.counted(case) == 1
    integrator.tell_payer(scenario)


@pytest.mark.parametrize("how", ["revoke", "cancel"])
def test_an_open_view_goes_dark_within_a_second(integrator: Integrator, somebody: Human, how: str) -> None:
    case, url = taken_over(integrator, "handoff_review_backed")
    somebody.take_control(url)
    somebody.sees(REVIEW)

    if how == "revoke":
        integrator.give_back(case, "revoke", reason="The shift has ended.")
    else:
        assert integrator.call("POST", f"{path_of(case)}/cancel").is_success

    somebody.is_in_the_dark()
    somebody.press_last_button()
    refused = httpx.get(url, trust_env=False)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "access_grant_revoked")
    assert integrator.counted(case) == 0


def test_an_abandoned_handoff_expires_and_is_offered_again(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", handoff_abandoned_seconds=1, sweep_seconds=0.2).start()
    try:
        integrator = Integrator(server, server.new_key())
        case, _ = taken_over(integrator, "handoff_mfa")
        first = case["activeManualHandoff"]["id"]
        until(lambda: integrator.get(f"{path_of(case)}/manual-handoffs/{first}")["state"] == "closed")
        assert integrator.get(f"{path_of(case)}/manual-handoffs/{first}")["result"] == "expired"
        until(lambda: integrator.read(case)["status"] == "requires_action")
    finally:
        assert server.stop() == 0


def test_a_server_that_dies_under_a_human_offers_the_case_again(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data").start()
    try:
        integrator = Integrator(server, server.new_key())
        case, _ = taken_over(integrator, "handoff_review_backed")
        first = case["activeManualHandoff"]["id"]
        server.kill()
        server.start()

        until(
            lambda: (
                integrator.read(case)["status"] == "requires_action"
                and not integrator.read(case)["activeManualHandoff"]
            )
        )

        assert integrator.get(f"{path_of(case)}/manual-handoffs/{first}")["result"] == "interaction_lost_unrecoverable"
        again = integrator.read(case)
        assert again["nextAction"]["reason"]["code"] == "final_submit"
        assert integrator.counted(case) == 0
    finally:
        assert server.stop() == 0


def one_time_code(scenario_id: str) -> str:
    """What the human gets on the phone."""
    scenario = catalog.scenario(scenario_id)
    assert scenario is not None
    return str(scenario.resolves["oneTimeCode"])
