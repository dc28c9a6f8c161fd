"""The promise of claims: a database that was put back submits nothing that the file store knows, and is found.

Both databases, a folder and an object store. A database is put back by the rows that it had.
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from obstore.store import ObjectStore

from priorauth.channels.contract import Absent
from priorauth.commands import restoring
from priorauth.domain.authorizations import Authorization, FinalSubmission
from priorauth.domain.errors import TemporarilyUnavailable
from priorauth.domain.lifecycle import Status
from priorauth.domain.submissions import Attempt, AttemptState
from priorauth.engine.processing import Processing, Verdict
from priorauth.engine.retries import Bounds, Retries
from priorauth.store import tables
from priorauth.store.blobs import folder_store
from priorauth.store.claims.objects import Content, Creation
from priorauth.store.claims.rows import ClaimRow
from priorauth.store.claims.submission_claims import SubmissionClaims
from priorauth.store.transaction import Transaction
from tests.factories import cases
from tests.factories.claims import STORES, claims_of, objects_in
from tests.factories.databases import Home, sqlite_home
from tests.factories.dumps import dump, put_back
from tests.factories.moments import Clock
from tests.factories.scripted import ScriptedChannel

CONTENT = Content(attempt_id="sub_1", worker="worker_1", claimed_at=datetime(2026, 1, 1, tzinfo=UTC), nonce="n")
Build = Callable[[Clock], Authorization]


@pytest.fixture(params=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty file store of each kind."""
    return STORES[request.param](tmp_path)


@dataclass
class World:
    """A database and a file store, and attempts at submissions, whose ids no other database has."""

    home: Home
    store: ObjectStore
    name: str = "1"

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    def node(self) -> SubmissionClaims:
        """What a node has that starts now."""
        return claims_of(self.home, self.store)

    def intend(self, authorization_id: str = "auth_1") -> tuple[str, str]:
        """Commit the row of an attempt; return both ids."""
        attempt_id = f"sub_{self.name}_{next(self._numbers)}"
        now = self.home.clock.moment().now

        def operation(tx: Transaction) -> None:
            case = tx.authorizations.get(authorization_id)
            if case is not None:
                attempts = (*case.journal.attempts, Attempt(attempt_id, case.journal.run, now))
                tx.authorizations.save(replace(case, journal=replace(case.journal, attempts=attempts)))
            tx.submission_claims.add(authorization_id, attempt_id=attempt_id, now=now)

        self.home.database.write_now(operation)
        return authorization_id, attempt_id

    async def submit(self, authorization_id: str = "auth_1", *, node: SubmissionClaims | None = None) -> bool:
        """Intend and claim; return whether the submission may leave."""
        _, attempt_id = self.intend(authorization_id)
        return await (node or self.node()).claim(authorization_id, attempt_id=attempt_id)

    def is_found(self) -> bool:
        """Whether the database says of itself that it was put back."""
        return self.home.database.read_now(lambda tx: tx.submission_claims.restore_found_at()) is not None

    async def mark(self) -> restoring.Acknowledged:
        """Acknowledge the restore, as `priorauth mark-restored` does at its end."""
        objects, moment = objects_in(self.store), self.home.clock.moment()
        claims, last = await objects.every(), await objects.last_number()
        return self.home.database.write_now(
            lambda tx: restoring.acknowledge(tx, moment, claims=claims, last_number=last)
        )


@pytest.fixture
def world(home: Home, store: ObjectStore) -> World:
    """Nothing submitted yet."""
    return World(home, store)


async def test_an_attempt_is_claimed_once(world: World) -> None:
    node = world.node()
    authorization_id, attempt_id = world.intend()

    assert await node.claim(authorization_id, attempt_id=attempt_id)
    assert not await node.claim(authorization_id, attempt_id=attempt_id)

    assert not node.is_stale.is_set(), "its own claim is no sign of a restore"
    assert not world.is_found()


async def test_attempts_of_many_authorizations_are_claimed_side_by_side(world: World) -> None:
    node = world.node()
    claimed = await asyncio.gather(*(world.submit(f"auth_{each % 5}", node=node) for each in range(20)))

    assert all(claimed)
    await node.check()
    assert not node.is_stale.is_set()
    assert await objects_in(world.store).last_number() == 20


