"""After a human's turn: every report, true or false, leads where the payer's truth leads. Contract, section 2.

Real engine steps over a real database; what the payer shows is told to a scripted channel.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from priorauth.channels.contract import (
    Absent,
    AtBoundary,
    ChannelFault,
    HumanNeeded,
    NothingFound,
    NotRequired,
    Unresolved,
)
from priorauth.commands import handoffs, submissions
from priorauth.commands.record import next_work
from priorauth.domain import interactions
from priorauth.domain.authorizations import Authorization, FinalSubmission
from priorauth.domain.handoffs import (
    HandoffResult,
    HandoffState,
    OfferReason,
    Report,
    ReportedOutcome,
    UnableReason,
)
from priorauth.domain.lifecycle import Status
from priorauth.domain.live_sessions import BoundaryState, SessionClaim
from priorauth.domain.submissions import AttemptState, Outcome
from priorauth.engine.jobs import job_of
from priorauth.engine.processing import Verdict
from priorauth.store.transaction import Transaction
from tests.factories import cases
from tests.factories.databases import Home
from tests.factories.moments import Clock
from tests.factories.steps import Build, Steps, Store

NOTHING = NothingFound(searched=True, unsent=True)
SENT_PERHAPS = NothingFound(searched=True, unsent=False)
UNSEARCHABLE = NothingFound(searched=False, unsent=False)

COMPLETES = [
    Report(result=HandoffResult.COMPLETED_REPORTED, outcome=outcome, reference_number="LK-REPORTED")
    for outcome in ReportedOutcome
]
UNABLES = [Report(result=HandoffResult.UNABLE_TO_COMPLETE, unable=reason) for reason in UnableReason]
OTHERS = [
    Report(result=result)
    for result in (HandoffResult.REVOKED, HandoffResult.EXPIRED, HandoffResult.INTERACTION_LOST_UNRECOVERABLE)
]


def named(report: Report) -> str:
    return str(report.outcome or report.unable or report.result)


every_report = pytest.mark.parametrize("report", [*COMPLETES, *UNABLES, *OTHERS], ids=named)


def given_back(report: Report, *, reason: OfferReason = OfferReason.SIGN_IN) -> Build:
    return lambda clock: cases.given_back(clock, report, reason=reason)


@every_report
@pytest.mark.parametrize("reason", OfferReason)
async def test_a_receipt_is_the_truth_whatever_was_reported(stored: Store, report: Report, reason: OfferReason) -> None:
    steps = stored(given_back(report, reason=reason))
    steps.channel.reconciled = cases.receipt(steps.home.clock)

    assert await steps.reconcile() == Verdict.ENDED

    case = steps.now()
    assert case.status is Status.WAITING_ON_PAYER
    assert case.submission.payer_receipt is not None
    assert steps.channel.references == [report.reference_number]
    handoff = case.journal.handoffs[-1]
    assert (handoff.state, handoff.report) == (HandoffState.CLOSED, report)
    assert handoff.reconciliation is not None
    assert handoff.reconciliation.is_completed
    assert case.active_handoff is None
    assert all(attempt.state is AttemptState.TAKEN for attempt in case.journal.attempts)


@pytest.mark.parametrize("report", [*COMPLETES, *OTHERS], ids=named)
async def test_without_a_trace_at_the_payer_the_service_goes_on(stored: Store, report: Report) -> None:
    steps = stored(given_back(report))
    steps.channel.reconciled = NOTHING

    assert await steps.reconcile() == Verdict.ENDED

    case = steps.now()
    assert (case.status, case.active_handoff) == (Status.PROCESSING, None)
    assert case.submission.payer_receipt is None
    assert steps.home.database.read_now(lambda tx: next_work(tx, case)) is not None


@pytest.mark.parametrize("report", UNABLES, ids=named)
@pytest.mark.parametrize("reason", [OfferReason.SIGN_IN, OfferReason.UNKNOWN_PAGE, OfferReason.FINAL_SUBMIT])
async def test_what_cannot_be_done_fails_with_the_reason_when_the_payer_has_nothing(
    stored: Store, report: Report, reason: OfferReason
) -> None:
    steps = stored(given_back(report, reason=reason))
    steps.channel.reconciled = NOTHING

    await steps.reconcile()

    case = steps.now()
    assert (case.status, case.outcome) == (Status.COMPLETED, Outcome.FAILED)
    assert case.status_reason is not None
    assert case.status_reason.code == report.unable


@pytest.mark.parametrize("report", UNABLES, ids=named)
async def test_who_cannot_sign_in_is_not_asked_for_ever(stored: Store, report: Report) -> None:
    steps = stored(given_back(report))
    steps.channel.reconciled = HumanNeeded(OfferReason.SIGN_IN, "A code is needed.")

    await steps.reconcile()

    case = steps.now()
    assert (case.status, case.outcome) == (Status.COMPLETED, Outcome.FAILED)
    assert case.status_reason is not None
    assert case.status_reason.code == report.unable


@pytest.mark.parametrize("report", UNABLES, ids=named)
@pytest.mark.parametrize("found", [UNSEARCHABLE, HumanNeeded(OfferReason.SIGN_IN, "A code is needed.")], ids=str)
async def test_who_may_have_sent_it_and_says_unable_is_followed_by_one_who_looks(
    stored: Store, report: Report, found: NothingFound | HumanNeeded
) -> None:
    steps = stored(given_back(report, reason=OfferReason.FINAL_SUBMIT))
    steps.channel.reconciled = found

    await steps.reconcile()

    assert steps.now().status is Status.REQUIRES_ACTION
    assert steps.now().journal.open_attempt is not None

    def look(tx: Transaction) -> Authorization:
        moment = steps.home.clock.moment()
        case = interactions.take(steps.now(), moment, accepted_review_snapshot_id=None)
        closed = interactions.close(case, moment, handoff_id=case.journal.handoffs[-1].id, report=report)
        tx.authorizations.save(closed)
        return closed

    steps.home.database.write_now(look)
    await steps.reconcile()

    case = steps.now()
    assert (case.status, case.outcome) == (Status.COMPLETED, Outcome.FAILED)
    assert case.status_reason is not None
    assert case.status_reason.code == "submission_unresolved", "nobody says that the payer has nothing"


@every_report
async def test_what_the_payer_has_is_not_given_up_by_a_page_or_a_report(stored: Store, report: Report) -> None:
    def waiting(clock: Clock) -> Authorization:
        offered = cases.offer_of(cases.submitted(clock), clock, reason=OfferReason.SIGN_IN)
        taken = interactions.take(offered, clock.moment(), accepted_review_snapshot_id=None)
        return interactions.close(taken, clock.moment(), handoff_id=taken.journal.handoffs[-1].id, report=report)

    steps = stored(waiting)
    steps.channel.reconciled = NotRequired("No authorization is needed.")

    await steps.reconcile()

    assert steps.now().status is Status.WAITING_ON_PAYER
    assert steps.now().active_handoff is None


@every_report
async def test_what_the_payer_does_not_require_is_its_word(stored: Store, report: Report) -> None:
    steps = stored(given_back(report))
    steps.channel.reconciled = NotRequired("No authorization is needed.")

    await steps.reconcile()

    assert (steps.now().status, steps.now().outcome) == (Status.COMPLETED, Outcome.NOT_REQUIRED)


@pytest.mark.parametrize("report", [*COMPLETES, *OTHERS], ids=named)
async def test_the_final_submit_is_a_humans_again_and_never_the_services(stored: Store, report: Report) -> None:
    steps = stored(given_back(report, reason=OfferReason.FINAL_SUBMIT))
    before = steps.now().submission.review_snapshot
    steps.channel.reconciled = NOTHING
    await steps.reconcile()
    assert [each.state for each in steps.now().journal.attempts] == [AttemptState.ABSENT]
    # The portal wants no person this time; the service could submit, and must not.
    steps.channel.preparation = AtBoundary(())

    assert await steps.advance() == Verdict.ENDED

    case = steps.now()
    assert steps.channel.asked == ["reconcile", "prepare"]
    assert case.status is Status.REQUIRES_ACTION
    assert case.next_action is not None
    assert case.next_action.reason is not None
    assert case.next_action.reason.code == OfferReason.FINAL_SUBMIT
    snapshot = case.submission.review_snapshot
    assert snapshot is not None
    assert before is not None
    assert snapshot.id == case.next_action.review_snapshot_id != before.id


async def test_what_a_human_was_let_send_is_never_the_services_even_where_the_policy_is_automatic(
    stored: Store,
) -> None:
    report = Report(result=HandoffResult.REVOKED)

    def automatic(clock: Clock) -> Authorization:
        given = cases.given_back(clock, report, reason=OfferReason.FINAL_SUBMIT)
        return replace(given, final_submission=FinalSubmission.AUTOMATIC)

    steps = stored(automatic)
    steps.channel.reconciled = NOTHING
    await steps.reconcile()
    steps.channel.preparation = AtBoundary(())

    await steps.advance()

    assert steps.channel.asked == ["reconcile", "prepare"]
    assert steps.now().status is Status.REQUIRES_ACTION


async def test_what_a_later_browser_did_not_send_says_nothing_of_the_humans(stored: Store) -> None:
    steps = stored(given_back(OTHERS[2], reason=OfferReason.FINAL_SUBMIT))
    steps.channel.reconciled = SENT_PERHAPS
    assert await steps.reconcile() == Verdict.AGAIN
    # The human's browser has died; this is the one in which the service has looked.
    steps.channel.reconciled = NOTHING

    assert await steps.reconcile() == Verdict.AGAIN
    assert steps.now().journal.attempts[-1].state is AttemptState.INTENDED


async def test_what_may_have_left_is_absent_only_after_two_looks(stored: Store) -> None:
    report = Report(result=HandoffResult.COMPLETED_REPORTED, outcome=ReportedOutcome.SUBMITTED)
    steps = stored(given_back(report, reason=OfferReason.FINAL_SUBMIT))
    steps.channel.reconciled = SENT_PERHAPS

    assert await steps.reconcile() == Verdict.AGAIN
    assert steps.now().journal.attempts[-1].state is AttemptState.INTENDED
    assert steps.now().active_handoff is not None, "still closing"
    steps.home.clock.moment(later=3600)
    assert await steps.reconcile() == Verdict.ENDED

    assert steps.now().journal.attempts[-1].state is AttemptState.ABSENT
    assert steps.now().active_handoff is None


def answered_by_the_portal(steps: Steps) -> None:
    steps.home.database.write_now(lambda tx: submissions.note_answer(tx, authorization_id=steps.case_id))


def needs_person(steps: Steps) -> bool:
    return steps.home.database.read_now(lambda tx: job_of(tx, steps.now())).needs_person


async def test_what_the_portal_answered_well_is_never_absent(stored: Store) -> None:
    steps = stored(cases.attempted)
    answered_by_the_portal(steps)
    steps.channel.found = Absent()
    assert not needs_person(steps), "a search may lag: it is asked twice"

    for _ in range(3):
        await steps.settle()
        steps.home.clock.moment(later=3600)
    assert steps.now().journal.attempts[-1].state is AttemptState.INTENDED
    assert needs_person(steps)

    steps.channel.found = HumanNeeded(OfferReason.SUBMISSION_UNRESOLVED, "Look for it.")
    await steps.settle()
    assert steps.now().status is Status.REQUIRES_ACTION
    assert set(steps.channel.asked) == {"find"}


@pytest.mark.parametrize("report", [COMPLETES[0], UNABLES[0], OTHERS[0]], ids=named)
async def test_a_persons_press_that_was_answered_well_is_not_offered_for_another(stored: Store, report: Report) -> None:
    def pressed(clock: Clock) -> Authorization:
        return cases.pressed(cases.taken_over(clock, reason=OfferReason.FINAL_SUBMIT), clock)

    steps = stored(pressed)
    answered_by_the_portal(steps)

    def close(tx: Transaction) -> None:
        case = steps.now()
        handoff = case.journal.handoffs[-1].id
        tx.authorizations.save(interactions.close(case, steps.home.clock.moment(), handoff_id=handoff, report=report))

    steps.home.database.write_now(close)
    steps.channel.reconciled = SENT_PERHAPS
    assert await steps.reconcile() == Verdict.AGAIN
    steps.home.clock.moment(later=3600)
    assert await steps.reconcile() == Verdict.ENDED

    case = steps.now()
    assert case.status is Status.REQUIRES_ACTION
    assert case.next_action is not None
    assert case.next_action.reason is not None
    assert case.next_action.reason.code == OfferReason.SUBMISSION_UNRESOLVED
    assert case.journal.open_attempt is not None


@pytest.mark.parametrize("report", [*COMPLETES, *OTHERS], ids=named)
async def test_where_the_payer_cannot_be_searched_a_human_decides(stored: Store, report: Report) -> None:
    steps = stored(given_back(report, reason=OfferReason.FINAL_SUBMIT))
    steps.channel.reconciled = UNSEARCHABLE

    await steps.reconcile()

    case = steps.now()
    assert case.status is Status.REQUIRES_ACTION
    assert case.next_action is not None
    assert case.next_action.reason is not None
    assert case.next_action.reason.code == OfferReason.SUBMISSION_UNRESOLVED
    assert case.next_action.review_snapshot_id is None, "nothing more may be submitted"
    assert case.journal.open_attempt is not None


async def test_a_sign_in_that_is_missing_for_the_reading_is_offered(stored: Store) -> None:
    steps = stored(given_back(OTHERS[2], reason=OfferReason.FINAL_SUBMIT))
    steps.channel.reconciled = HumanNeeded(OfferReason.SIGN_IN, "A code is needed.")

    await steps.reconcile()

    assert steps.now().status is Status.REQUIRES_ACTION
    assert steps.now().journal.open_attempt is not None, "what may have been sent is still to be looked for"


async def test_a_portal_that_cannot_be_read_is_asked_again(stored: Store) -> None:
    steps = stored(given_back(COMPLETES[0]))
    steps.channel.fault = ChannelFault("portal_unreachable", "The portal could not be reached.")

    assert await steps.reconcile() == Verdict.AGAIN

    assert steps.now().status is Status.PROCESSING
    assert steps.now().active_handoff is not None
    assert steps.now().journal.turn == 1


async def test_a_case_that_only_waits_waits_again_after_its_session_was_lost(stored: Store) -> None:
    def lost(clock: Clock) -> Authorization:
        case = cases.submitted(clock)
        offered = cases.offer_of(case, clock, reason=OfferReason.SIGN_IN)
        return cases.lost(offered, clock)

    steps = stored(lost)
    assert steps.now().status is Status.PROCESSING

    await steps.advance()

    assert steps.now().status is Status.WAITING_ON_PAYER
    assert steps.channel.asked == []


async def test_the_close_comes_before_any_other_work(stored: Store) -> None:
    steps = stored(given_back(COMPLETES[0], reason=OfferReason.FINAL_SUBMIT))

    assert await steps.advance() == Verdict.CLOSING
    assert steps.channel.asked == []


async def test_a_handoff_without_a_session_is_lost_and_one_without_access_expires(stored: Store, home: Home) -> None:
    steps = stored(cases.taken_over)
    patience = timedelta(minutes=30)
    claim = SessionClaim(
        authorization_id=steps.case_id,
        session_id="sess_1",
        worker="worker_1",
        channel="portal",
        boundary=BoundaryState.NOT_REACHED,
        expires_at=home.clock.now + timedelta(days=1),
    )
    home.database.write_now(lambda tx: tx.sessions.put(claim))

    def attend() -> Authorization:
        return home.database.write_now(
            lambda tx: handoffs.attend(tx, home.clock.moment(), authorization_id=steps.case_id, patience=patience)
        )

    assert attend().status is Status.REQUIRES_ACTION
    home.clock.moment(later=29 * 60)
    assert attend().status is Status.REQUIRES_ACTION
    home.clock.moment(later=2 * 60)
    expired = attend()
    assert expired.status is Status.PROCESSING
    assert expired.journal.handoffs[-1].report == Report(result=HandoffResult.EXPIRED)

    other = stored(cases.taken_over)
    lost = home.database.write_now(
        lambda tx: handoffs.attend(tx, home.clock.moment(), authorization_id=other.case_id, patience=patience)
    )
    assert lost.journal.handoffs[-1].report == Report(result=HandoffResult.INTERACTION_LOST_UNRECOVERABLE)


async def test_a_canceled_case_for_which_nobody_can_look_comes_to_rest(stored: Store) -> None:
    steps = stored(lambda clock: cases.canceled(cases.attempted(clock), clock))
    assert steps.now().awaits_work
    steps.channel.found = HumanNeeded(OfferReason.SIGN_IN, "A code is needed.")

    await steps.settle()

    assert steps.now().status is Status.CANCELED
    assert not steps.now().awaits_work
    assert steps.now().journal.attempts[-1].state is AttemptState.UNKNOWN


async def test_a_submission_that_cannot_be_looked_for_is_offered_to_a_human(stored: Store) -> None:
    steps = stored(cases.attempted)
    steps.channel.submission = Unresolved()
    steps.channel.found = HumanNeeded(OfferReason.SUBMISSION_UNRESOLVED, "The portal cannot be searched.")
    assert await steps.advance() == Verdict.UNRESOLVED

    await steps.settle()

    assert steps.now().status is Status.REQUIRES_ACTION
    assert steps.now().journal.open_attempt is not None
