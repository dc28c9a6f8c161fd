"""Whoever holds connections, heads or bodies is cut, and keeps nobody else from being served."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.types import Message, Receive, Scope, Send

from priorauth.domain.errors import RateLimited, TemporarilyUnavailable
from priorauth.http import bodies, connections, protocol
from priorauth.http.connections import OpenConnections, RequestsInFlight
from priorauth.http.limits import BODIES, BODIES_OF_AN_ORGANIZATION, Limits
from tests.http.customer import CASES, Customer, fresh_key, refused
from tests.http.server import Server, listening

HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n"
ASKED = HEALTH + b"\r\n"
CREATE = b"POST /v1/prior-authorizations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
Talk = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def address(server: Server) -> AsyncIterator[str]:
    """The address of a server that listens."""
    async with listening(server) as found:
        yield found


@asynccontextmanager
async def talking(address: str) -> AsyncIterator[Talk]:
    """A connection to a server."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer_to(address: str, *sent: bytes) -> bytes:
    """Send, and read until the server ends the connection."""
    async with talking(address) as (reader, writer):
        for each in sent:
            writer.write(each)
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


# --- heads -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        b"x: %s\r\n\r\n" % (b"a" * protocol.HEAD_BYTES),
        b"x: y\r\n" * (protocol.HEADER_LINES + 1) + b"\r\n",
        b"a:b\r\n" * 200_000,
        b"x: " + b"a" * 1_000_000,
    ],
    ids=["one long line", "too many lines", "tiny lines without end", "a line without end"],
)
async def test_a_head_that_is_too_large_is_refused(address: str, more: bytes) -> None:
    answer = await answer_to(address, HEALTH + more)

    # Where much was still under way, the refusal itself may be lost with the connection.
    assert answer == b"" or (answer.startswith(b"HTTP/1.1 431 ") and b"request_head_too_large" in answer)


async def test_a_head_as_large_as_it_may_be_is_answered(address: str) -> None:
    lines = b"".join(b"x%d: %s\r\n" % (number, b"a" * 600) for number in range(protocol.HEADER_LINES - 2))

    answer = await answer_to(address, HEALTH + lines + b"Connection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /health HTTP/2.0\r\nHost: x\r\n\r\n",
        ASKED * 40,
    ],
    ids=["no host", "two hosts", "another version", "too many at once"],
)
async def test_a_head_that_is_ambiguous_is_refused(address: str, head: bytes) -> None:
    answer = await answer_to(address, head)

    assert b"HTTP/1.1 400 " in answer
    assert b"bad_request" in answer


@pytest.mark.parametrize("begun", [b"GET /health HTTP/1.1\r\nX-Slow: ", b"G", b"\r\n", b""], ids=repr)
async def test_a_head_that_does_not_end_in_time_is_cut(
    address: str, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)

    answer = await answer_to(address, begun)

    assert answer.startswith(b"HTTP/1.1 408 ") is bool(begun)


