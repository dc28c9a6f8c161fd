"""Contract, section 3: Idempotency-Key: a repeated request is answered by its first answer, byte for byte, and done
once.
"""

import json
import sqlite3
from contextlib import closing

import pytest

from priorauth.http.bodies import understand
from priorauth.http.schemas.base import NoQuery
from tests.http.customer import CASES, SECOND_CASES, Customer, create_body, fresh_key, path, refused, said
from tests.http.operations import BELOW_A_CASE, POSTS, Operation
from tests.http.server import Server


@pytest.mark.parametrize("operation", POSTS, ids=str)
async def test_a_repeated_request_gets_the_first_answer_and_changes_nothing(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    key = fresh_key()
    first = await operation.send(customer, ground, key=key)
    before = await customer.everything({"id": ground.authorization})

    again = await operation.send(customer, ground, key=key)

    assert first.is_success
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers.get("ETag") == first.headers.get("ETag")
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Request-Id"] != first.headers["Request-Id"]
    assert await customer.everything({"id": ground.authorization}) == before


@pytest.mark.parametrize("operation", [each for each in POSTS if each.body], ids=str)
async def test_the_body_is_compared_as_json(server: Server, customer: Customer, operation: Operation) -> None:
    assert operation.body is not None
    ground = await operation.ground(server, customer)
    key = fresh_key()
    first = await operation.send(customer, ground, key=key)
    backwards = dict(reversed(operation.body(ground).items()))
    content = json.dumps(backwards, indent=4, ensure_ascii=True).encode() + b"\n"

    again = await operation.send(
        customer, ground, key=key, content=content, headers=[("Content-Type", "application/json; charset=utf-8")]
    )

    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a": 1.0}', '{"a":1}', True),
        ('{"a": 1.50}', '{"a": 15e-1}', True),
        ('{"a": 1.5}', '{"a": "1.5"}', False),
        ('{"a": 1.5}', '{"a": 1.6}', False),
        ('{"a": 123456789012345678901}', '{"a": 123456789012345678902}', False),
        ('{"a": "\u00e9"}', '{"a": "\\u00e9"}', True),
        ('{"a": "\u00e9"}', '{"a": "e\u0301"}', False),
        ('{"a": true}', '{"a": 1}', False),
        ('{"a": null}', "{}", False),
        ('{"a": [1, 2]}', '{"a": [2, 1]}', False),
        ("", "{}", True),
        ("no json", "no  json", False),
    ],
)
def test_two_bodies_are_the_same_when_their_values_are(one: str, other: str, *, same: bool) -> None:
    first, second = (understand(NoQuery, text.encode()).fingerprint for text in (one, other))

    assert (first == second) is same


@pytest.mark.parametrize("operation", [each for each in POSTS if each in BELOW_A_CASE], ids=str)
async def test_both_prefixes_are_one_path_to_a_key(server: Server, customer: Customer, operation: Operation) -> None:
    ground = await operation.ground(server, customer)
    key = fresh_key()
    first = await operation.send(customer, ground, key=key)

    again = await operation.send(customer, ground, key=key, url=operation.url(ground).replace(CASES, SECOND_CASES))

    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")


async def test_a_create_is_repeated_under_the_other_prefix(customer: Customer) -> None:
    headers = [("Idempotency-Key", fresh_key())]
    first = await customer.send("POST", SECOND_CASES, json=create_body(), headers=headers)
    again = await customer.send("POST", CASES, json=create_body(), headers=headers)

    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)


async def test_a_repetition_wins_over_a_stale_version_and_a_moved_case(server: Server, customer: Customer) -> None:
    case = await customer.ready()
    request = {"json": {"nextActionId": case["nextAction"]["id"]}, "headers": [("Idempotency-Key", fresh_key())]}
    first = await customer.send("POST", path(case, "confirm"), version=case["version"], **request)
    await server.pause_for_review(case["id"])
    await customer.cancel(case)

    for version in (case["version"], 1, None):
        again = await customer.send("POST", path(case, "confirm"), version=version, **request)
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["ETag"] == first.headers["ETag"]
    assert (await customer.read(case))["status"] == "canceled"


