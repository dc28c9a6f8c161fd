"""Contract, sections 2 and 3: many at once: of all that hold one version exactly one wins; one key makes one case."""

import asyncio
import threading
from collections import Counter
from typing import Any

import pytest

from tests.http.customer import CASES, Customer, create_body, fresh_key, path, refused, said, taken
from tests.http.operations import ANSWER, ATTACH, CANCEL, CONFIRM, DETACH, Operation, prepared
from tests.http.server import Server

MANY = 50


@pytest.mark.parametrize("operation", [ANSWER, ATTACH, DETACH, CONFIRM, CANCEL], ids=str)
async def test_of_many_writes_to_one_version_exactly_one_wins(customer: Customer, operation: Operation) -> None:
    ground = await prepared(customer)
    changes: list[dict[str, Any]] = [{"version": ground.version} for _ in range(MANY)]
    if operation is ANSWER:
        changes = [
            {**each, "json": said("clinical.summary", valueString=f"Summary {number}.")}
            for number, each in enumerate(changes)
        ]

    answers = await asyncio.gather(*(operation.send(customer, ground, **each) for each in changes))

    winners = [each for each in answers if each.is_success]
    losers = [each for each in answers if not each.is_success]
    assert len(winners) == 1
    assert winners[0].json()["version"] == ground.version + 1
    for each in losers:
        if operation is DETACH:
            refused(each, 404, "attachment_not_found")
        else:
            refused(each, 409, "version_conflict")
    assert (await customer.get(path({"id": ground.authorization}))).content == winners[0].content


async def test_of_confirms_and_cancels_at_once_one_wins_and_the_timeline_says_which(customer: Customer) -> None:
    ground = await prepared(customer)

    answers = await asyncio.gather(
        *(each.send(customer, ground, version=ground.version) for each in (CONFIRM, CANCEL) * (MANY // 2))
    )

    (winner,) = [each.json() for each in answers if each.is_success]
    newest = taken(await customer.get(path(winner, "events")))["data"][0]
    expected = {"processing": "advance_confirmed", "canceled": "canceled"}
    assert newest["type"] == expected[winner["status"]]
    assert (newest["fromVersion"], newest["toVersion"]) == (ground.version, ground.version + 1)


async def test_many_creates_with_one_key_make_one_case(customer: Customer) -> None:
    headers = [("Idempotency-Key", fresh_key())]

    answers = await asyncio.gather(
        *(customer.send("POST", CASES, json=create_body(), headers=headers) for _ in range(MANY))
    )

    assert {each.status_code for each in answers} == {201}
    assert len({each.content for each in answers}) == 1
    assert Counter(each.headers.get("Idempotent-Replayed") for each in answers) == {None: 1, "true": MANY - 1}
    assert len([each async for each in customer.entries(CASES)]) == 1


async def test_many_confirms_with_one_key_are_one_confirm(customer: Customer) -> None:
    ground = await prepared(customer)
    key = fresh_key()

    answers = await asyncio.gather(*(CONFIRM.send(customer, ground, key=key) for _ in range(MANY)))

    assert {(each.status_code, each.content) for each in answers} == {(200, answers[0].content)}
    assert answers[0].json()["version"] == ground.version + 1


async def test_bytes_that_arrive_while_a_file_is_completed_are_not_ready_unseen(
    server: Server, customer: Customer
) -> None:
    declared = await customer.declare()
    held = threading.Event()
    holding = asyncio.create_task(server.database.write(lambda _tx: held.wait(timeout=60)))
    upload = asyncio.create_task(customer.client.put(declared["upload"]["url"], content=b"<html>"))
    await until_queued(server, number=1)
    complete = asyncio.create_task(customer.send("POST", f"/v1/files/{declared['file']['id']}/complete"))
    await until_queued(server, number=2)

    held.set()

    assert await holding
    assert taken(await upload)["status"] == "uploaded"
    refused(await complete, 409, "file_not_ready")
    assert (await customer.complete(declared["file"]))["failure"]["code"] == "content_mismatch"


async def until_queued(server: Server, *, number: int) -> None:
    """Let the loop turn until so many writes wait behind the one that is held."""
    while server.database._runner.waiting < number:  # noqa: ASYNC110 - it takes turns, no time
        await asyncio.sleep(0)


async def test_of_many_uploads_to_one_address_exactly_one_is_kept(customer: Customer) -> None:
    declared = await customer.declare()
    contents = [b"%PDF-" + bytes([number]) * 100 for number in range(20)]

    answers = await asyncio.gather(
        *(customer.client.put(declared["upload"]["url"], content=content) for content in contents)
    )

    assert Counter(each.status_code for each in answers) == {200: 1, 409: 19}
