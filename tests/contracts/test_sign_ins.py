"""Accounts sign in one session at a time, seldom, and never again after a refusal: on whatever database they rest."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace

import pytest
import sqlalchemy as sa

from priorauth.channels.contract import AccountInUse, CredentialSuspended, SignInsExhausted
from priorauth.commands import credentials as commands
from priorauth.commands import workers
from priorauth.commands.credentials import Secrets
from priorauth.domain.credentials import Credential
from priorauth.domain.organizations import Environment
from priorauth.domain.portals.sign_ins import TRIES_PER_HOUR
from priorauth.engine.credentials import Credentials
from priorauth.store.databases import clock
from priorauth.store.transaction import Transaction
from priorauth.store.work import Line, following, processing
from tests.factories.databases import Home

SECRETS = Secrets("cedar", "rosebud-17")
STATE = b'{"cookies": []}'
REASON = "The portal did not accept the service's credentials."
HOUR = 3600.0


def added(home: Home, secrets: Secrets = SECRETS, *, organization: str | None = None) -> Credential:
    """Add a credential at the payer, by default for everybody."""
    return home.database.write_now(
        lambda tx: commands.add(
            tx,
            home.clock.moment(),
            environment=Environment.SANDBOX,
            payer_id=home.payer.id,
            secrets=secrets,
            organization=organization,
        )
    )


@dataclass
class World:
    """An account of one payer, and the sessions of two workers that want to sign in with it."""

    home: Home
    credential: Credential
    one: Credentials
    other: Credentials

    def add(self, secrets: Secrets = SECRETS, *, organization: str | None = None) -> Credential:
        """Add a credential at the same payer."""
        return added(self.home, secrets, organization=organization)

    def rotate(self, credential: Credential, secrets: Secrets) -> Credential:
        """Give a credential these secrets."""
        return self.home.database.write_now(
            lambda tx: commands.rotate(tx, self.home.clock.moment(), credential_id=credential.id, secrets=secrets)
        )

    def release(self, credential: Credential) -> bool:
        """Release a credential; whether it was suspended."""
        return self.home.database.write_now(lambda tx: commands.release(tx, credential_id=credential.id))

    def reason(self, credential: Credential) -> str | None:
        """Why a credential is suspended, if it is."""
        known = self.home.database.read_now(lambda tx: tx.credentials.sign_ins(credential.id))
        return known.suspension.reason if known.suspension is not None else None

    def due_in(self, work_id: str) -> float:
        """In how many seconds delayed work begins, by the database's clock."""

        def operation(tx: Transaction) -> float:
            schema = "dbos" if tx.connection.dialect.name == "postgresql" else None
            uuid, due_at = sa.column("workflow_uuid", sa.String), sa.column("delay_until_epoch_ms", sa.BigInteger)
            query = sa.select(due_at).select_from(sa.table("workflow_status", schema=schema)).where(uuid == work_id)
            due: int = tx.connection.execute(query).scalar_one()
            return due / 1000 - clock.present(tx.connection)

        return self.home.database.read_now(operation)

    def kill(self, worker: str) -> None:
        """End a worker's lease as the reaper does."""
        self.home.database.write_now(lambda tx: tx.workers.remove(worker))


@pytest.fixture
def world(home: Home) -> World:
    """An account, and two workers."""
    for worker in ("worker_1", "worker_2"):
        home.database.write_now(
            lambda tx, worker=worker: workers.join(  # type: ignore[misc]
                tx, worker=worker, url=f"http://{worker}", lease_seconds=60, alone=False
            )
        )
    one, other = (Credentials(home.database, home.clock.moment, worker=each) for each in ("worker_1", "worker_2"))
    return World(home, added(home), one, other)


def claim(
    source: Credentials,
    credential: Credential,
    authorization: str,
    *,
    began_with: bytes | None = None,
    is_lost: bool = False,
) -> Awaitable[None]:
    """Ask for a session's turn."""
    return source.claim_sign_in(credential, authorization_id=authorization, began_with=began_with, is_lost=is_lost)


async def test_of_twenty_sessions_on_two_workers_one_may_sign_in(world: World) -> None:
    asked = [
        claim(world.one if number % 2 else world.other, world.credential, f"auth_{number}") for number in range(20)
    ]

    heard = await asyncio.gather(*asked, return_exceptions=True)

    assert sorted(map(str, map(type, heard))) == sorted([str(type(None)), *[str(AccountInUse)] * 19])


