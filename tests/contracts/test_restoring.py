"""After a restore the record is older than the world: what may have been sent is looked for, and never sent twice.

Real engine steps over a real database; what the payer shows is told to a scripted channel.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from priorauth.channels.contract import Absent, Answered, AtBoundary, HumanNeeded, NothingFound
from priorauth.commands import authorizations as customer
from priorauth.commands import restoring, submissions
from priorauth.commands.processing import Observation
from priorauth.domain import interactions
from priorauth.domain.authorizations import Authorization, FinalSubmission
from priorauth.domain.errors import NotMutable
from priorauth.domain.files import FileStatus, StoredFile
from priorauth.domain.handoffs import HandoffResult, OfferReason, Report, UnableReason
from priorauth.domain.lifecycle import Status
from priorauth.domain.reviews import SnapshotStatus
from priorauth.domain.submissions import AttemptState, Outcome
from priorauth.engine.processing import Processing, Verdict
from priorauth.engine.reconciling import Reconciling
from priorauth.engine.retries import Bounds, Retries
from priorauth.store.transaction import Transaction
from tests.factories import cases
from tests.factories.claims import claims_of
from tests.factories.databases import Home, sqlite_home
from tests.factories.moments import Clock
from tests.factories.scripted import ScriptedChannel

Build = Callable[[Clock], Authorization]
UNABLE = Report(result=HandoffResult.UNABLE_TO_COMPLETE, unable=UnableReason.CHANNEL_OUTAGE)


@dataclass
class Restored:
    """A case that a restore has brought back, and the engine's steps for it. Nothing is ever tried a second time."""

    home: Home
    channel: ScriptedChannel
    id: str

    def now(self) -> Authorization:
        """The case as it is now."""
        found = self.home.database.read_now(lambda tx: tx.authorizations.get(self.id))
        assert found is not None
        return found

    def confirm(self) -> None:
        """Confirm what the case asks for."""
        case, moment = self.now(), self.home.clock.moment()
        assert case.next_action is not None
        action = case.next_action.id
        self.home.database.write_now(
            lambda tx: customer.confirm(
                tx, self.home.caller, moment, authorization_id=self.id, expected_version=None, next_action_id=action
            )
        )

    async def work(self) -> str:
        """Run the case's workflow as the engine does."""
        verdict = await self.advance()
        if verdict == Verdict.CLOSING:
            verdict = await self._reconciling().reconcile(self.id, *self._place())
        if verdict == Verdict.UNRESOLVED:
            verdict = await self._processing().settle(self.id, *self._place())
        return verdict

    async def advance(self) -> str:
        """Run the first step alone."""
        return await self._processing().advance(self.id, *self._place())

    def settle(self) -> None:
        """Let the time go by after which another look proves something."""
        self.home.clock.moment(later=self.home.payer.portal.submission_settles_after_seconds)

    def told(self) -> list[str]:
        """The timeline, oldest first."""
        entries = self.home.database.read_now(lambda tx: tx.timeline.page(self.id, before=None, limit=100))
        return [entry.type for entry in reversed(entries)]

    def _place(self) -> tuple[int, int]:
        return self.now().journal.run, self.now().journal.turn

    def _reconciling(self) -> Reconciling:
        return Reconciling(
            database=self.home.database,
            channels={"portal": self.channel},
            present=self.home.clock.moment,
            retries=self._retries(),
        )

    def _processing(self) -> Processing:
        return Processing(
            database=self.home.database,
            claims=claims_of(self.home),
            channels={"portal": self.channel},
            present=self.home.clock.moment,
            retries=self._retries(),
        )

    def _retries(self) -> Retries:
        return Retries(self.home.database, self.home.clock.moment, Bounds(at_most=0))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A database; what is decided here is decided above it."""
    with sqlite_home(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def restored(home: Home) -> Callable[[Build], Restored]:
    """Store a case as a backup has it, and doubt it."""

    def store(build: Build) -> Restored:
        owner, version = home.caller.organization_id, home.payer_version
        case = replace(build(home.clock), organization_id=owner, payer_version=version)

        def add(tx: Transaction) -> None:
            tx.authorizations.add(case)
            for attachment in case.attachments:
                tx.files.add(_uploaded(case, attachment.file_id))
            restoring.doubt(tx, home.clock.moment(), authorization_id=case.id)

        home.database.write_now(add)
        return Restored(home, ScriptedChannel(), case.id)

    return store


Store = Callable[[Build], Restored]


def automatic(clock: Clock) -> Authorization:
    return cases.advancing(clock, final_submission=FinalSubmission.AUTOMATIC)


def half_looked_for(clock: Clock) -> Authorization:
    """One look in vain was made long before the restore: it proves nothing any more."""
    case = cases.attempted(clock)
    missed = replace(case.journal.attempts[-1], missed_at=clock.now)
    clock.moment(later=1_000_000)
    return replace(case, journal=replace(case.journal, attempts=(missed,)))


def tried_in_vain(clock: Clock) -> Authorization:
    """An attempt came to nothing before the backup; the next one may have been made after it."""
    case = cases.attempted(clock)
    absent = replace(case.journal.attempts[-1], state=AttemptState.ABSENT)
    return replace(case, journal=replace(case.journal, attempts=(absent,)))


def final_submit_taken(clock: Clock) -> Authorization:
    return cases.taken_over(clock, reason=OfferReason.FINAL_SUBMIT)


AT_WORK: dict[str, Build] = {
    "on the way to its review": cases.advancing,
    "approved": cases.approved,
    "automatic": automatic,
    "intended": cases.attempted,
    "looked for once": half_looked_for,
    "tried in vain": tried_in_vain,
    "offered for sign-in": cases.offered,
    "offered for the final submit": lambda clock: cases.offered(clock, reason=OfferReason.FINAL_SUBMIT),
}
OF_ITS_CUSTOMER: dict[str, Build] = {"ready": cases.ready, "under review": cases.under_review}
EVERYWHERE = {**AT_WORK, **OF_ITS_CUSTOMER}
everywhere = pytest.mark.parametrize("build", EVERYWHERE.values(), ids=EVERYWHERE)


def back_at_work(restored: Store, build: Build) -> Restored:
    """A restored case, confirmed where its customer has the move."""
    case = restored(build)
    if build in OF_ITS_CUSTOMER.values():
        assert case.now().status is Status.REQUIRES_CONFIRMATION
        case.confirm()
    return case


@everywhere
async def test_what_the_payer_has_is_found_and_not_sent_again(restored: Store, build: Build) -> None:
    case = back_at_work(restored, build)
    case.channel.found = cases.receipt(case.home.clock)

    assert await case.work() == Verdict.ENDED

    assert case.channel.asked == ["find"]
    found = case.now()
    assert (found.status, found.submission.payer_receipt) == (Status.WAITING_ON_PAYER, case.channel.found)
    assert found.journal.open_attempt is None
    assert "restored" in case.told()


@everywhere
async def test_two_looks_in_vain_far_enough_apart_let_the_case_go_on(restored: Store, build: Build) -> None:
    case = back_at_work(restored, build)
    case.channel.found = Absent()

    await case.work()
    assert case.now().journal.open_attempt is not None, "one look proves nothing, whatever was seen before the restore"
    case.settle()
    await case.work()

    assert case.channel.asked == ["find", "find"]
    now = case.now()
    assert now.status is Status.PROCESSING, "a search in vain is no failed try"
    assert (now.journal.open_attempt, now.journal.doubted_since, now.journal.is_doubted) == (None, None, False)
    case.channel.preparation = AtBoundary(())
    case.channel.submission = cases.receipt(case.home.clock)
    await case.work()
    assert len(case.channel.asked) == 3
    assert case.channel.asked[-1] in ("prepare", "submit")


async def test_an_approval_of_the_copy_is_void_and_asked_for_again(restored: Store) -> None:
    """Since the copy it may have been withdrawn with a change of the answers that is lost."""
    case = restored(cases.approved)
    voided = case.now()
    assert voided.journal.approval is None
    assert voided.submission.review_snapshot is not None
    assert voided.submission.review_snapshot.status is SnapshotStatus.STALE
    assert voided.journal.sent == voided.submission.review_snapshot.package, "it may have been sent under it"
    case.channel.found = Absent()
    await case.work()
    case.settle()
    await case.work()
    case.channel.preparation = AtBoundary(())
    case.channel.submission = cases.receipt(case.home.clock)

    await case.work()

    assert case.now().status is Status.REQUIRES_CONFIRMATION
    case.confirm()
    await case.work()
    assert case.now().status is Status.WAITING_ON_PAYER
    assert case.channel.asked == ["find", "find", "prepare", "submit"]


@pytest.mark.parametrize("build", [cases.reply_approved, cases.reply_attempted])
def test_an_approval_of_a_reply_is_void_too_and_what_was_sent_stays(restored: Store, build: Build) -> None:
    before = build(Clock()).journal
    assert before.approval is not None

    after = restored(build).now().journal

    assert after.approval is None
    assert before.approval.next_action_id.split("_")[0] == after.superseded_approvals[-1].split("_")[0]
    assert after.sent == before.sent


@everywhere
async def test_where_the_payer_cannot_be_searched_a_human_looks(restored: Store, build: Build) -> None:
    case = back_at_work(restored, build)
    case.channel.found = HumanNeeded(OfferReason.SUBMISSION_UNRESOLVED, "The search is down.")

    await case.work()

    now = case.now()
    assert now.status is Status.REQUIRES_ACTION
    assert now.next_action is not None
    assert now.next_action.reason is not None
    assert now.next_action.reason.code == "submission_unresolved"
    assert now.next_action.review_snapshot_id is None, "nobody may submit in it"


@everywhere
def test_the_intent_itself_refuses_what_was_not_looked_for(restored: Store, build: Build) -> None:
    case = back_at_work(restored, build)
    place = case.now().journal.run, case.now().journal.turn
    with pytest.raises(NotMutable):
        case.home.database.write_now(
            lambda tx: submissions.begin_attempt(
                tx, case.home.clock.moment(), authorization_id=case.id, run=place[0], turn=place[1]
            )
        )


async def test_a_search_that_dies_as_it_begins_is_taken_up_and_not_begun_twice(restored: Store) -> None:
    case = restored(cases.ready)
    case.confirm()
    for _ in range(2):
        # The step whose end nobody wrote down runs again.
        assert await case.advance() == Verdict.UNRESOLVED
    assert len(case.now().journal.attempts) == 1
    assert case.told().count("submission_doubted") == 1
    assert case.channel.asked == []


@pytest.mark.parametrize("build", [final_submit_taken, cases.taken_over], ids=["final submit", "sign-in"])
async def test_what_a_human_may_have_sent_after_the_backup_is_found(restored: Store, build: Build) -> None:
    case = restored(build)
    assert case.now().status is Status.PROCESSING, "no copy brings the human's session back"
    case.channel.reconciled = cases.receipt(case.home.clock)

    await case.work()

    assert case.now().status is Status.WAITING_ON_PAYER


@pytest.mark.parametrize("build", [final_submit_taken, cases.taken_over], ids=["final submit", "sign-in"])
async def test_a_humans_turn_that_shows_nothing_is_looked_at_twice(restored: Store, build: Build) -> None:
    case = restored(build)
    case.channel.reconciled = NothingFound(searched=True, unsent=False)
    await case.work()
    assert case.now().journal.open_attempt is not None
    case.settle()
    await case.work()
    now = case.now()
    assert (now.status, now.journal.open_attempt) == (Status.PROCESSING, None)
    assert "submit" not in case.channel.asked


async def test_a_case_that_a_human_gave_up_before_the_backup_fails_as_one_that_may_be_there(restored: Store) -> None:
    case = restored(lambda clock: cases.given_back(clock, UNABLE))
    case.channel.reconciled = NothingFound(searched=False, unsent=False)

    await case.work()

    now = case.now()
    assert now.outcome is Outcome.FAILED
    assert now.status_reason is not None
    assert now.status_reason.code == "submission_unresolved"


@pytest.mark.parametrize("build", [cases.replying, cases.reply_approved, cases.reply_attempted])
async def test_a_reply_that_the_payer_has_is_not_sent_again(restored: Store, build: Build) -> None:
    case = restored(build)
    case.channel.found = Answered()

    await case.work()

    now = case.now()
    assert (now.status, now.journal.open_inquiry) == (Status.WAITING_ON_PAYER, None)
    assert case.channel.asked == ["find"]


async def test_a_reply_to_what_is_asked_after_the_restore_is_looked_for_too(restored: Store) -> None:
    """The backup knows the receipt alone; the message and its reply came after it, and the portal is slow to say so."""
    case = restored(cases.submitted)
    assert case.now().status is Status.WAITING_ON_PAYER
    clock = case.home.clock
    seen = Observation(case.id, case.now().journal.run, "look:1")
    case.home.database.write_now(
        lambda tx: submissions.take_inquiry(tx, clock.moment(), seen, inquiry=cases.inquiry(clock))
    )
    lab_results = cases.notes(clock, document_type="lab_results")

    def give(tx: Transaction) -> None:
        now = case.now()
        tx.files.add(_uploaded(now, lab_results.file_id))
        changed = replace(now, attachments=(*now.attachments, lab_results), status=Status.REQUIRES_CONFIRMATION)
        tx.authorizations.save(replace(changed, requirements=replace(changed.requirements, issues=(), documents=())))

    case.home.database.write_now(give)
    case.confirm()
    case.channel.found = Absent()
    await case.work()
    case.settle()
    case.channel.found = Answered()
    await case.work()

    assert case.now().journal.open_inquiry is None
    assert case.channel.asked == ["find", "find"]


@pytest.mark.parametrize("build", [cases.approved, cases.ready, cases.under_review])
async def test_what_the_payer_has_of_a_case_that_is_canceled_after_the_restore_is_late_evidence(
    restored: Store, build: Build
) -> None:
    case = restored(build)
    case.home.database.write_now(
        lambda tx: customer.cancel(
            tx,
            case.home.caller,
            case.home.clock.moment(),
            authorization_id=case.id,
            expected_version=None,
            reason=None,
        )
    )
    case.channel.found = cases.receipt(case.home.clock)

    await case.work()

    now = case.now()
    assert (now.status, now.submission.payer_receipt) == (Status.CANCELED, case.channel.found)


async def test_a_second_restore_doubts_again(restored: Store) -> None:
    case = restored(cases.approved)
    case.channel.found = Absent()
    await case.work()
    case.settle()
    case.home.database.write_now(lambda tx: restoring.doubt(tx, case.home.clock.moment(), authorization_id=case.id))
    await case.work()
    assert case.now().journal.open_attempt is not None, "the look before the second restore counts for nothing"


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.CANCELED])
def test_what_has_come_to_its_end_stays_as_it_is(restored: Store, status: Status) -> None:
    case = restored(lambda clock: cases.in_status(status, clock))
    assert case.now().journal.doubted_since is None
    assert case.told() == []


def test_an_offer_to_cross_the_boundary_is_none_while_the_case_is_doubted(restored: Store) -> None:
    case = restored(cases.ready)
    case.confirm()
    offered = interactions.offer(
        case.now(), cases.LARKSPUR, case.home.clock.moment(), reason=OfferReason.FINAL_SUBMIT, message="Press."
    )
    assert offered.next_action is not None
    assert offered.next_action.review_snapshot_id is None


def _uploaded(case: Authorization, file_id: str) -> StoredFile:
    return StoredFile(
        id=file_id,
        organization_id=case.organization_id,
        environment=case.environment,
        status=FileStatus.READY,
        file_name="notes.pdf",
        content_type="application/pdf",
        purpose="authorization_attachment",
        size_bytes=3,
        created_at=case.created_at,
        upload_expires_at=case.created_at,
        stored_as=file_id,
        sha256="0" * 64,
    )
