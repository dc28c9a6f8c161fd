"""Too much at once is refused in time, and says when to come again: nothing collapses, and nothing changes."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.http.customer import Customer, create_body, fresh_key, path, refused
from tests.http.server import Server, serving

CASES = "/v1/prior-authorizations"


@pytest.fixture
async def narrow(data_dir: Path) -> AsyncIterator[Customer]:
    """A customer of a server in whose queue one case may wait. Nobody works here, so that all of them do."""
    with serving(data_dir, waiting_work_limit=1) as server:
        async with server.client(server.key()) as client:
            yield Customer(client)


async def test_a_full_queue_says_so_and_leaves_the_case_as_it_is(narrow: Customer) -> None:
    first, second = await narrow.ready(), await narrow.ready()
    await narrow.confirm(first)
    body = {"nextActionId": second["nextAction"]["id"]}
    headers = [("If-Match", f'"{second["version"]}"')]

    answer = await narrow.send("POST", path(second, "confirm"), json=body, headers=headers)

    error = refused(answer, 503, "temporarily_unavailable")
    assert error["retryable"] is True
    assert int(answer.headers["Retry-After"]) > 0
    assert await narrow.read(second) == second


async def test_one_organization_takes_half_of_the_places(data_dir: Path) -> None:
    with serving(data_dir, waiting_work_limit=3) as server:
        async with server.client(server.key()) as one, server.client(server.key("Elm Street Clinic")) as other:
            first, second = Customer(one), Customer(other)
            cases = [await first.ready() for _ in range(3)]
            for case in cases[:2]:
                await first.confirm(case)
            body = {"nextActionId": cases[2]["nextAction"]["id"]}
            headers = [("If-Match", f'"{cases[2]["version"]}"')]

            answer = await first.send("POST", path(cases[2], "confirm"), json=body, headers=headers)

            assert "half of all places" in refused(answer, 503, "temporarily_unavailable")["message"]
            assert (await second.confirm(await second.ready()))["status"] == "processing"


async def test_what_can_never_be_confirmed_says_that_of_a_full_queue_too(narrow: Customer) -> None:
    first, second = await narrow.ready(), await narrow.ready()
    await narrow.confirm(first)
    headers = [("If-Match", f'"{second["version"]}"')]

    answer = await narrow.send("POST", path(second, "confirm"), json={"nextActionId": "nact_other"}, headers=headers)

    refused(answer, 409, "next_action_mismatch")


async def test_writes_that_would_wait_too_long_are_refused_while_reads_go_on(
    server: Server, customer: Customer
) -> None:
    case = await customer.ready()
    held = threading.Event()
    holding = [asyncio.create_task(server.database.write(lambda _tx: held.wait(timeout=60)))]
    holding += [asyncio.create_task(server.database.write(lambda _tx: True)) for _ in range(1_100)]
    while not server.database.is_congested:  # noqa: ASYNC110 - it takes turns, no time
        await asyncio.sleep(0)

    answer = await customer.send("POST", CASES, json=create_body(), headers=[("Idempotency-Key", fresh_key())])
    seen = await customer.read(case)

    held.set()
    await asyncio.gather(*holding)
    refused(answer, 503, "temporarily_unavailable")
    assert seen == case
    assert len([each async for each in customer.entries(CASES)]) == 1


async def test_a_database_that_was_put_back_refuses_writes_while_reads_go_on(
    server: Server, customer: Customer
) -> None:
    case = await customer.ready()
    key = fresh_key()
    created = await customer.send("POST", CASES, json=create_body(), headers=[("Idempotency-Key", key)])
    server.database.write_now(lambda tx: tx.submission_claims.note_restore(now=server.clock().now))

    for answer in (
        await customer.send("GET", "/ready"),
        await customer.send("POST", CASES, json=create_body(), headers=[("Idempotency-Key", fresh_key())]),
        await customer.send("POST", CASES, json=create_body(), headers=[("Idempotency-Key", key)]),
        await customer.send("PATCH", path(case, "answers"), json={}),
    ):
        error = refused(answer, 503, "temporarily_unavailable")
        assert "priorauth mark-restored" in error["message"]

    assert await customer.read(case) == case
    assert (await customer.send("GET", "/health")).status_code == 200
    server.database.write_now(lambda tx: tx.submission_claims.acknowledge((), last_number=0, now=server.clock().now))
    assert (await customer.send("GET", "/ready")).status_code == 200
    again = await customer.send("POST", CASES, json=create_body(), headers=[("Idempotency-Key", key)])
    assert again.json() == created.json()


async def test_bytes_are_not_taken_while_a_restore_is_unacknowledged(server: Server, customer: Customer) -> None:
    declaration = {"fileName": "notes.pdf", "contentType": "application/pdf", "purpose": "authorization_attachment"}
    declared = (await customer.send("POST", "/v1/files", json=declaration)).json()
    server.database.write_now(lambda tx: tx.submission_claims.note_restore(now=server.clock().now))
    upload = declared["upload"]

    answer = await customer.send("PUT", upload["url"], content=b"%PDF-", headers=list(upload["headers"].items()))

    refused(answer, 503, "temporarily_unavailable")
