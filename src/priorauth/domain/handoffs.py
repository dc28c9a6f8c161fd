"""Manual handoffs: why only a human can go on at the payer, who has the interaction, and what was reported of it.

A report is what somebody says, never what is true at the payer. Whatever a close reports, the service reads for
itself; what it read is the reconciliation's end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from priorauth.domain.lifecycle import Status

# What the service learned after a human's turn, by the status that the case has then.
LEARNED: Mapping[Status, str] = {
    Status.WAITING_ON_PAYER: "The payer has the case.",
    Status.COMPLETED: "The case has come to its end.",
    Status.REQUIRES_INPUT: "The payer wants more than it was given.",
    Status.REQUIRES_CONFIRMATION: "The package waits for an approval.",
    Status.REQUIRES_ACTION: "A human is needed again.",
}


class OfferReason(StrEnum):
    """Why only a human can go on."""

    SIGN_IN = "sign_in"
    UNKNOWN_PAGE = "unknown_page"
    SUBMISSION_UNRESOLVED = "submission_unresolved"
    FINAL_SUBMIT = "final_submit"


class HandoffState(StrEnum):
    """How far a handoff is. It is created active; while its close is carried out it is closing."""

    OFFERED = "offered"
    ACTIVE = "active"
    CLOSING = "closing"
    CLOSED = "closed"


class HandoffResult(StrEnum):
    """How a handoff was closed."""

    COMPLETED_REPORTED = "completed_reported"
    UNABLE_TO_COMPLETE = "unable_to_complete"
    EXPIRED = "expired"
    REVOKED = "revoked"
    INTERACTION_LOST_UNRECOVERABLE = "interaction_lost_unrecoverable"
    CANCELED = "canceled"


class ReportedOutcome(StrEnum):
    """What a human says to have done, or seen, at the payer."""

    SUBMITTED = "submitted"
    DECISION_OBSERVED = "decision_observed"
    NOT_REQUIRED_OBSERVED = "not_required_observed"
    FOLLOW_UP_REQUIRED_OBSERVED = "follow_up_required_observed"
    SIGNED_IN = "signed_in"


class UnableReason(StrEnum):
    """Why a human could not finish."""

    CHANNEL_BLOCKED = "channel_blocked"
    MISSING_INFORMATION = "missing_information"
    CREDENTIAL_OR_MFA_ISSUE = "credential_or_mfa_issue"
    CHANNEL_OUTAGE = "channel_outage"
    OPERATOR_ABANDONED_CASE = "operator_abandoned_case"
    WRONG_ROUTE = "wrong_route"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a handoff is closed, in the words of whoever closes it."""

    result: HandoffResult
    outcome: ReportedOutcome | None = None
    unable: UnableReason | None = None
    reference_number: str | None = None
    reason: str | None = None
    notes: str | None = None
    accepted_mismatch_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The service's own reading after a close. `case_version` is the version of the case that first shows the close."""

    id: str
    case_version: int
    is_completed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualHandoff:
    """One human's turn in the payer's channel.

    `review_snapshot_id` is the snapshot that was accepted for the final submit; without it nothing can be submitted.
    `refreshed_at` is when access to the session was last created. Where it is not `is_enterable`, people act in an
    account of their own, and the session is for nobody to enter, for the handoff's whole life.
    """

    id: str
    version: int = 1
    state: HandoffState = HandoffState.ACTIVE
    reason: OfferReason
    review_snapshot_id: str | None
    created_at: datetime
    refreshed_at: datetime
    closed_at: datetime | None = None
    report: Report | None = None
    reconciliation: Reconciliation | None = None
    message: str | None = None
    is_enterable: bool = True

    @property
    def final_submit_capable(self) -> bool:
        """Return True if the person may press the last button in the service's session."""
        return self.review_snapshot_id is not None and self.is_enterable

    def is_abandoned(self, patience: timedelta, *, now: datetime) -> bool:
        """Say whether nobody has created access to the session for as long as `patience`."""
        return self.state is HandoffState.ACTIVE and now - self.refreshed_at >= patience

    def refreshed(self, *, now: datetime) -> "ManualHandoff":
        """Return the handoff after access to its session was created."""
        return replace(self, refreshed_at=now)

    def closing(self, report: Report, reconciliation: Reconciliation) -> "ManualHandoff":
        """Return the handoff with its report: the human's turn is over, and the service reads what is true."""
        return replace(
            self, version=self.version + 1, state=HandoffState.CLOSING, report=report, reconciliation=reconciliation
        )

    def closed(self, *, now: datetime, message: str | None) -> "ManualHandoff":
        """Return the handoff after the service has read what is true; `message` says what that was."""
        done = replace(self.reconciliation, is_completed=True) if self.reconciliation else None
        return replace(
            self,
            version=self.version + 1,
            state=HandoffState.CLOSED,
            closed_at=now,
            reconciliation=done,
            message=message,
        )

    def canceled(self, *, now: datetime) -> "ManualHandoff":
        """Return the handoff closed at once, because its case was canceled."""
        report = self.report or Report(result=HandoffResult.CANCELED)
        return replace(self, report=report).closed(now=now, message="The case was canceled.")
