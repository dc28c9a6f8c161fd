"""Manual handoffs over HTTP. Contract, section 6, and of section 2 what belongs to the handoff."""

import asyncio

import pytest

from priorauth.domain.handoffs import OfferReason, ReportedOutcome, UnableReason
from priorauth.domain.organizations import Scope
from tests.http import moves
from tests.http.customer import Customer, Json, fresh_key, path, refused, taken
from tests.http.server import Server

REPORTS: list[tuple[str, Json, str]] = [
    *(("complete", {"reportedOutcome": outcome.value}, "completed_reported") for outcome in ReportedOutcome),
    *(("unable-to-complete", {"reason": reason.value}, "unable_to_complete") for reason in UnableReason),
    ("revoke", {}, "revoked"),
    ("revoke", {"reason": "The shift has ended.", "operatorNotes": "Back at eight."}, "revoked"),
]
REASONS = [reason for reason in OfferReason if reason is not OfferReason.FINAL_SUBMIT]


def handoffs_of(case: Json, *below: str) -> str:
    return path(case, "manual-handoffs", *below)


async def create(customer: Customer, case: Json, body: Json | None = None, **rest: object) -> Json:
    return taken(await customer.send("POST", handoffs_of(case), version=case["version"], json=body or {}, **rest))


@pytest.mark.parametrize("reason", REASONS)
async def test_an_offer_says_why_and_which_path_takes_it(
    server: Server, customer: Customer, reason: OfferReason
) -> None:
    case = await moves.offered(server, customer, reason)

    assert case["status"] == "requires_action"
    action = case["nextAction"]
    assert action["type"] == "complete_payer_interaction"
    assert action["resolution"] == {"kind": "manual_handoff", "endpoint": handoffs_of(case)}
    assert action["reason"] == {"code": reason.value, "message": "Somebody has to sign in."}
    assert action["covers"]["authorizationVersion"] == case["version"]
    assert action["covers"]["reviewSnapshotId"] is None
    live = taken(await customer.get(path(case, "live-session")))
    assert live["handoff"] == {
        "allowed": True,
        "state": "offered",
        "reason": "handoff_offered",
        "manualHandoffId": None,
    }
    assert live["access"] == {"available": True, "supportedModes": ["read_only"]}


async def test_a_handoff_is_created_once_and_leaves_status_and_action_as_they_are(
    server: Server, customer: Customer
) -> None:
    case = await moves.offered(server, customer)

    first = await customer.send("POST", handoffs_of(case), version=case["version"])
    handoff = taken(first)
    after = await customer.read(case)
    again = await customer.send("POST", handoffs_of(case), version=after["version"], json={})

    assert (first.status_code, again.status_code) == (201, 200)
    assert taken(again) == handoff
    assert handoff == {
        "id": handoff["id"],
        "version": 1,
        "priorAuthorizationId": case["id"],
        "state": "active",
        "result": None,
        "accessAvailable": True,
        "finalSubmitCapable": False,
        "createdAt": handoff["createdAt"],
        "activatedAt": handoff["createdAt"],
        "closedAt": None,
        "message": None,
    }
    assert handoff["id"].startswith("mhand_")
    assert (after["status"], after["nextAction"]) == (case["status"], case["nextAction"])
    assert after["version"] == case["version"] + 1
    assert after["activeManualHandoff"] == {"id": handoff["id"], "state": "active"}
    live = taken(await customer.get(path(case, "live-session")))
    assert live["owner"] == {"type": "manual_handoff", "manualHandoffId": handoff["id"]}
    assert live["access"]["supportedModes"] == ["read_only", "interactive"]
    assert live["handoff"] == {
        "allowed": False,
        "state": "active",
        "reason": "handoff_active",
        "manualHandoffId": handoff["id"],
    }


@pytest.mark.parametrize("state", ["processing", "under_review", "waiting", "approved", "canceled"])
async def test_without_an_offer_there_is_no_handoff(server: Server, customer: Customer, state: str) -> None:
    case = await getattr(moves, state)(server, customer)
    before = await customer.everything(case)

    answer = await customer.send("POST", handoffs_of(case), version=case["version"], json={})

    refused(answer, 409, "manual_handoff_not_allowed")
    assert await customer.everything(case) == before


