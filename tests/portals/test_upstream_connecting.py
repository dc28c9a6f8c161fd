"""A portal's server is reached at any of its addresses, and each way to fail has its own cause."""

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from priorauth.channels.portals.gate_tls import EphemeralCertificates
from priorauth.channels.portals.outgoing import Url
from priorauth.channels.portals.upstream.connecting import Way, open_streams
from priorauth.channels.portals.upstream.egress import EgressProxy, MalformedEgress
from priorauth.channels.portals.upstream.failures import Cause, UpstreamFailed

WAY = Way(ssl.create_default_context())


@asynccontextmanager
async def a_server(*, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that reads and says nothing; yields its port."""

    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with suppress(OSError):
            await reader.read()
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*filter(None, serving))


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def resolve_to(monkeypatch: pytest.MonkeyPatch, lookup: Callable[[int], Awaitable[list[str]]]) -> None:
    """Let the system's resolver say this of every name."""

    async def getaddrinfo(_: str, port: int, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in await lookup(port)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


async def failure(text: str, *, seconds: float = 5.0, way: Way = WAY) -> UpstreamFailed:
    """Why the server cannot be reached."""
    with pytest.raises(UpstreamFailed) as failed:
        await open_streams(Url.parse(text), way=way, seconds=seconds)
    return failed.value


async def test_the_next_address_is_tried_where_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lookup(_: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    async with a_server() as port:
        resolve_to(monkeypatch, lookup)
        _, writer = await open_streams(Url.parse(f"http://portal.example:{port}"), way=WAY, seconds=5)
        assert writer.get_extra_info("peername") == ("127.0.0.1", port)
        writer.close()


async def test_a_refusal_at_every_address_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lookup(_: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    resolve_to(monkeypatch, lookup)
    assert (await failure(f"http://portal.example:{closed_port()}")).cause is Cause.CONNECTION_REFUSED


async def test_a_name_that_is_not_there_is_told_from_one_that_is_not_resolved_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def unknown(_: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def never(_: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    resolve_to(monkeypatch, unknown)
    assert (await failure("http://portal.example")).cause is Cause.NAME_NOT_FOUND
    resolve_to(monkeypatch, never)
    assert (await failure("http://portal.example", seconds=0.05)).cause is Cause.NAME_TIMEOUT


async def test_a_server_without_an_answer_to_tls_is_too_late_at_tls() -> None:
    async with a_server() as port:
        assert (await failure(f"https://127.0.0.1:{port}", seconds=0.3)).cause is Cause.TLS_TIMEOUT


async def test_a_certificate_that_nobody_vouches_for_is_refused_with_the_verifiers_word() -> None:
    async with a_server(tls=EphemeralCertificates().server_context("127.0.0.1")) as port:
        failed = await failure(f"https://127.0.0.1:{port}")
    assert failed.cause is Cause.CERTIFICATE_REFUSED
    assert failed.detail == "self-signed certificate"
    assert failed.words.endswith("is not trusted: self-signed certificate.")


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_words(cause: Cause) -> None:
    assert UpstreamFailed(cause).words.endswith(".")


@asynccontextmanager
async def an_egress(answer: bytes, *, to: int | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """An outgoing proxy that gives this answer and then leads to the port `to`; yields its place, and what it reads."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        if to is not None:
            there = await asyncio.open_connection("127.0.0.1", to)
            with suppress(OSError):
                await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
        writer.close()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(1024):
            sink.write(data)
        sink.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()


OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


async def test_an_egress_proxy_resolves_the_name_and_tls_goes_through_it_unread() -> None:
    certificates = EphemeralCertificates()
    trusting = ssl.create_default_context(cadata=certificates.certificate("portal.invalid").decode())
    async with (
        a_server(tls=certificates.server_context("portal.invalid")) as port,
        an_egress(OPEN, to=port) as (place, heads),
    ):
        way = Way(trusting, EgressProxy.parse(f"http://clinic:p%40ss@{place}"))
        _, writer = await open_streams(Url.parse("https://portal.invalid"), way=way, seconds=5)
        assert writer.get_extra_info("ssl_object") is not None
        writer.close()
        await writer.wait_closed()
    (head,) = heads
    assert head.split(b"\r\n")[0] == b"CONNECT portal.invalid:443 HTTP/1.1"
    assert b"\r\nProxy-Authorization: Basic " + base64.b64encode(b"clinic:p@ss") + b"\r\n" in head


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Cause.EGRESS_REFUSED),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Cause.EGRESS_REFUSED),
        (b"SSH-2.0-x\r\n\r\n", Cause.EGRESS_FAILED),
        (b"", Cause.EGRESS_FAILED),
    ],
)
async def test_an_egress_proxy_that_does_not_connect_is_the_cause(answer: bytes, cause: Cause) -> None:
    async with an_egress(answer) as (place, _):
        way = Way(WAY.tls, EgressProxy.parse(f"http://{place}"))
        assert (await failure("http://portal.invalid", way=way)).cause is cause


async def test_an_egress_proxy_that_is_not_there_is_the_cause() -> None:
    way = Way(WAY.tls, EgressProxy.parse(f"http://127.0.0.1:{closed_port()}"))
    failed = await failure("http://portal.invalid", way=way)
    assert (failed.cause, failed.detail) == (Cause.EGRESS_FAILED, "connection refused")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "127.80.2.1"])
def test_addresses_of_this_machine_are_reached_without_the_egress_proxy(host: str) -> None:
    egress = EgressProxy.parse("http://proxy.example:3128")
    assert not egress.serves(host)
    assert egress.serves("portal.example")


@pytest.mark.parametrize(
    "text", ["", "proxy:3128", "https://proxy:3128", "http://proxy", "http://a@b@proxy:1", "socks5://p:1"]
)
def test_what_is_no_egress_proxy_is_refused_unquoted(text: str) -> None:
    with pytest.raises(MalformedEgress) as refused:
        EgressProxy.parse(text)
    assert "proxy:" not in str(refused.value)
