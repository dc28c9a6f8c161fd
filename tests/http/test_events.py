"""Contract, section 5: the timeline: who or what changed what, when, from which version to which."""

import re

from tests.http import moves
from tests.http.customer import Customer, path, said
from tests.http.server import Server

FIELDS = {"id", "type", "actor", "occurredAt", "fromVersion", "toVersion", "details"}


async def test_the_timeline_tells_a_case_from_its_creation_to_its_end(server: Server, customer: Customer) -> None:
    case = await moves.approved(server, customer)

    entries = [each async for each in customer.entries(path(case, "events"))][::-1]

    told = [(each["type"], each["actor"]["type"]) for each in entries]
    assert told == [
        ("created", "customer"),
        ("document_attached", "customer"),
        ("advance_confirmed", "customer"),
        ("approval_required", "service"),
        ("submission_approved", "customer"),
        ("submission_intended", "service"),
        ("receipt_proven", "payer"),
        ("decision_observed", "payer"),
    ]
    assert [each["fromVersion"] for each in entries] == [None, 1, 2, 3, 4, 5, 5, 6]
    assert (
        [each["toVersion"] for each in entries]
        == [1, 2, 3, 4, 5, 5, 6, 7]
        == [
            *range(1, 6),
            *range(5, case["version"] + 1),
        ]
    )


async def test_an_entry_says_who_and_when(customer: Customer) -> None:
    case = await customer.answer(await customer.create(), said("clinical.summary", valueString="Ten weeks."))

    entries = [each async for each in customer.entries(path(case, "events"))]

    for entry in entries:
        assert set(entry) == FIELDS
        assert re.fullmatch(r"evt_[0-9a-z]+", entry["id"])
        assert re.fullmatch(r"key_[0-9a-z]+", entry["actor"]["id"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["occurredAt"])
    assert [each["details"]["status"] for each in entries] == ["requires_input", "requires_input"]


async def test_the_timeline_holds_nothing_of_a_patient(server: Server, customer: Customer) -> None:
    case = await moves.approved(server, customer)

    shown = (await customer.get(path(case, "events"))).text

    for item in case["questionnaireResponse"]["item"]:
        for answer in item["answer"]:
            if "valueString" in answer:
                assert answer["valueString"] not in shown


async def test_reading_leaves_no_trace(customer: Customer) -> None:
    case = await customer.ready()
    before = await customer.everything(case)

    for below in ((), ("attachments",), ("events",), ("live-session",)):
        assert (await customer.get(path(case, *below))).is_success

    assert await customer.everything(case) == before
