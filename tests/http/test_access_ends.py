"""Access ends when its reason ends (section 8 of the contract): the grant, its key, its scope, its account."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product

import pytest

from priorauth.commands import access_grants
from priorauth.commands import organizations as keys
from priorauth.domain.organizations import ApiKey, Scope
from priorauth.store.transaction import Transaction
from tests.http.customer import SECOND_CASES, Customer, Json, path, refused, taken
from tests.http.server import Server, listening
from tests.http.test_access_grants import entries_about, live_case, take_part, watch
from tests.http.test_live_views import ending_of, handshake_refused, noted, viewers, viewing
from tests.http.test_runtime import JSON, address_of, ticket_of, under_review

Mint = Callable[[Customer, Json], Awaitable[Json]]
KeyEnd = Callable[[Server, str], Awaitable[None]]
BOTH = pytest.mark.parametrize("mint", [watch, take_part])


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody of the clinic with a key of their own, by which grants are minted."""

    customer: Customer
    key_id: str
    address: str


@pytest.fixture
async def colleague(server: Server, address: str) -> AsyncIterator[Colleague]:
    """A second key of the customer's organization."""
    text = server.key()
    async with server.client(text) as client:
        yield Colleague(Customer(client), key_id_of(text), address)


@pytest.fixture
async def address(server: Server) -> AsyncIterator[str]:
    """The server on a socket of this machine."""
    async with listening(server) as found:
        yield found


def key_id_of(text: str) -> str:
    """The id of the key that a text opens."""
    return f"key_{text.split('_')[2]}"


async def revoke_key(server: Server, key_id: str) -> None:
    await server.database.write(lambda tx: keys.revoke_key(tx, server.clock(), key_id=key_id))


async def change_key(server: Server, key_id: str, **changes: object) -> None:
    """Change a key behind everybody's back, as no command can yet; watchers hear of it."""

    def operation(tx: Transaction) -> None:
        key = tx.organizations.key(key_id)
        assert key is not None
        changed: ApiKey = replace(key, **changes)  # type: ignore[arg-type]
        tx.organizations.save_key(changed)
        tx.live_views.wake(organization_id=key.organization_id)

    await server.database.write(operation)


async def handed_over(server: Server, customer: Customer) -> Json:
    """A case that a person has."""
    case = await live_case(server, customer)
    await server.hand_over(case["id"])
    return case


async def end_by_revocation(server: Server, key_id: str) -> None:
    """The key is revoked."""
    await revoke_key(server, key_id)


async def end_by_expiry(server: Server, key_id: str) -> None:
    """The key expires."""
    await change_key(server, key_id, expires_at=server.clock().now)


async def end_by_scope(server: Server, key_id: str) -> None:
    """The key may only read any more."""
    await change_key(server, key_id, scopes=(Scope.READ,))


async def end_by_reading_scope(server: Server, key_id: str) -> None:
    """The key lacks what each of its other scopes needs."""
    await change_key(server, key_id, scopes=(Scope.WRITE, Scope.CONFIRM))


KEY_ENDS = (end_by_revocation, end_by_expiry, end_by_scope, end_by_reading_scope)


# --- the key ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mint", "end"), list(product((watch, take_part), KEY_ENDS)))
async def test_a_grant_of_a_key_that_has_ended_opens_nothing(
    server: Server, customer: Customer, colleague: Colleague, mint: Mint, end: KeyEnd
) -> None:
    case = await handed_over(server, customer)
    ended, other = await mint(colleague.customer, case), await mint(customer, case)

    await end(server, colleague.key_id)

    refused(await customer.get(ended["url"], headers=JSON), 404, "access_grant_revoked")
    assert (await customer.get(other["url"], headers=JSON)).status_code == 200
    (entry,) = [each for each in await entries_about(customer, case) if each["type"] == "access_grant_refused"]
    assert entry["details"]["reason"] == "access_grant_revoked"


@pytest.mark.parametrize(("mint", "end"), list(product((watch, take_part), KEY_ENDS)))
async def test_an_open_view_goes_dark_within_a_second_when_its_key_ends(
    server: Server, customer: Customer, colleague: Colleague, mint: Mint, end: KeyEnd
) -> None:
    case, address = await handed_over(server, customer), colleague.address
    ended, other = await mint(colleague.customer, case), await mint(customer, case)
    async with (
        viewing(address, await ticket_of(customer, ended)) as (dark, _),
        viewing(address, await ticket_of(customer, other)) as (bright, told),
    ):
        await end(server, colleague.key_id)

        async with asyncio.timeout(1):
            assert await ending_of(dark) == (4002, "access_grant_revoked")
        await noted(customer, case, "live_view_ended")
        (left,) = await viewers(customer, case)
        assert left["accessGrantId"] == other["id"]
        await bright.send("typed")
        assert await bright.recv() == ("refused" if told["mode"] == "read_only" else "typed")
    (entry, _) = await noted(customer, case, "live_view_ended", times=2)
    assert entry["details"]["reason"] == "access_grant_revoked"


