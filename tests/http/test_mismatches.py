"""Evidence that names something else than what was sent: shown to the client, accepted or ended by a person."""

import pytest

from tests.http import moves
from tests.http.customer import Customer, Json, path
from tests.http.server import Server


@pytest.fixture
async def case(server: Server, customer: Customer) -> Json:
    """A case whose evidence differs from what was sent, in the hands of a person."""
    advancing = await moves.processing(server, customer)
    await server.find_mismatch(advancing["id"])
    found = await customer.read(advancing)
    taken = await customer.send("POST", path(found, "manual-handoffs"), version=found["version"], json={})
    assert taken.status_code == 201
    assert taken.json()["finalSubmitCapable"] is False
    return await customer.read(found)


async def closed(case: Json, customer: Customer, how: str, **body: object) -> int:
    """Close the handoff; return the status of the answer."""
    url = path(case, f"manual-handoffs/{case['activeManualHandoff']['id']}/{how}")
    answer = await customer.send("POST", url, json=body)
    if answer.status_code == 409:
        assert answer.json()["error"]["code"] == "manual_handoff_not_allowed"
    return answer.status_code


async def test_mismatch_is_shown_with_what_was_approved(case: Json) -> None:
    mismatch = case["submission"]["mismatch"]

    assert (case["status"], case["nextAction"]["reason"]["code"]) == ("requires_action", "submission_unresolved")
    assert mismatch.pop("id").startswith("mism_")
    assert mismatch == {
        "approved": [{"label": "Units requested", "value": "1"}],
        "shown": [{"label": "Units requested", "value": "7"}],
        "referenceNumber": "LK-2026-0009",
    }
    assert case["submission"]["payerReceipt"] is None, "a mismatch is never a plain receipt"


async def test_accepted_mismatch_records_the_receipt(case: Json, server: Server, customer: Customer) -> None:
    accepted = {"reportedOutcome": "submitted", "acceptedMismatchId": case["submission"]["mismatch"]["id"]}
    assert await closed(case, customer, "complete", **accepted) == 200

    await server.resolve_mismatch(case["id"])

    after = await customer.read(case)
    assert (after["status"], after["submission"]["mismatch"]) == ("waiting_on_payer", None)
    assert after["submission"]["payerReceipt"]["referenceNumber"] == "LK-2026-0009"


async def test_another_mismatch_than_the_present_one_is_not_accepted(case: Json, customer: Customer) -> None:
    other = {"reportedOutcome": "submitted", "acceptedMismatchId": "mism_0"}

    assert await closed(case, customer, "complete", **other) == 409
    assert await customer.read(case) == case


async def test_unresolvable_mismatch_ends_as_failed(case: Json, server: Server, customer: Customer) -> None:
    assert await closed(case, customer, "unable-to-complete", reason="other") == 200

    await server.resolve_mismatch(case["id"])

    after = await customer.read(case)
    assert (after["status"], after["outcome"]) == ("completed", "failed")
    assert after["statusReason"]["code"] == "submission_unresolved"


async def test_report_without_acceptance_leaves_the_mismatch_open(
    case: Json, server: Server, customer: Customer
) -> None:
    assert await closed(case, customer, "complete", reportedOutcome="submitted") == 200

    await server.resolve_mismatch(case["id"])

    after = await customer.read(case)
    assert (after["status"], after["submission"]["payerReceipt"]) == ("processing", None)
    assert after["submission"]["mismatch"] == case["submission"]["mismatch"]
