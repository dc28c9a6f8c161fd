"""The proxy keeps writes back, holds final requests, and ends all permits where a foreign final request comes."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from priorauth.channels.portals.gate_wire import UpstreamWire
from priorauth.channels.portals.guard import (
    Barred,
    HoldRefusal,
    PermitState,
    PermittedRequest,
    RefusalReason,
)
from priorauth.channels.portals.outgoing import OutgoingRequest
from priorauth.channels.portals.submit_guard.forwarding import WritesUnderWay
from priorauth.channels.portals.turns import PersonsTurn, TurnOffer
from priorauth.channels.portals.upstream.failures import Cause, UpstreamFailed
from tests.portals.counting_portal import OK, Watch
from tests.portals.gate_world import FAST, World, a_world

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made


@pytest.fixture
async def hasty() -> AsyncIterator[World]:
    async with a_world(FAST) as made:
        yield made


@dataclass
class Judge:
    """Compares held requests; says what it is to say once it may."""

    watch: Watch
    says: PermittedRequest | HoldRefusal
    may_say: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[OutgoingRequest] = field(default_factory=list)
    canceled: int = 0

    async def __call__(self, request: OutgoingRequest) -> PermittedRequest | HoldRefusal:
        self.asked.append(request)
        self.watch.changed()
        try:
            await self.may_say.wait()
        except asyncio.CancelledError:
            self.canceled += 1
            self.watch.changed()
            raise
        return self.says


def judge_of(world: World, says: PermittedRequest | HoldRefusal | None = None) -> Judge:
    judge = Judge(world.portal.watch, says or world.permitted())
    world.gate.hold_finals(judge)
    return judge


async def test_who_does_not_know_the_credentials_is_not_served(world: World) -> None:
    user, password = world.gate.credentials
    stranger = world.ask("GET", "/a").replace(world.authorization.encode() + b"\r\n", b"")
    wrong = "Basic " + base64.b64encode(f"{user}:{password}x".encode()).decode()
    for request in (
        stranger,
        stranger.replace(b"Host: x", f"Host: x\r\nProxy-Authorization: {wrong}".encode()),
        stranger.replace(b"Host: x", f"Host: x\r\nAuthorization: {world.authorization.partition(' ')[2]}".encode()),
        world.ask("GET", "/a", world.authorization),
        f"CONNECT 127.0.0.1:{world.portal.port} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    ):
        answer = await world.once(request)
        assert answer.startswith(b"HTTP/1.1 407")
        assert b"proxy-authenticate: basic" in answer.lower()
    assert world.portal.seen == []


async def test_a_body_sent_before_the_credentials_crosses_once_with_them(world: World) -> None:
    world.release()
    known = world.ask("POST", "/final", body=b"token=1")
    answer = await world.say(known.replace(world.authorization.encode() + b"\r\n", b"") + known)
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"407", b"200"]
    assert world.portal.count("/final") == 1


async def test_bodies_of_a_session_have_a_bound_together() -> None:
    async with a_world(replace(FAST, request=20.0, silence=20.0, bodies=1500)) as world:
        world.portal.hold.add("/save")
        first = asyncio.create_task(world.once(world.ask("POST", "/save", body=b"a=" + b"x" * 900)))
        await world.portal.watch.until(lambda: world.portal.count("/save"))
        assert (await world.once(world.ask("POST", "/save", body=b"a=" + b"x" * 900))).startswith(b"HTTP/1.1 403")
        assert [each.reason for each in world.refusals] == [RefusalReason.TOO_LARGE]
        world.portal.let_go()
        assert (await first).startswith(b"HTTP/1.1 200")
        assert (await world.once(world.ask("POST", "/save", body=b"a=" + b"x" * 900))).startswith(b"HTTP/1.1 200")


async def test_two_proxies_have_credentials_of_their_own(world: World) -> None:
    async with a_world() as other:
        assert other.gate.credentials[1] != world.gate.credentials[1]
        assert (await replace(other, gate=world.gate).once(other.ask("GET", "/a"))).startswith(b"HTTP/1.1 200")
        stranger = replace(other, gate=world.gate)
        assert (await stranger.once(stranger.ask("GET", "/a"))).startswith(b"HTTP/1.1 407")


async def test_a_proxy_serves_a_socket_that_was_bound_before(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with a_world() as other:
            await other.gate.close()
            assert await other.gate.start(listener) == f"http://127.0.0.1:{port}"
    assert world.portal.seen == []


# --- writes are kept back --------------------------------------------------------------------------------------------


async def test_frozen_writes_are_refused_and_reads_pass(world: World) -> None:
    await world.gate.freeze_writes()
    assert (await world.once(world.ask("POST", "/save"))).startswith(b"HTTP/1.1 403")
    assert (await world.once(world.ask("GET", "/discard"))).startswith(b"HTTP/1.1 403")
    assert (await world.once(world.ask("GET", "/a"))).startswith(b"HTTP/1.1 200")
    assert [each.reason for each in world.refusals] == [RefusalReason.WRITES_FROZEN] * 2
    world.gate.thaw_writes()
    assert (await world.once(world.ask("POST", "/save"))).startswith(b"HTTP/1.1 200")


async def test_the_permitted_request_passes_while_writes_are_frozen(world: World) -> None:
    await world.gate.freeze_writes()
    world.release()
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("leaves", [False, True])
async def test_freezing_waits_for_a_write_until_the_portal_has_answered(world: World, leaves: bool) -> None:
    world.portal.hold.add("/save")
    _, writer = await asyncio.open_connection(world.host, world.port)
    writer.write(world.ask("POST", "/save", body=b"units=99"))
    await world.portal.watch.until(lambda: world.portal.count("/save"))
    if leaves:
        writer.transport.abort()
    freezing = asyncio.create_task(world.gate.freeze_writes())
    assert (await world.once(world.ask("GET", "/a"))).startswith(b"HTTP/1.1 200")
    assert (await world.once(world.ask("POST", "/save"))).startswith(b"HTTP/1.1 403")
    assert not freezing.done()
    world.portal.let_go()
    await freezing
    assert world.portal.count("/save") == 1
    writer.close()


async def test_writes_that_do_not_end_in_time_stay_refused(hasty: World) -> None:
    slow = replace(FAST, silence=20.0)
    async with a_world(slow) as world:
        world.portal.hold.add("/save")
        _, writer = await asyncio.open_connection(world.host, world.port)
        writer.write(world.ask("POST", "/save"))
        await world.portal.watch.until(lambda: world.portal.count("/save"))
        with pytest.raises(WritesUnderWay):
            await world.gate.freeze_writes()
        assert (await world.once(world.ask("POST", "/save"))).startswith(b"HTTP/1.1 403")
        writer.close()
    assert hasty.portal.seen == []


async def test_after_an_answer_that_was_lost_nothing_is_written_any_more(world: World) -> None:
    await world.gate.freeze_writes()
    world.portal.reset.add("/final")
    world.release()
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 502")
    assert world.guard.state is PermitState.LOST
    world.gate.thaw_writes()
    assert (await world.once(world.ask("POST", "/save"))).startswith(b"HTTP/1.1 403")
    assert (await world.once(world.ask("GET", "/a"))).startswith(b"HTTP/1.1 200"), "what became of it is read"


async def test_writes_stay_refused_until_the_final_request_is_answered(world: World) -> None:
    await world.gate.freeze_writes()
    world.portal.hold.add("/final")
    world.release()
    asking = asyncio.create_task(world.once(world.ask("POST", "/final")))
    await world.portal.watch.until(lambda: world.portal.count("/final"))
    world.gate.thaw_writes()
    assert (await world.once(world.ask("POST", "/save"))).startswith(b"HTTP/1.1 403")
    world.portal.let_go()
    assert (await asking).startswith(b"HTTP/1.1 200")
    assert (await world.once(world.ask("POST", "/save"))).startswith(b"HTTP/1.1 200")


async def test_boundary_stays_narrow_until_the_persons_request_is_answered(world: World) -> None:
    whole = world.guard.boundary
    turn = PersonsTurn(world.guard, world.gate)
    judge = Judge(world.portal.watch, world.permitted())
    judge.may_say.set()
    turn.offer = TurnOffer(lambda: replace(whole, writes=()), judge)
    turn.begin(may_submit=True)
    world.portal.hold.add("/final")
    asking = asyncio.create_task(world.once(world.ask("POST", "/final")))
    await world.portal.watch.until(lambda: world.portal.count("/final"))
    assert not turn.end()
    assert (await world.once(world.ask("POST", "/save"))).startswith(b"HTTP/1.1 403")
    assert world.refusals[-1].reason is RefusalReason.UNDECLARED_WRITE
    world.portal.let_go()
    assert (await asking).startswith(b"HTTP/1.1 200")
    assert world.guard.boundary == whole
    assert (await world.once(world.ask("POST", "/save"))).startswith(b"HTTP/1.1 200")


# --- a foreign final request ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", "/final-2", (), b"token=1"),
        ("POST", "/final", (), b"token=1&draft=2"),
        ("POST", "/final?draft=2", (), b""),
        ("POST", "/%66inal", (), b""),
        ("POST", "/FINAL", (), b""),
        ("POST", "/final", ("Content-Type: text/plain",), b"token=1"),
        ("POST", "/final", ("Content-Encoding: gzip",), b"token=1"),
        ("PUT", "/final", ("X-HTTP-Method-Override: POST",), b""),
    ],
)
async def test_a_foreign_final_request_ends_all_permits(
    world: World, method: str, path: str, headers: tuple[str, ...], body: bytes
) -> None:
    world.release()
    assert (await world.once(world.ask(method, path, *headers, body=body))).startswith(b"HTTP/1.1 403")
    assert world.guard.is_barred
    assert world.foreign == world.refusals
    assert len(world.foreign) == 1
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 403")
    with pytest.raises(Barred):
        world.release()
    assert world.portal.seen == []


async def test_without_a_permit_final_requests_are_refused_and_bar_nothing(world: World) -> None:
    for path in ("/final", "/final-2"):
        assert (await world.once(world.ask("POST", path))).startswith(b"HTTP/1.1 403")
    assert not world.guard.is_barred
    assert world.foreign == []
    world.release()
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 200")
    assert (await world.once(world.ask("POST", "/final-2"))).startswith(b"HTTP/1.1 403")
    assert world.foreign == [], "the permit is spent: nothing is left to be taken"


# --- held requests --------------------------------------------------------------------------------------------------


async def test_a_held_request_is_sent_after_it_was_compared(world: World) -> None:
    judge = judge_of(world)
    asking = asyncio.create_task(world.once(world.ask("POST", "/final", body=b"token=1")))
    await world.portal.watch.until(lambda: judge.asked)
    assert judge.asked[0].url.path == "/final"
    assert world.portal.seen == []
    assert world.guard.state is PermitState.ARMED
    judge.may_say.set()
    assert (await asking).startswith(b"HTTP/1.1 200")
    assert world.portal.count("/final") == 1
    assert await world.gate.settled() is PermitState.ANSWERED
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 403")
    assert len(judge.asked) == 1


async def test_a_held_request_that_differs_is_refused_with_words_for_the_person(world: World) -> None:
    judge = judge_of(world, HoldRefusal("package_differs", "“Units” is 99; accepted was 12."))
    judge.may_say.set()
    answer = await world.once(world.ask("POST", "/final"))
    assert answer.startswith(b"HTTP/1.1 403")
    assert "“Units” is 99; accepted was 12.".encode() in answer
    (refusal,) = world.refusals
    assert (refusal.reason, refusal.code) == (RefusalReason.HELD_REFUSED, "package_differs")
    assert world.portal.seen == []
    judge.says = world.permitted()
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 200"), "corrected and pressed again"


async def test_a_held_request_is_not_sent_under_the_permit_of_another(world: World) -> None:
    judge = judge_of(world, world.permitted("/final-2"))
    judge.may_say.set()
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 403")
    assert world.refusals[0].code == "permit_not_matching"
    assert world.guard.state is PermitState.ARMED
    assert world.portal.seen == []


@pytest.mark.parametrize("is_sent_already", [False, True])
async def test_an_identical_second_press_joins_the_first(world: World, is_sent_already: bool) -> None:
    judge = judge_of(world)
    world.portal.hold.add("/final")
    first = asyncio.create_task(world.once(world.ask("POST", "/final", body=b"token=1")))
    await world.portal.watch.until(lambda: judge.asked)
    if is_sent_already:
        judge.may_say.set()
        await world.portal.watch.until(lambda: world.portal.count("/final"))
    second = asyncio.create_task(world.once(world.ask("POST", "/final", body=b"token=2")))
    # The proxy has read the second press before it answers what came after it.
    assert (await world.once(world.ask("GET", "/a"))).startswith(b"HTTP/1.1 200")
    judge.may_say.set()
    await world.portal.watch.until(lambda: world.portal.count("/final"))
    world.portal.let_go()
    assert [(await each)[:12] for each in (first, second)] == [b"HTTP/1.1 200"] * 2
    assert len(judge.asked) == 1
    assert world.portal.count("/final") == 1
    assert world.foreign == []


async def test_another_final_request_while_one_is_held_ends_both(world: World) -> None:
    judge = judge_of(world)
    held = asyncio.create_task(world.once(world.ask("POST", "/final")))
    await world.portal.watch.until(lambda: judge.asked)
    assert (await world.once(world.ask("POST", "/final-2"))).startswith(b"HTTP/1.1 403")
    assert (await held).startswith(b"HTTP/1.1 403")
    assert judge.canceled == 1
    assert world.guard.is_barred
    assert [each.path for each in world.foreign] == ["/final-2"]
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 403")
    assert world.portal.seen == []


@pytest.mark.parametrize("how", ["drop_held", "withdraw", "bar", "hold no more", "leave"])
async def test_a_held_request_is_dropped(world: World, how: str) -> None:
    judge = judge_of(world)
    _, writer = await asyncio.open_connection(world.host, world.port)
    writer.write(world.ask("POST", "/final"))
    await world.portal.watch.until(lambda: judge.asked)
    match how:
        case "drop_held":
            world.gate.drop_held()
        case "withdraw":
            assert world.guard.withdraw()
        case "bar":
            world.guard.bar()
        case "hold no more":
            world.gate.hold_finals(None)
        case _:
            writer.transport.abort()
    await world.portal.watch.until(lambda: judge.canceled)
    judge.may_say.set()
    if how != "leave":
        await world.portal.watch.until(lambda: world.refusals)
        assert world.refusals[0].code == "hold_dropped"
    assert world.portal.seen == []
    assert world.guard.state is PermitState.ARMED
    writer.close()


async def test_a_press_that_does_not_reach_the_portal_is_not_used_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = judge_of(world)
    judge.may_say.set()
    with monkeypatch.context() as away:
        away.setattr(UpstreamWire, "connect", unreachable)
        assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 502")
    assert judge.asked == [], "the judge commits the intent"
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 200")
    assert (len(judge.asked), world.portal.count("/final")) == (1, 1)


async def test_a_connection_that_ended_while_the_press_was_judged_is_replaced(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[UpstreamWire] = []
    connect = UpstreamWire.connect

    async def remembered(*args: Any, **named: Any) -> UpstreamWire:
        connections.append(await connect(*args, **named))
        return connections[-1]

    monkeypatch.setattr(UpstreamWire, "connect", remembered)
    judge = judge_of(world)
    asking = asyncio.create_task(world.once(world.ask("POST", "/final")))
    await world.portal.watch.until(lambda: judge.asked)
    connections[0].close()
    judge.may_say.set()

    assert (await asking).startswith(b"HTTP/1.1 200")
    assert (len(connections), world.portal.count("/final")) == (2, 1)


async def unreachable(*_: object, **__: object) -> UpstreamWire:
    raise UpstreamFailed(Cause.CONNECTION_REFUSED)


async def test_of_two_who_pressed_one_may_leave(world: World) -> None:
    judge = judge_of(world)
    _, writer = await asyncio.open_connection(world.host, world.port)
    writer.write(world.ask("POST", "/final"))
    await world.portal.watch.until(lambda: judge.asked)
    staying = asyncio.create_task(world.once(world.ask("POST", "/final")))
    assert (await world.once(world.ask("GET", "/a"))).startswith(b"HTTP/1.1 200")
    writer.transport.abort()
    judge.may_say.set()
    assert (await staying).startswith(b"HTTP/1.1 200")
    assert world.portal.count("/final") == 1


async def test_a_hold_ends_in_time(hasty: World) -> None:
    judge = judge_of(hasty)
    assert (await hasty.once(hasty.ask("POST", "/final"))).startswith(b"HTTP/1.1 403")
    assert judge.canceled == 1
    assert hasty.refusals[0].code == "hold_expired"
    assert hasty.portal.seen == []


async def test_a_judge_that_fails_sends_nothing(world: World) -> None:
    async def fail(_: OutgoingRequest) -> PermittedRequest:
        raise RuntimeError("the database is gone")

    world.gate.hold_finals(fail)
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 502")
    assert world.portal.seen == []
    assert world.guard.state is PermitState.ARMED


async def test_a_lease_that_ends_while_a_request_is_held_stops_it() -> None:
    async with a_world() as world:
        stands = [True]
        world.guard._stands = lambda: stands[0]
        judge = judge_of(world)
        asking = asyncio.create_task(world.once(world.ask("POST", "/final")))
        await world.portal.watch.until(lambda: judge.asked)
        stands[0] = False
        judge.may_say.set()
        assert (await asking).startswith(b"HTTP/1.1 403")
        assert world.portal.seen == []


async def test_a_drop_while_connecting_stops_the_held_request(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = UpstreamWire.connect

    async def dropping(*args: object, **kwargs: object) -> UpstreamWire:
        upstream = await connect(*args, **kwargs)  # type: ignore[arg-type]
        world.gate.drop_held()
        return upstream

    monkeypatch.setattr(UpstreamWire, "connect", dropping)
    judge_of(world).may_say.set()
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 403")
    assert world.portal.seen == []
    assert world.guard.state is PermitState.ARMED


async def test_closing_the_proxy_drops_what_is_held(world: World) -> None:
    judge = judge_of(world)
    asking = asyncio.create_task(world.once(world.ask("POST", "/final")))
    await world.portal.watch.until(lambda: judge.asked)
    await world.gate.close()
    await asyncio.gather(asking, return_exceptions=True)
    assert judge.canceled == 1
    assert world.portal.seen == []


async def test_a_held_request_without_a_whole_answer_is_lost(world: World) -> None:
    world.portal.answers["/final"] = HALF
    judge_of(world).may_say.set()
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 502")
    assert world.guard.state is PermitState.LOST
    world.portal.answers["/final"] = OK
    assert (await world.once(world.ask("POST", "/final"))).startswith(b"HTTP/1.1 403")
    assert world.portal.count("/final") == 1