async def test_what_was_submitted_after_a_dump_is_not_submitted_again(world: World) -> None:
    before = dump(world.home)
    assert await world.submit()
    put_back(world.home, before)

    node = world.node()
    assert not await world.submit(node=node)

    assert node.is_stale.is_set()
    assert world.is_found()


async def test_a_restore_is_found_by_the_claim_of_any_other_authorization(world: World) -> None:
    before = dump(world.home)
    assert await world.submit("auth_1")
    put_back(world.home, before)

    assert not await world.submit("auth_2")

    assert world.is_found()


async def test_an_intent_that_was_never_claimed_hides_no_later_claim(world: World) -> None:
    """The process died between commit and claim, and submitted at its next try; the copy knows neither."""
    before = dump(world.home)
    world.intend()
    assert await world.submit()
    put_back(world.home, before)

    assert not await world.submit()

    assert world.is_found()


async def test_a_claim_of_another_database_under_an_ordinal_of_ours_is_seen(world: World) -> None:
    """The copy is used beside the original, which has an intent that was never claimed: both have an ordinal 1."""
    before = dump(world.home)
    world.intend()
    _, ahead = world.intend()
    original = dump(world.home)
    put_back(world.home, before)
    assert await world.submit(), "nothing was submitted yet, and the copy is first"
    put_back(world.home, original)

    assert not await world.node().claim("auth_1", attempt_id=ahead)

    assert world.is_found()
    await world.mark()
    assert await world.submit()


async def test_of_two_databases_that_claim_at_once_one_submits_at_most(world: World, tmp_path: Path) -> None:
    """Each is ahead of the other by an intent, so that they create objects of different names."""
    with sqlite_home(tmp_path / "other") as home:
        other = World(home, world.store, name="2")
        _, ours = world.intend()
        other.intend()
        _, theirs = other.intend()

        answers = await asyncio.gather(
            world.node().claim("auth_1", attempt_id=ours),
            other.node().claim("auth_1", attempt_id=theirs),
        )

        assert sum(answers) <= 1
        assert world.is_found() or other.is_found()


@pytest.mark.parametrize("lost", [1, 3])
async def test_claims_in_a_row_are_refused_one_by_one_and_then_end(world: World, lost: int) -> None:
    before = dump(world.home)
    for _ in range(lost):
        assert await world.submit()
    put_back(world.home, before)

    answers = list[bool]()
    while not any(answers):
        answers.append(await world.submit())
        # Each time as if the restore had not been found: the next attempt meets the next claim.
        world.home.database.write_now(
            lambda tx: tx.submission_claims.acknowledge((), last_number=0, now=world.home.clock.now)
        )

    assert answers == [*[False] * lost, True]


async def test_a_node_finds_a_restore_at_its_start(world: World) -> None:
    before = dump(world.home)
    assert await world.submit()
    put_back(world.home, before)

    node = world.node()
    async with node.watched(interval_seconds=3600):
        assert node.is_stale.is_set()
    assert world.is_found()


async def test_a_running_node_finds_a_restore_by_itself(world: World) -> None:
    before = dump(world.home)
    assert await world.submit()
    node = world.node()
    async with node.watched(interval_seconds=0.05):
        assert not node.is_stale.is_set()
        put_back(world.home, before)
        async with asyncio.timeout(20):
            await node.is_stale.wait()


async def test_one_node_finds_a_restore_for_all(world: World) -> None:
    before = dump(world.home)
    assert await world.submit()
    put_back(world.home, before)
    await world.node().check()

    other = world.node()
    await other.check()

    assert other.is_stale.is_set()
    with pytest.raises(TemporarilyUnavailable, match="priorauth mark-restored"):
        world.home.database.read_now(lambda tx: tx.submission_claims.require_acknowledged())


async def test_an_empty_database_over_a_used_file_store_is_found(world: World) -> None:
    empty = dump(world.home)
    for each in range(3):
        assert await world.submit(f"auth_{each}")
    put_back(world.home, empty)

    await world.node().check()

    assert world.is_found()


async def test_a_database_that_knows_more_than_the_file_store_is_no_restore(world: World) -> None:
    world.intend()
    node = world.node()

    await node.check()
    assert not node.is_stale.is_set()
    assert await world.submit(node=node)
    await node.check()

    assert not node.is_stale.is_set()


