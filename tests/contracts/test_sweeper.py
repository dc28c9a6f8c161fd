"""The sweeper's promise: no case is stuck, none is carried on twice, and what the payer has is never given up."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from priorauth.commands import authorizations as commands
from priorauth.commands import processing as moves
from priorauth.domain import authorizations, processing
from priorauth.domain.authorizations import Authorization, FinalSubmission
from priorauth.domain.handoffs import HandoffResult, OfferReason, Report
from priorauth.domain.lifecycle import Status
from priorauth.domain.live_sessions import BoundaryState, SessionClaim
from priorauth.domain.submissions import Outcome
from priorauth.engine.retries import Bounds
from priorauth.engine.sweeper import Sweeper
from priorauth.store import tables
from priorauth.store.idempotency import IdempotencyScope, StoredAnswer
from priorauth.store.transaction import Transaction
from priorauth.store.work import Work, WorkState
from tests.factories import cases
from tests.factories.databases import Home
from tests.factories.moments import Clock
from tests.factories.scripted import ScriptedChannel

AT_MOST = 3
WORKER = "worker_1"
WAITING = ("ENQUEUED", "DELAYED")
ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")

Build = Callable[[Clock], Authorization]


def canceled(clock: Clock) -> Authorization:
    """Canceled while the payer may have it: the search for what it has goes on."""
    return authorizations.cancel(cases.attempted(clock), clock.moment(), reason=None)


def automatic(clock: Clock) -> Authorization:
    return cases.advancing(clock, final_submission=FinalSubmission.AUTOMATIC)


AWAITING_WORK: dict[str, Build] = {
    "processing": cases.approved,
    "processing by itself": automatic,
    "under an attempt": cases.attempted,
    "waiting on the payer": cases.submitted,
    "canceled under an attempt": canceled,
}
# A budget of faults bounds the first three alone.
NEVER_GIVEN_UP = ("waiting on the payer", "canceled under an attempt")


@dataclass
class Swept:
    """One case, the engine's tables, and a sweeper that looks at both."""

    home: Home
    id: str
    sweeper: Sweeper
    channel: ScriptedChannel

    async def sweep(self, *running: str) -> int:
        """Sweep while this process runs the work `running`."""
        return await self.sweeper.sweep(lambda work_id: work_id in running)

    def case(self) -> Authorization:
        found = self.home.database.read_now(lambda tx: tx.authorizations.get(self.id))
        assert found is not None
        return found

    def work(self) -> Work:
        """The work that must be under way."""
        work, _, _ = self.home.database.read_now(lambda tx: moves.expected_work(tx, self.id))
        assert work is not None
        return work

    def state(self) -> WorkState:
        return self.home.database.read_now(lambda tx: moves.expected_work(tx, self.id))[1]

    def running(self) -> list[str]:
        """What the engine's tables believe the worker to run."""
        return self.home.database.read_now(lambda tx: tx.work.running(WORKER))

    def enqueue(self, status: str) -> Work:
        """Put the case's work into the engine's tables as if the engine had brought it to `status`."""
        work = self.work()
        self.home.database.write_now(lambda tx: tx.enqueue(work))
        self.becomes(work, status)
        return work

    def becomes(self, work: Work, status: str) -> None:
        columns: list[sa.ColumnClause[str]] = [sa.column(name) for name in ("workflow_uuid", "status", "executor_id")]

        def write(tx: Transaction) -> int:
            schema = "dbos" if tx.connection.dialect.name == "postgresql" else None
            table = sa.table("workflow_status", *columns, schema=schema)
            update = table.update().where(table.c.workflow_uuid == work.id)
            return tx.connection.execute(update.values(status=status, executor_id=WORKER)).rowcount

        assert self.home.database.write_now(write) == 1


@pytest.fixture
def swept(home: Home) -> Callable[[Build], Swept]:
    """Store a case whose work nobody has enqueued, and set a sweeper on it."""

    def store(build: Build) -> Swept:
        organization_id, payer_version = home.caller.organization_id, home.payer_version
        case = replace(build(home.clock), organization_id=organization_id, payer_version=payer_version)
        home.database.write_now(lambda tx: tx.authorizations.add(case))
        channel = ScriptedChannel(up=(case.id,))
        sweeper = Sweeper(
            database=home.database,
            channels={"portal": channel},
            present=home.clock.moment,
            bounds=Bounds(at_most=AT_MOST),
            worker=WORKER,
            interval_seconds=60,
        )
        return Swept(home, case.id, sweeper, channel)

    return store


Store = Callable[[Build], Swept]
every_kind = pytest.mark.parametrize("kind", AWAITING_WORK)


