"""The journal of an authorization: what the service keeps for itself, and no client sees."""

from dataclasses import dataclass, replace
from datetime import datetime

from priorauth.domain.handoffs import HandoffState, ManualHandoff
from priorauth.domain.portals.outages import Outage
from priorauth.domain.replies import Inquiry
from priorauth.domain.requirements import Finding
from priorauth.domain.reviews import Package
from priorauth.domain.submissions import Approval, Attempt, AttemptState


@dataclass(frozen=True, slots=True)
class Journal:
    """What the service keeps of a case for itself; nothing of it is shown, so none of it moves the version.

    `run` counts the entries into `processing`, `turn` the fresh starts of its work within a run; work of another run or
    turn is void. `faults` counts the fresh starts that a fault caused, since the last step ahead: they are bounded.
    `offers_lost` counts the sessions that were lost while they were offered to a human, since one was taken.
    `outage` is what a run has waited out, or still does: that is bounded by time.
    `doubted_since` is when the case came back from a copy: what was sent before, this record may not know.
    `sent` is the approved content of the last attempt to submit the request; None where nobody approved one.
    `accepted_evidence` is what a person has accepted that the payer shows otherwise, as label and value.
    `foreign_submissions` counts the sessions that tried to send another final request, under the present approval or in
    the hands of a person who has accepted a snapshot.
    """

    run: int = 0
    status_checks: int = 0
    turn: int = 0
    faults: int = 0
    findings: tuple[Finding, ...] = ()
    superseded_approvals: tuple[str, ...] = ()
    approval: Approval | None = None
    attempts: tuple[Attempt, ...] = ()
    inquiries: tuple[Inquiry, ...] = ()
    handoffs: tuple[ManualHandoff, ...] = ()
    offers_lost: int = 0
    outage: Outage | None = None
    doubted_since: datetime | None = None
    sent: Package | None = None
    accepted_evidence: tuple[tuple[str, str], ...] = ()
    foreign_submissions: int = 0

    @property
    def open_handoff(self) -> ManualHandoff | None:
        """The handoff that is active or closing."""
        last = self.handoffs[-1] if self.handoffs else None
        return last if last is not None and last.state is not HandoffState.CLOSED else None

    @property
    def human_attempted(self) -> bool:
        """Whether a human was let at the boundary that the case stands before: the service then never crosses it."""
        number = self.open_inquiry.number if self.open_inquiry else None
        return any(attempt.handoff_id is not None and attempt.inquiry == number for attempt in self.attempts)

    @property
    def is_approval_spent(self) -> bool:
        """Whether a second session met a foreign submission: nothing is sent without another approval."""
        return self.foreign_submissions > 1

    @property
    def is_doubted(self) -> bool:
        """Whether what the case stands before may have been sent unrecorded, and was not looked for since."""
        number = self.open_inquiry.number if self.open_inquiry else None
        looked_for = any(attempt.doubted and attempt.inquiry == number for attempt in self.attempts)
        return self.doubted_since is not None and not looked_for

    def with_handoff(self, handoff: ManualHandoff) -> "Journal":
        """Return the journal with the handoff of this id replaced."""
        return replace(self, handoffs=tuple(handoff if each.id == handoff.id else each for each in self.handoffs))

    @property
    def open_inquiry(self) -> Inquiry | None:
        """What the payer has asked after its receipt and has no answer to yet."""
        return next((inquiry for inquiry in self.inquiries if not inquiry.is_answered), None)

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt of which it is not known yet whether the payer took it."""
        return next((attempt for attempt in self.attempts if attempt.state is AttemptState.INTENDED), None)