async def test_what_covers_a_snapshot_wants_it_accepted(server: Server, customer: Customer) -> None:
    case = await moves.offered(server, customer, OfferReason.FINAL_SUBMIT)
    snapshot = case["submission"]["reviewSnapshot"]
    assert (snapshot["status"], snapshot["id"]) == ("current", case["nextAction"]["covers"]["reviewSnapshotId"])
    assert snapshot["covers"]["authorizationVersion"] == case["version"]

    without = await customer.send("POST", handoffs_of(case), version=case["version"], json={})
    another = await customer.send(
        "POST", handoffs_of(case), version=case["version"], json={"acceptedReviewSnapshotId": "rev_another"}
    )

    assert refused(without, 409, "review_acknowledgement_required")["details"] == {"reviewSnapshotId": snapshot["id"]}
    refused(another, 409, "review_stale")
    assert (await customer.read(case))["activeManualHandoff"] is None

    handoff = await create(customer, case, {"acceptedReviewSnapshotId": snapshot["id"]})
    assert handoff["finalSubmitCapable"] is True
    live = taken(await customer.get(path(case, "live-session")))
    assert live["safety"]["finalSubmitCapable"] is True
    assert live["safety"]["requiresReviewApprovalForSubmit"] is False
    assert live["safety"]["reviewSnapshotId"] == snapshot["id"]


async def test_the_version_is_required_and_judged_before_the_content(server: Server, customer: Customer) -> None:
    case = await moves.offered(server, customer, OfferReason.FINAL_SUBMIT)

    refused(await customer.send("POST", handoffs_of(case), json={}), 400, "bad_request")
    stale = await customer.send("POST", handoffs_of(case), version=case["version"] - 1, json={})
    assert refused(stale, 409, "version_conflict")["details"]["actualVersion"] == case["version"]


@pytest.mark.parametrize(("how", "body", "result"), REPORTS, ids=str)
async def test_a_close_gives_the_case_back_to_the_service(
    server: Server, customer: Customer, how: str, body: Json, result: str
) -> None:
    case = await moves.taken_over(server, customer)
    handoff_id = case["activeManualHandoff"]["id"]

    closed = await customer.give_back(case, how, **body)

    after = await customer.read(case)
    assert closed == {
        "manualHandoffId": handoff_id,
        "state": "closing",
        "result": result,
        "authorization": {"id": case["id"], "version": case["version"] + 1, "status": "processing"},
        "reconciliation": {"id": closed["reconciliation"]["id"], "state": "pending"},
    }
    assert closed["reconciliation"]["id"].startswith("recon_")
    assert (after["status"], after["nextAction"], after["version"]) == ("processing", None, case["version"] + 1)
    assert after["activeManualHandoff"] == {"id": handoff_id, "state": "closing"}

    await server.find_nothing(case["id"])

    handoff = taken(await customer.get(handoffs_of(case, handoff_id)))
    assert (handoff["state"], handoff["result"], handoff["version"]) == ("closed", result, 3)
    assert handoff["accessAvailable"] is False
    assert handoff["closedAt"] is not None
    assert handoff["message"]
    end = await customer.read(case)
    assert end["activeManualHandoff"] is None
    expected = ("completed", body["reason"]) if how == "unable-to-complete" else ("processing", None)
    assert (end["status"], end["statusReason"] and end["statusReason"]["code"]) == expected


@pytest.mark.parametrize("reason", OfferReason)
@pytest.mark.parametrize("how", ["complete", "unable-to-complete", "revoke"])
async def test_every_report_closes_whatever_the_human_was_wanted_for(
    server: Server, customer: Customer, how: str, reason: OfferReason
) -> None:
    body: Json = {"complete": {"reportedOutcome": "submitted"}, "unable-to-complete": {"reason": "other"}}.get(how, {})
    case = await moves.taken_over(server, customer, reason)
    grant = taken(await customer.send("POST", handoffs_of(case, case["activeManualHandoff"]["id"], "access-grants")))

    closed = await customer.give_back(case, how, **body)

    assert set(closed) == {"manualHandoffId", "state", "result", "authorization", "reconciliation"}
    assert (closed["state"], closed["authorization"]["status"]) == ("closing", "processing")
    refused(await customer.get(grant["url"]), 404, "access_grant_revoked")
    live = taken(await customer.get(path(case, "live-session")))
    # What a human may have sent waits for no approval: it is looked for.
    demanded = reason is not OfferReason.FINAL_SUBMIT
    assert (live["owner"]["type"], live["safety"]["requiresReviewApprovalForSubmit"]) == ("automation", demanded)


