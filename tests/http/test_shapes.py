"""Contract, sections 1 and 5: the shape of an authorization: every field is always there, whatever has happened to the
case.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from priorauth.domain.errors import Issue
from priorauth.http.schemas.authorizations import AuthorizationView
from tests.http import moves
from tests.http.customer import CASES, Customer, Json, create_body, fresh_key, path, said
from tests.http.server import Server

FIELDS = {
    "id", "version", "status", "nextAction", "providerNpi", "payer", "request", "route", "policy", "questionnaire",
    "questionnaireResponse", "requirements", "attachments", "submission", "outcome", "statusReason",
    "activeManualHandoff", "metadata", "createdAt", "updatedAt", "completedAt", "canceledAt",
}  # fmt: skip
PARTS = {
    "payer": {
        "id", "displayName", "supportedStates", "supportedServiceTypes", "aliases", "status", "brand", "lineOfBusiness",
    },
    "request": {"payerId", "coverageState", "requestType", "serviceCode"},
    "route": {"channel", "portalAuthMode", "label"},
    "policy": {"finalSubmission"},
    "questionnaireResponse": {"item"},
    "requirements": {"version", "questions", "documents", "issues"},
    "submission": {"reviewSnapshot", "payerReceipt", "decision", "mismatch"},
}  # fmt: skip
COVERS = {"authorizationVersion", "requirementsVersion", "questionnaireResponseVersion", "attachmentVersion"}
ITEM = {
    "linkId", "text", "type", "required", "repeats", "minOccurs", "maxOccurs", "options", "pattern", "minLength",
    "maxLength", "maxDecimalPlaces", "min", "max", "errorMessage", "defaultValue", "requiredWhen", "notAllowedWhen",
    "valuesWhen", "textWhen", "item",
}  # fmt: skip
ATTACHMENT = {"id", "fileId", "documentTypes", "label", "description", "createdAt"}
SNAPSHOT = {
    "id", "status", "kind", "generatedAt", "covers", "summary", "questionnaireResponse", "attachments", "warnings",
    "liveViewUrl", "package", "reviewImageUrl",
}  # fmt: skip
SUMMARY = {
    "patient", "coverage", "provider", "service", "diagnoses", "clinical", "documents", "destination", "changes",
    "reply",
}  # fmt: skip
DECISION = {
    "outcome", "decidedAt", "authorizationNumber", "effectiveFrom", "effectiveTo", "approvedUnits", "denialReason",
    "message",
}  # fmt: skip

Move = Callable[[Server, Customer], Awaitable[Json]]


async def drafted(_server: Server, customer: Customer) -> Json:
    """A case that waits for input."""
    return await customer.create(questionnaireResponse=None)


async def ready(_server: Server, customer: Customer) -> Json:
    """A case that waits to be confirmed."""
    return await customer.ready()


async def rejected(server: Server, customer: Customer) -> Json:
    """A case that the payer has sent back."""
    case = await moves.processing(server, customer)
    await server.reject(case["id"], Issue("unknown_member", "The payer does not know this member.", "patient.memberId"))
    return await customer.read(case)


async def denied(server: Server, customer: Customer) -> Json:
    """The payer said no."""
    return await moves.decided(server, customer, moves.DENIAL)


STATES: dict[str, Move] = {
    "requires_input": drafted,
    "requires_input again": rejected,
    "requires_confirmation": ready,
    "requires_confirmation of a review": moves.under_review,
    "requires_action": moves.offered,
    "requires_action with a human": moves.taken_over,
    "processing": moves.processing,
    "waiting_on_payer": moves.waiting,
    "completed": moves.approved,
    "completed as denied": denied,
    "canceled": moves.canceled,
}


@pytest.mark.parametrize("state", STATES)
async def test_every_field_is_there_in_every_state(server: Server, customer: Customer, state: str) -> None:
    case = await STATES[state](server, customer)

    assert case["status"] == state.split(maxsplit=1)[0]
    assert set(case) == FIELDS
    for part, fields in PARTS.items():
        assert set(case[part]) == fields, part
    for questionnaire in case["questionnaire"]:
        assert set(questionnaire) == {"id", "title", "item"}
        assert all(set(item) == ITEM for item in _items(questionnaire["item"]))
    assert all(set(each) == ATTACHMENT for each in case["attachments"])
    assert all(set(each) == {"linkId", "message"} for each in case["requirements"]["questions"])
    assert all(set(each) == {"type", "message"} for each in case["requirements"]["documents"])
    assert all(set(each) == {"code", "message", "field", "severity"} for each in case["requirements"]["issues"])


@pytest.mark.parametrize("state", STATES)
async def test_a_case_is_written_as_its_shape_would_write_it(server: Server, customer: Customer, state: str) -> None:
    case = await STATES[state](server, customer)

    written = (await customer.get(path(case))).content

    assert AuthorizationView.model_validate_json(written).model_dump_json().encode() == written


@pytest.mark.parametrize("state", STATES)
async def test_names_are_camel_case_and_times_whole_seconds_of_utc(
    server: Server, customer: Customer, state: str
) -> None:
    case = await STATES[state](server, customer)

    for name, value in _fields(case):
        assert re.fullmatch(r"[a-z][a-zA-Z0-9]*", name), name
        if name.endswith("At") and value is not None:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value), name


def _items(items: list[Json]) -> Iterator[Json]:
    for item in items:
        yield item
        yield from _items(item["item"])


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield name, below
            yield from _fields(below)
    elif isinstance(value, list):
        for below in value:
            yield from _fields(below)


ACTIONS = {
    "requires_input": ("provide_requirements", "update_authorization", "answers"),
    "requires_input again": ("provide_requirements", "update_authorization", "answers"),
    "requires_confirmation": ("advance_case", "confirm", "confirm"),
    "requires_confirmation of a review": ("approve_submission", "confirm", "confirm"),
    "requires_action": ("complete_payer_interaction", "manual_handoff", "manual-handoffs"),
    "requires_action with a human": ("complete_payer_interaction", "manual_handoff", "manual-handoffs"),
}


@pytest.mark.parametrize("state", STATES)
async def test_the_next_action_says_what_to_call(server: Server, customer: Customer, state: str) -> None:
    case = await STATES[state](server, customer)
    action = case["nextAction"]

    if state not in ACTIONS:
        assert action is None
        return
    kind, resolution, below = ACTIONS[state]
    assert set(action) == {"id", "type", "resolution", "covers", "reason"}
    assert re.fullmatch(r"nact_[0-9a-z]+", action["id"])
    assert action["type"] == kind
    assert (action["reason"] is not None) is (case["status"] == "requires_action")
    assert action["resolution"] == {"kind": resolution, "endpoint": path(case, below)}
    snapshot = case["submission"]["reviewSnapshot"] if kind == "approve_submission" else None
    assert action["covers"] == {
        # Taking over leaves the action as it was issued, a version before.
        "authorizationVersion": case["version"] - (case["activeManualHandoff"] is not None),
        "requirementsVersion": case["requirements"]["version"],
        "questionnaireResponseVersion": action["covers"]["questionnaireResponseVersion"],
        "attachmentVersion": action["covers"]["attachmentVersion"],
        "reviewSnapshotId": snapshot["id"] if snapshot else None,
    }


async def test_an_action_is_issued_anew_with_every_change(customer: Customer) -> None:
    case = await customer.create()
    answered = await customer.answer(case, said("clinical.summary", valueString="Ten weeks."))

    assert answered["nextAction"]["id"] != case["nextAction"]["id"]
    covers, before = answered["nextAction"]["covers"], case["nextAction"]["covers"]
    assert covers["questionnaireResponseVersion"] == before["questionnaireResponseVersion"] + 1
    assert covers["attachmentVersion"] == before["attachmentVersion"]


async def test_requirements_name_what_is_missing(customer: Customer) -> None:
    case = await customer.create(questionnaireResponse=None)

    questions = {each["linkId"]: each["message"] for each in case["requirements"]["questions"]}
    assert questions["patient.memberId"] == "Member ID as printed on the card"
    assert "clinical.conservativeTreatmentWeeks" not in questions
    assert [each["type"] for each in case["requirements"]["documents"]] == ["clinical_notes"]
    assert case["requirements"]["issues"] == []


async def test_a_value_that_breaks_a_rule_is_kept_and_named(customer: Customer) -> None:
    case = await customer.ready()

    broken = await customer.answer(case, said("patient.memberId", valueString="12"))

    (issue,) = broken["requirements"]["issues"]
    assert (issue["field"], issue["severity"], issue["code"]) == ("patient.memberId", "error", "pattern_mismatch")
    assert broken["status"] == "requires_input"
    assert broken["requirements"]["version"] == case["requirements"]["version"] + 1


async def test_a_review_snapshot_is_a_picture_of_the_package(server: Server, customer: Customer) -> None:
    case = await moves.under_review(server, customer)
    snapshot = case["submission"]["reviewSnapshot"]

    assert set(snapshot) == SNAPSHOT
    assert re.fullmatch(r"rev_[0-9a-z]+", snapshot["id"])
    assert (snapshot["status"], snapshot["kind"], snapshot["liveViewUrl"]) == ("current", "final_submission", None)
    assert (snapshot["package"], snapshot["reviewImageUrl"]) == (None, None), "no page of the payer was read"
    assert set(snapshot["covers"]) == COVERS
    assert snapshot["covers"]["authorizationVersion"] == case["version"]
    assert set(snapshot["summary"]) == SUMMARY
    assert snapshot["summary"]["patient"]["memberId"] == "LKS100000003"
    assert snapshot["summary"]["destination"]["caseReference"] == case["id"]
    assert snapshot["questionnaireResponse"] == case["questionnaireResponse"]
    assert snapshot["attachments"] == case["attachments"] != []
    assert snapshot["warnings"] == []
    assert snapshot["summary"]["changes"] == []


async def test_a_new_snapshot_names_what_changed_since_the_one_before(server: Server, customer: Customer) -> None:
    case = await moves.under_review(server, customer)
    answered = await customer.answer(case, said("service.units", valueInteger=2))
    attached = await customer.attach(answered)

    assert answered["submission"]["reviewSnapshot"]["summary"]["changes"] == [
        {"part": "answers", "name": "Units requested", "before": "1", "after": "2"}
    ]
    (change,) = attached["submission"]["reviewSnapshot"]["summary"]["changes"]
    assert (change["part"], change["before"], change["after"]) == ("documents", None, change["name"])


async def test_a_snapshot_stays_after_its_approval(server: Server, customer: Customer) -> None:
    reviewed = await moves.under_review(server, customer)

    approved = await customer.confirm(reviewed)

    assert approved["submission"] == reviewed["submission"]


async def test_receipt_and_decision_are_shown_in_full(server: Server, customer: Customer) -> None:
    case = await moves.approved(server, customer)

    assert case["submission"]["payerReceipt"] == {
        "referenceNumber": "LK-2026-0001",
        "receivedAt": "2026-05-22T18:30:00Z",
        "channel": "portal",
    }
    assert case["submission"]["decision"] == {
        "outcome": "approved",
        "decidedAt": "2026-05-23T09:00:00Z",
        "authorizationNumber": "A-7",
        "effectiveFrom": "2026-12-03",
        "effectiveTo": "2027-03-03",
        "approvedUnits": 1,
        "denialReason": None,
        "message": "Approved as requested.",
    }
    assert (case["outcome"], case["statusReason"], case["nextAction"]) == ("approved", None, None)
    assert case["completedAt"] is not None


async def test_a_denial_says_why(server: Server, customer: Customer) -> None:
    case = await denied(server, customer)

    assert set(case["submission"]["decision"]) == DECISION
    assert case["submission"]["decision"]["denialReason"] == {"code": "MN-1", "text": "Not medically necessary."}


async def test_a_canceled_case_says_why(customer: Customer) -> None:
    case = await customer.create()

    given = await customer.send("POST", path(case, "cancel"), json={"reason": "The visit was moved."})
    silent = await customer.cancel(await customer.create())

    assert given.json()["statusReason"] == {"code": "canceled_by_customer", "message": "The visit was moved."}
    assert silent["statusReason"]["code"] == "canceled_by_customer"
    assert given.json()["canceledAt"] is not None


async def test_a_case_says_what_it_was_created_with(customer: Customer) -> None:
    body = create_body(metadata={"externalCaseId": "MRN-7", "ünit": ""})
    response = await customer.send("POST", CASES, json=body, headers=[("Idempotency-Key", fresh_key())])
    case = response.json()

    assert (response.status_code, response.headers["ETag"], case["version"]) == (201, '"1"', 1)
    assert {name: case[name] for name in ("providerNpi", "request", "policy", "metadata")} == {
        name: body[name] for name in ("providerNpi", "request", "policy", "metadata")
    }
    assert case["route"] == {
        "channel": "portal",
        "portalAuthMode": "automated",
        "label": "Larkspur Provider Connection",
    }
    assert case["questionnaireResponse"] == body["questionnaireResponse"]
    assert case["payer"] == {
        "id": "larkspur-health",
        "displayName": "Larkspur Health Plan",
        "supportedStates": ["TX", "CO"],
        "supportedServiceTypes": ["outpatient"],
        "aliases": ["Larkspur", "LHP"],
        "status": "active",
        "brand": "Larkspur",
        "lineOfBusiness": "commercial",
    }
    assert json.loads((await customer.get(path(case))).content) == case


async def test_conditions_are_written_as_fhir_has_them(customer: Customer) -> None:
    case = await customer.create()
    items = {item["linkId"]: item for questionnaire in case["questionnaire"] for item in _items(questionnaire["item"])}
    weeks = items["clinical.conservativeTreatmentWeeks"]

    assert weeks["requiredWhen"] == {
        "enableBehavior": "all",
        "enableWhen": [{"question": "clinical.conservativeTreatment", "operator": "=", "answerBoolean": True}],
    }
    assert weeks["notAllowedWhen"]["enableBehavior"] == "any"
    assert weeks["notAllowedWhen"]["enableWhen"][1] == {
        "question": "clinical.conservativeTreatment",
        "operator": "exists",
        "answerBoolean": False,
    }
    assert (weeks["min"], weeks["max"]) == (1, 104)
    assert items["clinical.redFlag"]["options"][0] == {"code": "none", "display": "None"}
