"""A person's press of the last button: committed before the held request leaves, or provably not sent.

Real engine steps over a real database; what the payer shows is told to a scripted channel.
"""

import pytest

from priorauth.channels.contract import EvidenceMismatch, NothingFound
from priorauth.commands import handoffs
from priorauth.domain import interactions
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import NotMutable
from priorauth.domain.handoffs import HandoffResult, OfferReason, Report, ReportedOutcome, UnableReason
from priorauth.domain.lifecycle import Status
from priorauth.domain.submissions import AttemptState, Outcome
from priorauth.engine.processing import Verdict
from tests.factories import cases
from tests.factories.moments import Clock
from tests.factories.steps import Build, Steps, Store

LOST = Report(result=HandoffResult.INTERACTION_LOST_UNRECOVERABLE)
DONE = Report(result=HandoffResult.COMPLETED_REPORTED, outcome=ReportedOutcome.SUBMITTED)
UNABLE = Report(result=HandoffResult.UNABLE_TO_COMPLETE, unable=UnableReason.OTHER)


def taken(clock: Clock) -> Authorization:
    """A person may submit."""
    return cases.taken_over(clock, reason=OfferReason.FINAL_SUBMIT)


def closed_without_press(clock: Clock) -> Authorization:
    """The person's session is lost before they pressed."""
    return cases.given_back(clock, LOST, reason=OfferReason.FINAL_SUBMIT, presses=False)


def pressed_and_closed(clock: Clock) -> Authorization:
    """The person has pressed, and reports it."""
    return cases.given_back(clock, DONE, reason=OfferReason.FINAL_SUBMIT)


def press(steps: Steps, *, session_id: str = "sess_1") -> Authorization:
    """Commit a press of the person, which this session holds."""
    home = steps.home
    return home.database.write_now(
        lambda tx: handoffs.intend(tx, home.clock.moment(), authorization_id=steps.case_id, session_id=session_id)
    )


def hold_session(steps: Steps) -> None:
    """A browser of the case is up."""
    claim = cases.claim_of(steps.now(), steps.home.clock)
    steps.home.database.write_now(lambda tx: tx.sessions.put(claim))


async def test_attempt_that_was_never_pressed_is_unsent_after_a_workers_death(stored: Store) -> None:
    steps = stored(closed_without_press)
    # The browser is gone with its worker: the new one cannot say what left the old one.
    steps.channel.reconciled = NothingFound(searched=True, unsent=False)

    assert await steps.reconcile() == Verdict.ENDED

    assert [each.state for each in steps.now().journal.attempts] == [AttemptState.ABSENT]


async def test_press_is_committed_once(stored: Store) -> None:
    steps = stored(taken)
    hold_session(steps)

    assert not press(steps).journal.attempts[-1].awaits_press

    with pytest.raises(NotMutable):
        press(steps)


async def test_press_without_a_session_is_not_committed(stored: Store) -> None:
    steps = stored(taken)

    with pytest.raises(NotMutable):
        press(steps)


async def test_press_in_another_session_than_the_claimed_one_is_not_committed(stored: Store) -> None:
    steps = stored(taken)
    hold_session(steps)

    with pytest.raises(NotMutable):
        press(steps, session_id="sess_0")

    assert steps.now().journal.attempts[-1].awaits_press


@pytest.mark.parametrize("build", [closed_without_press, pressed_and_closed, cases.approved, cases.taken_over])
async def test_press_outside_an_active_accepting_handoff_is_not_committed(stored: Store, build: Build) -> None:
    steps = stored(build)
    hold_session(steps)

    with pytest.raises(NotMutable):
        press(steps)


def mismatch(clock: Clock) -> EvidenceMismatch:
    """The payer's request under our reference names other units."""
    return EvidenceMismatch((("Units requested", "1"),), (("Units requested", "7"),), cases.receipt(clock))


async def test_mismatch_after_a_handoff_is_never_a_plain_receipt(stored: Store) -> None:
    steps = stored(pressed_and_closed)
    steps.channel.reconciled = mismatch(steps.home.clock)

    await steps.reconcile()

    case = steps.now()
    assert (case.status, case.submission.payer_receipt) == (Status.REQUIRES_ACTION, None)
    assert case.submission.mismatch is not None
    assert case.submission.mismatch.shown == (("Units requested", "7"),)
    assert case.journal.open_attempt is not None, "nothing is sent again meanwhile"


async def test_mismatch_found_while_settling_is_offered(stored: Store) -> None:
    steps = stored(cases.attempted)
    steps.channel.found = mismatch(steps.home.clock)

    await steps.settle()

    assert steps.now().status is Status.REQUIRES_ACTION
    assert steps.now().submission.mismatch is not None


async def test_mismatch_of_a_canceled_authorization_is_kept_as_late_evidence(stored: Store) -> None:
    steps = stored(lambda clock: cases.canceled(cases.attempted(clock), clock))
    steps.channel.found = mismatch(steps.home.clock)

    await steps.settle()

    case = steps.now()
    assert (case.status, case.submission.payer_receipt) == (Status.CANCELED, None)
    assert case.submission.mismatch is not None
    assert case.journal.attempts[-1].state is AttemptState.UNKNOWN


async def test_mismatch_that_nobody_can_resolve_ends_as_failed(stored: Store) -> None:
    steps = stored(pressed_and_closed)
    steps.channel.reconciled = mismatch(steps.home.clock)
    await steps.reconcile()
    close(steps, UNABLE)

    await steps.reconcile()

    case = steps.now()
    assert (case.status, case.outcome) == (Status.COMPLETED, Outcome.FAILED)
    assert case.status_reason is not None
    assert case.status_reason.code == "submission_unresolved"


async def test_accepted_mismatch_records_its_receipt_without_asking_the_payer(stored: Store) -> None:
    steps = stored(pressed_and_closed)
    steps.channel.reconciled = mismatch(steps.home.clock)
    await steps.reconcile()
    known = steps.now().submission.mismatch
    assert known is not None
    close(steps, Report(result=HandoffResult.COMPLETED_REPORTED, accepted_mismatch_id=known.id))

    await steps.reconcile()

    case = steps.now()
    assert steps.channel.asked == ["reconcile"]
    assert (case.status, case.submission.payer_receipt) == (Status.WAITING_ON_PAYER, known.receipt)
    assert case.submission.mismatch is None
    assert case.journal.accepted_evidence == (("Units requested", "7"),)
    assert case.journal.attempts[-1].state is AttemptState.TAKEN


def close(steps: Steps, report: Report) -> None:
    """A person takes the offer over and closes it."""
    clock = steps.home.clock
    taken = interactions.take(steps.now(), clock.moment(), accepted_review_snapshot_id=None)
    closed = interactions.close(taken, clock.moment(), handoff_id=taken.journal.handoffs[-1].id, report=report)
    steps.home.database.write_now(lambda tx: tx.authorizations.save(closed))
