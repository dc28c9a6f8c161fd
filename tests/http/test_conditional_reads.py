"""Contract, sections 3 and 5: reading only what is new: If-None-Match, and long polling that costs nothing while it
waits.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import sqlalchemy as sa

from tests.http import moves
from tests.http.customer import Customer, Json, path, refused
from tests.http.server import Server


@pytest.mark.parametrize("tags", ['"2"', 'W/"2"', '"1", "2"', '"1","2","3"', "*", ' "2" '])
async def test_a_version_that_is_known_is_not_sent_again(customer: Customer, tags: str) -> None:
    case = await customer.ready()

    response = await customer.get(path(case), headers=[("If-None-Match", tags)])

    assert (response.status_code, response.content, response.headers["ETag"]) == (304, b"", '"2"')
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize("tags", ['"1"', "2", '"22"', "", '"', 'W/"1"', '"3"', "'2'"])
async def test_another_version_is_sent(customer: Customer, tags: str) -> None:
    case = await customer.ready()

    response = await customer.get(path(case), headers=[("If-None-Match", tags)])

    assert (response.status_code, response.json()) == (200, case)


async def test_known_versions_may_come_in_two_headers(customer: Customer) -> None:
    case = await customer.ready()
    headers = [("If-None-Match", '"1"'), ("If-None-Match", '"2"')]

    assert (await customer.get(path(case), headers=headers)).status_code == 304


async def test_a_later_version_is_sent_at_once(customer: Customer) -> None:
    case = await customer.ready()

    response = await customer.get(path(case), params={"afterVersion": 1, "waitSeconds": 60})

    assert response.json() == case


@pytest.mark.parametrize("params", [{"afterVersion": 2}, {"afterVersion": 3}, {"afterVersion": 2, "waitSeconds": 0}])
async def test_without_a_wait_there_is_nothing_new(customer: Customer, params: Json) -> None:
    case = await customer.ready()

    response = await customer.get(path(case), params=params)

    assert (response.status_code, response.content, response.headers["ETag"]) == (304, b"", '"2"')


async def test_the_answer_comes_with_the_change(server: Server, customer: Customer) -> None:
    case = await customer.ready()

    async with waiting(server, customer, case) as answers:
        confirmed = await customer.confirm(case)

    assert [each.json() for each in answers] == [confirmed] * 3


async def test_the_services_own_moves_wake_too(server: Server, customer: Customer) -> None:
    case = await moves.processing(server, customer)

    async with waiting(server, customer, case) as answers:
        await server.pause_for_review(case["id"])

    assert {each.json()["nextAction"]["type"] for each in answers} == {"approve_submission"}


async def test_the_wait_is_for_what_is_later_than_the_etag_too(server: Server, customer: Customer) -> None:
    case = await customer.ready()
    headers = [("If-None-Match", '"2"')]

    late = asyncio.create_task(customer.get(path(case), params={"waitSeconds": 60}, headers=headers))
    await until_waiting(server, case, number=1)
    confirmed = await customer.confirm(case)

    assert (await late).json() == confirmed


async def test_without_a_known_version_there_is_nothing_to_wait_for(customer: Customer) -> None:
    case = await customer.ready()

    assert (await customer.get(path(case), params={"waitSeconds": 60})).json() == case


async def test_other_cases_and_refused_writes_wake_nobody(server: Server, customer: Customer) -> None:
    case, other = await customer.ready(), await customer.ready()
    # The first work that is enqueued makes the queue's client, which reads once.
    await customer.confirm(await customer.ready())

    async with waiting(server, customer, case) as answers:
        with reads(server) as counted:
            await customer.confirm(other)
            refused(await customer.send("POST", path(case, "cancel"), version=1), 409, "version_conflict")
            await asyncio.sleep(0)
        # What those two requests read themselves: their key.
        assert counted == [1, 1]
        await customer.cancel(case)

    assert {each.json()["status"] for each in answers} == {"canceled"}


async def test_a_change_that_nobody_can_see_answers_nobody(server: Server, customer: Customer) -> None:
    case = await customer.confirm(await moves.under_review(server, customer))

    async with waiting(server, customer, case) as answers:
        # The intent to submit is the service's own note; the receipt is what a client sees.
        await server.prove_receipt(case["id"], moves.RECEIPT)

    assert {each.json()["status"] for each in answers} == {"waiting_on_payer"}


async def test_when_the_time_is_up_nothing_was_asked_of_the_database_meanwhile(
    server: Server, customer: Customer
) -> None:
    case = await customer.ready()

    with reads(server) as counted:
        response = await customer.get(path(case), params={"afterVersion": 2, "waitSeconds": 1})

    assert (response.status_code, response.content) == (304, b"")
    # The key, and the case once.
    assert len(counted) == 2


async def test_whoever_waits_is_let_go_when_the_server_stops(server: Server, customer: Customer) -> None:
    case = await customer.ready()

    async with waiting(server, customer, case) as answers:
        server.database.changes.end()
    late = await customer.get(path(case), params={"afterVersion": 2, "waitSeconds": 60})

    assert {each.status_code for each in [*answers, late]} == {304}


async def test_nobody_is_left_in_the_list_of_those_who_wait(server: Server, customer: Customer) -> None:
    case = await customer.ready()
    gone = asyncio.create_task(customer.get(path(case), params={"afterVersion": 2, "waitSeconds": 60}))
    await until_waiting(server, case, number=1)

    gone.cancel()
    await asyncio.wait([gone])
    refused(await customer.get(path({"id": "auth_0"}), params={"afterVersion": 1, "waitSeconds": 60}), 404, NOT_FOUND)

    assert server.database.changes._waiting == {}


NOT_FOUND = "prior_authorization_not_found"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"afterVersion": 1, "waitSeconds": 61}, "waitSeconds"),
        ({"afterVersion": 1, "waitSeconds": -1}, "waitSeconds"),
        ({"afterVersion": 1, "waitSeconds": "a while"}, "waitSeconds"),
        ({"afterVersion": -1}, "afterVersion"),
        ({"afterVersion": '"1"'}, "afterVersion"),
        ({"afterVersion": ""}, "afterVersion"),
        ({"afterVersion": "1_0"}, "afterVersion"),
        ({"afterVersion": 1, "waitSeconds": "1.5"}, "waitSeconds"),
    ],
)
async def test_a_senseless_wait_is_refused(customer: Customer, params: Json, field: str) -> None:
    case = await customer.create()

    error = refused(await customer.get(path(case), params=params), 400, "bad_request")

    assert [issue["field"] for issue in error["issues"]] == [field]


class waiting:  # noqa: N801 - reads as what it does
    """Three clients that wait for a version after this one; on leaving, their answers have come."""

    def __init__(self, server: Server, customer: Customer, case: Json) -> None:
        self._server, self._customer, self._case = server, customer, case
        self._answers: list[httpx.Response] = []

    async def __aenter__(self) -> list[httpx.Response]:
        params = {"afterVersion": self._case["version"], "waitSeconds": 60}
        self._tasks = [asyncio.create_task(self._customer.get(path(self._case), params=params)) for _ in range(3)]
        await until_waiting(self._server, self._case, number=3)
        return self._answers

    async def __aexit__(self, *_: object) -> None:
        self._answers += await asyncio.gather(*self._tasks)


async def until_waiting(server: Server, case: Json, *, number: int) -> None:
    """Let the loop turn until so many clients wait for the case."""
    while len(server.database.changes._waiting.get(case["id"], ())) < number:  # noqa: ASYNC110 - it takes turns, no time
        await asyncio.sleep(0)


@contextmanager
def reads(server: Server) -> Iterator[list[int]]:
    """Count the reading transactions."""
    counted: list[int] = []

    def count(_connection: sa.Connection) -> None:
        counted.append(1)

    sa.event.listen(server.database._runner.reading, "begin", count)
    try:
        yield counted
    finally:
        sa.event.remove(server.database._runner.reading, "begin", count)
