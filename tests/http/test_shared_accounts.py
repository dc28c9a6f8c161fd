"""Portal accounts that several organizations use (section 8 of the contract): people do not enter them unasked."""

import asyncio
from datetime import timedelta

import pytest

from priorauth.commands import credentials as commands
from priorauth.commands import live_sessions
from priorauth.commands.credentials import Secrets
from priorauth.commands.record import load
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.live_sessions import BoundaryState, SessionClaim
from priorauth.domain.organizations import Environment
from priorauth.store.ids import present
from priorauth.store.transaction import Transaction
from tests.http import moves
from tests.http.customer import Customer, Json, path, refused, taken
from tests.http.server import Server, listening
from tests.http.test_access_grants import watch
from tests.http.test_live_views import ending_of, viewing
from tests.http.test_runtime import ticket_of

OURS, THEIRS = "Cedar Hollow Clinic", "Juniper Street Practice"


def account(
    server: Server,
    case: Json,
    *,
    user_name: str = "front-desk",
    organization: str | None = None,
    people_may_enter: bool | None = None,
) -> str:
    """An account at the payer's portal, in place of the simulated one; return the credential's id."""

    def operation(tx: Transaction) -> str:
        payer_id = case["payer"]["id"]
        if organization is None:
            for each in tx.credentials.of_payer(Environment.SANDBOX, payer_id):
                if each.is_for_everybody:
                    commands.remove(tx, credential_id=each.id)
        made = commands.add(
            tx,
            present(),
            environment=Environment.SANDBOX,
            payer_id=payer_id,
            secrets=Secrets(user_name, "secret", None),
            organization=organization,
            people_may_enter=people_may_enter,
        )
        return made.id

    return server.database.write_now(operation)


def enter(server: Server, case: Json, credential_id: str | None) -> None:
    """A browser is up that has signed in with the account."""
    claim = SessionClaim(
        authorization_id=case["id"],
        session_id="session-1",
        worker="worker-1",
        channel="portal",
        boundary=BoundaryState.AT_BOUNDARY,
        expires_at=server.clock().now + timedelta(minutes=5),
        credential_id=credential_id,
    )
    server.database.write_now(lambda tx: live_sessions.claim(tx, claim))


async def offered(
    server: Server, customer: Customer, reason: OfferReason = OfferReason.SIGN_IN, **made: object
) -> Json:
    """A case whose session, signed in with such an account, is offered to a person."""
    case = await moves.offered(server, customer, reason)
    enter(server, case, account(server, case, **made))  # type: ignore[arg-type]
    return case


async def live(customer: Customer, case: Json) -> Json:
    """The live session."""
    return taken(await customer.get(path(case, "live-session")))


async def not_to_be_seen(customer: Customer, case: Json, *below: str) -> None:
    """Nothing of the session can be opened."""
    for each in ("live-session/access-grants", *below):
        error = refused(await customer.send("POST", path(case, each)), 409, "live_session_not_available")
        assert error["details"] == {"reason": "live_view_not_available"}
    assert (await live(customer, case))["access"]["available"] is False


@pytest.mark.parametrize("reason", [OfferReason.SIGN_IN, OfferReason.FINAL_SUBMIT])
async def test_the_handoff_of_a_shared_account_is_for_nobody_to_enter(
    server: Server, customer: Customer, reason: OfferReason
) -> None:
    case = await offered(server, customer, reason)
    before = await live(customer, case)
    handoff = await customer.take_over(case)
    session = await live(customer, case)
    listed = taken(await customer.get(path(case, "manual-handoffs")))["data"]

    assert (before["handoff"]["state"], before["handoff"]["allowed"]) == ("offered", True)
    assert before["access"]["available"] is False
    assert (handoff["state"], handoff["accessAvailable"], handoff["finalSubmitCapable"]) == ("active", False, False)
    assert listed == [handoff]
    assert session["state"] == "live"
    assert session["safety"]["finalSubmitCapable"] is False
    await not_to_be_seen(customer, case, f"manual-handoffs/{handoff['id']}/access-grants")


async def test_it_stays_so_for_the_handoffs_whole_life(server: Server, customer: Customer) -> None:
    case = await offered(server, customer)
    handoff = await customer.take_over(case)
    claim = server.database.read_now(lambda tx: tx.sessions.of(case["id"]))
    assert claim is not None
    assert claim.credential_id is not None
    credential_id = claim.credential_id

    server.database.write_now(lambda tx: commands.let_people_enter(tx, credential_id=credential_id, allowed=True))

    again = taken(await customer.get(path(case, f"manual-handoffs/{handoff['id']}")))
    assert again["accessAvailable"] is False
    await not_to_be_seen(customer, case, f"manual-handoffs/{handoff['id']}/access-grants")
    closed = await customer.send(
        "POST", path(case, f"manual-handoffs/{handoff['id']}/complete"), json={"reportedOutcome": "signed_in"}
    )
    assert taken(closed)["result"] == "completed_reported"