async def test_attempts_from_before_there_were_claims_are_no_sign_of_a_restore(world: World) -> None:
    attempted = cases.attempted(world.home.clock)
    case = world.home.case(journal=attempted.journal, status=Status.PROCESSING)
    world.home.database.write_now(lambda tx: tx.authorizations.add(case))

    node = world.node()
    await node.check()

    assert not node.is_stale.is_set()
    assert await world.submit(case.id, node=node)


async def test_an_acknowledged_restore_knows_what_the_store_knows_and_goes_on(world: World) -> None:
    known = world.home.case()
    world.home.database.write_now(lambda tx: tx.authorizations.add(known))
    before = dump(world.home)
    assert await world.submit(known.id)
    assert await world.submit("auth_of_nobody")
    assert await world.submit("auth_of_nobody")
    put_back(world.home, before)
    await world.node().check()

    acknowledged = await world.mark()

    assert acknowledged == restoring.Acknowledged(submissions=3, unknown=("auth_of_nobody",))
    node = world.node()
    await node.check()
    assert not node.is_stale.is_set()
    assert await world.submit(known.id, node=node)
    assert await world.submit("auth_of_nobody", node=node)
    assert await world.mark() == restoring.Acknowledged(submissions=0, unknown=())


async def test_a_restore_that_is_found_refuses_every_claim_until_it_is_acknowledged(world: World) -> None:
    _, attempt_id = world.intend()
    world.home.database.write_now(lambda tx: tx.submission_claims.note_restore(now=world.home.clock.now))

    assert not await world.node().claim("auth_1", attempt_id=attempt_id)

    assert await objects_in(world.store).every() == set()


async def test_an_attempt_whose_intent_the_database_lacks_is_refused(world: World) -> None:
    assert not await world.node().claim("auth_1", attempt_id="sub_of_another_database")

    assert world.is_found()


@pytest.mark.parametrize("numbers", [(1,), (998, 999, 1000, 1001), (9_999, 10_000, 123_456)])
async def test_the_last_number_is_found_over_the_borders_of_buckets(
    store: ObjectStore, numbers: tuple[int, ...]
) -> None:
    objects = objects_in(store)
    for number in numbers:
        row = ClaimRow("auth_1", number, "sub_1", number)
        assert await objects.create(row, CONTENT) is Creation.OURS

    assert await objects.last_number() == max(numbers)
    assert await objects.attempts("auth_1") == dict.fromkeys(numbers, "sub_1")
    assert await objects.attempts("auth_") == {}


async def test_a_creation_that_the_store_has_answered_twice_is_still_ours(store: ObjectStore) -> None:
    objects, row = objects_in(store), ClaimRow("auth_1", 1, "sub_1", 1)
    assert await objects.create(row, CONTENT) is Creation.OURS
    assert await objects.create(row, CONTENT) is Creation.OURS


# The engine's steps over claims.


@pytest.fixture
def sending(tmp_path: Path) -> "Sending":
    """A submission that is about to leave, over a file store in a folder."""
    return Sending(tmp_path)


@dataclass
class Sending:
    """One authorization's steps."""

    folder: Path

    def __post_init__(self) -> None:
        self.files = self.folder / "files"
        self.store = folder_store(self.files)
        self.channel = ScriptedChannel()

    def steps(self, home: Home) -> Processing:
        """The engine's steps."""
        present = home.clock.moment
        return Processing(
            database=home.database,
            claims=claims_of(home, self.store),
            channels={"portal": self.channel},
            present=present,
            retries=Retries(home.database, present, Bounds(at_most=3)),
        )

    def stored(self, home: Home) -> Authorization:
        """Store an authorization that may be submitted."""
        case = cases.advancing(home.clock, final_submission=FinalSubmission.AUTOMATIC)
        case = home.case(
            status=case.status,
            journal=case.journal,
            next_action=None,
            attachments=(),
            final_submission=FinalSubmission.AUTOMATIC,
        )
        home.database.write_now(lambda tx: tx.authorizations.add(case))
        return case


def now(home: Home, case: Authorization) -> Authorization:
    found = home.database.read_now(lambda tx: tx.authorizations.get(case.id))
    assert found is not None
    return found