async def test_a_view_ends_at_the_end_of_its_key_without_a_word_from_anybody(
    server: Server, customer: Customer, colleague: Colleague, address: str
) -> None:
    case = await handed_over(server, customer)
    await change_key(server, colleague.key_id, expires_at=server.clock().now + timedelta(seconds=1))
    grant = await take_part(colleague.customer, case)

    async with viewing(address, await ticket_of(customer, grant)) as (connection, _):
        assert await ending_of(connection) == (4002, "access_grant_revoked")


async def test_a_rotated_key_ends_its_views_after_the_overlap(
    server: Server, customer: Customer, colleague: Colleague, address: str
) -> None:
    case = await handed_over(server, customer)
    async with viewing(address, await ticket_of(customer, await watch(colleague.customer, case))) as (connection, _):
        await server.database.write(
            lambda tx: keys.rotate_key(tx, server.clock(), key_id=colleague.key_id, overlap=timedelta(seconds=1))
        )

        assert await ending_of(connection) == (4002, "access_grant_revoked")


async def test_a_ticket_of_a_key_that_has_ended_connects_nothing(
    server: Server, customer: Customer, colleague: Colleague, address: str
) -> None:
    case = await handed_over(server, customer)
    grant = await take_part(colleague.customer, case)
    unused = await ticket_of(customer, grant)
    async with viewing(address, await ticket_of(customer, grant)) as (_, told):
        pass
    await revoke_key(server, colleague.key_id)

    for ticket in (unused, told["nextTicket"]):
        await handshake_refused(address, ["priorauth.live.v1", f"ticket.{ticket}"])


async def test_a_grant_of_another_key_keeps_a_view_that_it_renewed(
    server: Server, customer: Customer, colleague: Colleague, address: str
) -> None:
    case = await handed_over(server, customer)
    async with viewing(address, await ticket_of(customer, await take_part(colleague.customer, case))) as (view, _):
        await view.send(f"renew:{await ticket_of(customer, await take_part(customer, case))}")
        await view.recv()
        await revoke_key(server, colleague.key_id)

        await view.send("typed")
        assert await view.recv() == "typed"


async def test_a_repetition_by_another_key_mints_a_fresh_grant_after_the_first_key_ended(
    server: Server, customer: Customer, colleague: Colleague
) -> None:
    case = await handed_over(server, customer)
    first = await watch(colleague.customer, case, key="once")
    assert await watch(customer, case, key="once") == first

    await revoke_key(server, colleague.key_id)
    fresh = await watch(customer, case, key="once")

    assert fresh["id"] != first["id"]
    assert (await customer.get(fresh["url"])).status_code == 303


async def test_a_use_that_is_noted_does_not_undo_a_revocation(server: Server, colleague: Colleague) -> None:
    await revoke_key(server, colleague.key_id)
    await server.database.write(lambda tx: keys.note_use(tx, server.clock(), key_id=colleague.key_id))

    refused(await colleague.customer.get("/v1/payers"), 401, "unauthorized")


async def test_a_reviews_address_ends_with_the_last_key_that_may_watch(server: Server, customer: Customer) -> None:
    case = await under_review(server, customer)
    await server.claim_session(case["id"])
    url = str(address_of(case))
    opened = await customer.get(url)

    def revoke_all(tx: Transaction) -> None:
        everybody = tx.organizations.keys()
        for _, key in everybody:
            keys.revoke_key(tx, server.clock(), key_id=key.id)

    await server.database.write(revoke_all)
    ended = await customer.get(url)

    assert opened.status_code == 303
    refused(ended, 404, "access_grant_revoked")


# --- a person who acts -----------------------------------------------------------------------------------------------


async def acts(server: Server, case: Json) -> bool:
    """Whether what a person sends in the session may go out now."""
    return await server.database.write(
        lambda tx: access_grants.is_right_valid(tx, server.clock(), authorization_id=case["id"])
    )