@pytest.mark.parametrize("operation", [each for each in POSTS if each.body], ids=str)
async def test_another_body_under_the_same_key_conflicts(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    key = fresh_key()
    assert (await operation.send(customer, ground, key=key)).is_success
    before = await customer.everything({"id": ground.authorization})

    refused(await operation.send(customer, ground, key=key, json={"other": 1}), 409, "idempotency_key_reused")

    assert await customer.everything({"id": ground.authorization}) == before


@pytest.mark.parametrize("operation", POSTS, ids=str)
@pytest.mark.parametrize("key", ["", "é", "a\tb", "a" * 256, "\x7f"], ids=["empty", "accent", "tab", "long", "del"])
async def test_a_malformed_key_is_refused(server: Server, customer: Customer, operation: Operation, key: str) -> None:
    ground = await operation.ground(server, customer)
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]

    refused(await operation.send(customer, ground, key=None, headers=headers), 400, "bad_request")


async def test_two_keys_at_once_are_refused(customer: Customer) -> None:
    headers = [("Idempotency-Key", fresh_key()), ("Idempotency-Key", fresh_key())]

    refused(await customer.send("POST", CASES, json=create_body(), headers=headers), 400, "bad_request")


@pytest.mark.parametrize("key", ["a", '~ !"#', "a" * 255])
async def test_every_printable_key_is_taken(customer: Customer, key: str) -> None:
    answers = [
        await customer.send("POST", CASES, json=create_body(), headers=[("Idempotency-Key", key)]) for _ in range(2)
    ]

    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].content == answers[1].content


async def test_create_without_a_key_is_refused_and_makes_no_case(customer: Customer) -> None:
    refused(await customer.send("POST", CASES, json=create_body()), 400, "idempotency_key_required")

    assert (await customer.get(CASES)).json()["data"] == []


async def test_a_refusal_is_not_kept(customer: Customer) -> None:
    case, key = await customer.ready(), fresh_key()
    request = {"json": {"nextActionId": case["nextAction"]["id"]}, "headers": [("Idempotency-Key", key)]}

    refused(await customer.send("POST", path(case, "confirm"), version=1, **request), 409, "version_conflict")
    taken = await customer.send("POST", path(case, "confirm"), version=case["version"], **request)

    assert taken.json()["status"] == "processing"
    assert "Idempotent-Replayed" not in taken.headers


async def test_a_key_belongs_to_one_path_and_one_organization(customer: Customer, stranger: Customer) -> None:
    key = [("Idempotency-Key", fresh_key())]
    cases = [(await each.send("POST", CASES, json=create_body(), headers=key)).json() for each in (customer, stranger)]
    other = await customer.create()

    canceled = [await customer.send("POST", path(each, "cancel"), headers=key) for each in (cases[0], other)]

    assert cases[0]["id"] != cases[1]["id"]
    assert [each.json()["id"] for each in canceled] == [cases[0]["id"], other["id"]]


async def test_an_answer_is_kept_for_thirty_days(server: Server, customer: Customer) -> None:
    headers = [("Idempotency-Key", fresh_key())]
    first = await customer.send("POST", CASES, json=create_body(), headers=headers)
    server.pass_time(days=29, hours=23)
    kept = await customer.send("POST", CASES, json=create_body(), headers=headers)
    server.pass_time(hours=2)
    anew = await customer.send("POST", CASES, json=create_body(), headers=headers)

    assert kept.json()["id"] == first.json()["id"] != anew.json()["id"]
    assert "Idempotent-Replayed" not in anew.headers


async def test_patch_and_delete_take_no_key(customer: Customer) -> None:
    case = await customer.create()
    headers = [("Idempotency-Key", fresh_key())]
    body = said("clinical.summary", valueString="Ten weeks.")

    first = await customer.send("PATCH", path(case, "answers"), version=1, json=body, headers=headers)
    again = await customer.send("PATCH", path(case, "answers"), version=1, json=body, headers=headers)

    assert first.json()["version"] == 2
    refused(again, 409, "version_conflict")


async def test_a_kept_answer_holds_no_secret(server: Server, customer: Customer) -> None:
    declaration = {"fileName": "notes.pdf", "contentType": "application/pdf", "purpose": "authorization_attachment"}
    key = [(b"Idempotency-Key", fresh_key().encode())]
    first = await customer.send("POST", "/v1/files", json=declaration, headers=key)
    secret = first.json()["upload"]["url"].rpartition(".")[2]

    with closing(sqlite3.connect(server.database.url.removeprefix("sqlite:///"))) as connection:
        kept = [row[0] for row in connection.execute("SELECT body FROM idempotency_records")]

    assert kept
    assert all(secret.encode() not in body for body in kept)
    assert (await customer.send("POST", "/v1/files", json=declaration, headers=key)).content == first.content
