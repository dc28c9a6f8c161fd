"""Contract, sections 5 and 6: where an example of an answer was given, the real answer in that situation is like it."""

from typing import Any

import pytest

from priorauth.domain.handoffs import OfferReason
from priorauth.domain.live_sessions import BoundaryState
from tests.http import moves
from tests.http.customer import SECOND_CASES, Customer, Json, fresh_key, path, refused, taken
from tests.http.examples import NAMES, differences, example
from tests.http.server import Server

# Why there may be nothing to open, as the examples' page has it.
HINDRANCES = {
    "no_active_channel_session",
    "live_view_not_available",
    "portal_claim_not_available",
    "portal_claim_expired",
    "channel_session_lost",
}
# What the examples show as a text, and what is null while there is none.
OPTIONAL = frozenset(
    {"channel", "owner.manualHandoffId", "handoff.manualHandoffId", "safety.reviewSnapshotId"},
)


async def automatic(_server: Server, customer: Customer) -> Json:
    """A case on which the service works, and which it may submit by itself."""
    return await customer.confirm(await customer.create("approved_automatic"))


async def test_a_session_in_which_the_service_works_is_like_its_example(server: Server, customer: Customer) -> None:
    case = await automatic(server, customer)
    await server.claim_session(case["id"], BoundaryState.UNKNOWN)
    expected = example("000_live_session")

    session = taken(await customer.get(path(case, "live-session")))

    assert list(differences(session, expected)) == []
    assert (session["priorAuthorizationId"], session["priorAuthorizationVersion"]) == (case["id"], case["version"])
    for part in ("state", "channel", "owner", "handoff", "safety"):
        assert session[part] == expected[part], part
    assert session["access"]["supportedModes"] == expected["access"]["supportedModes"]


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(
    "move",
    [
        automatic,
        moves.under_review,
        moves.offered,
        moves.taken_over,
        moves.waiting,
        moves.approved,
        moves.canceled,
    ],
    ids=lambda move: move.__name__,
)
async def test_a_session_has_the_fields_of_its_schema_in_every_situation(
    server: Server, customer: Customer, move: Any, *, live: bool
) -> None:
    case = await move(server, customer)
    if live:
        await server.claim_session(case["id"], BoundaryState.AT_BOUNDARY)

    session = taken(await customer.get(path(case, "live-session")))

    assert list(differences(session, example("001_live_session"), nullable=OPTIONAL)) == []


async def test_what_has_no_session_says_so_and_nothing_of_it_can_be_opened(server: Server, customer: Customer) -> None:
    case = await automatic(server, customer)
    before = await customer.everything(case)

    session = taken(await customer.get(path(case, "live-session")))
    refusal = await customer.send("POST", path(case, "live-session/access-grants"))

    assert (session["state"], session["access"]["available"]) == ("not_live", False)
    assert refused(refusal, 409, "live_session_not_available")["details"]["reason"] in HINDRANCES
    assert await customer.everything(case) == before


async def test_a_grant_to_watch_is_like_its_example(server: Server, customer: Customer) -> None:
    case = await automatic(server, customer)
    await server.claim_session(case["id"])

    grant = taken(await customer.send("POST", path(case, "live-session/access-grants")))

    assert list(differences(grant, example("000_access_grant"))) == []
    assert f"/runtime/access/{grant['id']}" in grant["url"]


async def test_a_handoff_is_like_its_example(server: Server, customer: Customer) -> None:
    case = await moves.offered(server, customer)
    assert (case["status"], case["nextAction"]["type"]) == ("requires_action", "complete_payer_interaction")
    expected = example("002_manual_handoff")

    created = await take_over(customer, case, example("002_create_handoff_request"))

    assert list(differences(created, expected)) == []
    for part in ("version", "state", "result", "accessAvailable", "finalSubmitCapable", "closedAt", "message"):
        assert created[part] == expected[part], part
    assert created["priorAuthorizationId"] == case["id"]
    assert taken(await customer.get(path(case, "manual-handoffs", created["id"]))) == created