@every_kind
@pytest.mark.parametrize("ended", [None, *ENDED])
async def test_lost_work_is_started_again_at_the_first_sweep(swept: Store, kind: str, ended: str | None) -> None:
    world = swept(AWAITING_WORK[kind])
    lost, before = world.enqueue(ended) if ended else world.work(), world.case()

    assert await world.sweep() == 1

    again, after = world.work(), world.case()
    assert (again.run, again.turn) == (lost.run, lost.turn + 1)
    assert again.id != lost.id
    assert world.state() is WorkState.WAITING
    assert after.journal.faults == before.journal.faults + 1
    assert (after.version, after.status) == (before.version, before.status)
    assert await world.sweep() == 0


@every_kind
async def test_work_that_only_the_tables_call_running_is_lost_after_two_looks(swept: Store, kind: str) -> None:
    world = swept(AWAITING_WORK[kind])
    lost = world.enqueue("PENDING")

    assert await world.sweep() == 0
    assert world.work() == lost
    assert await world.sweep() == 1

    assert world.work().turn == lost.turn + 1
    assert world.state() is WorkState.WAITING
    assert await world.sweep() == 0


@every_kind
async def test_work_that_nobody_runs_does_not_stay_among_what_runs(swept: Store, kind: str) -> None:
    world = swept(AWAITING_WORK[kind])
    lost = world.enqueue("PENDING")

    await world.sweep()
    assert world.running() == [lost.id]
    await world.sweep()

    assert world.running() == []
    assert world.state() is WorkState.WAITING


async def test_work_of_a_turn_that_is_over_does_not_stay_among_what_runs(swept: Store) -> None:
    world = swept(cases.approved)
    earlier = world.enqueue("PENDING")
    await world.sweep(earlier.id)
    world.home.database.write_now(
        lambda tx: tx.authorizations.save(processing.started_afresh(world.case(), fault=True))
    )
    present = world.enqueue("PENDING")

    assert [await world.sweep(present.id), await world.sweep(present.id)] == [0, 0]

    assert world.running() == [present.id]


async def test_work_that_was_seen_running_in_between_is_looked_at_twice_again(swept: Store) -> None:
    world = swept(cases.approved)
    work = world.enqueue("PENDING")

    assert [await world.sweep(), await world.sweep(work.id), await world.sweep(), await world.sweep(work.id)] == [0] * 4
    assert world.work() == work
    assert [await world.sweep(), await world.sweep()] == [0, 1]


async def test_the_two_looks_are_at_one_and_the_same_work(swept: Store) -> None:
    world = swept(cases.approved)
    first = world.enqueue("PENDING")
    assert await world.sweep() == 0
    world.becomes(first, "SUCCESS")
    assert await world.sweep() == 1
    second = world.work()
    world.becomes(second, "PENDING")

    assert await world.sweep() == 0
    assert world.work() == second
    assert await world.sweep() == 1


@every_kind
async def test_work_that_runs_here_is_left_alone(swept: Store, kind: str) -> None:
    world = swept(AWAITING_WORK[kind])
    work, before = world.enqueue("PENDING"), world.case()

    assert [await world.sweep(work.id) for _ in range(5)] == [0] * 5
    assert world.case() == before


@every_kind
@pytest.mark.parametrize("status", WAITING)
async def test_work_that_waits_for_its_turn_is_left_alone(swept: Store, kind: str, status: str) -> None:
    world = swept(AWAITING_WORK[kind])
    world.enqueue(status)
    before = world.case()

    assert [await world.sweep() for _ in range(5)] == [0] * 5
    assert world.case() == before


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(cases.ready, id="the customer's move"),
        pytest.param(cases.under_review, id="under review"),
        pytest.param(lambda clock: cases.in_status(Status.REQUIRES_INPUT, clock), id="input"),
        pytest.param(lambda clock: cases.in_status(Status.COMPLETED, clock), id="completed"),
        pytest.param(lambda clock: cases.in_status(Status.CANCELED, clock), id="canceled"),
    ],
)
async def test_a_case_that_awaits_nothing_is_left_alone(swept: Store, build: Build) -> None:
    world = swept(build)
    before = world.case()

    assert [await world.sweep() for _ in range(3)] == [0] * 3
    assert world.case() == before