async def test_a_taken_claim_sends_nothing_and_the_payer_is_asked(sending: Sending, tmp_path: Path) -> None:
    with sqlite_home(tmp_path / "data") as home:
        case = sending.stored(home)
        before = dump(home)
        sending.channel.submission = cases.receipt(home.clock)
        assert await sending.steps(home).advance(case.id, case.journal.run, case.journal.turn) == Verdict.ENDED
        put_back(home, before)
        sending.channel.submission = None

        steps = sending.steps(home)
        assert await steps.advance(case.id, case.journal.run, case.journal.turn) == Verdict.UNRESOLVED
        assert now(home, case).journal.open_attempt is not None
        sending.channel.found = cases.receipt(home.clock)
        assert await steps.settle(case.id, case.journal.run, case.journal.turn) == Verdict.ENDED

        assert now(home, case).status is Status.WAITING_ON_PAYER
        assert sending.channel.asked == ["submit", "submit", "find"]


async def test_an_authorization_that_was_put_back_without_its_claims_sends_nothing(
    sending: Sending, home: Home
) -> None:
    """So an old SQLite file beside a newer log, and a dump of which one table was restored."""
    case = sending.stored(home)
    before = dump(home)
    sending.channel.submission = cases.receipt(home.clock)
    assert await sending.steps(home).advance(case.id, case.journal.run, case.journal.turn) == Verdict.ENDED
    put_back(home, {**dump(home), tables.authorizations: before[tables.authorizations]})
    sending.channel.submission = None

    node = claims_of(home, sending.store)
    await node.check()
    assert not node.is_stale.is_set(), "the file store and the table of claims agree"
    steps = sending.steps(home)
    assert await steps.advance(case.id, case.journal.run, case.journal.turn) == Verdict.UNRESOLVED

    found_at, attempts = home.database.read_now(
        lambda tx: (tx.submission_claims.restore_found_at(), tx.submission_claims.attempts(case.id))
    )
    assert found_at is not None
    open_attempt = now(home, case).journal.open_attempt
    assert open_attempt is not None
    assert [each for each in attempts.values() if each != open_attempt.id] == list(
        (await objects_in(sending.store).attempts(case.id)).values()
    ), "the second attempt was not claimed"


async def test_an_attempt_that_cannot_be_claimed_is_concluded_unsent_and_tried_again(
    sending: Sending, tmp_path: Path
) -> None:
    with sqlite_home(tmp_path / "data") as home:
        case = sending.stored(home)
        sending.files.rmdir()
        sending.files.write_text("A file where the folder was.")
        sending.channel.submission = cases.receipt(home.clock)
        sending.channel.found = Absent()

        assert await sending.steps(home).advance(case.id, case.journal.run, case.journal.turn) == Verdict.AGAIN

        after = now(home, case)
        assert [each.state for each in after.journal.attempts] == [AttemptState.ABSENT]
        assert (after.status, after.journal.turn) == (Status.PROCESSING, case.journal.turn + 1)
        sending.files.unlink()
        sending.files.mkdir()
        assert await sending.steps(home).advance(case.id, after.journal.run, after.journal.turn) == Verdict.ENDED
        assert now(home, case).status is Status.WAITING_ON_PAYER
        assert sending.channel.asked == ["submit", "submit"]


@pytest.mark.parametrize("put_in_place", ["moved", "deleted"])
async def test_a_sqlite_file_that_is_replaced_under_its_server_is_neither_read_nor_written(
    tmp_path: Path, put_in_place: str
) -> None:
    with sqlite_home(tmp_path / "data") as home:
        file = tmp_path / "data" / "priorauth.db"
        if put_in_place == "moved":
            (tmp_path / "copy").write_bytes(file.read_bytes())
            (tmp_path / "copy").rename(file)
        else:
            file.unlink()

        for work in (home.database.read, home.database.write):
            with pytest.raises(TemporarilyUnavailable, match="priorauth mark-restored"):
                await work(lambda tx: tx.organizations.named("Cedar Hollow"))
        node = claims_of(home)
        async with node.watched(interval_seconds=0.05), asyncio.timeout(20):
            await node.is_stale.wait()
