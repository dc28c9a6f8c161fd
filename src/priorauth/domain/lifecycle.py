"""The lifecycle of an authorization: one table, (status, event) -> status, and nothing else decides a status.

A pair that is not in the table is an illegal move: `next_status` raises the error that fits the event, and whoever
asked keeps the value that they had. The state diagram and the transition table in `docs/` are generated from here.
"""

from enum import StrEnum
from typing import Self

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
    """What can happen to a case, and what that means in a sentence."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Return the member `value`, which knows its meaning."""
        event = str.__new__(cls, value)
        event._value_ = value
        event.meaning = meaning
        return event

    CUSTOMER_WROTE = "customer_wrote", "Answers or attachments changed; the case is as open, or as complete, as before."
    BLOCKERS_CLEARED = "blockers_cleared", "A write answered the last open requirement."
    BLOCKER_OPENED = "blocker_opened", "A write opened a requirement."
    ADVANCE_CONFIRMED = "advance_confirmed", "The customer let the service go on with the case."
    SUBMISSION_APPROVED = "submission_approved", "The customer approved the package of the current review snapshot."
    MORE_INFORMATION_NEEDED = "more_information_needed", "The payer does not take what it was given, or wants more."
    APPROVAL_REQUIRED = (
        "approval_required",
        "The package stands before the payer's final boundary and needs an approval.",
    )
    RECEIPT_PROVEN = "receipt_proven", "The payer has the case, and gave a reference number for it."
    INQUIRY_ANSWERED = "inquiry_answered", "The payer has an answer to what it asked after its receipt."
    DECISION_OBSERVED = "decision_observed", "The payer decided, or wants no authorization for the service."
    FAILED = "failed", "The service cannot bring the case to an end; the status reason says why."
    HUMAN_NEEDED = "human_needed", "Only a human can go on in the payer's channel."
    HANDOFF_CREATED = "handoff_created", "A human took over the interaction with the payer."
    HANDOFF_CLOSED = "handoff_closed", "The human is done; the service reads what is true at the payer."
    RECONCILED = "reconciled", "The payer shows nothing new after a human's turn; the service goes on."
    INTERACTION_LOST = "interaction_lost", "The session that a human was to take over is gone."
    CANCELED = "canceled", "The customer canceled the case."
    LATE_EVIDENCE_RECORDED = "late_evidence_recorded", "The payer's evidence arrived after the cancel."


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
    (_S.PROCESSING, _E.INQUIRY_ANSWERED): _S.WAITING_ON_PAYER,
    (_S.PROCESSING, _E.DECISION_OBSERVED): _S.COMPLETED,
    (_S.PROCESSING, _E.FAILED): _S.COMPLETED,
    (_S.PROCESSING, _E.HUMAN_NEEDED): _S.REQUIRES_ACTION,
    (_S.PROCESSING, _E.RECONCILED): _S.PROCESSING,
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
