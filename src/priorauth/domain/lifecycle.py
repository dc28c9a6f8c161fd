"""The lifecycle of an authorization: one table, (status, event) -> status, and nothing else decides a status.

A pair that is not in the table is an illegal move: `next_status` raises the error that fits the event, and whoever
asked keeps the value that they had. The state diagram and the transition table in `docs/` are generated from here.
"""

from enum import StrEnum

from priorauth.domain.errors import ConflictError, ManualHandoffNotAllowed, NotConfirmable, NotMutable


class Status(StrEnum):
    """Where a case is."""

    REQUIRES_INPUT = "requires_input"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    WAITING_ON_PAYER = "waiting_on_payer"
    COMPLETED = "completed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        """True when nothing but late evidence can still reach the case."""
        return self in (Status.COMPLETED, Status.CANCELED)


class Event(StrEnum):
    """What can happen to a case."""

    CUSTOMER_WROTE = "customer_wrote"
    BLOCKERS_CLEARED = "blockers_cleared"
    BLOCKER_OPENED = "blocker_opened"
    ADVANCE_CONFIRMED = "advance_confirmed"
    SUBMISSION_APPROVED = "submission_approved"
    MORE_INFORMATION_NEEDED = "more_information_needed"
    APPROVAL_REQUIRED = "approval_required"
    RECEIPT_PROVEN = "receipt_proven"
    DECISION_OBSERVED = "decision_observed"
    FAILED = "failed"
    HUMAN_NEEDED = "human_needed"
    HANDOFF_CREATED = "handoff_created"
    HANDOFF_CLOSED = "handoff_closed"
    INTERACTION_LOST = "interaction_lost"
    CANCELED = "canceled"
    LATE_EVIDENCE_RECORDED = "late_evidence_recorded"


_S, _E = Status, Event

TRANSITIONS: dict[tuple[Status, Event], Status] = {
    # The customer's move.
    (_S.REQUIRES_INPUT, _E.CUSTOMER_WROTE): _S.REQUIRES_INPUT,
    (_S.REQUIRES_INPUT, _E.BLOCKERS_CLEARED): _S.REQUIRES_CONFIRMATION,
    (_S.REQUIRES_CONFIRMATION, _E.CUSTOMER_WROTE): _S.REQUIRES_CONFIRMATION,
    (_S.REQUIRES_CONFIRMATION, _E.BLOCKER_OPENED): _S.REQUIRES_INPUT,
    (_S.REQUIRES_CONFIRMATION, _E.ADVANCE_CONFIRMED): _S.PROCESSING,
    (_S.REQUIRES_CONFIRMATION, _E.SUBMISSION_APPROVED): _S.PROCESSING,
    # The service's move.
    (_S.PROCESSING, _E.MORE_INFORMATION_NEEDED): _S.REQUIRES_INPUT,
    (_S.PROCESSING, _E.APPROVAL_REQUIRED): _S.REQUIRES_CONFIRMATION,
    (_S.PROCESSING, _E.RECEIPT_PROVEN): _S.WAITING_ON_PAYER,
    (_S.PROCESSING, _E.DECISION_OBSERVED): _S.COMPLETED,
    (_S.PROCESSING, _E.FAILED): _S.COMPLETED,
    (_S.PROCESSING, _E.HUMAN_NEEDED): _S.REQUIRES_ACTION,
    # The payer's move.
    (_S.WAITING_ON_PAYER, _E.MORE_INFORMATION_NEEDED): _S.REQUIRES_INPUT,
    (_S.WAITING_ON_PAYER, _E.DECISION_OBSERVED): _S.COMPLETED,
    (_S.WAITING_ON_PAYER, _E.FAILED): _S.COMPLETED,
    (_S.WAITING_ON_PAYER, _E.HUMAN_NEEDED): _S.REQUIRES_ACTION,
    # A human's move in the payer's channel.
    (_S.REQUIRES_ACTION, _E.HANDOFF_CREATED): _S.REQUIRES_ACTION,
    (_S.REQUIRES_ACTION, _E.HANDOFF_CLOSED): _S.PROCESSING,
    (_S.REQUIRES_ACTION, _E.INTERACTION_LOST): _S.PROCESSING,
    # A cancel, from everywhere but the end; and the evidence that may still come after it.
    (_S.REQUIRES_INPUT, _E.CANCELED): _S.CANCELED,
    (_S.REQUIRES_CONFIRMATION, _E.CANCELED): _S.CANCELED,
    (_S.REQUIRES_ACTION, _E.CANCELED): _S.CANCELED,
    (_S.PROCESSING, _E.CANCELED): _S.CANCELED,
    (_S.WAITING_ON_PAYER, _E.CANCELED): _S.CANCELED,
    (_S.CANCELED, _E.LATE_EVIDENCE_RECORDED): _S.CANCELED,
}

_REFUSALS: dict[Event, type[ConflictError]] = {
    Event.ADVANCE_CONFIRMED: NotConfirmable,
    Event.SUBMISSION_APPROVED: NotConfirmable,
    Event.HANDOFF_CREATED: ManualHandoffNotAllowed,
}


def next_status(status: Status, event: Event) -> Status:
    """Return the status that `event` leads to.

    Raises the conflict that fits the event (`NotMutable`, `NotConfirmable`, `ManualHandoffNotAllowed`) when the event
    cannot happen in `status`.
    """
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        refusal = _REFUSALS.get(event, NotMutable)
        raise refusal(f"{refusal.meaning} The status is {status}.", details={"status": status.value}) from None
