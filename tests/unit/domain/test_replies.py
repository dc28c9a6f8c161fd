"""A payer that has the case may ask for more: what is new since then goes back to it, once, and is no submission."""

from dataclasses import replace

import pytest

from priorauth.domain import authorizations, processing
from priorauth.domain.authorizations import ActionType, Authorization, FinalSubmission, reply_of
from priorauth.domain.errors import NotMutable
from priorauth.domain.lifecycle import Status
from priorauth.domain.replies import Reply
from priorauth.domain.reviews import SnapshotStatus
from priorauth.domain.submissions import AttemptState
from tests.factories import cases
from tests.factories.answers import UNITS, said
from tests.factories.moments import Clock

LAB = "lab_results"


@pytest.fixture
def clock() -> Clock:
    """A clock of the test's own."""
    return Clock()


def missing(case: Authorization) -> list[str]:
    return [document.type for document in case.requirements.documents]


def reply(case: Authorization) -> Reply:
    found = reply_of(case, cases.LARKSPUR.payer)
    assert found is not None
    return found


def given(case: Authorization, clock: Clock, kind: str) -> Authorization:
    attachment = cases.notes(clock, document_type=kind)
    return authorizations.attach(case, cases.LARKSPUR, clock.moment(), attachment=attachment)


def begun(case: Authorization, clock: Clock) -> Authorization:
    return processing.begin_attempt(case, clock.moment(), run=case.journal.run, turn=case.journal.turn)


def test_a_message_gives_the_case_back_and_names_what_is_wanted_in_the_payers_words(clock: Clock) -> None:
    case = cases.asked(clock, LAB)

    assert case.status is Status.REQUIRES_INPUT
    assert case.next_action is not None
    assert case.next_action.type is ActionType.PROVIDE_REQUIREMENTS
    assert [(each.type, each.message) for each in case.requirements.documents] == [(LAB, "Please send it.")]
    assert case.submission.payer_receipt == cases.submitted(clock).submission.payer_receipt
    snapshot = case.submission.review_snapshot
    assert snapshot is not None
    assert snapshot.status is SnapshotStatus.STALE, "nothing of it could be approved any more"


def test_what_the_payer_has_already_is_no_answer_to_it(clock: Clock) -> None:
    case = cases.asked(clock, cases.NOTES)

    assert missing(case) == [cases.NOTES]
    again = given(case, clock, cases.NOTES)
    assert missing(again) == []
    assert reply(again).attachments == again.attachments[-1:]


def test_a_message_that_wants_no_document_is_answered_by_any_new_word_or_document(clock: Clock) -> None:
    asked = cases.asked(clock)
    assert [issue.code for issue in asked.requirements.issues] == ["payer_message"]

    word = authorizations.answer(asked, cases.LARKSPUR, clock.moment(), patch=(said(UNITS, 2),))

    for answering in (word, given(asked, clock, LAB)):
        assert answering.requirements.issues == ()
        assert answering.status is Status.REQUIRES_CONFIRMATION
    assert reply(word).text.endswith(" 2")
    assert reply(given(asked, clock, LAB)).text == ""


def test_a_word_that_is_taken_back_is_no_answer(clock: Clock) -> None:
    asked = cases.asked(clock)
    before = next(item for item in asked.answers if item.link_id == UNITS)
    word = authorizations.answer(asked, cases.LARKSPUR, clock.moment(), patch=(said(UNITS, 2),))

    back = authorizations.answer(word, cases.LARKSPUR, clock.moment(), patch=(before,))

    assert back.status is Status.REQUIRES_INPUT


def test_the_review_of_a_reply_shows_the_message_and_only_what_goes_along(clock: Clock) -> None:
    case = processing.propose_review(cases.replying(clock), cases.LARKSPUR, clock.moment(), differences=())

    snapshot = case.submission.review_snapshot
    assert snapshot is not None
    assert snapshot.summary.reply is not None
    assert (snapshot.summary.reply.subject, snapshot.summary.reply.message) == ("More is needed", "Please send it.")
    assert [document.document_types for document in snapshot.summary.documents] == [(LAB,)]


def test_a_reply_needs_an_approval_of_its_own(clock: Clock) -> None:
    with pytest.raises(NotMutable):
        begun(cases.replying(clock), clock)

    case = cases.reply_attempted(clock)

    assert case.journal.open_attempt is not None
    assert case.journal.open_attempt.inquiry == "1"
    assert [attempt.state for attempt in case.journal.attempts] == [AttemptState.TAKEN, AttemptState.INTENDED]


def test_under_automatic_a_reply_needs_none(clock: Clock) -> None:
    case = replace(cases.replying(clock), final_submission=FinalSubmission.AUTOMATIC)

    assert begun(case, clock).journal.open_attempt is not None


def test_a_message_is_answered_once_and_the_receipt_stays_the_first(clock: Clock) -> None:
    case = processing.record_answer(cases.reply_attempted(clock), clock.moment())

    assert case.status is Status.WAITING_ON_PAYER
    assert case.submission.payer_receipt == cases.submitted(clock).submission.payer_receipt
    assert case.journal.open_inquiry is None
    assert reply_of(case, cases.LARKSPUR.payer) is None
    assert [attempt.state for attempt in case.journal.attempts] == [AttemptState.TAKEN, AttemptState.TAKEN]


def test_the_next_message_is_another_one_and_wants_what_comes_after_it(clock: Clock) -> None:
    answered = processing.record_answer(cases.reply_attempted(clock), clock.moment())

    again = processing.take_inquiry(
        answered, cases.LARKSPUR, clock.moment(), inquiry=cases.inquiry(clock, LAB, number="2")
    )

    assert missing(again) == [LAB]
    assert reply(again).attachments == ()


def test_a_reply_that_arrives_after_the_cancel_is_kept_and_the_case_stays_canceled(clock: Clock) -> None:
    canceled = authorizations.cancel(cases.reply_attempted(clock), clock.moment(), reason=None)
    assert canceled.awaits_work, "what became of the reply is still to be found out"

    late = processing.record_answer(canceled, clock.moment())

    assert late.status is Status.CANCELED
    assert not late.awaits_work