async def test_bytes_now_and_then_win_a_head_no_time(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    async with talking(address) as (reader, writer):
        writer.write(HEALTH + b"x: ")
        answer = asyncio.create_task(reader.read())
        while not answer.done():
            writer.write(b"a")
            await asyncio.wait({answer}, timeout=0.02)

    assert answer.exception() or b" 408 " in answer.result()


# --- bodies ----------------------------------------------------------------------------------------------------------


async def test_nobodys_body_is_not_waited_for(address: str) -> None:
    async with talking(address) as (reader, writer):
        writer.write(CREATE + b"Content-Length: 1048576\r\n\r\n" + b"a")

        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")


async def test_what_is_sent_after_the_answer_is_read_for_a_moment_only(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.2)
    async with talking(address) as (reader, writer):
        writer.write(CREATE + b"Content-Length: 1048576\r\n\r\n")
        answer = asyncio.create_task(reader.read())
        while not answer.done():
            writer.write(b"a")
            await asyncio.wait({answer}, timeout=0.02)

    assert answer.exception() or b" 401 " in answer.result()


async def test_an_answer_to_an_unread_body_leaves_the_connection_to_the_next_request(address: str) -> None:
    async with talking(address) as (reader, writer):
        writer.write(CREATE + b"Content-Length: 2\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")

        writer.write(b"{}" + HEALTH + b"Connection: close\r\n\r\n")

        assert b"HTTP/1.1 200 " in await reader.read()


async def test_a_body_that_does_not_end_in_time_is_refused(
    server: Server, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)
    key = server.key().encode()

    async with talking(address) as (reader, writer):
        writer.write(CREATE + b"Authorization: Bearer " + key + b"\r\nContent-Length: 1048576\r\n\r\n{")
        answer = await reader.readuntil(b"}")

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"request_timeout" in answer


async def test_trailers_without_end_are_refused(server: Server, address: str) -> None:
    key = server.key().encode()
    head = CREATE + b"Authorization: Bearer " + key + b"\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = await answer_to(address, head, b"2\r\n{}\r\n0\r\nx: ", *[b"a" * 65_536] * 20)

    assert answer == b"" or b" 400 " in answer


async def test_small_chunks_are_read(server: Server, address: str) -> None:
    key = server.key().encode()
    head = CREATE + b"Authorization: Bearer " + key + b"\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunks = b"".join(b"1\r\n \r\n" for _ in range(30_000))

    answer = await answer_to(address, head + chunks + b"2\r\n{}\r\n0\r\n\r\n")

    assert b"idempotency_key_required" in answer


def test_large_bodies_under_way_have_a_share_for_each_organization() -> None:
    limits = Limits(reads_per_minute=0, writes_per_minute=0)

    def begin(organization: str) -> None:
        place = limits.reading(organization)
        place.__enter__()
        begun.append(place)

    begun: list[object] = []
    for number in range(BODIES):
        begin(f"org_{number // BODIES_OF_AN_ORGANIZATION}")

    with pytest.raises(RateLimited):
        begin("org_0")
    with pytest.raises(TemporarilyUnavailable):
        begin("org_new")
    begun[0].__exit__(None, None, None)  # type: ignore[attr-defined]
    begin("org_new")


async def test_a_body_of_too_many_values_is_refused_before_it_is_read(customer: Customer) -> None:
    headers = [("Content-Type", "application/json"), ("Idempotency-Key", fresh_key())]

    response = await customer.send("POST", CASES, content=b"[" + b"1," * 500_000 + b"1]", headers=headers)

    assert "more than 20,000 values" in refused(response, 400, "bad_request")["message"]


@pytest.mark.parametrize("end", [b"", b"\\"])
async def test_a_text_without_an_end_is_counted_in_linear_time(customer: Customer, end: bytes) -> None:
    headers = [("Content-Type", "application/json"), ("Idempotency-Key", fresh_key())]
    body = b"[" + b"1," * 20_001 + b'"' + b'\\"' * 400_000 + end

    # Each quote, tried up to the body's end, would take hours.
    refused(await customer.send("POST", CASES, content=body, headers=headers), 400, "bad_request")


# --- connections -----------------------------------------------------------------------------------------------------


class Held:
    """A connection of an address."""

    def __init__(self, address: str = "192.0.2.1") -> None:
        self.address = address
        self.dropped = False

    def drop(self) -> None:
        """End."""
        self.dropped = True


def test_the_connection_that_waits_longest_makes_room() -> None:
    book = OpenConnections(limit=3, is_proxy=lambda _: True)
    held = [Held() for _ in range(3)]
    for each in held:
        assert book.admit(each)
        book.waits(each)
    book.asks(held[0])

    new = Held()

    assert book.admit(new)
    assert [each.dropped for each in held] == [False, True, False]
    book.asks(held[2])
    assert not book.admit(Held())


def test_one_address_has_a_share_of_the_connections_but_a_proxy_has_none() -> None:
    book = OpenConnections(limit=10_000, is_proxy=lambda address: address == "10.0.0.1")
    held = [Held() for _ in range(connections.CONNECTIONS_OF_AN_ADDRESS)]

    assert all(book.admit(each) for each in held)
    assert not book.admit(Held())
    assert book.admit(Held("192.0.2.2"))
    assert all(book.admit(Held("10.0.0.1")) for _ in range(connections.CONNECTIONS_OF_AN_ADDRESS + 1))
    book.leave(held[0])
    assert book.admit(Held())


async def test_one_address_has_so_many_requests_under_way_as_its_proxy_reports_it() -> None:
    release = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    bounded = RequestsInFlight(app, is_proxy=lambda address: address == "10.0.0.1")
    waiting = [asyncio.create_task(asked(bounded, "192.0.2.1")) for _ in range(connections.REQUESTS_OF_AN_ADDRESS)]
    await asyncio.sleep(0)

    assert await asked(bounded, "192.0.2.1") == 429
    others = [asyncio.create_task(asked(bounded, address)) for address in ("192.0.2.2", "10.0.0.1")]
    release.set()
    assert await asyncio.gather(*waiting, *others) == [200] * (len(waiting) + 2)
    assert await asked(bounded, "192.0.2.1") == 200


async def asked(app: Callable[[Scope, Receive, Send], Awaitable[None]], address: str) -> int:
    """The status of the answer to a request of an address."""
    statuses: list[int] = []

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app({"type": "http", "method": "GET", "path": "/", "client": (address, 1), "headers": []}, nothing, sent)
    return statuses[0]
