"""Every status meets every event: the legal ones lead where the lifecycle says, all others are refused."""

import itertools
from collections.abc import Callable

import pytest

from priorauth.domain import authorizations, interactions, processing
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import ConflictError, ManualHandoffNotAllowed, NotConfirmable, NotMutable
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.lifecycle import TRANSITIONS, Event, Status, next_status
from tests.factories import cases
from tests.factories.answers import MEMBER, question, said
from tests.factories.moments import Clock

# What each status allows, written down a second time so that a slip in the table is noticed.
ALLOWED: dict[Status, dict[Event, Status]] = {
    Status.REQUIRES_INPUT: {
        Event.CUSTOMER_WROTE: Status.REQUIRES_INPUT,
        Event.BLOCKERS_CLEARED: Status.REQUIRES_CONFIRMATION,
        Event.CANCELED: Status.CANCELED,
    },
    Status.REQUIRES_CONFIRMATION: {
        Event.CUSTOMER_WROTE: Status.REQUIRES_CONFIRMATION,
        Event.BLOCKER_OPENED: Status.REQUIRES_INPUT,
        Event.ADVANCE_CONFIRMED: Status.PROCESSING,
        Event.SUBMISSION_APPROVED: Status.PROCESSING,
        Event.CANCELED: Status.CANCELED,
    },
    Status.PROCESSING: {
        Event.MORE_INFORMATION_NEEDED: Status.REQUIRES_INPUT,
        Event.APPROVAL_REQUIRED: Status.REQUIRES_CONFIRMATION,
        Event.RECEIPT_PROVEN: Status.WAITING_ON_PAYER,
        Event.INQUIRY_ANSWERED: Status.WAITING_ON_PAYER,
        Event.DECISION_OBSERVED: Status.COMPLETED,
        Event.FAILED: Status.COMPLETED,
        Event.HUMAN_NEEDED: Status.REQUIRES_ACTION,
        Event.RECONCILED: Status.PROCESSING,
        Event.CANCELED: Status.CANCELED,
    },
    Status.WAITING_ON_PAYER: {
        Event.MORE_INFORMATION_NEEDED: Status.REQUIRES_INPUT,
        Event.DECISION_OBSERVED: Status.COMPLETED,
        Event.FAILED: Status.COMPLETED,
        Event.HUMAN_NEEDED: Status.REQUIRES_ACTION,
        Event.CANCELED: Status.CANCELED,
    },
    Status.REQUIRES_ACTION: {
        Event.HANDOFF_CREATED: Status.REQUIRES_ACTION,
        Event.HANDOFF_CLOSED: Status.PROCESSING,
        Event.INTERACTION_LOST: Status.PROCESSING,
        Event.CANCELED: Status.CANCELED,
    },
    Status.COMPLETED: {},
    Status.CANCELED: {Event.LATE_EVIDENCE_RECORDED: Status.CANCELED},
}
REFUSALS: dict[Event, type[ConflictError]] = {
    Event.ADVANCE_CONFIRMED: NotConfirmable,
    Event.SUBMISSION_APPROVED: NotConfirmable,
    Event.HANDOFF_CREATED: ManualHandoffNotAllowed,
}


@pytest.mark.parametrize(("status", "event"), list(itertools.product(Status, Event)))
def test_an_event_leads_where_the_lifecycle_says_or_is_refused(status: Status, event: Event) -> None:
    expected = ALLOWED[status].get(event)
    if expected is not None:
        assert next_status(status, event) is expected
        return

    with pytest.raises(REFUSALS.get(event, NotMutable)) as refused:
        next_status(status, event)

    assert refused.value.details == {"status": status.value}
    assert status.value in refused.value.message


def test_every_event_has_a_place_and_says_what_it_means() -> None:
    assert {event for _, event in TRANSITIONS} == set(Event)
    assert all(event.meaning.endswith(".") for event in Event)


Move = Callable[[Authorization, Clock], Authorization]