async def test_only_an_opened_interactive_grant_lets_a_person_send(
    server: Server, customer: Customer, colleague: Colleague
) -> None:
    case = await handed_over(server, customer)
    await ticket_of(customer, await watch(customer, case))
    grant = await take_part(colleague.customer, case)
    before = await acts(server, case)
    await ticket_of(customer, grant)
    opened = await acts(server, case)
    await revoke_key(server, colleague.key_id)

    assert (before, opened, await acts(server, case)) == (False, True, False)


@pytest.mark.parametrize("how", ["revoked", "expired", "closed", "lost"])
async def test_a_person_sends_nothing_once_their_right_is_over(server: Server, customer: Customer, how: str) -> None:
    case = await handed_over(server, customer)
    grant = await take_part(customer, case)
    await ticket_of(customer, grant)
    assert await acts(server, case)

    if how == "revoked":
        taken(await customer.send("POST", path(case, f"live-session/access-grants/{grant['id']}/revoke")))
    elif how == "expired":
        server.pass_time(minutes=5)
        await server.claim_session(case["id"])
    elif how == "closed":
        await server.hand_over(case["id"], state="closing")
    else:
        await server.lose_session(case["id"])

    assert not await acts(server, case)


# --- a grant that is revoked by itself -------------------------------------------------------------------------------


def revocation(case: Json, grant: Json) -> str:
    """Where a grant is revoked."""
    return path(case, f"live-session/access-grants/{grant['id']}/revoke")


@BOTH
async def test_a_revoked_grant_opens_nothing_and_its_view_goes_dark(
    server: Server, customer: Customer, address: str, mint: Mint
) -> None:
    case = await handed_over(server, customer)
    grant = await mint(customer, case)
    async with viewing(address, await ticket_of(customer, grant)) as (connection, _):
        answer = await customer.send("POST", revocation(case, grant))

        async with asyncio.timeout(1):
            assert await ending_of(connection) == (4002, "access_grant_revoked")
    again = await customer.send("POST", revocation(case, grant).replace(path(case), f"{SECOND_CASES}/{case['id']}"))

    shown = taken(answer)
    assert answer.status_code == 200
    assert set(shown) == {"id", "mode", "manualHandoffId", "createdAt", "expiresAt", "revokedAt"}
    assert (shown["id"], shown["expiresAt"]) == (grant["id"], grant["expiresAt"])
    assert shown["revokedAt"] is not None
    assert taken(again) == shown
    refused(await customer.get(grant["url"]), 404, "access_grant_revoked")
    (entry,) = [each for each in await entries_about(customer, case) if each["type"] == "access_grant_revoked"]
    assert entry["details"]["accessGrantId"] == grant["id"]
    assert entry["actor"]["type"] == "customer"
    assert (await customer.read(case))["version"] == case["version"]


async def test_a_colleague_who_revokes_is_named_on_the_timeline(
    server: Server, customer: Customer, colleague: Colleague
) -> None:
    case = await handed_over(server, customer)
    grant = await watch(customer, case)

    taken(await colleague.customer.send("POST", revocation(case, grant)))

    (entry,) = [each for each in await entries_about(customer, case) if each["type"] == "access_grant_revoked"]
    assert entry["actor"]["id"] == colleague.key_id


async def test_an_active_handoff_outlives_its_revoked_grant(server: Server, customer: Customer) -> None:
    case = await handed_over(server, customer)
    taken(await customer.send("POST", revocation(case, await take_part(customer, case))))

    fresh = await take_part(customer, case)

    assert (await customer.get(fresh["url"])).status_code == 303


async def test_only_grants_of_the_authorization_can_be_revoked(
    server: Server, customer: Customer, stranger: Customer
) -> None:
    case, another, theirs = [await live_case(server, each) for each in (customer, customer, stranger)]
    grants = [await watch(customer, another), await watch(stranger, theirs), {"id": "rag_0"}]

    for grant in grants:
        refused(await customer.send("POST", revocation(case, grant)), 404, "access_grant_not_found")
    refused(await customer.send("POST", revocation(theirs, grants[1])), 404, "prior_authorization_not_found")

    assert [(await customer.get(each["url"])).status_code for each in grants[:2]] == [303, 303]


async def test_the_address_of_a_review_can_be_revoked(server: Server, customer: Customer) -> None:
    case = await under_review(server, customer)
    await server.claim_session(case["id"])
    url = str(address_of(case))
    grant_id = url.rpartition("/")[2].partition(".")[0]

    taken(await customer.send("POST", revocation(case, {"id": grant_id})))

    refused(await customer.get(url), 404, "access_grant_revoked")
