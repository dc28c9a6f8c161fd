"""A view's person gives the session back or asks for more time, by the key that created their grant."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from priorauth.commands.organizations import revoke_key
from priorauth.domain.organizations import Scope
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction
from tests.http import moves
from tests.http.customer import Customer, Json, path, taken
from tests.http.server import Server
from tests.http.test_access_grants import watch
from tests.http.test_live_views import ending_of, noted, viewing
from tests.http.test_runtime import ticket_of

# A key that may not act any more: the report is refused, or the view has ended before it arrived.
ENDED = ({"refused": "access_grant_revoked"}, {"end": "access_revoked"})


async def handed_over(server: Server, customer: Customer) -> tuple[Json, str]:
    """An authorization with a person in its session, and the id of the handoff."""
    case = await moves.taken_over(server, customer)
    return case, str(case["activeManualHandoff"]["id"])


async def take_part(customer: Customer, case: Json, handoff_id: str) -> Json:
    return taken(await customer.send("POST", path(case, "manual-handoffs", handoff_id, "access-grants")))


async def says(connection: ClientConnection, message: str) -> Json:
    """Say something, and return the answer."""
    await connection.send(message)
    answer: Json = json.loads(await asyncio.wait_for(connection.recv(), 5))
    return answer


async def handoff_of(customer: Customer, case: Json, handoff_id: str) -> Json:
    return taken(await customer.get(path(case, "manual-handoffs", handoff_id)))


@pytest.mark.parametrize(("said", "result"), [("done", "completed_reported"), ("unable", "unable_to_complete")])
async def test_a_report_in_the_view_closes_the_handoff(
    server: Server, customer: Customer, address: str, said: str, result: str
) -> None:
    case, handoff_id = await handed_over(server, customer)
    grant = await take_part(customer, case, handoff_id)
    async with viewing(address, await ticket_of(customer, grant)) as (connection, _):
        await connection.send(said)
        answers = [json.loads(await asyncio.wait_for(connection.recv(), 5)) for _ in range(1)]
        while "end" not in answers[-1]:
            answers.append(json.loads(await asyncio.wait_for(connection.recv(), 5)))

    assert answers[-1] == {"end": "checking"}
    handoff = await handoff_of(customer, case, handoff_id)
    assert (handoff["state"], handoff["result"]) == ("closing", result)
    assert (await customer.read(case))["status"] == "processing"
    entries = [each async for each in customer.entries(path(case, "events"))]
    (closed,) = [each for each in entries if each["type"] == "handoff_closed"]
    assert closed["actor"]["id"].startswith("key_")


async def test_a_view_that_only_watches_reports_nothing(server: Server, customer: Customer, address: str) -> None:
    case, handoff_id = await handed_over(server, customer)
    async with viewing(address, await ticket_of(customer, await watch(customer, case))) as (connection, _):
        assert await says(connection, "status") == {"phase": "person_acts", "mayReport": False}
        assert await says(connection, "done") == {"refused": "access_grant_not_found"}
        assert await says(connection, "more time") == {"refused": "access_grant_not_found"}

    assert (await handoff_of(customer, case, handoff_id))["state"] == "active"


async def test_a_report_wants_the_scope_that_its_key_has_now(server: Server, customer: Customer, address: str) -> None:
    case, handoff_id = await handed_over(server, customer)
    grant = await take_part(customer, case, handoff_id)
    async with viewing(address, await ticket_of(customer, grant)) as (connection, _):
        assert (await says(connection, "status"))["mayReport"] is True
        await server.database.write(lambda tx: _take_scope(tx, case))
        assert await says(connection, "done") in ENDED

    assert (await handoff_of(customer, case, handoff_id))["state"] == "active"


async def test_a_report_by_a_revoked_key_changes_nothing(server: Server, customer: Customer, address: str) -> None:
    case, handoff_id = await handed_over(server, customer)
    grant = await take_part(customer, case, handoff_id)
    async with viewing(address, await ticket_of(customer, grant)) as (connection, _):
        await server.database.write(lambda tx: revoke_key(tx, present(), key_id=_key_of(tx, case)))
        # The view may have gone dark by now.
        with suppress(ConnectionClosed):
            assert await says(connection, "done") in ENDED

    async with server.client(server.key()) as other:
        handoff = await handoff_of(Customer(other), case, handoff_id)
    assert (handoff["state"], handoff["result"]) == ("active", None)


async def test_more_time_prolongs_the_view_and_the_handoff(server: Server, customer: Customer, address: str) -> None:
    case, handoff_id = await handed_over(server, customer)
    grant = await take_part(customer, case, handoff_id)
    async with viewing(address, await ticket_of(customer, grant)) as (connection, told):
        longer = await says(connection, "more time")
        again = await says(connection, "more time")

    before, after = (datetime.fromisoformat(each["expiresAt"]) for each in (told, longer))
    assert timedelta(minutes=9) < after - before < timedelta(minutes=11)
    # Asked for again at once it changes nothing, and leaves nothing on the timeline.
    assert again == longer
    await noted(customer, case, "live_view_renewed")
    server.pass_time(minutes=14)
    await server.claim_session(case["id"])
    assert await ticket_of(customer, grant)


async def test_more_time_ends_four_hours_after_the_handoff_began(
    server: Server, customer: Customer, address: str
) -> None:
    case, handoff_id = await handed_over(server, customer)
    server.pass_time(hours=3, minutes=55)
    await server.claim_session(case["id"])
    grant = await take_part(customer, case, handoff_id)
    async with viewing(address, await ticket_of(customer, grant)) as (connection, told):
        assert await says(connection, "more time") == told
    server.pass_time(minutes=6)
    await server.claim_session(case["id"])
    async with viewing(address, await ticket_of(customer, await take_part(customer, case, handoff_id))) as (late, _):
        assert await says(late, "more time") == {"refused": "manual_handoff_not_active"}


async def test_who_watches_is_shown_each_change(server: Server, customer: Customer, address: str) -> None:
    case, handoff_id = await handed_over(server, customer)
    async with viewing(address, await ticket_of(customer, await watch(customer, case))) as (connection, _):
        assert (await says(connection, "status"))["phase"] == "person_acts"
        taken(await customer.send("POST", path(case, "manual-handoffs", handoff_id, "complete"), json=SIGNED_IN))
        async with asyncio.timeout(5):
            while (await says(connection, "status"))["phase"] != "checking":
                """Each round waits for the server's answer."""
        await customer.cancel(case)
        assert await ending_of(connection) == (4002, "access_grant_revoked")


SIGNED_IN = {"reportedOutcome": "signed_in"}


def _key_of(tx: Transaction, case: Json) -> str:
    """The key that created the grants of a case."""
    viewers = tx.live_views.watching(case["id"])
    minted_by = tx.access_grants.require(viewers[0].access_grant_id).minted_by
    assert minted_by is not None
    return minted_by


def _take_scope(tx: Transaction, case: Json) -> None:
    key = tx.organizations.key(_key_of(tx, case))
    assert key is not None
    tx.organizations.save_key(replace(key, scopes=(Scope.READ,)))
