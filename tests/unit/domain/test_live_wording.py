"""What a viewer reads beside the picture, in every state of an authorization."""

from dataclasses import fields, replace

import pytest

from priorauth.domain import interactions, processing
from priorauth.domain.authorizations import Authorization
from priorauth.domain.handoffs import HandoffResult, OfferReason, Report, ReportedOutcome, UnableReason
from priorauth.domain.lifecycle import Status
from priorauth.domain.live.statuses import Phase
from priorauth.domain.live.views import Ending
from priorauth.domain.live.wording import HEADLINES, farewell_of, phase_of, status_of
from priorauth.domain.submissions import Mismatch
from tests.factories import cases
from tests.factories.moments import Clock

DONE = Report(result=HandoffResult.COMPLETED_REPORTED, outcome=ReportedOutcome.SUBMITTED)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_phase_and_a_headline(clock: Clock, status: Status) -> None:
    assert HEADLINES[phase_of(cases.in_status(status, clock))]


def test_a_watcher_reads_whose_move_it_is(clock: Clock) -> None:
    found = {
        "review": phase_of(cases.under_review(clock)),
        "approved": phase_of(cases.approved(clock)),
        "attempted": phase_of(cases.attempted(clock)),
        "offered": phase_of(cases.offered(clock)),
        "taken": phase_of(cases.taken_over(clock)),
        "given back": phase_of(cases.given_back(clock, DONE)),
    }

    assert found == {
        "review": Phase.WAITING_FOR_APPROVAL,
        "approved": Phase.SUBMITTING,
        "attempted": Phase.SUBMITTING,
        "offered": Phase.PERSON_NEEDED,
        "taken": Phase.PERSON_ACTS,
        "given back": Phase.CHECKING,
    }


def test_the_status_names_the_task_and_nothing_of_the_patient(clock: Clock) -> None:
    case = cases.taken_over(clock, reason=OfferReason.FINAL_SUBMIT)
    case = replace(case, metadata={"externalCaseId": "MRN-1", "room": "4"})

    status = status_of(case, service_title="Imaging", may_report=True)

    assert (status.external_id, status.service_title, status.final_submit_capable) == ("MRN-1", "Imaging", True)
    assert status.reason_code == "final_submit"
    assert case.next_action is not None
    assert case.next_action.reason is not None
    assert status.reason == case.next_action.reason.message
    shown = " ".join(str(getattr(status, field.name)) for field in fields(status))
    answers = [answer.value_string for item in case.answers for answer in item.answer if answer.value_string]
    assert len(answers) > 3
    assert [answer for answer in answers if answer in shown] == []


def test_a_mismatch_is_shown_to_who_has_to_decide_alone(clock: Clock) -> None:
    case = cases.taken_over(clock, reason=OfferReason.SUBMISSION_UNRESOLVED)
    mismatch = Mismatch("mis_1", (("Units", "6"),), (("Units", "60"),), cases.receipt(clock))
    case = replace(case, submission=replace(case.submission, mismatch=mismatch))

    assert status_of(case, service_title="Imaging", may_report=True).mismatch == mismatch
    assert status_of(case, service_title="Imaging", may_report=False).mismatch is None


@pytest.mark.parametrize("ending", Ending)
def test_every_ending_has_words(clock: Clock, ending: Ending) -> None:
    for status in Status:
        words = farewell_of(cases.in_status(status, clock), ending, handoff_id=None)
        assert words.headline
        assert words.detail
        assert words.is_settled


def farewell(case: Authorization) -> tuple[str, bool, str | None]:
    words = farewell_of(case, Ending.REVOKED, handoff_id=case.journal.handoffs[-1].id)
    return words.code, words.is_settled, words.reference_number


def test_after_done_the_words_follow_what_the_service_finds(clock: Clock) -> None:
    closing = cases.given_back(clock, DONE, reason=OfferReason.FINAL_SUBMIT)
    found = processing.record_receipt(closing, clock.moment(), receipt=cases.receipt(clock, "LHP-7"))

    assert farewell(closing) == ("checking", False, None)
    assert farewell(found) == ("submitted", True, "LHP-7")


def test_after_a_sign_in_the_service_goes_on(clock: Clock) -> None:
    closing = cases.given_back(clock, DONE)

    assert farewell(interactions.go_on(closing, clock.moment())) == ("goes_on", True, None)


def test_who_could_not_finish_reads_the_reason(clock: Clock) -> None:
    report = Report(result=HandoffResult.UNABLE_TO_COMPLETE, unable=UnableReason.CHANNEL_OUTAGE)
    closing = cases.given_back(clock, report)
    failed = processing.fail(closing, clock.moment(), reason=interactions.reason_of(closing))

    words = farewell_of(failed, Ending.REVOKED, handoff_id=failed.journal.handoffs[-1].id)

    assert (words.code, words.headline) == ("completed", "Completed: failed")
    assert "the payer's portal was down" in words.detail


@pytest.mark.parametrize(
    ("result", "code"), [(HandoffResult.REVOKED, "handoff_revoked"), (HandoffResult.EXPIRED, "handoff_expired")]
)
def test_whose_turn_others_end_reads_that_at_once(clock: Clock, result: HandoffResult, code: str) -> None:
    assert farewell(cases.given_back(clock, Report(result=result))) == (code, True, None)


def test_a_lost_session_and_a_cancel_are_named(clock: Clock) -> None:
    taken = cases.taken_over(clock)

    assert farewell(cases.lost(taken, clock))[0] == "session_ended"
    assert farewell(cases.canceled(taken, clock))[0] == "canceled"