async def test_a_session_that_has_the_claim_may_ask_again_and_the_next_one_after_its_end(world: World) -> None:
    await claim(world.one, world.credential, "auth_1")
    await claim(world.one, world.credential, "auth_1")
    await world.other.end_claim(world.credential, authorization_id="auth_2")
    with pytest.raises(AccountInUse):
        await claim(world.other, world.credential, "auth_2")

    await world.one.end_claim(world.credential, authorization_id="auth_1")
    await claim(world.other, world.credential, "auth_2")


async def test_a_dead_workers_claim_is_taken_over_and_its_try_still_counts(world: World) -> None:
    await claim(world.one, world.credential, "auth_1")
    await world.one.count_try(world.credential, authorization_id="auth_1")
    with pytest.raises(AccountInUse):
        await claim(world.other, world.credential, "auth_2")

    world.kill("worker_1")

    await claim(world.other, world.credential, "auth_2")
    for _ in range(TRIES_PER_HOUR - 1):
        await world.other.count_try(world.credential, authorization_id="auth_2")
    with pytest.raises(SignInsExhausted):
        await world.other.count_try(world.credential, authorization_id="auth_2")


async def test_a_claim_that_its_session_never_ended_ends_by_itself(world: World) -> None:
    await claim(world.one, world.credential, "auth_1")
    world.home.clock.moment(later=601)

    await claim(world.other, world.credential, "auth_2")
    with pytest.raises(AccountInUse):
        await world.one.count_try(world.credential, authorization_id="auth_1")


async def test_tries_are_counted_for_an_hour_over_all_credentials_of_the_account(world: World) -> None:
    same = world.add(organization="Cedar Hollow")
    for number, (source, credential) in enumerate(
        ((world.one, same), (world.other, world.credential), (world.one, same))
    ):
        await claim(source, credential, f"auth_{number}")
        await source.count_try(credential, authorization_id=f"auth_{number}")
        await source.end_claim(credential, authorization_id=f"auth_{number}")
        world.home.clock.moment(later=60)

    for source, credential in ((world.one, same), (world.other, world.credential)):
        with pytest.raises(SignInsExhausted):
            await claim(source, credential, "auth_4")
    world.home.clock.moment(later=HOUR - 180)
    await claim(world.one, same, "auth_4")
    await world.one.count_try(same, authorization_id="auth_4")
    with pytest.raises(SignInsExhausted):
        await world.one.count_try(same, authorization_id="auth_4")


async def test_another_user_name_at_the_portal_is_another_account(world: World) -> None:
    another = world.add(Secrets("hollow", SECRETS.password), organization="Cedar Hollow")
    await claim(world.one, world.credential, "auth_1")

    await claim(world.other, another, "auth_2")


async def test_a_sign_in_forgets_the_tries_and_ends_the_claim(world: World) -> None:
    await claim(world.one, world.credential, "auth_1")
    for _ in range(TRIES_PER_HOUR):
        await world.one.count_try(world.credential, authorization_id="auth_1")
    assert await world.one.needs_sign_in(world.credential)
    await world.one.signed_in(world.credential, state=STATE)

    assert not await world.other.needs_sign_in(world.credential)
    await claim(world.other, world.credential, "auth_2", began_with=STATE, is_lost=True)
    await world.other.count_try(world.credential, authorization_id="auth_2")


async def test_a_state_that_the_portal_forgot_is_signed_in_for_once(world: World) -> None:
    await world.one.signed_in(world.credential, state=STATE)

    await claim(world.one, world.credential, "auth_1", began_with=STATE, is_lost=True)
    assert await world.other.needs_sign_in(world.credential), "the others start no browser to find out"
    with pytest.raises(AccountInUse):
        await claim(world.other, world.credential, "auth_2", began_with=STATE, is_lost=True)
    await world.one.count_try(world.credential, authorization_id="auth_1")
    await world.one.signed_in(world.credential, state=b"newer")

    assert not await world.other.needs_sign_in(world.credential)
    with pytest.raises(AccountInUse):
        await claim(world.other, world.credential, "auth_2", began_with=STATE, is_lost=True)
    assert not await world.other.needs_sign_in(world.credential), "what it began with was renewed meanwhile"