async def test_a_handoff_of_what_was_reviewed_is_like_its_example(server: Server, customer: Customer) -> None:
    case = await moves.offered(server, customer, OfferReason.FINAL_SUBMIT)
    body = example("002_create_reviewed_handoff_request")
    accepted = {"acceptedReviewSnapshotId": case["nextAction"]["covers"]["reviewSnapshotId"]}
    assert list(differences(accepted, body)) == []
    assert accepted["acceptedReviewSnapshotId"] == case["submission"]["reviewSnapshot"]["id"]

    created = await take_over(customer, case, accepted)

    assert list(differences(created, example("002_manual_handoff"))) == []
    assert created["finalSubmitCapable"] is True


async def test_a_grant_to_act_is_like_its_example(server: Server, customer: Customer) -> None:
    case = await moves.taken_over(server, customer)
    handoff_id = case["activeManualHandoff"]["id"]
    headers = [("Idempotency-Key", f"handoff-grant-{handoff_id}")]

    grant = taken(
        await customer.send("POST", path(case, "manual-handoffs", handoff_id, "access-grants"), headers=headers)
    )

    assert list(differences(grant, example("000_access_grant"))) == []


@pytest.mark.parametrize(
    ("how", "body", "result"),
    [
        ("complete", example("002_complete_request"), "completed_reported"),
        ("unable-to-complete", example("002_unable_to_complete_request"), "unable_to_complete"),
    ],
)
async def test_a_report_is_taken_as_its_example_sends_it(
    server: Server, customer: Customer, how: str, body: Json, result: str
) -> None:
    case = await moves.taken_over(server, customer)

    closed = await customer.give_back(case, how, **body)

    case = await customer.read(case)
    assert case["status"] == "processing"
    assert closed["authorization"] == {name: case[name] for name in ("id", "version", "status")}
    handoff = taken(await customer.get(path(case, "manual-handoffs", closed["manualHandoffId"])))
    assert list(differences({**handoff, "result": None}, example("002_manual_handoff"))) == []
    assert (handoff["result"], handoff["accessAvailable"]) == (result, False)
    gone = await customer.send("POST", path(case, "manual-handoffs", handoff["id"], "access-grants"))
    refused(gone, 409, "manual_handoff_not_active")


async def take_over(customer: Customer, case: Json, body: Json) -> Json:
    """Create the handoff, with the headers of the example."""
    version = case["version"]
    headers = [("Idempotency-Key", f"handoff-{case['id']}-{version}")]
    response = await customer.send("POST", path(case, "manual-handoffs"), version=version, json=body, headers=headers)
    assert response.status_code == 201, response.text
    return taken(response)


async def test_a_review_snapshot_is_like_its_example(server: Server, customer: Customer) -> None:
    case = await moves.under_review(server, customer)
    expected = example("004_review_snapshot")

    snapshot = case["submission"]["reviewSnapshot"]
    # Fields that the example is older than.
    assert {"package", "reviewImageUrl"} < snapshot.keys()
    del snapshot["package"], snapshot["reviewImageUrl"]

    assert list(differences(snapshot, expected)) == []
    for part in ("status", "kind", "warnings", "liveViewUrl"):
        assert snapshot[part] == expected[part], part


async def test_an_approval_is_taken_as_its_example_sends_it(server: Server, customer: Customer) -> None:
    case = await moves.under_review(server, customer)
    body = example("004_confirm_request")
    assert list(differences({"nextActionId": case["nextAction"]["id"]}, body)) == []

    approved = await customer.send(
        "POST",
        f"{SECOND_CASES}/{case['id']}/confirm",
        version=case["version"],
        json={**body, "nextActionId": case["nextAction"]["id"]},
        headers=[("Idempotency-Key", fresh_key())],
    )

    assert taken(approved)["status"] == "processing"
    assert approved.json()["submission"]["reviewSnapshot"]["id"] == case["submission"]["reviewSnapshot"]["id"]


def test_an_example_finds_what_is_not_like_it() -> None:
    expected = example("002_manual_handoff")

    assert list(differences({**expected, "closedAt": "2026-05-11T13:00:00Z"}, expected, nullable=OPTIONAL)) != []
    assert list(differences({**expected, "version": True}, expected)) == ["version: True instead of 1"]
    assert list(differences({**expected, "id": "auth_123"}, expected)) == ["id: auth_123 is no id as mhand_123"]
    assert list(differences({**expected, "createdAt": "2026-05-11"}, expected)) != []
    assert list(differences({**expected, "more": 1}, expected)) == [": other keys: ['more']"]


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_like_itself(name: str) -> None:
    assert list(differences(example(name), example(name))) == []
