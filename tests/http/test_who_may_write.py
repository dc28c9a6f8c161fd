"""Contract, section 2: who may write when, what is final, and what comes of a write at each moment of a case."""

from dataclasses import replace
from pathlib import Path

import pytest

from priorauth.domain.authorizations import Reason
from priorauth.domain.errors import Issue
from priorauth.domain.requirements import OpenQuestion
from priorauth.store.transaction import Transaction
from tests.http import moves
from tests.http.customer import CASES, Customer, Json, create_body, fresh_key, path, refused, said, taken
from tests.http.server import Server, serving
from tests.http.test_shapes import STATES

ANSWER = said("clinical.summary", valueString="Twelve weeks without relief.")
NOT_MUTABLE, NOT_CONFIRMABLE = "prior_authorization_not_mutable", "prior_authorization_not_confirmable"
# What refuses answers and documents, a confirm, and a cancel; None where it is taken.
REFUSALS: dict[str, tuple[str | None, str | None, str | None]] = {
    "requires_input": (None, "next_action_not_confirmable", None),
    "requires_confirmation": (None, None, None),
    "requires_action": (NOT_MUTABLE, "next_action_not_confirmable", None),
    "processing": (NOT_MUTABLE, NOT_CONFIRMABLE, None),
    "waiting_on_payer": (NOT_MUTABLE, NOT_CONFIRMABLE, None),
    "completed": (NOT_MUTABLE, NOT_CONFIRMABLE, NOT_MUTABLE),
    "canceled": (NOT_MUTABLE, NOT_CONFIRMABLE, NOT_MUTABLE),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("write", ["answers", "attachments", "confirm", "cancel"])
async def test_a_status_takes_what_it_takes(server: Server, customer: Customer, state: str, write: str) -> None:
    case = await STATES[state](server, customer)
    writes, confirms, cancels = REFUSALS[case["status"]]
    action = case["nextAction"]["id"] if case["nextAction"] else "nact_0"
    body, refusal = {
        "answers": (ANSWER, writes),
        "attachments": ({"fileId": (await customer.ready_file())["id"], "documentTypes": ["other"]}, writes),
        "confirm": ({"nextActionId": action}, confirms),
        "cancel": ({}, cancels),
    }[write]
    before = await customer.everything(case)

    method = "PATCH" if write == "answers" else "POST"
    response = await customer.send(method, path(case, write), version=case["version"], json=body)

    if refusal is None:
        assert taken(response)["version"] == case["version"] + 1
    else:
        refused(response, 409, refusal)
        assert await customer.everything(case) == before


@pytest.mark.parametrize("state", ["requires_input", "requires_confirmation", "requires_confirmation of a review"])
async def test_a_write_never_lets_the_service_go_on(server: Server, customer: Customer, state: str) -> None:
    case = await STATES[state](server, customer)

    written = await customer.attach(await customer.answer(case, ANSWER))

    assert written["status"] in ("requires_input", "requires_confirmation")


async def test_each_part_has_a_version_that_grows_with_it_alone(customer: Customer) -> None:
    case = await customer.create()
    answered = await customer.answer(case, ANSWER)
    attached = await customer.attach(answered)
    again = await customer.attach(attached)

    def parts(case: Json) -> tuple[int, int, int]:
        covers = case["nextAction"]["covers"]
        assert covers["requirementsVersion"] == case["requirements"]["version"]
        return covers["requirementsVersion"], covers["questionnaireResponseVersion"], covers["attachmentVersion"]

    assert [parts(each) for each in (case, answered, attached, again)] == [(1, 1, 1), (1, 2, 1), (2, 2, 2), (2, 2, 3)]


async def test_what_opens_a_blocker_during_a_review_keeps_the_stale_snapshot_in_sight(
    server: Server, customer: Customer
) -> None:
    reviewed = await moves.under_review(server, customer)
    snapshot = reviewed["submission"]["reviewSnapshot"]

    blocked = await customer.answer(reviewed, said("clinical.summary"))
    cleared = await customer.answer(blocked, ANSWER)

    assert (blocked["status"], blocked["nextAction"]["type"]) == ("requires_input", "provide_requirements")
    assert blocked["submission"]["reviewSnapshot"] == {**snapshot, "status": "stale"}
    assert (cleared["status"], cleared["nextAction"]["type"]) == ("requires_confirmation", "advance_case")
    assert cleared["submission"]["reviewSnapshot"]["status"] == "stale"
    for version in (1, cleared["version"]):
        body = {"nextActionId": reviewed["nextAction"]["id"]}
        refused(await customer.send("POST", path(cleared, "confirm"), version=version, json=body), 409, "review_stale")


async def test_a_superseded_advance_and_an_unknown_action_are_no_stale_reviews(customer: Customer) -> None:
    case = await customer.ready()
    answered = await customer.answer(case, ANSWER)

    for action in (case["nextAction"]["id"], "nact_0"):
        body = {"nextActionId": action}
        response = await customer.send("POST", path(case, "confirm"), version=answered["version"], json=body)
        refused(response, 409, "next_action_mismatch")


async def test_a_case_with_open_requirements_is_not_confirmed(server: Server, customer: Customer) -> None:
    """No write leads there: the check stands behind those that should prevent it."""
    case = await customer.ready()

    def reopen(tx: Transaction) -> None:
        stored = tx.authorizations.get(case["id"])
        assert stored is not None
        questions = (OpenQuestion("clinical.summary", "Why?"),)
        tx.authorizations.save(replace(stored, requirements=replace(stored.requirements, questions=questions)))

    await server.database.write(reopen)
    body = {"nextActionId": case["nextAction"]["id"]}

    response = await customer.send("POST", path(case, "confirm"), version=case["version"], json=body)

    refused(response, 409, "requirements_not_satisfied")


async def test_evidence_that_comes_after_a_cancel_is_recorded_and_changes_nothing_else(
    server: Server, customer: Customer
) -> None:
    case = await customer.confirm(await customer.create("approved_automatic"))
    await server.intend(case["id"])
    canceled = await customer.cancel(case)

    await server.evidence(case["id"], moves.RECEIPT)
    received = await customer.read(case)
    await server.decide(case["id"], moves.APPROVAL)
    decided = await customer.read(case)

    assert received["submission"]["payerReceipt"]["referenceNumber"] == "LK-2026-0001"
    for late in (received, decided):
        kept = ("status", "outcome", "statusReason", "nextAction", "canceledAt", "completedAt")
        assert {name: late[name] for name in kept} == {name: canceled[name] for name in kept}
    assert decided["submission"]["decision"]["authorizationNumber"] == "A-7"
    assert [each["version"] for each in (canceled, received, decided)] == [3, 4, 5]


async def test_a_cancel_keeps_what_the_payer_gave(server: Server, customer: Customer) -> None:
    waiting = await moves.waiting(server, customer)

    canceled = await customer.cancel(waiting)

    assert canceled["submission"]["payerReceipt"] == waiting["submission"]["payerReceipt"]


async def test_a_case_that_ends_without_a_decision_says_why(server: Server, customer: Customer) -> None:
    failed, spared = [await customer.confirm(await customer.create("approved_automatic")) for _ in range(2)]
    await server.fail(failed["id"], Reason("unknown_member", "The payer does not know this member."))
    await server.find_not_required(spared["id"], "No authorization is needed.")

    failed, spared = [await customer.read(each) for each in (failed, spared)]

    assert (failed["status"], failed["outcome"]) == ("completed", "failed")
    assert failed["statusReason"] == {"code": "unknown_member", "message": "The payer does not know this member."}
    assert (spared["status"], spared["outcome"]) == ("completed", "not_required")
    assert spared["statusReason"]["message"] == "No authorization is needed."
    for case in (failed, spared):
        assert case["completedAt"] is not None
        assert (case["nextAction"], case["submission"]["decision"]) == (None, None)


async def test_what_the_payer_rejects_is_an_issue_until_its_answer_changes(server: Server, customer: Customer) -> None:
    case = await moves.processing(server, customer)
    await server.reject(case["id"], Issue("unknown_member", "The payer does not know it.", "patient.memberId"))
    rejected = await customer.read(case)

    other = await customer.answer(rejected, ANSWER)
    changed = await customer.answer(other, said("patient.memberId", valueString="LKS100000002"))

    (issue,) = other["requirements"]["issues"]
    assert (issue["field"], issue["severity"], other["status"]) == ("patient.memberId", "error", "requires_input")
    assert (changed["requirements"]["issues"], changed["status"]) == ([], "requires_confirmation")


async def test_where_the_operator_forbids_it_no_case_submits_by_itself(data_dir: Path) -> None:
    with serving(data_dir, automatic_submission_allowed=False) as server:
        async with server.client(server.key()) as client:
            customer = Customer(client)
            body, headers = create_body("approved_automatic"), [("Idempotency-Key", fresh_key())]
            response = await customer.send("POST", CASES, json=body, headers=headers)
            listed = (await customer.get(CASES)).json()["data"]
            paused = await customer.create("approved_after_review")

    refused(response, 400, "final_submission_policy_not_allowed")
    assert listed == []
    assert paused["policy"] == {"finalSubmission": "requires_confirmation"}


async def test_without_access_to_a_provider_there_is_no_case_and_no_route(server: Server, customer: Customer) -> None:
    def close(tx: Transaction) -> None:
        owner = next(each for each in tx.organizations.all() if each.name == "Cedar Hollow Clinic")
        tx.catalog.disallow(owner.id, "sandbox", npi="1234567893", payer_id="larkspur-health")

    await server.database.write(close)
    body, headers = create_body(), [("Idempotency-Key", fresh_key())]
    question = {name: body[name] for name in ("providerNpi", "request")}

    created = await customer.send("POST", CASES, json=body, headers=headers)
    resolved = await customer.send("POST", "/v1/prior-authorization-routes/resolve", json=question)

    for response in (created, resolved):
        refused(response, 409, "provider_access_not_configured")
    assert (await customer.get(CASES)).json()["data"] == []
