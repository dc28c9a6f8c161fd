"""Contract, section 3: bodies: whatever is not exactly what an operation takes is refused in the one envelope, and
changes nothing.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.http.customer import CASES, Customer, Json, create_body, fresh_key, path, refused, said
from tests.http.operations import CANCEL, COMPLETE, CREATE, GRANTS, REVOKE, WRITES, Operation, prepared
from tests.http.server import Server

MIB = 1024 * 1024
JSON = ("Content-Type", "application/json")
LARGE = ("Content-Length", str(MIB + 1))
NO_JSON = {
    "cut off": b'{"reason": "mo',
    "two values": b"{} {}",
    "single quotes": b"{'reason': 'moved'}",
    "a comment": b'{"reason": "moved"} // why',
    "a trailing comma": b'{"reason": "moved",}',
    "only space": b"  ",
    "NaN": b'{"reason": NaN}',
    "infinity": b'{"reason": -Infinity}',
    "a number that no double holds": b'{"reason": 1e400}',
    "a number that no decimal holds": b'{"reason": 1e9999999999999999999}',
    "a number of many digits": b'{"reason": ' + b"9" * 5000 + b"}",
    "a field twice": b'{"reason": "a", "reason": "b"}',
    "a field twice, deep": b'{"reason": {"a": [{"b": 1, "b": 1}]}}',
    "nested deeply": b'{"reason": ' + b"[" * 100 + b"]" * 100 + b"}",
    "nested very deeply": b'{"reason": ' + b'{"a":' * 100_000,
    "NUL": b'{"reason": "a\\u0000b"}',
    "NUL in a name": b'{"\\u0000": "a"}',
    "a raw control character": b'{"reason": "a\x01b"}',
    "a lone surrogate": b'{"reason": "\\ud800"}',
    "a lone surrogate in a name": b'{"\\udfff": 1}',
    "no UTF-8": b'{"reason": "\xff"}',
    "UTF-16": '{"reason": "moved"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"reason": "moved"}',
}
NO_OBJECT = [b"[]", b'"text"', b"17", b"null", b"true", b"[{}]"]


@pytest.mark.parametrize("operation", WRITES, ids=str)
async def test_what_is_no_json_object_is_refused(server: Server, customer: Customer, operation: Operation) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})

    for content in (*NO_JSON.values(), *NO_OBJECT):
        refused(await operation.send(customer, ground, content=content, headers=[JSON]), 400, "bad_request")

    assert await customer.everything({"id": ground.authorization}) == before


@pytest.mark.parametrize("operation", [each for each in WRITES if each.body], ids=str)
async def test_every_field_of_another_kind_is_refused_and_named(
    server: Server, customer: Customer, operation: Operation
) -> None:
    assert operation.body is not None
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})

    for spoiled, field in spoiled_bodies(operation.body(ground)):
        error = refused(await operation.send(customer, ground, json=spoiled), 400, "bad_request")
        assert field in {issue["field"] for issue in error["issues"]}, spoiled
        assert {issue["severity"] for issue in error["issues"]} == {"error"}

    assert await customer.everything({"id": ground.authorization}) == before


def spoiled_bodies(body: Json) -> list[tuple[Json, str]]:
    """The body with each field replaced by values of other kinds, and with a field more at each level."""
    spoiled = [({**body, "noSuchField": None}, "noSuchField"), ({**body, "no_such_field": 1}, "no_such_field")]
    for name, value in body.items():
        others: list[object] = [[], {}, 17, True, "text", 1.5]
        wrong = [each for each in others if not isinstance(each, type(value))]
        if isinstance(value, dict):
            spoiled += [({**body, name: below}, f"{name}.{field}") for below, field in spoiled_bodies(value)]
            wrong.remove([])
        spoiled += [({**body, name: each}, name) for each in wrong if (name, each) != ("documentTypes", [])]
    return spoiled


async def test_every_fault_is_an_issue_of_its_own(customer: Customer) -> None:
    body = create_body(providerNpi=7, noSuchField=1, request={"payerId": "", "coverageState": "Texas"})

    response = await customer.send("POST", CASES, json=body, headers=[("Idempotency-Key", fresh_key())])

    issues = refused(response, 400, "bad_request")["issues"]
    assert {(issue["field"], issue["code"]) for issue in issues} == {
        ("providerNpi", "invalid_value"),
        ("noSuchField", "unknown_field"),
        ("request.payerId", "invalid_value"),
        ("request.coverageState", "invalid_value"),
        ("request.requestType", "required"),
        ("request.serviceCode", "required"),
    }


async def test_a_refusal_is_small_however_many_faults_there_are(customer: Customer) -> None:
    many = {f"field{number}": 1 for number in range(5000)}
    long = {"x" * 100_000: 1}
    ground = await prepared(customer)

    for body in (many, long):
        response = await CANCEL.send(customer, ground, json=body)
        assert refused(response, 400, "bad_request")["issues"]
        assert len(response.content) < 32_000


async def test_null_stands_for_an_absent_field(customer: Customer) -> None:
    case = await customer.create(portalAuthMode=None, questionnaireResponse=None, metadata=None)

    assert case["metadata"] == {}
    assert case["route"]["portalAuthMode"] == "automated"
    assert (await CANCEL.send(customer, await prepared(customer), json={"reason": None})).is_success


@pytest.mark.parametrize("operation", [CANCEL, COMPLETE, REVOKE, *GRANTS], ids=str)
@pytest.mark.parametrize("headers", [[], [JSON], [("Content-Type", "text/plain")], [("Content-Length", "0")]])
async def test_no_body_is_fine_where_every_field_is_optional(
    server: Server, customer: Customer, operation: Operation, headers: list[tuple[str, str]]
) -> None:
    ground = await operation.ground(server, customer)

    assert (await operation.send(customer, ground, content=b"", headers=headers)).is_success


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
async def test_json_is_taken_however_its_type_is_written(customer: Customer, media_type: str) -> None:
    response = await CANCEL.send(
        customer, await prepared(customer), content=b'{"reason": "moved"}', headers=[("Content-Type", media_type)]
    )

    assert response.is_success, response.text


@pytest.mark.parametrize("operation", WRITES, ids=str)
async def test_another_content_type_is_refused(server: Server, customer: Customer, operation: Operation) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})

    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", "*/*", "", None):
        headers = [("Content-Type", media_type)] if media_type is not None else []
        response = await operation.send(customer, ground, content=b"{}", headers=headers)
        refused(response, 415, "unsupported_media_type")

    assert await customer.everything({"id": ground.authorization}) == before


class Chunks(httpx.AsyncByteStream):
    """A body of unknown length, and how much of it was taken."""

    def __init__(self, *, size: int) -> None:
        self.taken = 0
        self._size = size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._size // 65536):
            self.taken += 65536
            yield b" " * 65536


@pytest.mark.parametrize("operation", WRITES, ids=str)
async def test_a_body_over_one_mebibyte_is_refused(server: Server, customer: Customer, operation: Operation) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})
    endless = Chunks(size=64 * MIB)

    for changes in ({"content": b" " * (MIB + 1)}, {"content": endless}, {"content": b"{}", "headers": [LARGE]}):
        response = await operation.send(customer, ground, **changes)
        refused(response, 413, "payload_too_large")

    assert endless.taken < 2 * MIB
    assert await customer.everything({"id": ground.authorization}) == before


@pytest.mark.parametrize("length", ["-1", "many", "1e3", "\u0661", "9" * 5000])
async def test_a_senseless_content_length_is_no_fault_of_the_server(customer: Customer, length: str) -> None:
    headers = [(b"Content-Length", length.encode("utf-8")), (b"Content-Type", b"application/json")]

    response = await CANCEL.send(customer, await prepared(customer), content=b"{}", headers=headers)

    assert response.status_code in (200, 413)


async def test_a_body_of_one_mebibyte_is_read(customer: Customer) -> None:
    content = b'{"reason": "moved"}'.ljust(MIB)

    response = await CANCEL.send(customer, await prepared(customer), content=content, headers=[JSON])

    assert response.is_success, response.text


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"providerNpi": "x"}, "providerNpi", "invalid_npi"),
        ({"metadata": {str(number): "" for number in range(51)}}, "metadata", "invalid_value"),
        ({"metadata": {"a": 1}}, "metadata.a", "invalid_value"),
        ({"metadata": {"a": None}}, "metadata.a", "invalid_value"),
        ({"portalAuthMode": "AUTOMATED"}, "portalAuthMode", "invalid_value"),
        ({"policy": {"finalSubmission": "sometimes"}}, "policy.finalSubmission", "invalid_value"),
    ],
)
async def test_a_create_with_a_faulty_value_names_its_field(
    customer: Customer, changes: dict[str, Any], field: str, code: str
) -> None:
    response = await CREATE.send(customer, await prepared(customer), json=create_body(**changes))

    (issue,) = refused(response, 400, "bad_request")["issues"]
    assert (issue["field"], issue["code"]) == (field, code)


async def test_metadata_of_every_allowed_size_come_back(customer: Customer) -> None:
    full = {f"name-{number}": "v" * 500 for number in range(49)} | {"n" * 255: "\u00e9\U0001f600 \"'"}

    assert (await customer.create(metadata=full))["metadata"] == full
    for pair in ({"": "no name"}, {"n" * 256: ""}, {"name": "v" * 501}):
        headers = [("Idempotency-Key", fresh_key())]
        response = await customer.send("POST", CASES, json=create_body(metadata=pair), headers=headers)
        (issue,) = refused(response, 400, "bad_request")["issues"]
        assert issue["field"].startswith("metadata")


async def test_a_text_may_say_backslash_u0000(customer: Customer) -> None:
    case = await customer.create()

    answered = await customer.answer(case, said("clinical.summary", valueString="C:\\u0000"))

    answers = {item["linkId"]: item["answer"] for item in answered["questionnaireResponse"]["item"]}
    assert answers["clinical.summary"] == [{"valueString": "C:\\u0000"}]


async def test_a_second_attempt_after_a_refusal_succeeds(customer: Customer) -> None:
    case = await customer.create()
    refused(await customer.send("PATCH", path(case, "answers"), version=1, json={}), 400, "bad_request")

    assert (await customer.answer(case, said("clinical.summary", valueString="Ten weeks.")))["version"] == 2
