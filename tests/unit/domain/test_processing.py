"""The service's and the payer's moves: attempts to submit, evidence, rejections, failures."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from priorauth.domain import authorizations, processing
from priorauth.domain.authorizations import ActionType, Authorization, FinalSubmission, Reason
from priorauth.domain.errors import Issue, NotMutable, Severity
from priorauth.domain.lifecycle import Status
from priorauth.domain.live_sessions import BoundaryState, HandoffAvailability, SessionClaim, needs_session, project
from priorauth.domain.questionnaires import Coding, ItemType, Option
from priorauth.domain.submissions import AttemptState, Decision, Outcome
from tests.factories import cases
from tests.factories.answers import MEMBER, UNITS, question, said
from tests.factories.cases import LARKSPUR
from tests.factories.moments import Clock


def begin(case: Authorization, clock: Clock, *, run: int | None = None) -> Authorization:
    present = case.journal.run if run is None else run
    return processing.begin_attempt(case, clock.moment(), run=present, turn=case.journal.turn)


def canceled(case: Authorization, clock: Clock) -> Authorization:
    return authorizations.cancel(case, clock.moment(), reason=None)


def superseded(clock: Clock) -> Authorization:
    case = cases.approved(clock)
    snapshot = case.submission.review_snapshot
    assert snapshot is not None
    return replace(case, submission=replace(case.submission, review_snapshot=snapshot.superseded()))


@pytest.mark.parametrize(
    "build",
    [cases.approved, lambda clock: cases.advancing(clock, final_submission=FinalSubmission.AUTOMATIC)],
    ids=["approved", "automatic"],
)
def test_an_attempt_is_written_down_before_the_boundary(build: Callable[[Clock], Authorization]) -> None:
    clock = Clock()
    case = build(clock)

    attempted = begin(case, clock)

    assert attempted.journal.open_attempt is not None
    assert replace(attempted, journal=case.journal) == case


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(cases.advancing, id="no approval"),
        pytest.param(cases.under_review, id="asked and not approved"),
        pytest.param(cases.ready, id="the customer's move"),
        pytest.param(lambda clock: canceled(cases.approved(clock), clock), id="canceled"),
        pytest.param(cases.attempted, id="an attempt is open"),
        pytest.param(cases.submitted, id="the payer has it"),
        pytest.param(
            lambda clock: replace(cases.submitted(clock), status=Status.PROCESSING), id="under way after its receipt"
        ),
        pytest.param(lambda clock: cases.in_status(Status.COMPLETED, clock), id="over"),
        pytest.param(superseded, id="the approved review is stale"),
    ],
)
def test_nothing_is_submitted_without_leave_or_twice(build: Callable[[Clock], Authorization]) -> None:
    clock = Clock()
    case = build(clock)

    with pytest.raises(NotMutable):
        begin(case, clock)


def test_an_earlier_runs_work_may_not_submit() -> None:
    clock = Clock()
    case = cases.approved(clock)

    with pytest.raises(NotMutable):
        begin(case, clock, run=case.journal.run - 1)


def test_an_attempt_that_the_payer_never_took_makes_room_for_another() -> None:
    clock = Clock()
    absent = processing.conclude_absent(cases.attempted(clock))
    assert absent.journal.open_attempt is None

    again = begin(absent, clock)

    assert [attempt.state for attempt in again.journal.attempts] == [AttemptState.ABSENT, AttemptState.INTENDED]


def test_a_receipt_concludes_the_attempt_and_waits_on_the_payer() -> None:
    clock = Clock()
    case = cases.attempted(clock)

    submitted = processing.record_receipt(case, clock.moment(later=1), receipt=cases.receipt(clock))

    assert (submitted.status, submitted.version) == (Status.WAITING_ON_PAYER, case.version + 1)
    assert submitted.submission.payer_receipt == cases.receipt(clock)
    assert [attempt.state for attempt in submitted.journal.attempts] == [AttemptState.TAKEN]


def test_late_evidence_is_kept_and_the_case_stays_canceled() -> None:
    clock = Clock()
    case = canceled(cases.attempted(clock), clock)

    received = processing.record_receipt(case, clock.moment(later=1), receipt=cases.receipt(clock))
    decided = processing.record_decision(received, clock.moment(later=1), decision=cases.denial(clock))

    assert received.submission.payer_receipt is not None
    assert received.journal.open_attempt is None
    assert decided.submission.decision is not None
    assert (decided.status, decided.outcome, decided.completed_at) == (Status.CANCELED, None, None)
    assert decided.status_reason == case.status_reason
    assert (received.version, decided.version) == (case.version + 1, case.version + 2)


@pytest.mark.parametrize("decide", [cases.approval, cases.denial])
@pytest.mark.parametrize("build", [cases.submitted, cases.attempted], ids=["after the receipt", "without one"])
def test_a_decision_completes_the_case_and_concludes_its_attempt(
    build: Callable[[Clock], Authorization], decide: Callable[[Clock], Decision]
) -> None:
    clock = Clock()
    decision = decide(clock)

    completed = processing.record_decision(build(clock), clock.moment(later=1), decision=decision)

    assert (completed.status, completed.outcome) == (Status.COMPLETED, decision.outcome)
    assert completed.submission.decision == decision
    assert completed.completed_at == clock.now
    assert completed.journal.open_attempt is None


def test_a_failure_says_why() -> None:
    clock = Clock()
    failed = processing.fail(cases.advancing(clock), clock.moment(), reason=cases.GAVE_UP)

    assert (failed.status, failed.outcome, failed.status_reason) == (Status.COMPLETED, Outcome.FAILED, cases.GAVE_UP)


def rejected(case: Authorization, clock: Clock, *issues: Issue) -> Authorization:
    return processing.ask_for_more(case, LARKSPUR, clock.moment(), rejected=issues)


def answered(case: Authorization, clock: Clock, link_id: str, *values: str | int) -> Authorization:
    return authorizations.answer(case, LARKSPUR, clock.moment(), patch=(said(link_id, *values),))


def test_a_rejected_value_blocks_until_it_is_another() -> None:
    clock = Clock()
    case = rejected(cases.approved(clock), clock, Issue("rejected_by_payer", "Unknown member.", MEMBER))
    assert (case.status, case.requirements.is_blocked) == (Status.REQUIRES_INPUT, True)
    assert case.next_action is not None
    assert case.next_action.type is ActionType.PROVIDE_REQUIREMENTS
    assert not processing.may_submit(case)

    elsewhere = answered(case, clock, UNITS, 2)
    assert elsewhere.status is Status.REQUIRES_INPUT

    assert answered(elsewhere, clock, MEMBER, "LKS100000004").status is Status.REQUIRES_CONFIRMATION


@pytest.mark.parametrize(
    "issues",
    [(Issue("rejected_by_payer", "Please review your request."),), ()],
    ids=["about the whole", "without a word"],
)
def test_a_rejection_of_the_whole_blocks_until_something_is_another(issues: tuple[Issue, ...]) -> None:
    clock = Clock()
    case = rejected(cases.approved(clock), clock, *issues)
    assert (case.status, case.requirements.is_blocked) == (Status.REQUIRES_INPUT, True)

    assert answered(case, clock, UNITS, 2).status is Status.REQUIRES_CONFIRMATION
    attached = authorizations.attach(case, LARKSPUR, clock.moment(), attachment=cases.notes(clock))
    assert attached.status is Status.REQUIRES_CONFIRMATION


def test_what_a_payer_rejects_always_blocks() -> None:
    clock = Clock()
    warning = Issue("rejected_by_payer", "Unknown member.", MEMBER, Severity.WARNING)

    assert rejected(cases.approved(clock), clock, warning).requirements.is_blocked


def test_private_notes_move_no_version() -> None:
    clock = Clock()
    case = cases.submitted(clock)

    for noted in (
        processing.checked(case),
        processing.started_afresh(case, fault=True),
        processing.conclude_absent(case),
    ):
        assert replace(noted, journal=case.journal) == case


@pytest.mark.parametrize("status", Status)
def test_a_live_session_projects_the_case_and_commands_nothing(status: Status) -> None:
    clock = Clock()
    case = cases.in_status(status, clock)
    claim = SessionClaim(
        authorization_id=case.id,
        session_id="session-1",
        worker="worker-1",
        channel="portal",
        boundary=BoundaryState.AT_BOUNDARY,
        expires_at=clock.moment(later=0).now,
    )

    dead, none = project(case, claim, now=clock.now), project(case, None, now=clock.now)
    assert dead == none
    assert (dead.is_live, dead.supported_modes, dead.handoff_state) == (False, (), HandoffAvailability.UNAVAILABLE)

    live = project(case, claim, now=cases.draft(Clock()).created_at.replace(year=2025))
    at = BoundaryState.CROSSED if case.submission.payer_receipt else BoundaryState.AT_BOUNDARY
    expected = (True, at) if needs_session(case) else (False, BoundaryState.UNKNOWN)
    assert (live.is_live, live.boundary) == expected
    assert (live.handoff_state is HandoffAvailability.OFFERED) is (status is Status.REQUIRES_ACTION)


# --- what the payer asks, or does not want ---------------------------------------------------------------------------

ASKED = question("payer.side", ItemType.CHOICE, required=True, options=(Option("L", "Left"), Option("R", "Right")))


def test_what_the_payer_asks_beyond_its_questionnaires_is_asked_of_the_customer() -> None:
    clock = Clock()
    case = cases.advancing(clock)

    asked = processing.discover(case, LARKSPUR, clock.moment(), items=(ASKED,))
    answered = authorizations.answer(asked, LARKSPUR, clock.moment(), patch=(said("payer.side", Coding("L")),))

    assert (asked.status, asked.version) == (Status.REQUIRES_INPUT, case.version + 1)
    assert [each.link_id for each in asked.requirements.questions] == ["payer.side"]
    assert authorizations.questionnaires_of(asked, LARKSPUR.payer)[-1].item == (ASKED,)
    assert answered.status is Status.REQUIRES_CONFIRMATION
    assert answered.next_action is not None
    assert answered.next_action.type is ActionType.ADVANCE_CASE


def test_a_payer_that_asks_again_what_was_answered_fails_the_case_instead_of_asking_for_ever() -> None:
    clock = Clock()
    asked = processing.discover(cases.advancing(clock), LARKSPUR, clock.moment(), items=(ASKED,))
    answered = authorizations.answer(asked, LARKSPUR, clock.moment(), patch=(said("payer.side", Coding("L")),))

    again = processing.discover(cases.confirmed(answered, clock), LARKSPUR, clock.moment(), items=(ASKED,))

    assert (again.status, again.outcome) == (Status.COMPLETED, Outcome.FAILED)
    assert again.status_reason is not None
    assert again.status_reason.code == "unknown_page"


def test_a_payer_that_wants_no_authorization_completes_the_case_without_a_submission() -> None:
    clock = Clock()

    done = processing.conclude_not_required(cases.advancing(clock), clock.moment(), message="None is needed.")

    assert (done.status, done.outcome, done.submission.payer_receipt) == (
        Status.COMPLETED,
        Outcome.NOT_REQUIRED,
        None,
    )
    assert done.status_reason == Reason("authorization_not_required", "None is needed.")


def test_a_decision_that_none_was_required_says_so_as_the_reason() -> None:
    clock = Clock()
    decision = Decision(outcome=Outcome.NOT_REQUIRED, decided_at=clock.moment().now)

    done = processing.record_decision(cases.submitted(clock), clock.moment(), decision=decision)

    assert done.status_reason is not None
    assert done.status_reason.code == "authorization_not_required"