def _attach(case: Authorization, clock: Clock) -> Authorization:
    return authorizations.attach(case, cases.LARKSPUR, clock.moment(), attachment=cases.notes(clock))


def _answer(case: Authorization, clock: Clock) -> Authorization:
    return authorizations.answer(case, cases.LARKSPUR, clock.moment(), patch=(said(MEMBER, "LKS100000004"),))


def _detach(case: Authorization, clock: Clock) -> Authorization:
    return authorizations.detach(case, cases.LARKSPUR, clock.moment(), attachment_id=case.attachments[0].id)


MOVES: dict[str, tuple[Move, set[Status]]] = {
    "answer": (_answer, {Status.REQUIRES_INPUT, Status.REQUIRES_CONFIRMATION}),
    "attach": (_attach, {Status.REQUIRES_INPUT, Status.REQUIRES_CONFIRMATION}),
    "detach": (_detach, {Status.REQUIRES_INPUT, Status.REQUIRES_CONFIRMATION}),
    "cancel": (
        lambda case, clock: authorizations.cancel(case, clock.moment(), reason=None),
        set(Status) - {Status.COMPLETED, Status.CANCELED},
    ),
    "propose review": (
        lambda case, clock: processing.propose_review(case, cases.LARKSPUR, clock.moment(), differences=()),
        {Status.PROCESSING},
    ),
    "ask for more": (
        lambda case, clock: processing.ask_for_more(case, cases.LARKSPUR, clock.moment(), rejected=()),
        {Status.PROCESSING, Status.WAITING_ON_PAYER},
    ),
    "record receipt": (
        lambda case, clock: processing.record_receipt(case, clock.moment(), receipt=cases.receipt(clock)),
        {Status.PROCESSING, Status.CANCELED},
    ),
    "take an inquiry": (
        lambda case, clock: processing.take_inquiry(
            case, cases.LARKSPUR, clock.moment(), inquiry=cases.inquiry(clock, "lab_results")
        ),
        {Status.PROCESSING, Status.WAITING_ON_PAYER},
    ),
    "discover": (
        lambda case, clock: processing.discover(
            case, cases.LARKSPUR, clock.moment(), items=(question("payer.side", required=True),)
        ),
        {Status.PROCESSING, Status.WAITING_ON_PAYER},
    ),
    "conclude that none is required": (
        lambda case, clock: processing.conclude_not_required(case, clock.moment(), message="None."),
        {Status.PROCESSING, Status.WAITING_ON_PAYER},
    ),
    "record decision": (
        lambda case, clock: processing.record_decision(case, clock.moment(), decision=cases.approval(clock)),
        {Status.PROCESSING, Status.WAITING_ON_PAYER, Status.CANCELED},
    ),
    "fail": (
        lambda case, clock: processing.fail(case, clock.moment(), reason=cases.GAVE_UP),
        {Status.PROCESSING, Status.WAITING_ON_PAYER},
    ),
    "offer a handoff": (
        lambda case, clock: interactions.offer(
            case, cases.LARKSPUR, clock.moment(), reason=OfferReason.SIGN_IN, message="A code is needed."
        ),
        {Status.PROCESSING, Status.WAITING_ON_PAYER},
    ),
    "take a handoff": (
        lambda case, clock: interactions.take(case, clock.moment(), accepted_review_snapshot_id=None),
        {Status.REQUIRES_ACTION},
    ),
    "lose the interaction": (lambda case, clock: interactions.lose(case, clock.moment()), {Status.REQUIRES_ACTION}),
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("name", MOVES)
def test_a_move_is_made_where_it_is_allowed_and_refused_elsewhere(name: str, status: Status) -> None:
    clock = Clock()
    move, allowed = MOVES[name]
    case = cases.in_status(status, clock)

    if status in allowed:
        moved = move(case, clock)
        assert moved.version == case.version + 1
    else:
        with pytest.raises(ConflictError):
            move(case, clock)
    assert case.status is status