async def test_a_refusal_suspends_every_credential_with_these_secrets_and_no_other(world: World) -> None:
    same = world.add(organization="Cedar Hollow")
    another = world.add(Secrets("cedar", "another"), organization="Elsewhere")
    authorization = world.home.case(attachments=())
    world.home.database.write_now(lambda tx: tx.authorizations.add(authorization))
    await claim(world.one, world.credential, authorization.id)
    await world.one.count_try(world.credential, authorization_id=authorization.id)

    await world.one.suspend(world.credential, authorization_id=authorization.id, reason=REASON)
    await world.one.end_claim(world.credential, authorization_id=authorization.id)

    assert [world.reason(each) for each in (world.credential, same, another)] == [REASON, REASON, None]
    for source, credential in ((world.one, world.credential), (world.other, same)):
        with pytest.raises(CredentialSuspended):
            await claim(source, credential, "auth_2")
    await claim(world.other, another, "auth_2")
    entries = world.home.database.read_now(lambda tx: tx.timeline.page(authorization.id, before=None, limit=9))
    assert [(each.type, each.details) for each in entries] == [
        ("credential_suspended", {"credential": world.credential.id})
    ]


async def test_what_an_operator_replaced_meanwhile_is_not_suspended(world: World) -> None:
    replaced = world.rotate(world.credential, Secrets("cedar", "another"))

    with pytest.raises(AccountInUse):
        await world.one.suspend(world.credential, authorization_id="auth_1", reason=REASON)
    with pytest.raises(AccountInUse):
        await claim(world.one, world.credential, "auth_1")

    assert world.reason(replaced) is None
    await claim(world.one, replaced, "auth_1")


async def test_other_secrets_lift_a_suspension_and_the_same_ones_do_not(world: World) -> None:
    await world.one.suspend(world.credential, authorization_id="auth_1", reason=REASON)

    world.rotate(world.credential, SECRETS)
    assert world.reason(world.credential) == REASON

    replaced = world.rotate(world.credential, Secrets("cedar", "another"))
    assert world.reason(replaced) is None
    await claim(world.one, replaced, "auth_1")


async def test_secrets_that_were_refused_are_suspended_wherever_they_are_put_in(world: World) -> None:
    await world.one.suspend(world.credential, authorization_id="auth_1", reason=REASON)
    same, another = world.add(organization="Cedar Hollow"), world.add(Secrets("cedar", "new"), organization="Elsewhere")

    assert [world.reason(each) for each in (same, another)] == [REASON, None]
    assert world.reason(world.rotate(another, SECRETS)) == REASON


async def test_a_release_lets_all_of_the_account_sign_in_and_begins_what_waits(world: World) -> None:
    same = world.add(organization="Cedar Hollow")
    line = Line(world.home.payer.id, world.home.caller.organization_id)
    waiting = replace(processing("auth_1", run=1, turn=1, delay_seconds=HOUR), line=line)
    looking = replace(following("auth_2", run=1, turn=1, delay_seconds=HOUR), line=line)
    await claim(world.one, world.credential, "auth_1")
    for _ in range(TRIES_PER_HOUR):
        await world.one.count_try(world.credential, authorization_id="auth_1")
    await world.one.suspend(world.credential, authorization_id="auth_1", reason=REASON)
    await world.one.end_claim(world.credential, authorization_id="auth_1")

    for work in (waiting, looking):
        world.home.database.write_now(lambda tx, work=work: tx.enqueue(work))  # type: ignore[misc]
    assert world.due_in(waiting.id) > HOUR / 2

    assert world.release(same)
    assert not world.release(same)

    assert [world.reason(each) for each in (world.credential, same)] == [None, None]
    await claim(world.one, world.credential, "auth_1")
    await world.one.count_try(world.credential, authorization_id="auth_1")
    assert world.due_in(waiting.id) <= 0
    assert world.due_in(looking.id) > HOUR / 2, "looks at submitted authorizations keep their time"


async def test_a_person_who_signs_in_does_not_lift_the_suspension_of_the_password(world: World) -> None:
    await world.one.suspend(world.credential, authorization_id="auth_1", reason=REASON)

    await world.one.signed_in(world.credential, state=STATE)

    assert world.reason(world.credential) == REASON
    assert not await world.one.needs_sign_in(world.credential), "what the person left goes on as long as it lasts"
    with pytest.raises(CredentialSuspended):
        await claim(world.one, world.credential, "auth_2", began_with=STATE, is_lost=True)
    assert await world.other.needs_sign_in(world.credential), "and then no browser is started for it"
