"""Contract, section 3: rate limits, per key, told in headers, refused with when to come again."""

import time
from pathlib import Path

import pytest

from tests.http.customer import CASES, Customer, create_body, refused
from tests.http.server import serving


async def test_every_answer_tells_what_is_left(customer: Customer) -> None:
    first, second = [await customer.get(CASES) for _ in range(2)]

    assert int(first.headers["RateLimit-Limit"]) == 12_000
    assert int(second.headers["RateLimit-Remaining"]) == int(first.headers["RateLimit-Remaining"]) - 1
    assert 0 < int(first.headers["RateLimit-Reset"]) <= 60


async def test_a_key_that_reads_too_often_waits_and_no_other_does(tmp_path: Path) -> None:
    with serving(tmp_path, reads_per_minute=3) as server:
        async with server.client(server.key()) as client, server.client(server.key()) as another:
            answers = [await client.get(CASES) for _ in range(4)]
            theirs = await another.get(CASES)
            unseen = await client.get(f"{CASES}/auth_0")

    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    error = refused(answers[-1], 429, "rate_limited")
    assert error["retryable"] is True
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert int(answers[-1].headers["Retry-After"]) == error["details"]["retryAfterSeconds"]
    assert theirs.status_code == 200
    refused(unseen, 429, "rate_limited")


async def test_writes_are_counted_apart_and_a_refused_one_changes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, writes_per_minute=1) as server:
        async with server.client(server.key()) as client:
            customer = Customer(client)
            created = await customer.create()
            headers = [("Idempotency-Key", "twice")]
            again = await customer.send("POST", CASES, json=create_body(), headers=headers)
            listed = await customer.get(CASES)

    refused(again, 429, "rate_limited")
    assert [each["id"] for each in listed.json()["data"]] == [created["id"]]


async def test_time_gives_back_what_was_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    with serving(tmp_path, reads_per_minute=1) as server:
        async with server.client(server.key()) as client:
            assert (await client.get(CASES)).status_code == 200
            assert (await client.get(CASES)).status_code == 429
            then = time.time()
            monkeypatch.setattr(time, "time", lambda: then + 61)
            assert (await client.get(CASES)).status_code == 200


async def test_zero_is_no_limit(tmp_path: Path) -> None:
    with serving(tmp_path, reads_per_minute=0) as server:
        async with server.client(server.key()) as client:
            answer = await client.get(CASES)
    assert "RateLimit-Limit" not in answer.headers
