"""Contract, section 3: whatever is sent, the answer is a success or a refusal in the one envelope, and a refusal
changes nothing.
"""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.customer import CASES, Customer, Json, create_body, fresh_key, refused
from tests.http.operations import OPERATIONS, WRITES, Ground, Operation
from tests.http.server import Server

TEXTS = st.text(max_size=20) | st.sampled_from(["", "1234567893", "TX", "\0", "2026-02-30", "9" * 400])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3),
    max_leaves=8,
)
SEVERAL = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def mutated(draw: st.DrawFn, body: Json) -> Any:
    """A good body with one of its places replaced by anything."""
    value: Any = json.loads(json.dumps(body))
    places = list(_places(value))
    where = draw(st.sampled_from(places))
    if not where:
        return draw(VALUES)
    holder = value
    for step in where[:-1]:
        holder = holder[step]
    holder[where[-1]] = draw(VALUES)
    return value


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [here]
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in steps:
        found += _places(below, (*here, step))
    return found


@pytest.mark.parametrize("operation", [each for each in WRITES if each.body], ids=str)
@SEVERAL
@given(data=st.data())
async def test_a_body_with_anything_in_some_place(
    server: Server, customer: Customer, operation: Operation, data: st.DataObject
) -> None:
    assert operation.body is not None
    ground = await _ground(server, customer, operation)
    body = operation.body(ground) if operation.path != CASES else create_body()
    content = json.dumps(data.draw(mutated(body))).encode()

    await _judged(customer, ground, operation, content=content, headers=[("Content-Type", "application/json")])


@pytest.mark.parametrize("operation", WRITES, ids=str)
@SEVERAL
@given(content=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
async def test_any_bytes(server: Server, customer: Customer, operation: Operation, content: bytes) -> None:
    ground = await _ground(server, customer, operation)

    await _judged(customer, ground, operation, content=content, headers=[("Content-Type", "application/json")])


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@SEVERAL
@given(
    name=st.sampled_from(["If-Match", "If-None-Match", "Idempotency-Key", "Authorization", "Content-Type", "Host"]),
    value=st.binary(max_size=30).filter(lambda value: not set(value) & set(b"\r\n\0")),
)
async def test_any_header(server: Server, customer: Customer, operation: Operation, name: str, value: bytes) -> None:
    ground = await _ground(server, customer, operation)

    await _judged(customer, ground, operation, headers=[(name.encode(), value)])


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if not each.writes], ids=str)
@SEVERAL
@given(
    params=st.dictionaries(
        st.sampled_from(["limit", "cursor", "status", "createdAfter", "createdBefore", "payerId", "afterVersion", "x"]),
        TEXTS,
        max_size=3,
    )
)
async def test_any_query(server: Server, customer: Customer, operation: Operation, params: dict[str, str]) -> None:
    ground = await _ground(server, customer, operation)

    await _judged(customer, ground, operation, params=params)


_grounds: dict[int, Ground] = {}


async def _ground(server: Server, customer: Customer, operation: Operation) -> Ground:
    """One ground for all examples of a test, as long as nothing succeeded on it."""
    if id(customer) not in _grounds:
        _grounds.clear()
        _grounds[id(customer)] = await operation.ground(server, customer)
    return _grounds[id(customer)]


async def _judged(customer: Customer, ground: Ground, operation: Operation, **changes: Any) -> None:
    before = await customer.everything({"id": ground.authorization})
    response = await operation.send(customer, ground, key=fresh_key() if operation.needs_key else None, **changes)
    if response.is_success or response.status_code == 304:
        _grounds.clear()
        return
    assert response.status_code < 500, response.text
    refused(response, response.status_code, response.json()["error"]["code"])
    assert await customer.everything({"id": ground.authorization}) == before
