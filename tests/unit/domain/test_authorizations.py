"""What a customer may do with a case, what moves which version, and how a review goes stale."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from priorauth.domain import authorizations, processing
from priorauth.domain.authorizations import ActionType, Authorization, FinalSubmission
from priorauth.domain.errors import (
    AttachmentNotFound,
    BadRequest,
    NextActionMismatch,
    NextActionNotConfirmable,
    NotConfirmable,
    PriorAuthError,
    RequirementsNotSatisfied,
    ReviewStale,
    VersionConflict,
)
from priorauth.domain.lifecycle import Status
from priorauth.domain.questionnaires import AnswerItem
from priorauth.domain.reviews import Difference, SnapshotStatus
from tests.factories import cases
from tests.factories.answers import MEMBER, UNITS, lumbar_answers, said
from tests.factories.cases import LARKSPUR
from tests.factories.moments import Clock


def answered(case: Authorization, clock: Clock, *patch: AnswerItem) -> Authorization:
    return authorizations.answer(case, LARKSPUR, clock.moment(later=1), patch=patch)


def versions(case: Authorization) -> tuple[int, int, int, int]:
    return (case.version, case.requirements.version, case.answers_version, case.attachments_version)


def action_of(case: Authorization) -> ActionType | None:
    return case.next_action.type if case.next_action else None


def asked(case: Authorization) -> str:
    assert case.next_action is not None
    return case.next_action.id


def test_a_new_case_waits_for_what_is_open() -> None:
    case = cases.draft(Clock(), answers=(said(MEMBER, "LKS100000003"),))

    assert (case.status, action_of(case)) == (Status.REQUIRES_INPUT, ActionType.PROVIDE_REQUIREMENTS)
    assert versions(case) == (1, 1, 1, 1)
    assert case.next_action is not None
    assert case.next_action.covers == case.covers(version=1)
    assert case.answers == (said(MEMBER, "LKS100000003"),)


def test_malformed_initial_answers_create_nothing() -> None:
    with pytest.raises(BadRequest):
        cases.draft(Clock(), answers=(said("nobody", "x"),))


def test_each_part_has_a_version_of_its_own() -> None:
    clock = Clock()
    case = cases.draft(clock)
    assert versions(case) == (1, 1, 1, 1)

    case = answered(case, clock, said(UNITS, 1))
    assert versions(case) == (2, 2, 2, 1)

    case = answered(case, clock, said(UNITS, 2))
    assert versions(case) == (3, 2, 3, 1)

    case = authorizations.attach(case, LARKSPUR, clock.moment(), attachment=cases.notes(clock))
    assert versions(case) == (4, 3, 3, 2)

    case = authorizations.attach(case, LARKSPUR, clock.moment(), attachment=cases.notes(clock))
    assert versions(case) == (5, 3, 3, 3)

    case = authorizations.detach(case, LARKSPUR, clock.moment(), attachment_id=case.attachments[0].id)
    assert versions(case) == (6, 3, 3, 4)


def test_a_write_that_changes_nothing_leaves_everything_as_it_is() -> None:
    clock = Clock()
    case = cases.under_review(clock)

    assert answered(case, clock, *lumbar_answers()) is case
    assert answered(case, clock) is case
    with pytest.raises(AttachmentNotFound):
        authorizations.detach(case, LARKSPUR, clock.moment(), attachment_id="att_other")


def test_writes_open_and_clear_blockers_and_never_resume_processing() -> None:
    clock = Clock()
    case = cases.ready(clock)
    first = asked(case)
    assert (case.status, action_of(case)) == (Status.REQUIRES_CONFIRMATION, ActionType.ADVANCE_CASE)

    blocked = answered(case, clock, said(MEMBER))
    assert (blocked.status, action_of(blocked)) == (Status.REQUIRES_INPUT, ActionType.PROVIDE_REQUIREMENTS)

    cleared = answered(blocked, clock, said(MEMBER, "LKS100000003"))
    assert (cleared.status, action_of(cleared)) == (Status.REQUIRES_CONFIRMATION, ActionType.ADVANCE_CASE)
    assert len({first, asked(blocked), asked(cleared)}) == 3
    assert cleared.updated_at == clock.now


def test_a_review_shows_the_stored_case() -> None:
    case = cases.under_review(Clock())
    snapshot, action = case.submission.review_snapshot, case.next_action
    assert snapshot is not None
    assert action is not None

    assert (action.type, action.review_snapshot_id) == (ActionType.APPROVE_SUBMISSION, snapshot.id)
    assert action.covers == snapshot.covers == case.covers(version=case.version)
    assert snapshot.status is SnapshotStatus.CURRENT
    assert (snapshot.answers, snapshot.attachments) == (case.answers, case.attachments)
    assert snapshot.summary.patient.member_id == "LKS100000003"
    assert snapshot.summary.diagnoses == ("M54.16",)
    assert snapshot.summary.destination.case_reference == case.id
    assert {each.link_id: each.answer for each in snapshot.summary.clinical}["clinical.redFlag"] == (
        "Progressive neurologic deficit"
    )


def test_a_write_during_a_review_issues_the_review_anew() -> None:
    clock = Clock()
    case = cases.under_review(clock)
    before = case.submission.review_snapshot

    written = answered(case, clock, said(UNITS, 2))

    after = written.submission.review_snapshot
    assert before is not None
    assert after is not None
    assert written.version == case.version + 1
    assert (written.status, action_of(written)) == (Status.REQUIRES_CONFIRMATION, ActionType.APPROVE_SUBMISSION)
    assert after.id != before.id
    assert after.status is SnapshotStatus.CURRENT
    assert after.summary.service.units == "2"
    assert after.covers == written.covers(version=written.version)
    with pytest.raises(ReviewStale):
        authorizations.require_current_approval(written, asked(case))
    authorizations.require_current_approval(written, asked(written))


def test_a_write_that_opens_a_blocker_ends_the_review_and_keeps_showing_it() -> None:
    clock = Clock()
    case = cases.under_review(clock)

    blocked = answered(case, clock, said(UNITS))

    shown = blocked.submission.review_snapshot
    assert shown is not None
    assert case.submission.review_snapshot is not None
    assert (blocked.status, shown.status) == (Status.REQUIRES_INPUT, SnapshotStatus.STALE)
    assert shown.id == case.submission.review_snapshot.id
    with pytest.raises(ReviewStale):
        authorizations.require_current_approval(blocked, asked(case))

    cleared = answered(blocked, clock, said(UNITS, 1))
    assert action_of(cleared) is ActionType.ADVANCE_CASE
    assert not processing.may_submit(cases.confirmed(cleared, clock))


def test_an_approval_counts_until_the_review_is_issued_anew() -> None:
    clock = Clock()
    under_review = cases.under_review(clock)
    approved = cases.confirmed(under_review, clock)
    assert processing.may_submit(approved)
    assert approved.submission.review_snapshot == under_review.submission.review_snapshot

    difference = Difference("Units", "1", "2")
    again = processing.propose_review(approved, LARKSPUR, clock.moment(), differences=(difference,))

    assert not processing.may_submit(again)
    assert processing.approved_differences(again) == ()
    assert again.submission.review_snapshot is not None
    assert [warning.code for warning in again.submission.review_snapshot.warnings] == ["portal_shows_other_value"]
    with pytest.raises(ReviewStale):
        authorizations.require_current_approval(again, asked(under_review))
    assert processing.approved_differences(cases.confirmed(again, clock)) == (difference,)


def test_a_superseded_advance_is_a_mismatch_and_not_a_stale_review() -> None:
    clock = Clock()
    case = cases.ready(clock)
    written = answered(case, clock, said(UNITS, 2))

    authorizations.require_current_approval(written, asked(case))
    with pytest.raises(NextActionMismatch):
        authorizations.confirm(written, clock.moment(), next_action_id=asked(case))


def blocked_but_confirmable(clock: Clock) -> Authorization:
    ready = cases.ready(clock)
    return replace(ready, requirements=cases.draft(clock).requirements)


@pytest.mark.parametrize(
    ("build", "right_id", "error"),
    [
        # A wrong id never hides that there is nothing to confirm; a wrong id weighs more than open requirements.
        pytest.param(cases.draft, False, NextActionNotConfirmable, id="input"),
        pytest.param(
            lambda clock: cases.in_status(Status.REQUIRES_ACTION, clock), False, NextActionNotConfirmable, id="action"
        ),
        pytest.param(cases.advancing, False, NotConfirmable, id="processing"),
        pytest.param(cases.submitted, False, NotConfirmable, id="waiting"),
        pytest.param(lambda clock: cases.in_status(Status.COMPLETED, clock), False, NotConfirmable, id="completed"),
        pytest.param(lambda clock: cases.in_status(Status.CANCELED, clock), False, NotConfirmable, id="canceled"),
        pytest.param(cases.ready, False, NextActionMismatch, id="another id"),
        pytest.param(blocked_but_confirmable, False, NextActionMismatch, id="another id and blocked"),
        pytest.param(blocked_but_confirmable, True, RequirementsNotSatisfied, id="blocked"),
    ],
)
def test_confirm_refuses_in_order(
    build: Callable[[Clock], Authorization], right_id: bool, error: type[PriorAuthError]
) -> None:
    clock = Clock()
    case = build(clock)

    with pytest.raises(error):
        authorizations.confirm(case, clock.moment(), next_action_id=asked(case) if right_id else "nact_other")


def test_each_confirm_opens_a_new_run() -> None:
    clock = Clock()
    advancing = cases.advancing(clock)
    approved = cases.approved(clock)

    assert (advancing.status, advancing.next_action, advancing.journal.run) == (Status.PROCESSING, None, 1)
    assert advancing.journal.approval is None
    assert approved.journal.run == 2
    assert approved.journal.approval is not None


def test_a_version_is_expected_or_not() -> None:
    case = cases.ready(Clock())

    case.require_version(None)
    case.require_version(case.version)
    with pytest.raises(VersionConflict) as refused:
        case.require_version(case.version - 1)
    assert refused.value.details == {"expectedVersion": case.version - 1, "actualVersion": case.version}


@pytest.mark.parametrize(
    ("reason", "message"), [("Wrong patient", "Wrong patient"), (None, "Canceled through the API.")]
)
def test_a_cancel_says_why_and_keeps_what_the_payer_has(reason: str | None, message: str) -> None:
    clock = Clock()
    case = cases.submitted(clock)

    canceled = authorizations.cancel(case, clock.moment(later=5), reason=reason)

    assert canceled.status_reason == authorizations.Reason("canceled_by_customer", message)
    assert canceled.submission == case.submission
    assert (canceled.next_action, canceled.outcome, canceled.canceled_at) == (None, None, clock.now)


def test_automatic_cases_need_no_approval() -> None:
    clock = Clock()
    assert processing.may_submit(cases.advancing(clock, final_submission=FinalSubmission.AUTOMATIC))
    assert not processing.may_submit(cases.advancing(clock))
