"""Manual handoffs on the wire."""

from typing import Literal

from pydantic import Field

from priorauth.domain.authorizations import Authorization
from priorauth.domain.handoffs import (
    HandoffResult,
    HandoffState,
    ManualHandoff,
    Report,
    ReportedOutcome,
    UnableReason,
)
from priorauth.domain.lifecycle import Status
from priorauth.http.schemas.base import Body, ListView, ShortText, Text, Timestamp, View


class HandoffBody(Body):
    """Taking over the interaction with the payer."""

    accepted_review_snapshot_id: ShortText | None = Field(
        default=None,
        description="`nextAction.covers.reviewSnapshotId`, where it is set: whoever takes over has reviewed "
        "`submission.reviewSnapshot` and accepts it, and may submit it.",
        examples=["rev_123"],
    )


class CompleteBody(Body):
    """What was done, or seen, in the payer's portal."""

    reported_outcome: ReportedOutcome = Field(description="What was done, or seen.")
    observed_reference_number: ShortText | None = Field(
        default=None,
        description="The reference number that the payer showed. The service looks it up before it believes it.",
        examples=["LK-2026-000042"],
    )
    operator_notes: Text | None = Field(default=None, description="For colleagues; never sent to a payer.")
    accepted_mismatch_id: ShortText | None = Field(
        default=None,
        description="`submission.mismatch.id`: you have compared it with the payer's page, and the payer's request "
        "counts as this authorization's. Any other id than the present one is refused.",
        examples=["mism_123"],
    )

    def report(self) -> Report:
        """Return it as a report."""
        return Report(
            result=HandoffResult.COMPLETED_REPORTED,
            outcome=self.reported_outcome,
            reference_number=self.observed_reference_number,
            notes=self.operator_notes,
            accepted_mismatch_id=self.accepted_mismatch_id,
        )


class UnableBody(Body):
    """Why the interaction could not be finished."""

    reason: UnableReason = Field(description="Why not.")
    operator_notes: Text | None = Field(default=None, description="For colleagues; never sent to a payer.")

    def report(self) -> Report:
        """Return it as a report."""
        return Report(result=HandoffResult.UNABLE_TO_COMPLETE, unable=self.reason, notes=self.operator_notes)


class RevokeBody(Body):
    """Why the interaction is taken away."""

    reason: Text | None = Field(default=None, description="In your own words.", examples=["The shift has ended."])
    operator_notes: Text | None = Field(default=None, description="For colleagues; never sent to a payer.")

    def report(self) -> Report:
        """Return it as a report."""
        return Report(result=HandoffResult.REVOKED, reason=self.reason, notes=self.operator_notes)


class ManualHandoffView(View):
    """A human's turn in the payer's channel. It says nothing of what the payer has or decided: the case does."""

    id: str = Field(description="The handoff's id.", examples=["mhand_123"])
    version: int = Field(description="Grows with every change of the handoff.", examples=[1])
    prior_authorization_id: str = Field(description="The case.", examples=["auth_123"])
    state: HandoffState = Field(description="How far it is.")
    result: HandoffResult | None = Field(description="How it was closed; null while it is active.")
    access_available: bool = Field(description="Whether an interactive access grant can be created now.")
    final_submit_capable: bool = Field(
        description="Whether the payer's last button works in it: only where a review snapshot was accepted."
    )
    created_at: Timestamp = Field(description="When it was created.")
    activated_at: Timestamp = Field(description="When the interaction became the human's.")
    closed_at: Timestamp | None = Field(description="When it was over; null before.")
    message: str | None = Field(description="What the service found after the close; null before.")


class ManualHandoffList(ListView[ManualHandoffView]):
    """The handoffs of a case, newest first."""


class ClosedCaseView(View):
    """The case right after the close."""

    id: str = Field(description="The case.", examples=["auth_123"])
    version: int = Field(description="Its version that first shows the close.", examples=[18])
    status: Literal[Status.PROCESSING] = Field(description="The service reads what is true at the payer.")


class ReconciliationView(View):
    """The service's own reading after the close."""

    id: str = Field(description="Its id.", examples=["recon_123"])
    state: Literal["pending"] = Field(description="It has begun; read the case to learn what it found.")


class HandoffCloseView(View):
    """A close as it was taken. Repeating it gives the same answer; what came of it is on the case."""

    manual_handoff_id: str = Field(description="The handoff.", examples=["mhand_123"])
    state: Literal[HandoffState.CLOSING] = Field(description="The human's turn is over, and access to the session too.")
    result: HandoffResult = Field(description="How it was closed.")
    authorization: ClosedCaseView = Field(description="The case right after the close.")
    reconciliation: ReconciliationView = Field(description="The service's own reading.")


def handoff_view(handoff: ManualHandoff, *, authorization_id: str, access_available: bool) -> ManualHandoffView:
    """Return a handoff as a client sees it."""
    return ManualHandoffView(
        id=handoff.id,
        version=handoff.version,
        prior_authorization_id=authorization_id,
        state=handoff.state,
        result=handoff.report.result if handoff.report else None,
        access_available=access_available,
        final_submit_capable=handoff.final_submit_capable,
        created_at=handoff.created_at,
        activated_at=handoff.created_at,
        closed_at=handoff.closed_at,
        message=handoff.message,
    )


def close_view(case: Authorization, handoff: ManualHandoff) -> HandoffCloseView:
    """Return the close of a handoff, the same however often it is asked for."""
    report, reconciliation = handoff.report, handoff.reconciliation
    if report is None or reconciliation is None:
        raise LookupError("the handoff was not closed by a report")
    return HandoffCloseView(
        manual_handoff_id=handoff.id,
        state=HandoffState.CLOSING,
        result=report.result,
        authorization=ClosedCaseView(id=case.id, version=reconciliation.case_version, status=Status.PROCESSING),
        reconciliation=ReconciliationView(id=reconciliation.id, state="pending"),
    )
