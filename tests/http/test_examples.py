"""Contract, sections 5 and 6: where an example of an answer was given, the real answer in that situation is like it."""

from typing import Any

import pytest

from priorauth.domain.live_sessions import BoundaryState
from tests.http import moves
from tests.http.customer import SECOND_CASES, Customer, Json, fresh_key, path, taken
from tests.http.examples import NAMES, differences, example
from tests.http.server import Server

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
    [automatic, moves.under_review, moves.waiting, moves.approved, moves.canceled],
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


async def test_a_review_snapshot_is_like_its_example(server: Server, customer: Customer) -> None:
    case = await moves.under_review(server, customer)
    expected = example("004_review_snapshot")

    snapshot = case["submission"]["reviewSnapshot"]

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
