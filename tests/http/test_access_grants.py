"""Access grants (section 6 of the contract): minted for a session that is up, repeated while they open something."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from priorauth.domain.organizations import Scope
from priorauth.store import tables
from priorauth.store.idempotency import place_of
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction
from tests.http import moves
from tests.http.customer import Customer, Json, fresh_key, path, refused, taken
from tests.http.operations import TAKE_PART, WATCH, Operation
from tests.http.server import URL, Server, serving


async def live_case(server: Server, customer: Customer) -> Json:
    """A case that the service works on in a session."""
    case = await moves.processing(server, customer)
    await server.claim_session(case["id"])
    return case


async def watch(customer: Customer, case: Json, *, key: str | None = None) -> Json:
    """A read-only grant."""
    headers = [("Idempotency-Key", key)] if key else []
    return taken(await customer.send("POST", path(case, "live-session/access-grants"), headers=headers))


async def take_part(customer: Customer, case: Json, *, key: str | None = None) -> Json:
    """An interactive grant of the handoff."""
    headers = [("Idempotency-Key", key)] if key else []
    return taken(await customer.send("POST", path(case, "manual-handoffs/mhand_1/access-grants"), headers=headers))


async def entries_about(customer: Customer, case: Json) -> list[Json]:
    """What the timeline says of grants and views, oldest first."""
    found = [each async for each in customer.entries(path(case, "events"))]
    return [each for each in reversed(found) if each["type"].startswith(("access_grant_", "live_"))]


async def test_a_grant_is_an_address_for_five_minutes(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    before = present().now.replace(microsecond=0)

    response = await customer.send("POST", path(case, "live-session/access-grants"))

    grant = response.json()
    assert (response.status_code, set(grant)) == (201, {"id", "url", "expiresAt"})
    assert re.fullmatch(r"rag_[0-9a-z]+", grant["id"])
    assert re.fullmatch(rf"{URL}/runtime/access/{grant['id']}\.[A-Za-z0-9_-]{{43}}", grant["url"])
    expires = datetime.fromisoformat(grant["expiresAt"])
    assert timedelta(minutes=5) <= expires - before <= timedelta(minutes=5, seconds=30)
    assert response.headers["Cache-Control"] == "no-store"


async def test_how_long_it_lasts_is_a_setting(data_dir: Path) -> None:
    with serving(data_dir, access_grant_seconds=60) as server:
        async with server.client(server.key()) as client:
            customer = Customer(client)
            grant = await watch(customer, await live_case(server, customer))

    assert datetime.fromisoformat(grant["expiresAt"]) < present().now + timedelta(seconds=61)


async def test_minting_and_opening_change_nothing_in_the_case(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    handoff = await server.hand_over(case["id"])
    before = await customer.read(case)

    for grant in (await watch(customer, case), await take_part(customer, case)):
        assert (await customer.get(grant["url"])).status_code == 303

    assert handoff == "mhand_1"
    assert await customer.read(case) == before


# --- when there is nothing to open -----------------------------------------------------------------------------------


async def _refused(server: Server, customer: Customer, case: Json) -> str:
    """The reason why neither kind of grant is minted, and none is said to be available."""
    await server.hand_over(case["id"])
    reasons = set()
    for below in ("live-session/access-grants", "manual-handoffs/mhand_1/access-grants"):
        response = await customer.send("POST", path(case, below))
        error = refused(response, 409, "live_session_not_available")
        assert error["retryable"] is False
        reasons.add(error["details"]["reason"])
    session = taken(await customer.get(path(case, "live-session")))
    assert session["access"]["available"] is False
    assert await entries_about(customer, case) == []
    (reason,) = reasons
    return str(reason)


async def test_there_is_no_grant_without_a_session(server: Server, customer: Customer) -> None:
    case = await moves.processing(server, customer)

    assert await _refused(server, customer, case) == "no_active_channel_session"


async def test_there_is_no_grant_for_a_case_that_needs_no_session(server: Server, customer: Customer) -> None:
    case = await customer.ready()
    await server.claim_session(case["id"])

    assert await _refused(server, customer, case) == "no_active_channel_session"


async def test_there_is_no_grant_by_a_claim_that_has_expired(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    server.pass_time(minutes=6)

    assert await _refused(server, customer, case) == "portal_claim_expired"


async def test_there_is_no_grant_for_a_session_whose_browser_is_gone(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    server.screens.gone.add("session-1")

    assert await _refused(server, customer, case) == "channel_session_lost"


async def test_there_is_no_grant_where_nothing_can_be_shown(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    server.show_nothing()

    assert await _refused(server, customer, case) == "live_view_not_available"


async def test_a_session_that_can_be_shown_is_available(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)

    session = taken(await customer.get(path(case, "live-session")))

    assert session["access"] == {"available": True, "supportedModes": ["read_only"]}


async def test_only_an_active_handoff_lets_a_human_act(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    address = path(case, "manual-handoffs/mhand_1/access-grants")
    unknown = await customer.send("POST", address)
    await server.hand_over(case["id"])
    another = await customer.send("POST", path(case, "manual-handoffs/mhand_2/access-grants"))
    granted = await customer.send("POST", address)
    await server.hand_over(case["id"], state="closing")
    closing = await customer.send("POST", address)

    refused(unknown, 404, "manual_handoff_not_found")
    refused(another, 404, "manual_handoff_not_found")
    assert (granted.status_code, set(granted.json())) == (201, {"id", "url", "expiresAt"})
    refused(closing, 409, "manual_handoff_not_active")


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("operation", "needed"), [(WATCH, Scope.WRITE), (TAKE_PART, Scope.CONFIRM)], ids=str)
async def test_acting_needs_the_scope_that_may_submit(
    server: Server, customer: Customer, operation: Operation, needed: Scope
) -> None:
    case = await live_case(server, customer)
    await server.hand_over(case["id"])
    url = operation.path.format(authorization_id=case["id"], handoff_id="mhand_1")
    others = server.key(scopes=tuple(scope for scope in Scope if scope is not needed))

    lacking = await customer.send("POST", url, headers=[("Authorization", f"Bearer {others}")])
    assert await entries_about(customer, case) == []
    having = await customer.send(
        "POST", url, headers=[("Authorization", f"Bearer {server.key(scopes=(Scope.READ, needed))}")]
    )

    assert refused(lacking, 403, "insufficient_permissions")["details"] == {"requiredScope": needed.value}
    assert having.status_code == 201


# --- repetitions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mint", [watch, take_part])
async def test_a_repetition_is_the_same_grant_while_it_can_be_opened_and_then_a_fresh_one(
    server: Server, customer: Customer, mint: type
) -> None:
    case = await live_case(server, customer)
    await server.hand_over(case["id"])
    key = fresh_key()
    first = await mint(customer, case, key=key)
    server.pass_time(seconds=200)
    await server.claim_session(case["id"])

    again = await mint(customer, case, key=key)
    server.pass_time(seconds=100)
    fresh = await mint(customer, case, key=key)

    assert again == first
    assert fresh["id"] != first["id"]
    assert (await customer.get(fresh["url"])).status_code == 303
    refused(await customer.get(first["url"]), 404, "access_grant_expired")
    assert await mint(customer, case, key=key) == fresh
    created = [each for each in await entries_about(customer, case) if each["type"] == "access_grant_created"]
    assert [each["details"]["accessGrantId"] for each in created] == [first["id"], fresh["id"]]


async def test_only_a_repetition_says_that_it_is_one(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    headers = [("Idempotency-Key", fresh_key())]
    address = path(case, "live-session/access-grants")
    first = await customer.send("POST", address, headers=headers)
    again = await customer.send("POST", address, headers=headers)
    server.pass_time(minutes=5)
    await server.claim_session(case["id"])
    fresh = await customer.send("POST", address, headers=headers)

    assert (again.status_code, again.content, again.headers["Idempotent-Replayed"]) == (201, first.content, "true")
    assert "Idempotent-Replayed" not in first.headers
    assert "Idempotent-Replayed" not in fresh.headers


async def test_a_repetition_for_a_session_that_is_gone_is_judged_anew(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    key = fresh_key()
    first = await watch(customer, case, key=key)
    await server.lose_session(case["id"])
    address, headers = path(case, "live-session/access-grants"), [("Idempotency-Key", key)]

    gone = await customer.send("POST", address, headers=headers)
    await server.claim_session(case["id"], session_id="session-2")
    fresh = await customer.send("POST", address, headers=headers)

    assert refused(gone, 409, "live_session_not_available")["details"] == {"reason": "no_active_channel_session"}
    assert fresh.status_code == 201
    assert fresh.json()["id"] != first["id"]


async def test_another_body_conflicts_even_when_the_grant_is_over(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    key = fresh_key()
    await watch(customer, case, key=key)
    server.pass_time(minutes=5)

    response = await customer.send(
        "POST", path(case, "live-session/access-grants"), headers=[("Idempotency-Key", key)], json={"mode": "x"}
    )

    refused(response, 409, "idempotency_key_reused")


# --- traces ----------------------------------------------------------------------------------------------------------


async def test_the_timeline_names_who_was_given_access(server: Server, customer: Customer) -> None:
    case = await live_case(server, customer)
    version = case["version"]
    await server.hand_over(case["id"])

    reading, acting = await watch(customer, case), await take_part(customer, case)

    found = await entries_about(customer, case)
    assert [(each["type"], each["details"]) for each in found] == [
        ("access_grant_created", {"accessGrantId": reading["id"], "mode": "read_only"}),
        (
            "access_grant_created",
            {"accessGrantId": acting["id"], "mode": "interactive", "manualHandoffId": "mhand_1"},
        ),
    ]
    for entry in found:
        assert entry["actor"]["type"] == "customer"
        assert entry["actor"]["id"].startswith("key_")
        assert (entry["fromVersion"], entry["toVersion"]) == (version, version)


async def test_no_secret_rests_anywhere(server: Server, customer: Customer, data_dir: Path) -> None:
    case = await live_case(server, customer)
    await server.hand_over(case["id"])
    key = fresh_key()
    grants = [await watch(customer, case, key=key), await take_part(customer, case)]
    tickets = [
        (await customer.get(each["url"], headers=[("Accept", "application/json")])).json()["ticket"] for each in grants
    ]
    assert await watch(customer, case, key=key) == grants[0]
    secrets = [each["url"].rpartition(".")[2] for each in grants] + tickets

    timeline = (await customer.get(path(case, "events"), params={"limit": 100})).text
    resting = b"".join(files_of(data_dir)) + b"".join(server.database.read_now(kept_answers))

    assert grants[0]["id"].encode() in resting
    for secret in secrets:
        assert secret not in timeline
        assert secret.encode() not in resting


def files_of(data_dir: Path) -> list[bytes]:
    """The database's files as they lie on the disk."""
    return [each.read_bytes() for each in data_dir.iterdir() if each.name.startswith("priorauth.db")]


def kept_answers(tx: Transaction) -> list[bytes]:
    """The answers that are kept for a repetition, opened."""
    table = tables.idempotency_records
    names = ("organization_id", "environment", "method", "path", "key")
    rows = tx.connection.execute(sa.select(table))
    return [tx.sealer.open(row.body, place_of({name: row._mapping[name] for name in names})) for row in rows]
