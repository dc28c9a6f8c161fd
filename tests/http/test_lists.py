"""Contract, section 3: lists: newest first, page after page, whatever comes in front of them meanwhile; and what
narrows them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.http.customer import CASES, Customer, path, refused
from tests.http.moves import approved
from tests.http.operations import OPERATIONS, READS, Operation
from tests.http.server import Server

LISTS = [
    each for each in READS if each.path.endswith(("authorizations", "/attachments", "/events", "/manual-handoffs"))
]


async def test_cases_come_newest_first_and_each_once_while_more_are_created(customer: Customer) -> None:
    created = [(await customer.create())["id"] for _ in range(5)]
    first = (await customer.get(CASES, params={"limit": 2})).json()
    await customer.create()
    rest = [each["id"] async for each in customer.entries(CASES, cursor=first["pagination"]["nextCursor"])]

    assert [each["id"] for each in first["data"]] + rest == created[::-1]


async def test_a_page_holds_what_the_case_itself_shows(customer: Customer) -> None:
    case = await customer.ready()

    page = (await customer.get(CASES)).json()

    assert page == {"data": [await customer.read(case)], "pagination": {"nextCursor": None}}


async def test_a_page_is_made_of_the_very_bytes_of_its_cases(server: Server, customer: Customer) -> None:
    made = [await approved(server, customer), await customer.create("approved_automatic"), await customer.ready()]
    single = [(await customer.get(path(case))).content for case in reversed(made)]

    assert (await customer.get(CASES)).content == b'{"data":[%b],"pagination":{"nextCursor":null}}' % b",".join(single)


async def test_the_last_page_has_no_cursor_even_when_it_is_full(customer: Customer) -> None:
    for _ in range(2):
        await customer.create()

    assert (await customer.get(CASES, params={"limit": 2})).json()["pagination"] == {"nextCursor": None}


async def test_attachments_come_newest_first(customer: Customer) -> None:
    case = await customer.create()
    for _ in range(3):
        case = await customer.attach(case)

    listed = [each async for each in customer.entries(path(case, "attachments"))]

    assert listed == case["attachments"][::-1]


async def test_a_page_has_twenty_five_entries_unless_told_otherwise(customer: Customer) -> None:
    for _ in range(26):
        await customer.create()

    assert len((await customer.get(CASES)).json()["data"]) == 25
    assert len((await customer.get(CASES, params={"limit": 100})).json()["data"]) == 26


async def test_every_filter_narrows(customer: Customer) -> None:
    plain = await customer.create(metadata={})
    named = await customer.create(metadata={"externalCaseId": "MRN 7/é"})
    waiting = await customer.ready(metadata={})
    canceled = await customer.cancel(await customer.create(metadata={}))

    async def found(**parameters: str) -> list[str]:
        return [each["id"] async for each in customer.entries(CASES, **parameters)]

    everything = [each["id"] for each in (canceled, waiting, named, plain)]
    assert await found(status="requires_confirmation") == [waiting["id"]]
    assert await found(status="canceled") == [canceled["id"]]
    assert await found(status="completed") == []
    assert await found(outcome="approved") == []
    assert await found(payerId="larkspur-health") == everything
    assert await found(payerId="another-plan") == []
    assert await found(providerNpi="1234567893") == everything
    assert await found(providerNpi="1000000004") == []
    assert await found(externalCaseId="MRN 7/é") == [named["id"]]
    assert await found(externalCaseId="MRN") == []
    assert await found(status="requires_input", externalCaseId="MRN 7/é") == [named["id"]]


async def test_times_narrow_to_after_or_at_and_to_before(customer: Customer) -> None:
    case = await customer.create()
    created = datetime.fromisoformat(case["createdAt"])

    async def found(**parameters: datetime) -> bool:
        shown = {name: moment.isoformat() for name, moment in parameters.items()}
        return bool((await customer.get(CASES, params=shown)).json()["data"])

    second = timedelta(seconds=1)
    elsewhere = (created + second).astimezone(tz=None)
    assert await found(createdAfter=created)
    assert not await found(createdAfter=created + second)
    assert await found(createdBefore=created + second)
    assert await found(createdBefore=elsewhere)
    assert not await found(createdBefore=created)
    assert await found(createdAfter=created, createdBefore=created + second)
    assert created.tzinfo is UTC or created.utcoffset() == timedelta(0)


async def test_an_outcome_narrows(server: Server, customer: Customer) -> None:
    case = await approved(server, customer)
    await customer.create()

    assert [each["id"] async for each in customer.entries(CASES, outcome="approved")] == [case["id"]]
    assert [each["id"] async for each in customer.entries(CASES, status="completed")] == [case["id"]]


FAULTY: list[tuple[dict[str, Any], str]] = [
    ({"limit": "0"}, "limit"),
    ({"limit": "101"}, "limit"),
    ({"limit": "-1"}, "limit"),
    ({"limit": "many"}, "limit"),
    ({"limit": ""}, "limit"),
    ({"limit": "1_0"}, "limit"),
    ({"limit": " 5"}, "limit"),
    ({"limit": "5.0"}, "limit"),
    ({"limit": "\u0665"}, "limit"),
    ({"limit": "9" * 5000}, "limit"),
    ({"limit": ["1", "2"]}, "limit"),
    ({"cursor": ""}, "cursor"),
    ({"cursor": "no cursor"}, "cursor"),
    ({"cursor": "YXV0aF8"}, "cursor"),
    ({"cursor": "é"}, "cursor"),
    ({"cursor": "a" * 5000}, "cursor"),
    ({"page": "2"}, "page"),
    ({"LIMIT": "2"}, "LIMIT"),
]


@pytest.mark.parametrize("operation", LISTS, ids=str)
async def test_a_faulty_parameter_is_refused_and_named(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)

    for params, field in FAULTY:
        error = refused(await operation.send(customer, ground, params=params), 400, "bad_request")
        assert [issue["field"] for issue in error["issues"]] == [field]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "open"),
        ("status", ""),
        ("outcome", "APPROVED"),
        ("createdAfter", "yesterday"),
        ("createdAfter", "2026-01-01"),
        ("createdAfter", "2026-01-01T00:00:00"),
        ("createdAfter", "1767225600"),
        ("createdBefore", "2026-02-30T00:00:00Z"),
        ("createdBefore", "9999-12-31T23:59:59-23:59"),
        ("createdBefore", "0001-01-01T00:00:00+23:59"),
        ("created_after", "2026-01-01T00:00:00Z"),
    ],
)
async def test_a_faulty_filter_is_refused_and_named(customer: Customer, name: str, value: str) -> None:
    response = await customer.get(CASES, params={name: value})

    assert [issue["field"] for issue in refused(response, 400, "bad_request")["issues"]] == [name]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_an_unknown_parameter_is_refused_everywhere(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})

    response = await operation.send(customer, ground, params={"verbose": "1"})

    assert [issue["field"] for issue in refused(response, 400, "bad_request")["issues"]] == ["verbose"]
    assert await customer.everything({"id": ground.authorization}) == before


@pytest.mark.parametrize("operation", [each for each in READS if each.missing], ids=str)
async def test_what_is_not_there_is_judged_before_its_parameters(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)

    response = await operation.send(customer, ground, url=operation.lost_url, params={"verbose": "1"})

    refused(response, 404, operation.missing or "")
