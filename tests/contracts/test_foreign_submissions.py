"""A page that tries to use an approval for something else: one fresh browser, then the approval is spent.

Real engine steps over a real database; what the session meets is told to a scripted channel.
"""

from dataclasses import replace
from datetime import timedelta

from priorauth.channels.contract import (
    AtBoundary,
    ForeignSubmission,
    HumanNeeded,
    NothingFound,
    ReviewPage,
    Withheld,
)
from priorauth.commands import handoffs
from priorauth.commands import submissions as moves
from priorauth.domain import interactions
from priorauth.domain.authorizations import ActionType, Authorization, FinalSubmission
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.lifecycle import Status
from priorauth.domain.live_sessions import FOREIGN_SUBMISSION
from priorauth.domain.reviews import Package, SnapshotStatus
from priorauth.domain.submissions import AttemptState
from priorauth.engine.ledger import Ledger
from priorauth.engine.processing import Verdict
from tests.factories import cases
from tests.factories.claims import claims_of
from tests.factories.moments import Clock
from tests.factories.steps import Steps, Store

PATIENCE = timedelta(minutes=30)
PAGE = ReviewPage(Package((("Units requested", "1"),), ()), b"png")


def automatic(clock: Clock) -> Authorization:
    """The service may submit by itself."""
    return cases.advancing(clock, final_submission=FinalSubmission.AUTOMATIC)


async def met_twice(steps: Steps) -> Authorization:
    """The authorization after two sessions that met a foreign submission."""
    steps.channel.submission = ForeignSubmission()
    assert await steps.advance() == Verdict.AGAIN
    assert await steps.advance() == Verdict.ENDED
    return steps.now()


async def test_first_foreign_submission_starts_again_at_once_unsent(stored: Store) -> None:
    steps = stored(cases.approved)
    steps.channel.submission = ForeignSubmission()

    assert await steps.advance() == Verdict.AGAIN

    case = steps.now()
    assert (case.status, case.journal.turn) == (Status.PROCESSING, 1)
    assert [each.state for each in case.journal.attempts] == [AttemptState.ABSENT]
    assert case.journal.approval is not None, "one more browser is tried under it"


async def test_second_foreign_submission_spends_the_approval(stored: Store) -> None:
    steps = stored(cases.approved)
    before = steps.now().submission.review_snapshot

    case = await met_twice(steps)

    snapshot = case.submission.review_snapshot
    assert snapshot is not None
    assert before is not None
    assert (case.status, snapshot.status) == (Status.REQUIRES_CONFIRMATION, SnapshotStatus.CURRENT)
    assert snapshot.id != before.id
    assert [each.code for each in snapshot.warnings] == ["foreign_submission_refused"]
    assert case.next_action is not None
    assert case.next_action.type is ActionType.APPROVE_SUBMISSION
    assert case.journal.approval is None


async def test_new_approval_tries_fresh_browsers_again(stored: Store) -> None:
    steps = stored(cases.approved)
    case = await met_twice(steps)

    again = cases.confirmed(case, steps.home.clock)

    assert again.journal.foreign_submissions == 0


async def test_automatic_foreign_submissions_are_for_a_person_without_a_session(stored: Store) -> None:
    steps = stored(automatic)

    case = await met_twice(steps)

    assert case.status is Status.REQUIRES_ACTION
    assert case.next_action is not None
    assert case.next_action.reason is not None
    assert case.next_action.reason.code == OfferReason.UNKNOWN_PAGE
    assert case.next_action.review_snapshot_id is None, "nothing may be submitted in it"
    home = steps.home
    attended = home.database.write_now(
        lambda tx: handoffs.attend(tx, home.clock.moment(), authorization_id=case.id, patience=PATIENCE)
    )
    assert attended.status is Status.REQUIRES_ACTION, "the offer stays without a session"