@pytest.mark.parametrize("kind", NEVER_GIVEN_UP)
async def test_what_the_payer_has_or_may_have_is_never_given_up(swept: Store, kind: str) -> None:
    world = swept(AWAITING_WORK[kind])
    before = world.case()

    for _ in range(10 * AT_MOST):
        world.becomes(world.enqueue("SUCCESS"), "ERROR")
        assert await world.sweep() == 1

    after = world.case()
    assert replace(after, journal=before.journal) == before
    assert after.journal.turn == before.journal.turn + 10 * AT_MOST
    assert after.journal.open_attempt == before.journal.open_attempt
    assert world.state() is WorkState.WAITING


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (cases.approved, "processing_exhausted"),
        (automatic, "processing_exhausted"),
        (cases.attempted, "submission_unresolved"),
    ],
    ids=["approved", "automatic", "under an attempt"],
)
async def test_processing_is_given_up_after_its_bound(swept: Store, build: Build, code: str) -> None:
    world = swept(build)
    attempt = world.case().journal.open_attempt

    for _ in range(AT_MOST):
        world.enqueue("ERROR")
        assert await world.sweep() == 1
        assert world.case().status is Status.PROCESSING
    world.enqueue("ERROR")
    await world.sweep()

    failed = world.case()
    assert (failed.status, failed.outcome) == (Status.COMPLETED, Outcome.FAILED)
    assert failed.status_reason is not None
    assert failed.status_reason.code == code
    assert failed.journal.open_attempt == attempt, "what became of it is still not known"
    assert await world.sweep() == 0
    assert world.case() == failed


async def test_each_case_is_judged_by_its_own_work(swept: Store) -> None:
    lost, running, waiting = swept(cases.approved), swept(cases.approved), swept(cases.submitted)
    work = running.enqueue("PENDING")
    waiting.enqueue("DELAYED")

    assert await lost.sweep(work.id) == 1

    assert [each.case().journal.turn for each in (lost, running, waiting)] == [1, 0, 0]


async def test_a_step_ahead_renews_the_budget(swept: Store) -> None:
    world = swept(cases.approved)
    for _ in range(AT_MOST):
        world.enqueue("ERROR")
        await world.sweep()
    case = world.case()
    intended = processing.begin_attempt(case, world.home.clock.moment(), run=case.journal.run, turn=case.journal.turn)
    world.home.database.write_now(lambda tx: tx.authorizations.save(intended))

    for _ in range(AT_MOST):
        world.enqueue("ERROR")
        assert await world.sweep() == 1
    assert world.case().status is Status.PROCESSING


def final_submit(clock: Clock) -> Authorization:
    return cases.taken_over(clock, reason=OfferReason.FINAL_SUBMIT)


def revoked(clock: Clock) -> Authorization:
    return cases.given_back(clock, Report(result=HandoffResult.REVOKED), reason=OfferReason.FINAL_SUBMIT)


def canceled_in_hand(clock: Clock) -> Authorization:
    return cases.canceled(final_submit(clock), clock)


@pytest.mark.parametrize("build", [revoked, canceled_in_hand, cases.offered])
async def test_what_no_human_has_any_more_is_taken_back_with_its_permit(swept: Store, build: Build) -> None:
    world = swept(build)

    await world.sweep()

    assert world.channel.taken_back == [world.id]
    assert world.channel.let_gone == [], "what the human left open is still to be read"


async def test_what_a_human_has_is_left_to_them(swept: Store, home: Home) -> None:
    world = swept(final_submit)
    claim = SessionClaim(
        authorization_id=world.id,
        session_id="sess_1",
        worker="worker_1",
        channel="portal",
        boundary=BoundaryState.AT_BOUNDARY,
        expires_at=home.clock.now + timedelta(days=1),
    )
    home.database.write_now(lambda tx: tx.sessions.put(claim))

    await world.sweep()

    assert (world.channel.taken_back, world.channel.let_gone) == ([], [])


async def test_a_session_is_taken_back_as_soon_as_its_case_was_canceled(swept: Store) -> None:
    world = swept(final_submit)
    attending = asyncio.create_task(world.sweeper.attend_sessions())
    await asyncio.sleep(0)
    case = world.case()

    world.home.database.write_now(
        lambda tx: commands.cancel(
            tx,
            world.home.caller,
            world.home.clock.moment(),
            authorization_id=case.id,
            expected_version=None,
            reason=None,
        )
    )

    async with asyncio.timeout(5):
        await world.channel.took_back.wait()
    attending.cancel()
    assert world.state() is WorkState.WAITING, "what the human may have sent is looked for"


async def test_answers_are_kept_for_their_time_and_then_deleted(swept: Store) -> None:
    case = swept(cases.draft)
    clock, database = case.home.clock, case.home.database
    scope = IdempotencyScope(case.home.caller.organization_id, "sandbox", "POST", "/v1/files", "a-key")
    kept = StoredAnswer("hash", 201, None, b"{}")
    database.write_now(lambda tx: tx.idempotency.keep(scope, kept, now=clock.now))

    def rows() -> int:
        count = sa.select(sa.func.count()).select_from(tables.idempotency_records)
        return int(database.read_now(lambda tx: tx.connection.execute(count).scalar_one()))

    await case.sweep()
    assert rows() == 1

    clock.moment(later=timedelta(days=31).total_seconds())
    await case.sweep()
    assert rows() == 0
