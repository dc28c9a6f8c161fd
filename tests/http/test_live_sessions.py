"""Contract, section 6: the live session: always the same fields, whether there is a session or not."""

import pytest

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


@pytest.mark.parametrize("state", STATES)
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