async def test_foreign_submission_of_a_reply_spends_its_approval(stored: Store) -> None:
    steps = stored(cases.reply_approved)

    case = await met_twice(steps)

    assert case.status is Status.REQUIRES_CONFIRMATION
    assert case.submission.payer_receipt is not None
    assert case.submission.review_snapshot is not None
    assert [each.code for each in case.submission.review_snapshot.warnings] == ["foreign_submission_refused"]


async def test_review_page_is_kept_with_its_snapshot(stored: Store) -> None:
    steps = stored(cases.advancing)
    steps.channel.preparation = AtBoundary((), PAGE)

    await steps.advance()

    snapshot = steps.now().submission.review_snapshot
    assert snapshot is not None
    assert snapshot.package == PAGE.package
    assert snapshot.picture == f"reviews/{snapshot.id}"
    assert steps.pictures.stored == {snapshot.picture: b"png"}


async def test_withheld_attempt_that_was_left_open_is_looked_for(stored: Store) -> None:
    steps = stored(cases.approved)
    steps.channel.submission = Withheld()

    assert await steps.advance() == Verdict.UNRESOLVED
    assert steps.now().journal.open_attempt is not None


async def test_what_was_approved_is_kept_as_what_was_sent(stored: Store) -> None:
    def approved(clock: Clock) -> Authorization:
        case = cases.under_review(clock)
        snapshot = case.submission.review_snapshot
        assert snapshot is not None
        shown = replace(case.submission, review_snapshot=replace(snapshot, package=PAGE.package))
        return cases.confirmed(replace(case, submission=shown), clock)

    steps = stored(approved)
    run, turn = steps.now().journal.run, steps.now().journal.turn

    steps.home.database.write_now(
        lambda tx: moves.begin_attempt(
            tx, steps.home.clock.moment(), authorization_id=steps.case_id, run=run, turn=turn
        )
    )

    assert steps.now().journal.sent == PAGE.package


async def test_foreign_submission_in_a_persons_session_is_counted_and_told_with_the_next_offer(stored: Store) -> None:
    steps = stored(lambda clock: cases.taken_over(clock, reason=OfferReason.FINAL_SUBMIT))
    home, claim = steps.home, cases.claim_of(steps.now(), steps.home.clock)
    ledger = Ledger(home.database, home.clock.moment, claims=claims_of(home))
    await ledger.claim(claim)

    await ledger.release(authorization_id=claim.authorization_id, session_id=claim.session_id, cause=FOREIGN_SUBMISSION)

    assert steps.now().journal.foreign_submissions == 1
    told = home.database.read_now(lambda tx: tx.timeline.page(steps.case_id, before=None, limit=9))
    assert [each.details for each in told if each.type == "session_ended"] == [{"cause": FOREIGN_SUBMISSION}]
    steps.channel.reconciled = NothingFound(searched=True, unsent=True)
    await steps.reconcile()
    steps.channel.preparation = HumanNeeded(OfferReason.FINAL_SUBMIT, "A person has to press.", page=PAGE)
    await steps.advance()

    snapshot = steps.now().submission.review_snapshot
    assert snapshot is not None
    assert [each.code for each in snapshot.warnings] == [FOREIGN_SUBMISSION]
    again = interactions.take(steps.now(), home.clock.moment(), accepted_review_snapshot_id=snapshot.id)
    assert again.journal.foreign_submissions == 0, "whoever takes it over has seen the warning"


async def test_foreign_submission_of_the_services_own_session_is_counted_once(stored: Store) -> None:
    steps = stored(cases.approved)
    home, claim = steps.home, cases.claim_of(steps.now(), steps.home.clock)
    ledger = Ledger(home.database, home.clock.moment, claims=claims_of(home))
    await ledger.claim(claim)

    await ledger.release(authorization_id=claim.authorization_id, session_id=claim.session_id, cause=FOREIGN_SUBMISSION)
    steps.channel.submission = ForeignSubmission()
    await steps.advance()

    assert steps.now().journal.foreign_submissions == 1