async def test_what_a_person_sent_from_their_own_account_the_service_never_sends(
    server: Server, customer: Customer
) -> None:
    case = await offered(server, customer, OfferReason.FINAL_SUBMIT)
    handoff = await customer.take_over(case)
    body = {"reportedOutcome": "submitted", "observedReferenceNumber": "LK-1"}

    taken(await customer.send("POST", path(case, f"manual-handoffs/{handoff['id']}/complete"), json=body))

    kept = server.database.read_now(lambda tx: load(tx, case["id"]))
    assert kept.journal.human_attempted
    assert kept.journal.open_attempt is not None


async def test_a_shared_account_that_the_operator_allows_is_entered(server: Server, customer: Customer) -> None:
    case = await offered(server, customer, people_may_enter=True)
    handoff = await customer.take_over(case)
    grant = await customer.send("POST", path(case, f"manual-handoffs/{handoff['id']}/access-grants"))

    assert handoff["accessAvailable"] is True
    assert (await customer.get(taken(grant)["url"])).status_code == 303


async def test_a_user_name_of_two_organizations_is_one_shared_account(server: Server, customer: Customer) -> None:
    server.key(THEIRS)
    case = await offered(server, customer, organization=OURS)
    alone = await live(customer, case)
    account(server, case, organization=THEIRS, user_name="another-desk")
    beside = await live(customer, case)
    server.database.write_now(lambda tx: commands.remove(tx, credential_id=credential_of(tx, case, "another-desk")))
    account(server, case, organization=THEIRS, user_name="Front-Desk ")
    shared = await live(customer, case)

    assert [each["access"]["available"] for each in (alone, beside, shared)] == [True, True, False]


def credential_of(tx: Transaction, case: Json, user_name: str) -> str:
    """The id of the credential with this user name."""
    found = tx.credentials.of_payer(Environment.SANDBOX, case["payer"]["id"])
    return next(each.id for each in found if each.user_name == user_name)


async def test_a_customers_own_login_and_the_simulated_accounts_are_entered(server: Server, customer: Customer) -> None:
    case = await moves.offered(server, customer)
    own = await live(customer, case)
    simulated = server.database.read_now(lambda tx: credential_of(tx, case, "cedar-hollow"))
    enter(server, case, simulated)
    ours = await live(customer, case)

    assert own["access"]["available"] is True
    assert ours["access"]["available"] is True


async def test_an_account_that_was_removed_is_nobodys_to_enter(server: Server, customer: Customer) -> None:
    case = await moves.offered(server, customer)
    enter(server, case, "cred_0")

    await not_to_be_seen(customer, case)


async def test_people_who_are_forbidden_to_enter_go_dark_within_a_second(server: Server, customer: Customer) -> None:
    case = await offered(server, customer, people_may_enter=True)
    handoff = await customer.take_over(case)
    acting = taken(await customer.send("POST", path(case, f"manual-handoffs/{handoff['id']}/access-grants")))
    watching = await watch(customer, case)
    credential_id = server.database.read_now(lambda tx: credential_of(tx, case, "front-desk"))
    async with (
        listening(server) as address,
        viewing(address, await ticket_of(customer, acting)) as (first, _),
        viewing(address, await ticket_of(customer, watching)) as (second, _),
    ):
        server.database.write_now(lambda tx: commands.let_people_enter(tx, credential_id=credential_id, allowed=False))

        async with asyncio.timeout(1):
            assert await ending_of(first) == (4002, "access_grant_revoked")
            assert await ending_of(second) == (4002, "access_grant_revoked")
    assert taken(await customer.get(path(case, f"manual-handoffs/{handoff['id']}")))["accessAvailable"] is False


async def test_an_account_that_becomes_shared_is_not_looked_at_any_more(server: Server, customer: Customer) -> None:
    server.key(THEIRS)
    case = await offered(server, customer, organization=OURS)
    async with (
        listening(server) as address,
        viewing(address, await ticket_of(customer, await watch(customer, case))) as (view, _),
    ):
        account(server, case, organization=THEIRS, user_name="front-desk")

        async with asyncio.timeout(1):
            assert await ending_of(view) == (4002, "access_grant_revoked")


async def test_handoffs_of_before_are_judged_by_their_account_alone(server: Server, customer: Customer) -> None:
    """A handoff that an earlier version has created says nothing of its account."""
    case = await offered(server, customer)
    await server.hand_over(case["id"])

    await not_to_be_seen(customer, case, "manual-handoffs/mhand_1/access-grants")
    assert taken(await customer.get(path(case, "manual-handoffs/mhand_1")))["accessAvailable"] is False
