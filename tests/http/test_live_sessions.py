"""Contract, section 6: the live session: always the same fields, whether there is a session or not."""

import pytest

from priorauth.domain.handoffs import OfferReason
from priorauth.domain.live_sessions import BoundaryState
from tests.http import moves
from tests.http.customer import Customer, Json, path, taken
from tests.http.server import Server
from tests.http.test_shapes import STATES

NOT_LIVE = {
    "state": "not_live",
    "channel": None,
    "owner": {"type": "automation", "manualHandoffId": None},
    "access": {"available": False, "supportedModes": []},
}
REASONS = {
    "requires_input": "customer_owns_case",
    "requires_confirmation": "customer_owns_case",
    "processing": "automation_owns_processing",
    "waiting_on_payer": "payer_owns_case",
    "completed": "case_closed",
    "canceled": "case_closed",
}


async def session_of(customer: Customer, case: Json) -> Json:
    """The live session of a case."""
    return taken(await customer.get(path(case, "live-session")))


@pytest.mark.parametrize("state", [each for each in STATES if not each.startswith("requires_action")])
async def test_without_a_session_it_is_not_live(server: Server, customer: Customer, state: str) -> None:
    case = await STATES[state](server, customer)
    snapshot = case["submission"]["reviewSnapshot"]

    session = await session_of(customer, case)

    assert session == {
        **NOT_LIVE,
        "priorAuthorizationId": case["id"],
        "priorAuthorizationVersion": case["version"],
        "handoff": {
            "allowed": False,
            "state": "unavailable",
            "reason": REASONS[case["status"]],
            "manualHandoffId": None,
        },
        "safety": {
            "irreversibleBoundaryState": "unknown",
            "finalSubmitCapable": False,
            "requiresReviewApprovalForSubmit": session["safety"]["requiresReviewApprovalForSubmit"],
            "reviewSnapshotId": snapshot["id"] if snapshot and snapshot["status"] == "current" else None,
        },
    }


async def test_a_session_that_works_on_the_case_is_live(server: Server, customer: Customer) -> None:
    case = await moves.processing(server, customer)
    await server.claim_session(case["id"], BoundaryState.NOT_REACHED)

    session = await session_of(customer, case)

    assert (session["state"], session["channel"]) == ("live", "portal")
    assert session["owner"] == {"type": "automation", "manualHandoffId": None}
    assert session["access"]["supportedModes"] == ["read_only"]
    assert session["safety"] == {
        "irreversibleBoundaryState": "not_reached",
        "finalSubmitCapable": False,
        "requiresReviewApprovalForSubmit": True,
        "reviewSnapshotId": None,
    }


async def test_a_session_whose_claim_has_expired_is_not_live(server: Server, customer: Customer) -> None:
    case = await moves.processing(server, customer)
    await server.claim_session(case["id"], BoundaryState.NOT_REACHED)
    server.pass_time(minutes=6)

    assert {name: (await session_of(customer, case))[name] for name in NOT_LIVE} == NOT_LIVE


async def test_looking_changes_nothing(server: Server, customer: Customer) -> None:
    case = await moves.processing(server, customer)
    await server.claim_session(case["id"], BoundaryState.NOT_REACHED)
    before = await customer.everything(case)

    assert await session_of(customer, case) == await session_of(customer, case)

    assert await customer.everything(case) == before


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("state", STATES)
async def test_it_always_says_why_a_human_can_or_cannot_take_over(
    server: Server, customer: Customer, state: str, *, live: bool
) -> None:
    case = await STATES[state](server, customer)
    if live:
        await server.claim_session(case["id"])
    reasons = {
        **REASONS,
        "requires_action": "handoff_active" if case["activeManualHandoff"] else "handoff_offered",
    }

    handoff = (await session_of(customer, case))["handoff"]

    assert handoff["reason"] == reasons[case["status"]]
    assert handoff["allowed"] is (handoff["state"] == "offered") is (state == "requires_action")
    assert (handoff["state"] == "active") is (handoff["manualHandoffId"] is not None) is state.endswith("a human")


async def test_an_offer_whose_session_nothing_vouches_for_cannot_be_accepted(
    server: Server, customer: Customer
) -> None:
    case = await moves.offered(server, customer)
    server.pass_time(minutes=6)

    session = await session_of(customer, case)

    assert session["handoff"] == {
        "allowed": False,
        "state": "unavailable",
        "reason": "handoff_offered",
        "manualHandoffId": None,
    }
    assert session["access"] == {"available": False, "supportedModes": []}


@pytest.mark.parametrize("boundary", BoundaryState)
async def test_it_says_where_the_session_stands(server: Server, customer: Customer, boundary: BoundaryState) -> None:
    case = await moves.processing(server, customer)
    await server.claim_session(case["id"], boundary)

    assert (await session_of(customer, case))["safety"]["irreversibleBoundaryState"] == boundary.value


async def test_a_session_that_only_looks_what_became_of_a_submission_has_crossed(
    server: Server, customer: Customer
) -> None:
    case = await moves.waiting(server, customer)
    await server.claim_session(case["id"], BoundaryState.NOT_REACHED)

    assert (await session_of(customer, case))["safety"]["irreversibleBoundaryState"] == "crossed"


async def test_it_says_whether_the_final_submit_would_pass_and_an_approval_is_missing(
    server: Server, customer: Customer
) -> None:
    async def safety(case: Json) -> tuple[bool, bool]:
        await server.claim_session(case["id"], BoundaryState.AT_BOUNDARY)
        found = (await session_of(customer, case))["safety"]
        return found["finalSubmitCapable"], found["requiresReviewApprovalForSubmit"]

    reviewed = await moves.under_review(server, customer)
    assert await safety(reviewed) == (False, True)
    approved = await customer.confirm(reviewed)
    assert await safety(approved) == (False, False)
    await server.intend(approved["id"])
    assert await safety(approved) == (True, False)
    assert await safety(await customer.confirm(await customer.create("approved_automatic"))) == (False, False)
    assert await safety(await moves.offered(server, customer, OfferReason.FINAL_SUBMIT)) == (False, True)
    assert await safety(await moves.taken_over(server, customer, OfferReason.FINAL_SUBMIT)) == (True, False)
