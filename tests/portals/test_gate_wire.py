"""The gate spoken to over bare sockets: what crosses, what does not, and what becomes of a final request."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from priorauth.channels.portals.gate import Gate, Refusal
from priorauth.channels.portals.gate_wire import Limits, UpstreamWire
from priorauth.channels.portals.guard import PermitState, RefusalReason, SubmitGuard
from tests.factories.logs import logged
from tests.portals.counting_portal import OK, CountingPortal
from tests.portals.gate_world import FAST, FORM, World, a_world, boundary_at


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


@pytest.fixture
async def hasty() -> AsyncIterator[World]:
    async with a_world(FAST) as made:
        yield made


async def test_what_belongs_to_a_connection_does_not_cross(world: World) -> None:
    world.portal.answers["/a"] = OK.replace(
        b"\r\n\r\n",
        b'\r\nConnection: X-Hop\r\nX-Hop: 1\r\nAlt-Svc: h3=":1"\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n',
    )
    answer = await world.say(
        world.ask("GET", "/a?q=1", "Proxy-Connection: keep-alive", "Connection: X-CSRF-Token, X-Own", "X-Own: 1",
                  "Cookie: c=3", "TE: trailers")
    )  # fmt: skip
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"ok")
    assert answer.count(b"Set-Cookie") == 2
    assert not any(name in answer.lower() for name in (b"alt-svc", b"x-hop"))
    (seen,) = world.portal.seen
    assert seen.target == "/a?q=1"
    head = seen.head.lower()
    assert f"host: 127.0.0.1:{world.portal.port}".encode() in head
    assert b"connection: close" in head
    assert b"cookie: c=3" in head
    assert not any(name in head for name in (b"proxy-", b"x-own", b"te:"))


INVENTED = (
    "X-HTTP-Method-Override: DELETE",
    "X_HTTP_Method_Override: DELETE",
    "X-Original-URL: /final",
    "X-Rewrite-URL: /final",
    "X-Forwarded-Host: elsewhere",
    "X-Forwarded-Prefix: /final",
    "Authorization: Basic eDp5",
    "Range: bytes=0-1",
    "If-Match: x",
    "SOAPAction: submit",
    "X-Own: 1",
)
KEPT = (
    "Accept: */*",
    "Accept-Language: en",
    "User-Agent: x",
    "Referer: http://a/",
    "Origin: null",
    "X-CSRF-Token: t",
    "Sec-Fetch-Mode: cors",
)


async def test_headers_that_scripts_invent_do_not_cross_and_declared_ones_do(world: World) -> None:
    plain = [each for each in INVENTED if "Override" not in each]
    assert (await world.say(world.ask("GET", "/a", *plain, *KEPT))).startswith(b"HTTP/1.1 200")
    head = world.portal.seen[0].head.decode().lower()
    assert [each for each in INVENTED if each.partition(":")[0].lower() in head] == []
    assert [each for each in KEPT if each.lower() not in head] == []


@pytest.mark.parametrize("override", INVENTED[:2])
async def test_a_method_override_refuses_the_request(world: World, override: str) -> None:
    for method, path in (("GET", "/a"), ("POST", "/save")):
        assert (await world.say(world.ask(method, path, override))).startswith(b"HTTP/1.1 403")
    assert world.portal.seen == []


async def test_a_chunked_body_that_asks_first_is_read_whole(world: World) -> None:
    headers = (FORM, "Expect: 100-continue", "Transfer-Encoding: chunked")
    head = world.ask("GET", "/save", *headers).replace(b"GET", b"POST", 1)
    reader, writer = await asyncio.open_connection(world.host, world.port)
    writer.write(head)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    writer.write(b"3;x=y\r\na=b\r\n2\r\n&c\r\n0\r\nX-HTTP-Method-Override: PUT\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()
    (seen,) = world.portal.seen
    assert seen.body == b"a=b&c"
    assert not any(name in seen.head.lower() for name in (b"expect", b"override", b"chunked"))


async def test_pipelined_requests_are_answered_in_order(world: World) -> None:
    world.portal.answers["/b"] = OK.replace(b"ok", b"bb")
    answer = await world.say(world.ask("GET", "/a") + world.ask("POST", "/final") + world.ask("GET", "/b"))
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"403", b"200"]
    assert answer.endswith(b"bb")
    assert world.portal.count("/final") == 0


@pytest.mark.parametrize(
    ("method", "portal_says", "browser_reads"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, b"ok"),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"2\r\nok\r\n0\r\n\r\n"),
        ("GET", b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"d\r\nuntil the end\r\n0\r\n\r\n"),
    ],
)
async def test_answers_of_every_framing_cross(
    world: World, method: str, portal_says: bytes, browser_reads: bytes
) -> None:
    world.portal.answers["/a"] = portal_says
    answer = await world.say(world.ask(method, "/a", "Accept: */*"))
    assert answer.split(b"\r\n\r\n", 1)[1] == browser_reads
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_an_answer_that_breaks_off_is_seen_to_break_off(world: World) -> None:
    world.portal.answers["/a"] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    reader, writer = await asyncio.open_connection(world.host, world.port)
    writer.write(world.ask("GET", "/a"))
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await reader.readexactly(len(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") + 9)
    writer.close()


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", b""]
)
async def test_an_answer_that_is_none_becomes_502(world: World, answer: bytes) -> None:
    world.portal.answers["/a"] = answer
    assert (await world.say(world.ask("GET", "/a"))).startswith(b"HTTP/1.1 502")


async def test_a_silent_portal_becomes_502(hasty: World) -> None:
    hasty.portal.hold.add("/a")
    assert (await hasty.say(hasty.ask("GET", "/a"))).startswith(b"HTTP/1.1 502")


@pytest.mark.parametrize(
    "text",
    [
        b"GET / HTTP/1.1\r\nHost: portal\r\n\r\n",
        b"GET https://127.0.0.1:1/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://user:pass@127.0.0.1/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT nowhere:x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT 127.0.0.1:1/x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST http://a/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"POST http://a/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
)
async def test_what_is_not_for_a_proxy_becomes_400(world: World, text: bytes) -> None:
    text = text.replace(b"Host: ", f"{world.authorization}\r\nHost: ".encode())
    assert (await world.say(text)).startswith(b"HTTP/1.1 400")
    assert world.portal.seen == []


async def test_refusals_are_reported_without_anything_private(world: World) -> None:
    answer = await world.say(world.ask("POST", "/final;jsessionid=secret?name=Ada", body=b"token=Ada"))
    assert answer.startswith(b"HTTP/1.1 403")
    assert world.refusals == [
        Refusal(
            method="POST",
            origin=world.portal.url(""),
            path="/final",
            reason=RefusalReason.FINAL_NOT_RELEASED,
            final=True,
        )
    ]


async def test_a_tunnel_elsewhere_is_refused_and_inside_a_tunnel_all_is_judged(world: World) -> None:
    head = f"HTTP/1.1\r\nHost: x\r\n{world.authorization}\r\n\r\n"
    assert (await world.say(f"CONNECT example.com:443 {head}".encode())).startswith(b"HTTP/1.1 403")
    reader, writer = await asyncio.open_connection(world.host, world.port)
    writer.write(f"CONNECT 127.0.0.1:{world.portal.port} {head}".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.write(b"POST /final HTTP/1.1\r\nHost: elsewhere\r\nContent-Length: 0\r\n\r\n")
    assert b" 403 " in await reader.readuntil(b"final_not_released.")
    writer.write(b"GET /a HTTP/1.1\r\nHost: elsewhere\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    assert b" 403 " in await reader.readuntil(b"upgrade.")
    writer.write(b"GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: elsewhere\r\n\r\n")
    assert b" 400 " in await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert [refusal.reason.value for refusal in world.refusals] == ["foreign_host", "final_not_released", "upgrade"]
    assert world.portal.seen == []


async def test_a_reporter_that_fails_changes_no_refusal(world: World) -> None:
    def fail(_: Refusal) -> None:
        raise RuntimeError("reporting is broken")

    gate = Gate(world.guard, on_refused=fail, on_foreign=fail)
    host, port = (await gate.start()).removeprefix("http://").split(":")
    silent = replace(world, gate=gate, host=host, port=int(port))
    assert (await silent.once(silent.ask("POST", "/final"))).startswith(b"HTTP/1.1 403")
    world.release()
    assert (await silent.once(silent.ask("POST", "/final-2"))).startswith(b"HTTP/1.1 403")
    assert world.guard.is_barred
    await gate.close()


async def test_a_body_too_large_to_look_at_is_refused(hasty: World) -> None:
    answer = await hasty.say(hasty.ask("POST", "/final", body=b"x" * 1001), end=False)
    assert answer.startswith(b"HTTP/1.1 403")
    hasty.release()
    await hasty.say(hasty.ask("POST", "/final", body=b"x" * 1001), end=False)
    assert [(r.reason.value, r.final) for r in hasty.refusals] == [("too_large", True)] * 2
    assert hasty.guard.is_barred, "what it would have submitted was not looked at"
    assert hasty.portal.seen == []


@pytest.mark.parametrize(
    "piece", [b"", b"GET http://a/ HT", b"POST http://a/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"]
)
async def test_a_client_that_does_not_go_on_is_dropped(hasty: World, piece: bytes) -> None:
    with suppress(ConnectionResetError):
        assert await hasty.say(piece, end=False) == b""
    assert hasty.portal.seen == []


async def test_a_final_request_crosses_once(world: World) -> None:
    world.release()
    first = await world.say(world.ask("POST", "/final", body=b"token=1") + world.ask("POST", "/final", body=b"token=1"))
    assert [part[:3] for part in first.split(b"HTTP/1.1 ")[1:]] == [b"200", b"403"]
    assert await world.gate.settled() is PermitState.ANSWERED
    assert world.portal.count("/final") == 1
    assert world.portal.seen[0].body == b"token=1"


async def test_of_final_requests_at_the_same_moment_one_crosses(world: World) -> None:
    world.release()
    answers = await asyncio.gather(*(world.say(world.ask("POST", "/final")) for _ in range(8)))
    assert sorted(answer[9:12] for answer in answers) == [b"200"] + [b"403"] * 7
    assert world.portal.count("/final") == 1


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"nonsense\r\n\r\n", b"", None]
)
async def test_a_final_request_without_a_whole_answer_is_lost(world: World, answer: bytes | None) -> None:
    if answer is None:
        world.portal.reset.add("/final")
    else:
        world.portal.answers["/final"] = answer
    world.release()
    assert (await world.say(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 502")
    assert world.guard.state is PermitState.LOST
    assert (await world.say(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 403")
    assert world.portal.count("/final") == 1


async def test_a_portal_that_resets_before_reading_leaves_the_request_lost(world: World) -> None:
    world.portal.reset_unread.add("/final")
    world.release()
    assert (await world.say(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 502")
    assert await world.gate.settled() is PermitState.LOST


async def test_a_final_answer_that_has_no_end_is_lost(hasty: World) -> None:
    hasty.portal.answers["/final"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 6000
    hasty.release()
    assert (await hasty.say(hasty.ask("POST", "/final"))).startswith(b"HTTP/1.1 502")
    assert hasty.guard.state is PermitState.LOST


async def test_a_portal_that_cannot_be_reached_leaves_the_permit_unused(world: World) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with _with_portal_at(world, unused.getsockname()[1]) as there:
            there.release()
            assert (await there.once(there.ask("POST", "/final"))).startswith(b"HTTP/1.1 502")
        assert there.guard.state is PermitState.RELEASED


@asynccontextmanager
async def _with_portal_at(world: World, port: int, *, limits: Limits | None = None) -> AsyncIterator[World]:
    """Another proxy, to a portal at this port."""
    portal = CountingPortal(world.portal.watch)
    portal.port = port
    guard = SubmitGuard(boundary_at(portal.url("")))
    gate = Gate(guard, on_refused=world.refusals.add, limits=limits)
    host, own = (await gate.start()).removeprefix("http://").split(":")
    try:
        yield replace(world, portal=portal, guard=guard, gate=gate, host=host, port=int(own))
    finally:
        await gate.close()


async def test_a_permit_withdrawn_while_connecting_stops_the_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = UpstreamWire.connect

    async def withdrawing(*args: object, **kwargs: object) -> UpstreamWire:
        upstream = await connect(*args, **kwargs)  # type: ignore[arg-type]
        assert world.guard.withdraw()
        return upstream

    monkeypatch.setattr(UpstreamWire, "connect", withdrawing)
    world.release()
    assert (await world.say(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 403")
    assert world.guard.state is PermitState.ARMED
    assert world.portal.seen == []


async def test_a_browser_that_leaves_meanwhile_changes_nothing(world: World) -> None:
    world.portal.hold.add("/final")
    world.release()
    _, writer = await asyncio.open_connection(world.host, world.port)
    writer.write(world.ask("POST", "/final"))
    await world.portal.watch.until(lambda: world.portal.count("/final"))
    writer.transport.abort()
    assert (await world.say(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 403")
    world.portal.let_go()
    assert await world.gate.settled() is PermitState.ANSWERED
    assert world.portal.count("/final") == 1


async def test_closing_the_gate_waits_a_moment_for_a_final_answer(world: World) -> None:
    world.portal.hold.add("/final")
    world.release()
    asking = asyncio.create_task(world.say(world.ask("POST", "/final")))
    await world.portal.watch.until(lambda: world.portal.count("/final"))
    closing = asyncio.create_task(world.gate.close())
    world.portal.let_go()
    await closing
    assert world.guard.state is PermitState.ANSWERED
    await asyncio.gather(asking, return_exceptions=True)


async def test_closing_the_gate_records_a_final_request_without_answer_as_lost(hasty: World) -> None:
    hasty.portal.hold.add("/final")
    hasty.release()
    asking = asyncio.create_task(hasty.say(hasty.ask("POST", "/final")))
    await hasty.portal.watch.until(lambda: hasty.portal.count("/final"))
    await hasty.gate.close()
    assert hasty.guard.state is PermitState.LOST
    await asyncio.gather(asking, return_exceptions=True)
    with pytest.raises(OSError, match=r"\d"):
        await asyncio.open_connection(hasty.host, hasty.port)


async def test_each_gate_has_an_address_of_its_own(world: World) -> None:
    other = Gate(world.guard, on_refused=world.refusals.add)
    assert world.host not in await other.start()
    await other.close()


FAILING = {
    "/error": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    "/down": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
    "/missing": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize(
    ("method", "path", "times", "status", "outage"),
    [
        ("GET", "/reset", 3, b"502", True),
        ("HEAD", "/reset", 3, b"502", True),
        ("GET", "/down", 3, b"503", True),
        ("GET", "/error", 3, b"500", False),
        ("GET", "/missing", 1, b"404", False),
        ("POST", "/save", 1, b"502", True),
        ("GET", "/a", 1, b"502", True),
        ("GET", "/discard", 1, b"502", True),
    ],
)
async def test_only_a_repeatable_read_is_sent_again(
    method: str, path: str, times: int, status: bytes, outage: bool
) -> None:
    async with a_world(Limits(repeats=(0.0, 0.0))) as world:
        world.portal.answers |= FAILING
        world.portal.reset |= {"/reset", "/save", "/a", "/discard"}
        answer = await world.say(world.ask(method, path))

        assert answer.split()[1] == status
        assert world.portal.count(path) == times
        assert (world.gate.outage is not None) is outage
        world.gate.forget_outage()
        assert world.gate.outage is None


async def test_a_picture_that_is_not_there_is_no_outage(world: World) -> None:
    world.portal.answers["/static/down.png"] = FAILING["/down"]
    await world.say(world.ask("GET", "/static/down.png", "Sec-Fetch-Dest: image"))
    assert world.portal.count("/static/down.png") > 1
    assert world.gate.outage is None


async def test_a_page_that_is_not_answered_yet_is_an_outage_for_who_asks_now(world: World) -> None:
    world.portal.hold.add("/page")
    asked = asyncio.create_task(world.say(world.ask("GET", "/page", "Sec-Fetch-Dest: document")))
    await world.portal.watch.until(lambda: world.portal.count("/page"))
    assert world.gate.outage is not None
    world.portal.let_go()
    await asked
    assert world.gate.outage is None


async def test_a_final_answer_that_trickles_is_lost(hasty: World) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(OSError):
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(FAST.silence / 10)

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with _with_portal_at(hasty, server.sockets[0].getsockname()[1], limits=FAST) as there:
        there.release()
        assert b"did not answer in time" in await there.say(there.ask("POST", "/final"))
        assert there.guard.state is PermitState.LOST
    server.close()


async def test_a_final_request_whose_answer_cannot_be_read_is_lost_with_its_cause(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.portal.answers["/final"] = b"HTTP/1.1 200 OK\r\nLocation: /a\r\nLocation: /b\r\n\r\n"
    world.release()
    with logged(capsys) as lines:
        answer = await world.say(world.ask("POST", "/final"))
        logs = lines()
    assert answer.startswith(b"HTTP/1.1 502")
    assert answer.endswith(b"two different fields location.")
    assert world.guard.state is PermitState.LOST
    assert {(each["event"], each.get("cause")) for each in logs} >= {
        ("gate_final_ended", "not_http"),
        ("gate_upstream_failed", "not_http"),
    }


async def test_only_the_proxy_says_that_the_guard_has_refused(world: World) -> None:
    world.portal.answers["/a"] = OK.replace(b"\r\n\r\n", b"\r\nX-Priorauth-Refused: foreign_host\r\n\r\n")
    assert b"refused" not in (await world.say(world.ask("GET", "/a"))).lower()
    assert b"\r\nX-Priorauth-Refused: final_not_released\r\n" in await world.say(world.ask("POST", "/final"))