async def test_a_handoff_whose_access_nobody_refreshes_expires_after_half_an_hour(
    server: Server, customer: Customer
) -> None:
    case = await moves.taken_over(server, customer)
    handoff_id = case["activeManualHandoff"]["id"]

    async def after(minutes: float) -> Json:
        server.pass_time(minutes=minutes)
        await server.claim_session(case["id"])
        await server.attend_handoffs(case["id"])
        return taken(await customer.get(handoffs_of(case, handoff_id)))

    assert (await after(29))["state"] == "active"
    watched = await customer.send("POST", path(case, "live-session/access-grants"))
    acted = await customer.send("POST", handoffs_of(case, handoff_id, "access-grants"))
    assert [watched.status_code, acted.status_code] == [201, 201]
    assert (await after(29))["state"] == "active"
    expired = await after(1)

    assert (expired["state"], expired["result"], expired["accessAvailable"]) == ("closing", "expired", False)
    assert (await customer.read(case))["status"] == "processing"
    refused(
        await customer.send("POST", handoffs_of(case, handoff_id, "revoke"), json={}), 409, "manual_handoff_not_active"
    )


async def test_closing_again_by_the_same_report_repeats_the_answer(server: Server, customer: Customer) -> None:
    case = await moves.taken_over(server, customer)
    report = {"reportedOutcome": "submitted", "observedReferenceNumber": "ABC123", "operatorNotes": "Done."}
    first = await customer.give_back(case, "complete", **report)
    await server.find_nothing(case["id"])
    before = await customer.everything(case)

    again = await customer.give_back(case, "complete", **report)
    other = await customer.send(
        "POST",
        handoffs_of(case, case["activeManualHandoff"]["id"], "complete"),
        json={**report, "observedReferenceNumber": "ABC124"},
    )
    another = await customer.send("POST", handoffs_of(case, case["activeManualHandoff"]["id"], "revoke"), json={})

    assert again == first
    refused(other, 409, "manual_handoff_not_active")
    refused(another, 409, "manual_handoff_not_active")
    assert await customer.everything(case) == before


async def test_the_version_of_a_close_is_optional_and_checked_when_sent(server: Server, customer: Customer) -> None:
    case = await moves.taken_over(server, customer)
    place = handoffs_of(case, case["activeManualHandoff"]["id"], "revoke")

    stale = await customer.send("POST", place, version=case["version"] - 1, json={})
    refused(stale, 409, "version_conflict")
    assert taken(await customer.send("POST", place, version=case["version"], json={}))["result"] == "revoked"


@pytest.mark.parametrize(
    ("how", "body", "field"),
    [
        ("complete", {}, "reportedOutcome"),
        ("complete", {"reportedOutcome": "won"}, "reportedOutcome"),
        ("complete", {"reportedOutcome": "submitted", "observedReferenceNumber": ""}, "observedReferenceNumber"),
        ("unable-to-complete", {}, "reason"),
        ("unable-to-complete", {"reason": "tired"}, "reason"),
        ("revoke", {"reason": 7}, "reason"),
        ("revoke", {"why": "so"}, "why"),
    ],
)
async def test_a_malformed_report_names_its_field(
    server: Server, customer: Customer, how: str, body: Json, field: str
) -> None:
    case = await moves.taken_over(server, customer)

    answer = await customer.send("POST", handoffs_of(case, case["activeManualHandoff"]["id"], how), json=body)

    assert [issue["field"] for issue in refused(answer, 400, "bad_request")["issues"]] == [field]
    assert (await customer.read(case))["activeManualHandoff"]["state"] == "active"


async def test_handoffs_are_listed_newest_first(server: Server, customer: Customer) -> None:
    case = await moves.taken_over(server, customer)
    first = case["activeManualHandoff"]["id"]
    await customer.give_back(case, "revoke")
    await server.find_nothing(case["id"])
    await server.need_human(case["id"])
    second = (await customer.take_over(await customer.read(case)))["id"]

    listed = [each async for each in customer.entries(handoffs_of(case), limit=1)]

    assert [(each["id"], each["state"]) for each in listed] == [(second, "active"), (first, "closed")]


