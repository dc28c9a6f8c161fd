"""What was sent to the payer and what the payer said: attempts, the receipt, the decision.

An attempt is the service's private record that it may have submitted. It is committed before the final request is
released, and nothing is sent again until the attempt has been concluded by what the payer shows.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from priorauth.domain.reviews import ReviewSnapshot


class Outcome(StrEnum):
    """How a case ended."""

    APPROVED = "approved"
    DENIED = "denied"
    MODIFIED = "modified"
    NOT_REQUIRED = "not_required"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PayerReceipt:
    """The payer's proof that it has the case."""

    reference_number: str
    received_at: datetime
    channel: str


@dataclass(frozen=True, slots=True)
class DenialReason:
    """Why the payer said no, in its own code and words."""

    code: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The payer's decision."""

    outcome: Outcome
    decided_at: datetime
    authorization_number: str | None = None
    effective_from: date | None = None
    effective_to: date | None = None
    approved_units: int | None = None
    denial_reason: DenialReason | None = None
    message: str | None = None


class AttemptState(StrEnum):
    """What is known of an attempt to submit."""

    INTENDED = "intended"
    TAKEN = "taken"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One intent to cross the payer's final boundary, for one run of the case: to submit it, or to reply to `inquiry`.

    `missed_at` is when the payer first did not know it: one such look proves nothing yet. With a `handoff_id` it was
    a human who was let at the boundary. A `doubted` one stands for whatever was sent in a time that a restored record
    has lost. `awaits_press`: a person may submit, and no final request of theirs was let go yet, so that nothing was
    sent; an attempt of an older version never says so. `answered`: the payer's portal answered its final request with
    a success, so that a search in vain never proves that the payer does not have it.
    """

    id: str
    run: int
    intended_at: datetime
    state: AttemptState = AttemptState.INTENDED
    missed_at: datetime | None = None
    inquiry: str | None = None
    handoff_id: str | None = None
    doubted: bool = False
    awaits_press: bool = False
    answered: bool = False

    @property
    def needs_person(self) -> bool:
        """Whether the portal answered with a success and a search was in vain: only a person can find out more."""
        return self.answered and self.missed_at is not None

    def absence_proven_in(self, settles_after_seconds: float, *, now: datetime) -> float:
        """Return the seconds after which another look that finds nothing proves absence; 0 when this one did."""
        if self.missed_at is None:
            return settles_after_seconds
        waited = (now - self.missed_at).total_seconds()
        return min(max(settles_after_seconds - waited, 0.0), settles_after_seconds)


@dataclass(frozen=True, slots=True)
class Approval:
    """A confirmed `approve_submission`: the permission to submit what its snapshot shows."""

    next_action_id: str
    review_snapshot_id: str
    approved_at: datetime


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Evidence of the payer that names something else than what was sent. A person decides whether it counts.

    `approved` and `shown` hold the differing fields only, as label and value. `receipt` is what the payer showed.
    """

    id: str
    approved: tuple[tuple[str, str], ...]
    shown: tuple[tuple[str, str], ...]
    receipt: PayerReceipt


@dataclass(frozen=True, slots=True)
class Submission:
    """All that a client sees of the way to the payer."""

    review_snapshot: ReviewSnapshot | None = None
    payer_receipt: PayerReceipt | None = None
    decision: Decision | None = None
    mismatch: Mismatch | None = None
