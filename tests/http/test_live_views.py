"""Views (section 6 of the contract): connected once by a ticket, judged while they run, and each one known."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from priorauth.commands import live_views
from priorauth.store.ids import present
from tests.http.customer import Customer, Json, path, refused, taken
from tests.http.server import Server, listening, serving
from tests.http.test_access_grants import entries_about, live_case, take_part, watch
from tests.http.test_runtime import CHANGES, JSON, Change, ticket_of


@asynccontextmanager
async def viewing(address: str, ticket: str, **options: Any) -> AsyncIterator[tuple[ClientConnection, Json]]:
    """Connect a viewer; what it is told of its view first comes along."""
    protocols = [Subprotocol("priorauth.live.v1"), Subprotocol(f"ticket.{ticket}")]
    async with connect(
        f"ws://{address}/runtime/live/socket", subprotocols=protocols, proxy=None, **options
    ) as connection:
        yield connection, json.loads(await connection.recv())


async def ending_of(connection: ClientConnection) -> tuple[int, str]:
    """Wait until the server ends the connection; return its code and reason."""
    with pytest.raises(ConnectionClosed) as closed:
        await asyncio.wait_for(connection.recv(), 5)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def handshake_refused(address: str, protocols: list[str], **headers: str) -> None:
    """The handshake must be refused without an upgrade."""
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(
            f"ws://{address}/runtime/live/socket",
            subprotocols=[Subprotocol(each) for each in protocols] or None,
            additional_headers=headers,
            proxy=None,
        ):
            pass
    assert refusal.value.response.status_code == 403


async def noted(customer: Customer, case: Json, event: str, *, times: int = 1) -> list[Json]:
    """Wait until the timeline has `times` such entries, and return them."""
    async with asyncio.timeout(5):
        while True:
            found = [each for each in await entries_about(customer, case) if each["type"] == event]
            if len(found) >= times:
                return found
            # Asking a server of this process never waits by itself.
            await asyncio.sleep(0.01)


async def viewers(customer: Customer, case: Json) -> list[Json]:
    """Who is watching now."""
    found = taken(await customer.get(path(case, "live-session/viewers")))
    assert set(found) == {"data"}
    data: list[Json] = found["data"]
    return data


# --- connecting ------------------------------------------------------------------------------------------------------


async def test_a_ticket_connects_a_view(server: Server, customer: Customer, address: str) -> None:
    case = await live_case(server, customer)
    grant = await watch(customer, case)
    ticket = await ticket_of(customer, grant)

    async with viewing(address, ticket) as (connection, told):
        assert connection.subprotocol == "priorauth.live.v1"
        assert told["mode"] == "read_only"
        assert datetime.fromisoformat(told["expiresAt"]).replace(microsecond=0) == datetime.fromisoformat(
            grant["expiresAt"]
        )
        assert told["nextTicket"] != ticket
        (viewer,) = await viewers(customer, case)
        assert set(viewer) == {"id", "accessGrantId", "mode", "openedAt", "connectedAt", "networkAddress"}
        assert (viewer["accessGrantId"], viewer["mode"]) == (grant["id"], "read_only")
        assert viewer["networkAddress"] == "127.0.0.1"

    await noted(customer, case, "live_view_ended")
    assert await viewers(customer, case) == []
    entries = [each for each in await entries_about(customer, case) if each["type"].startswith("live_view_")]
    assert [each["type"] for each in entries] == ["live_view_started", "live_view_ended"]
    assert {each["details"]["liveViewId"] for each in entries} == {viewer["id"]}
    assert entries[1]["details"]["reason"] == "viewer_left"
    assert (await customer.read(case))["version"] == case["version"]


async def test_a_ticket_connects_once(server: Server, customer: Customer, address: str) -> None:
    ticket = await ticket_of(customer, await watch(customer, await live_case(server, customer)))
    async with viewing(address, ticket):
        await handshake_refused(address, ["priorauth.live.v1", f"ticket.{ticket}"])

    await handshake_refused(address, ["priorauth.live.v1", f"ticket.{ticket}"])


async def test_of_two_at_once_one_connects(server: Server, customer: Customer, address: str) -> None:
    case = await live_case(server, customer)
    ticket = await ticket_of(customer, await watch(customer, case))

    async def attempt() -> bool:
        try:
            async with viewing(address, ticket):
                return True
        except InvalidStatus:
            return False

    assert sorted(await asyncio.gather(*(attempt() for _ in range(8)))) == [False] * 7 + [True]


async def test_without_a_ticket_of_ours_the_handshake_is_refused(
    server: Server, customer: Customer, address: str
) -> None:
    grant = await watch(customer, await live_case(server, customer))
    one, other = [f"ticket.{await ticket_of(customer, grant)}" for _ in range(2)]

    for protocols in (
        [],
        ["priorauth.live.v1"],
        [one],
        ["priorauth.live.v2", one],
        ["priorauth.live.v1", "ticket."],
        ["priorauth.live.v1", "ticket.unknown"],
        ["priorauth.live.v1", f"ticket.{grant['id']}"],
        ["priorauth.live.v1", one, other],
    ):
        await handshake_refused(address, protocols)
    async with viewing(address, one.removeprefix("ticket.")):
        pass


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null", "https://priorauth.test"])
async def test_a_foreign_page_is_refused(server: Server, customer: Customer, address: str, origin: str) -> None:
    ticket = await ticket_of(customer, await watch(customer, await live_case(server, customer)))

    await handshake_refused(address, ["priorauth.live.v1", f"ticket.{ticket}"], Origin=origin)

    async with viewing(address, ticket):
        pass


@pytest.mark.parametrize("origin", ["http://priorauth.test", "http://{host}"])
async def test_a_page_of_ours_connects(server: Server, customer: Customer, address: str, origin: str) -> None:
    ticket = await ticket_of(customer, await watch(customer, await live_case(server, customer)))

    async with viewing(address, ticket, origin=origin.format(host=address)):
        pass


async def test_a_first_ticket_is_used_at_once_or_never(server: Server, customer: Customer, address: str) -> None:
    ticket = await ticket_of(customer, await watch(customer, await live_case(server, customer)))
    server.pass_time(seconds=60)

    await handshake_refused(address, ["priorauth.live.v1", f"ticket.{ticket}"])


@pytest.mark.parametrize(("change", "code"), CHANGES, ids=[each[0].__name__ for each in CHANGES])
async def test_a_ticket_of_a_grant_that_is_over_connects_nothing(
    server: Server, customer: Customer, address: str, change: Change, code: str
) -> None:
    case = await live_case(server, customer)
    await server.hand_over(case["id"])
    grant = await take_part(customer, case)
    async with viewing(address, await ticket_of(customer, grant)) as (_, told):
        pass
    await change(server, customer, case, grant)

    await handshake_refused(address, ["priorauth.live.v1", f"ticket.{told['nextTicket']}"])

    (entry,) = await noted(customer, case, "access_grant_refused")
    assert entry["details"]["reason"] == code


async def test_whoever_lost_the_connection_comes_back_by_the_next_ticket(
    server: Server, customer: Customer, address: str
) -> None:
    case = await live_case(server, customer)
    async with viewing(address, await ticket_of(customer, await watch(customer, case))) as (_, told):
        (before,) = await viewers(customer, case)
    await noted(customer, case, "live_view_ended")
    server.pass_time(minutes=2)

    async with viewing(address, told["nextTicket"]):
        (after,) = await viewers(customer, case)

    assert after["id"] == before["id"]
    assert after["connectedAt"] > before["connectedAt"]
    await noted(customer, case, "live_view_ended", times=2)


async def test_a_connection_whose_viewer_has_come_back_ends(server: Server, customer: Customer, address: str) -> None:
    case = await live_case(server, customer)
    ticket = await ticket_of(customer, await watch(customer, case))
    async with viewing(address, ticket) as (old, told), viewing(address, told["nextTicket"]):
        assert await ending_of(old) == (4002, "access_grant_revoked")
        assert len(await viewers(customer, case)) == 1


# --- while it runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "code"), CHANGES[1:], ids=[each[0].__name__ for each in CHANGES[1:]])
async def test_a_view_ends_as_soon_as_its_right_ends(
    server: Server, customer: Customer, address: str, change: Change, code: str
) -> None:
    case = await live_case(server, customer)
    await server.hand_over(case["id"])
    grant = await take_part(customer, case)
    async with viewing(address, await ticket_of(customer, grant)) as (connection, _):
        loop = asyncio.get_running_loop()
        await change(server, customer, case, grant)
        began = loop.time()

        _, reason = await ending_of(connection)

        assert reason == code
        assert loop.time() - began < 1
    (entry,) = await noted(customer, case, "live_view_ended")
    assert entry["details"]["reason"] == code
    assert await viewers(customer, case) == []


async def test_a_view_ends_with_its_grant(data_dir: Path) -> None:
    with serving(data_dir, access_grant_seconds=1) as server:
        async with server.client(server.key()) as client, listening(server) as address:
            customer = Customer(client)
            case = await live_case(server, customer)
            async with viewing(address, await ticket_of(customer, await watch(customer, case))) as (connection, _):
                assert await ending_of(connection) == (4001, "access_grant_expired")


async def test_a_view_ends_with_the_claim_on_its_session(data_dir: Path) -> None:
    with serving(data_dir, access_grant_seconds=900) as server:
        async with server.client(server.key()) as client, listening(server) as address:
            customer = Customer(client)
            case = await live_case(server, customer)
            async with viewing(address, await ticket_of(customer, await watch(customer, case))) as (connection, _):
                server.pass_time(minutes=4, seconds=59)
                server.database.changes.announce([case["id"]])
                assert await ending_of(connection) == (4003, "channel_session_lost")


async def test_a_view_goes_on_under_a_fresh_grant(data_dir: Path) -> None:
    with serving(data_dir, access_grant_seconds=2) as server:
        async with server.client(server.key()) as client, listening(server) as address:
            customer = Customer(client)
            case = await live_case(server, customer)
            first = await watch(customer, case)
            async with viewing(address, await ticket_of(customer, first)) as (connection, told):
                fresh = await watch(customer, case)
                await connection.send(f"renew:{await ticket_of(customer, fresh)}")
                renewed = json.loads(await connection.recv())
                (viewer,) = await viewers(customer, case)
                ended = await ending_of(connection)

    assert renewed["expiresAt"] > told["expiresAt"]
    assert viewer["accessGrantId"] == fresh["id"]
    assert ended == (4001, "access_grant_expired")


async def test_a_grant_that_allows_something_else_renews_nothing(
    server: Server, customer: Customer, stranger: Customer, address: str
) -> None:
    case, other = await live_case(server, customer), await live_case(server, stranger)
    await server.hand_over(case["id"])
    others = [await take_part(customer, case), await watch(stranger, other)]
    async with viewing(address, await ticket_of(customer, await watch(customer, case))) as (connection, told):
        for ticket in [*[await ticket_of(customer, each) for each in others], told["nextTicket"], "unknown"]:
            await connection.send(f"renew:{ticket}")
            assert json.loads(await connection.recv())["expiresAt"] == told["expiresAt"]
        await connection.send("x")
        assert await connection.recv() == "refused"

    (entry, _) = await noted(customer, case, "live_input_refused", times=2)
    assert entry["details"]["reason"] == "renew"


async def test_a_ticket_renews_once_and_connects_nothing_then(server: Server, customer: Customer, address: str) -> None:
    case = await live_case(server, customer)
    async with viewing(address, await ticket_of(customer, await watch(customer, case))) as (connection, _):
        ticket = await ticket_of(customer, await watch(customer, case))
        await connection.send(f"renew:{ticket}")
        await connection.recv()
        await handshake_refused(address, ["priorauth.live.v1", f"ticket.{ticket}"])

        assert len(await viewers(customer, case)) == 1
    await noted(customer, case, "live_view_renewed")


async def test_only_an_interactive_view_may_act_and_a_refusal_is_noted_once(
    server: Server, customer: Customer, address: str
) -> None:
    case = await live_case(server, customer)
    await server.hand_over(case["id"])
    async with viewing(address, await ticket_of(customer, await take_part(customer, case))) as (connection, _):
        for message in ("typed", b"\x00\xff"):
            await connection.send(message)
            assert await connection.recv() == message
    async with viewing(address, await ticket_of(customer, await watch(customer, case))) as (connection, _):
        for _ in range(3):
            await connection.send("typed")
            assert await connection.recv() == "refused"

    (entry,) = await noted(customer, case, "live_input_refused")
    assert (entry["details"]["mode"], entry["details"]["reason"]) == ("read_only", "text")


# --- the server's end ------------------------------------------------------------------------------------------------


async def test_a_server_that_stops_sends_its_viewers_away_to_come_back(
    server: Server, customer: Customer, address: str
) -> None:
    case = await live_case(server, customer)
    live = server.services.live
    assert live is not None
    async with viewing(address, await ticket_of(customer, await watch(customer, case))) as (connection, _):
        await live.close()
        assert (await ending_of(connection))[0] == 4000

    (entry,) = await noted(customer, case, "live_view_ended")
    assert entry["details"]["reason"] == "server_stopped"


async def test_views_of_a_process_that_died_are_ended_at_the_next_start(
    server: Server, customer: Customer, address: str
) -> None:
    case = await live_case(server, customer)
    async with viewing(address, await ticket_of(customer, await watch(customer, case))):
        await server.database.write(lambda tx: live_views.end_all(tx, present(), authorization_id=case["id"]))
        assert await viewers(customer, case) == []
        await server.database.write(lambda tx: live_views.end_all(tx, present(), authorization_id=case["id"]))

    (entry,) = await noted(customer, case, "live_view_ended")
    assert entry["details"]["reason"] == "channel_session_lost"


async def test_neither_secret_nor_ticket_is_ever_logged(
    server: Server, customer: Customer, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    case = await live_case(server, customer)
    grant = await watch(customer, case)
    ticket = await ticket_of(customer, grant)
    async with viewing(address, ticket) as (connection, told):
        await connection.send(f"fault:{told['nextTicket']}")
        code, _ = await ending_of(connection)
    await handshake_refused(address, ["priorauth.live.v1", f"ticket.{ticket}"])
    await noted(customer, case, "live_view_ended")
    await customer.cancel(case)
    answer = await customer.get(grant["url"], headers=JSON)
    logged = "".join(capfd.readouterr())

    refused(answer, 404, "access_grant_revoked")
    assert code == 1011
    assert "connection_fault" in logged
    for secret in (grant["url"].rpartition(".")[2], ticket, told["nextTicket"]):
        assert secret not in logged
        assert secret not in answer.text
