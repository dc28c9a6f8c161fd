"""Contract, section 7: the scenarios, over HTTP alone: real server process, real browser, real payer."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from priorauth.sandbox import catalog
from tests.factories.humans import Human, human
from tests.factories.servers import Case, Integrator, ServerProcess, path_of, state_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def somebody() -> Iterator[Human]:
    """Whoever acts where only a human can."""
    with human() as found:
        yield found


NOTHING_TO_SUBMIT = {"not_required", "payer_rejects_member"}
# The payer has it, and only a human can find out.
NOT_PROVEN = {"submit_unknowable"}


@pytest.fixture(scope="module")
def integrator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Integrator]:
    """A client of a fresh server."""
    server = ServerProcess(tmp_path_factory.mktemp("scenarios") / "data").start()
    yield Integrator(server, server.new_key())
    assert server.stop() == 0


@pytest.mark.parametrize("scenario", catalog.scenarios(), ids=lambda scenario: scenario.id)
def test_a_scenario_ends_as_it_says(integrator: Integrator, somebody: Human, scenario: catalog.Scenario) -> None:
    expected = [(each["status"], each["nextActionType"], each["outcome"]) for each in scenario.expects]

    case = integrator.create(scenario.id)
    seen = integrator.drive(
        case,
        scenario.id,
        until=lambda case: state_of(case) == expected[-1],
        seconds=scenario.timeout_seconds,
        somebody=somebody,
    )

    states = [state_of(each) for each in seen]
    assert states[-1] == expected[-1]
    unseen = iter(states)
    assert all(state in unseen for state in expected), f"{expected} are not among {states} in this order"
    proven = seen[-1]["submission"]["payerReceipt"] is not None
    assert proven is (scenario.id not in NOTHING_TO_SUBMIT | NOT_PROVEN)
    assert integrator.counted(case) == (scenario.id not in NOTHING_TO_SUBMIT)
    versions = [each["version"] for each in seen]
    assert versions == sorted(set(versions))


@pytest.fixture(scope="module")
def unknowable(integrator: Integrator) -> Callable[[], Case]:
    """Cases that the payer has taken and that nobody but a human can find there."""
    scenario = "submit_unknowable"

    def arrive() -> Case:
        case = integrator.create(scenario)
        return integrator.drive(case, scenario, until=lambda case: case["status"] == "requires_action")[-1]

    return arrive


def test_a_reference_number_that_a_human_reports_is_opened_and_proves_the_receipt(
    integrator: Integrator, unknowable: Callable[[], Case]
) -> None:
    taken = integrator.take_over(unknowable())
    assert taken["nextAction"]["reason"]["code"] == "submission_unresolved"
    number = integrator.submissions(taken)[0]["referenceNumber"]

    integrator.give_back(taken, "complete", reportedOutcome="submitted", observedReferenceNumber=number)
    end = integrator.drive(
        integrator.read(taken), "submit_unknowable", until=lambda case: case["status"] == "waiting_on_payer"
    )[-1]

    assert end["submission"]["payerReceipt"]["referenceNumber"] == number
    assert integrator.counted(end) == 1


@pytest.mark.parametrize("number", [None, "LHP-2026-999999"])
def test_a_report_that_proves_nothing_offers_the_case_to_a_human_again(
    integrator: Integrator, unknowable: Callable[[], Case], number: str | None
) -> None:
    taken = integrator.take_over(unknowable())
    report = {"observedReferenceNumber": number} if number else {}

    integrator.give_back(taken, "complete", reportedOutcome="submitted", **report)
    again = integrator.drive(
        integrator.read(taken),
        "submit_unknowable",
        until=lambda case: case["status"] == "requires_action" and case["activeManualHandoff"] is None,
    )[-1]

    assert again["nextAction"]["id"] != taken["nextAction"]["id"]
    assert again["nextAction"]["reason"]["code"] == "submission_unresolved"
    assert integrator.counted(again) == 1


def test_a_human_who_cannot_tell_either_ends_the_case_as_unresolved(
    integrator: Integrator, unknowable: Callable[[], Case]
) -> None:
    taken = integrator.take_over(unknowable())

    integrator.give_back(taken, "unable-to-complete", reason="other")
    end = integrator.drive(
        integrator.read(taken), "submit_unknowable", until=lambda case: case["status"] == "completed"
    )[-1]

    assert (end["outcome"], end["statusReason"]["code"]) == ("failed", "submission_unresolved")
    assert integrator.counted(end) == 1


def test_each_payers_portal_is_listed_and_counts_for_itself(integrator: Integrator) -> None:
    portals = integrator.get("/v1/sandbox/portals")["data"]

    assert [each["id"] for each in portals] == [each.id for each in catalog.PORTALS]
    assert len({each["submissionsUrl"] for each in portals}) == len(portals)
    assert all(each["submissionsUrl"].startswith(each["url"]) for each in portals)


def test_an_approved_case_tells_its_whole_story(integrator: Integrator) -> None:
    scenario = "approved_after_review"
    created = integrator.create(scenario)
    seen = integrator.drive(created, scenario, until=lambda case: case["status"] == "completed")
    review = next(case for case in seen if case["nextAction"] and case["nextAction"]["type"] == "approve_submission")
    end = seen[-1]

    assert review["nextAction"]["covers"]["reviewSnapshotId"] == review["submission"]["reviewSnapshot"]["id"]
    assert review["submission"]["reviewSnapshot"]["covers"]["authorizationVersion"] == review["version"]
    assert review["submission"]["reviewSnapshot"]["summary"]["patient"]["familyName"] == "Ashgrove"
    assert end["submission"]["reviewSnapshot"]["id"] == review["submission"]["reviewSnapshot"]["id"]
    assert end["submission"]["payerReceipt"]["channel"] == "portal"
    decision = end["submission"]["decision"]
    assert (decision["outcome"], decision["approvedUnits"]) == ("approved", 1)
    assert decision["authorizationNumber"]
    assert decision["denialReason"] is None

    story = [event["type"] for event in integrator.events(end) if event["type"] != "portal_page"]
    assert story == [
        "created",
        "document_attached",
        "advance_confirmed",
        "approval_required",
        "submission_approved",
        "submission_intended",
        "receipt_proven",
        "decision_observed",
    ]


def test_a_submission_that_the_payer_refused_at_first_is_tried_again_once_it_is_known_to_be_absent(
    integrator: Integrator,
) -> None:
    scenario = "approved_automatic"
    integrator.tell_payer(scenario, faults=[{"at": "submit", "kind": "error", "times": 1}])
    try:
        created = integrator.create(scenario)
        end = integrator.drive(created, scenario, until=lambda case: case["status"] == "completed")[-1]
    finally:
        integrator.tell_payer(scenario)

    assert end["outcome"] == "approved"
    assert integrator.counted(end) == 1
    story = [event["type"] for event in integrator.events(end)]
    assert story.count("submission_intended") == 2
    assert story.count("submission_not_found") == 1, "one look in vain proves nothing"
    assert story.count("submission_absent") == 1


def test_a_portal_that_is_down_for_good_fails_the_case_with_the_reason(tmp_path: Path) -> None:
    scenario = "approved_automatic"
    server = ServerProcess(tmp_path / "data", fresh_starts=1).start()
    try:
        integrator = Integrator(server, server.new_key())
        integrator.tell_payer(scenario, faults=[{"at": "member_search", "kind": "error", "times": 99}])
        created = integrator.create(scenario)
        end = integrator.drive(created, scenario, until=lambda case: case["status"] == "completed")[-1]
        assert (end["outcome"], end["statusReason"]["code"]) == ("failed", "portal_error")
        assert integrator.counted(end) == 0
    finally:
        server.stop()


def test_a_denied_case_says_why(integrator: Integrator) -> None:
    scenario = "denied_medical_necessity"
    end = integrator.drive(integrator.create(scenario), scenario, until=lambda case: case["status"] == "completed")[-1]

    reason = end["submission"]["decision"]["denialReason"]
    assert reason["code"] == "MN-204"
    assert "conservative treatment" in reason["text"]


def test_the_live_session_shows_the_work_and_the_pause(integrator: Integrator) -> None:
    scenario = "approved_after_review"
    case = integrator.create(scenario)
    assert integrator.get(f"{path_of(case)}/live-session")["state"] == "not_live"

    paused = integrator.drive(case, scenario, until=lambda case: state_of(case)[1] == "approve_submission")[-1]
    live = integrator.get(f"{path_of(case)}/live-session")

    assert (live["state"], live["channel"], live["owner"]["type"]) == ("live", "portal", "automation")
    assert live["safety"] == {
        "irreversibleBoundaryState": "at_boundary",
        "finalSubmitCapable": False,
        "requiresReviewApprovalForSubmit": True,
        "reviewSnapshotId": paused["submission"]["reviewSnapshot"]["id"],
    }
    assert live["handoff"]["reason"] == "customer_owns_case"


def test_answers_changed_at_the_review_make_it_stale_and_issue_another(integrator: Integrator) -> None:
    scenario = "approved_after_review"
    paused = integrator.drive(
        integrator.create(scenario), scenario, until=lambda case: state_of(case)[1] == "approve_submission"
    )[-1]
    body = {"questionnaireResponse": {"item": [{"linkId": "service.units", "answer": [{"valueInteger": 2}]}]}}
    version = {"If-Match": f'"{paused["version"]}"'}
    changed = integrator.call("PATCH", f"{path_of(paused)}/answers", json=body, headers=version).json()

    old = {"nextActionId": paused["nextAction"]["id"]}
    stale = integrator.call("POST", f"{path_of(paused)}/confirm", json=old, headers={"If-Match": '"1"'})
    assert stale.json()["error"]["code"] == "review_stale"

    end = integrator.drive(changed, scenario, until=lambda case: case["status"] == "completed")[-1]
    assert end["outcome"] == "approved"
    assert integrator.counted(end) == 1
