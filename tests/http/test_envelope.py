"""Contract, sections 1 and 3: what every answer has: a request id, no place in a cache, and for every failure the one
envelope.
"""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from tests.http.customer import CASES, SECOND_CASES, Customer, path, refused
from tests.http.operations import BELOW_A_CASE, CREATE, MUTATIONS, OPERATIONS, READ, Operation, prepared
from tests.http.server import Server

PUBLIC = ["/", "/health", "/ready", "/openapi.json", "/docs"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_every_answer_has_its_own_request_id_and_stays_out_of_caches(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    answers = [
        await operation.send(customer, ground),
        await operation.send(customer, ground, params={"no": "such"}),
        await operation.send(customer, ground, headers=[("Authorization", "none"), ("Request-Id", "req_mine")]),
    ]

    assert [each.is_success for each in answers] == [True, False, False]
    ids = {each.headers["Request-Id"] for each in answers}
    assert len(ids) == 3
    assert all(each.startswith("req_") and each != "req_mine" for each in ids)
    for each in answers:
        assert each.headers["Cache-Control"] == "no-store"
        assert each.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "unknown",
    [
        "/v1",
        "/v2/files",
        "/v1/nothing",
        f"{CASES}/",
        f"{CASES}/auth_1/",
        f"{CASES}/auth_1/nothing",
        "/v1/files/f/x/y",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "BREW"])
async def test_an_unknown_path_is_not_found_whoever_asks(server: Server, method: str, unknown: str) -> None:
    async with server.client(None) as client:
        refused(await client.request(method, unknown), 404, "not_found")


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_another_method_is_refused_and_those_that_there_are_are_named(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    before = await customer.everything({"id": ground.authorization})
    taken = {each.method for each in OPERATIONS if each.path == operation.path}
    taken |= {"HEAD"} if "GET" in taken else set()

    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - taken:
        response = await Operation(method, operation.path).send(customer, ground)
        assert set(response.headers["Allow"].split(", ")) == taken, method
        if method != "HEAD":
            refused(response, 405, "method_not_allowed")

    assert await customer.everything({"id": ground.authorization}) == before


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if not each.writes], ids=str)
async def test_head_answers_as_get_does_without_its_body(
    server: Server, customer: Customer, operation: Operation
) -> None:
    ground = await operation.ground(server, customer)
    got = await operation.send(customer, ground)

    head = await replace(operation, method="HEAD").send(customer, ground)

    assert (head.status_code, head.content) == (200, b"")
    varying = ("request-id", "ratelimit-remaining", "ratelimit-reset")
    assert {name: value for name, value in head.headers.items() if name not in varying} == {
        name: value for name, value in got.headers.items() if name not in varying
    }


async def test_head_of_what_is_not_there_is_not_found(customer: Customer) -> None:
    response = await customer.send("HEAD", READ.lost_url)

    assert (response.status_code, response.content) == (404, b"")


@pytest.mark.parametrize("operation", BELOW_A_CASE, ids=str)
async def test_the_second_prefix_is_the_first(server: Server, customer: Customer, operation: Operation) -> None:
    ground = await operation.ground(server, customer)
    here = operation.url(ground)
    there = here.replace(CASES, SECOND_CASES)

    if operation.writes:
        answered = await operation.send(customer, ground, url=there)
        assert answered.is_success, answered.text
        if operation in MUTATIONS:
            assert (await customer.get(path({"id": ground.authorization}))).content == answered.content
    else:
        assert (await customer.get(there)).content == (await customer.get(here)).content
    refused(
        await operation.send(customer, ground, url=operation.lost_url.replace(CASES, SECOND_CASES)),
        404,
        operation.missing or "",
    )


async def test_a_case_created_under_the_second_prefix_is_a_case_like_any(customer: Customer) -> None:
    created = await CREATE.send(customer, await prepared(customer), url=SECOND_CASES)

    assert created.status_code == 201
    assert created.json()["nextAction"]["resolution"]["endpoint"].startswith(f"{CASES}/")
    assert (await customer.get(CASES)).content == (await customer.get(SECOND_CASES)).content


@pytest.mark.parametrize("public", PUBLIC)
async def test_what_is_public_needs_no_key(server: Server, public: str) -> None:
    async with server.client(None) as client:
        response = await client.get(public)

    assert response.status_code == 200
    assert response.headers["Request-Id"].startswith("req_")


async def test_a_server_without_its_database_is_alive_and_not_ready(server: Server) -> None:
    lose_database(server)

    async with server.client(None) as client:
        assert (await client.get("/health")).status_code == 200
        error = refused(await client.get("/ready"), 503, "temporarily_unavailable")
    assert error["retryable"] is True


async def test_an_unforeseen_fault_says_nothing_of_itself(server: Server, customer: Customer) -> None:
    lose_database(server)

    error = refused(await customer.get(CASES), 500, "internal_error")

    assert error["retryable"] is True
    assert "secret" not in str(error)


def lose_database(server: Server) -> None:
    """Let every reading transaction fail as it begins."""

    def fail(_connection: sa.Connection) -> None:
        raise OSError("a secret detail of /var/lib/somewhere")

    sa.event.listen(server.database._runner.reading, "begin", fail)