async def test_a_handoff_of_another_case_or_organization_is_not_there(
    server: Server, customer: Customer, stranger: Customer
) -> None:
    case, other = await moves.taken_over(server, customer), await customer.create()
    handoff_id = case["activeManualHandoff"]["id"]

    for place in (handoffs_of(other, handoff_id), handoffs_of(case, "mhand_0")):
        refused(await customer.get(place), 404, "manual_handoff_not_found")
        refused(await customer.send("POST", f"{place}/revoke", json={}), 404, "manual_handoff_not_found")
    for place in (handoffs_of(case), handoffs_of(case, handoff_id)):
        refused(await stranger.get(place), 404, "prior_authorization_not_found")


async def test_a_repeated_creation_under_one_key_is_one_handoff(server: Server, customer: Customer) -> None:
    case = await moves.offered(server, customer)
    headers = [("Idempotency-Key", fresh_key())]

    first = await customer.send("POST", handoffs_of(case), version=case["version"], json={}, headers=[*headers])
    again = await customer.send("POST", handoffs_of(case), version=case["version"], json={}, headers=[*headers])

    assert (again.content, again.status_code) == (first.content, 201)
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_of_many_who_take_over_at_once_one_does(server: Server, customer: Customer) -> None:
    case = await moves.offered(server, customer)

    answers = await asyncio.gather(
        *(customer.send("POST", handoffs_of(case), version=case["version"], json={}) for _ in range(50))
    )

    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 49]
    assert len([each async for each in customer.entries(handoffs_of(case))]) == 1


async def test_taking_over_wants_the_scope_to_confirm(server: Server, customer: Customer) -> None:
    case = await moves.offered(server, customer)
    async with server.client(server.key(scopes=(Scope.READ, Scope.WRITE))) as client:
        answer = await Customer(client).send("POST", handoffs_of(case), version=case["version"], json={})

    assert refused(answer, 403, "insufficient_permissions")["details"] == {"requiredScope": "authorizations:confirm"}


async def test_a_cancel_closes_the_handoff_at_once(server: Server, customer: Customer) -> None:
    case = await moves.taken_over(server, customer)

    canceled = await customer.cancel(case)

    assert (canceled["status"], canceled["activeManualHandoff"]) == ("canceled", None)
    handoff = taken(await customer.get(handoffs_of(case, case["activeManualHandoff"]["id"])))
    assert (handoff["state"], handoff["result"]) == ("closed", "canceled")


@pytest.mark.parametrize("taken_over", [False, True])
async def test_a_lost_session_gives_the_case_back(server: Server, customer: Customer, *, taken_over: bool) -> None:
    case = await (moves.taken_over if taken_over else moves.offered)(server, customer)

    await server.lose_session(case["id"])

    after = await customer.read(case)
    assert (after["status"], after["nextAction"]) == ("processing", None)
    listed = [each async for each in customer.entries(handoffs_of(case))]
    assert [each["result"] for each in listed] == ["interaction_lost_unrecoverable"] * taken_over


async def test_nothing_may_be_written_or_confirmed_while_a_human_is_needed(server: Server, customer: Customer) -> None:
    case = await moves.offered(server, customer)
    answered = {"questionnaireResponse": {"item": [{"linkId": "service.units", "answer": [{"valueInteger": 2}]}]}}

    written = await customer.send("PATCH", path(case, "answers"), version=case["version"], json=answered)
    confirmed = await customer.send(
        "POST", path(case, "confirm"), version=case["version"], json={"nextActionId": case["nextAction"]["id"]}
    )

    refused(written, 409, "prior_authorization_not_mutable")
    refused(confirmed, 409, "next_action_not_confirmable")


async def test_every_step_is_on_the_timeline(server: Server, customer: Customer) -> None:
    case = await moves.taken_over(server, customer)
    await customer.give_back(case, "complete", reportedOutcome="signed_in")
    await server.find_nothing(case["id"])

    story = [each async for each in customer.entries(path(case, "events"))][::-1][-4:]

    assert [each["type"] for each in story] == ["human_needed", "handoff_created", "handoff_closed", "reconciled"]
    assert [each["actor"]["type"] for each in story] == ["service", "customer", "customer", "service"]
    assert story[2]["details"]["outcome"] == "signed_in"
