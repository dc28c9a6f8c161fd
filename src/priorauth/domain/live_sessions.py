"""The live session of a case: a projection of the channel session that works on it. It commands nothing."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from priorauth.domain.authorizations import ActionType, Authorization, FinalSubmission
from priorauth.domain.handoffs import HandoffState
from priorauth.domain.lifecycle import Status
from priorauth.domain.processing import may_submit
from priorauth.domain.reviews import SnapshotStatus

FOREIGN_SUBMISSION: Final = "foreign_submission_refused"
"""Why a session ended before its time: it tried to send another final request than the permitted or the held one."""


class BoundaryState(StrEnum):
    """Where the channel session stands before the payer's final boundary."""

    UNKNOWN = "unknown"
    NOT_REACHED = "not_reached"
    AT_BOUNDARY = "at_boundary"
    CROSSED = "crossed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClaim:
    """A worker's claim on the channel session of a case; it is void after `expires_at`.

    `credential_id` is the account that signs in, where it is the service's own.
    """

    authorization_id: str
    session_id: str
    worker: str
    channel: str
    boundary: BoundaryState
    expires_at: datetime
    credential_id: str | None = None

    def is_valid(self, now: datetime) -> bool:
        """Say whether the session is up as far as its claim can tell."""
        return now < self.expires_at


class HandoffAvailability(StrEnum):
    """Whether a human can take, or has, the interaction."""

    UNAVAILABLE = "unavailable"
    OFFERED = "offered"
    ACTIVE = "active"


class HandoffReason(StrEnum):
    """Why a human can, or cannot, take the interaction."""

    AUTOMATION_OWNS_PROCESSING = "automation_owns_processing"
    HANDOFF_OFFERED = "handoff_offered"
    HANDOFF_ACTIVE = "handoff_active"
    CUSTOMER_OWNS_CASE = "customer_owns_case"
    PAYER_OWNS_CASE = "payer_owns_case"
    CASE_CLOSED = "case_closed"


class AccessMode(StrEnum):
    """What somebody who opens the session may do."""

    READ_ONLY = "read_only"
    INTERACTIVE = "interactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSession:
    """What a client sees."""

    is_live: bool
    channel: str | None
    manual_handoff_id: str | None
    supported_modes: tuple[AccessMode, ...]
    handoff_state: HandoffAvailability
    handoff_reason: HandoffReason
    boundary: BoundaryState
    final_submit_capable: bool
    requires_approval: bool
    review_snapshot_id: str | None


def needs_session(case: Authorization) -> bool:
    """Say whether a channel session of the case still serves something."""
    if case.status is Status.REQUIRES_CONFIRMATION:
        return case.next_action is not None and case.next_action.type is ActionType.APPROVE_SUBMISSION
    working = case.status in (Status.PROCESSING, Status.WAITING_ON_PAYER, Status.REQUIRES_ACTION)
    return working or case.journal.open_attempt is not None


def is_enterable(case: Authorization) -> bool:
    """Return False while a handoff has the session whose person acts in an account of their own."""
    handoff = case.journal.open_handoff
    return handoff is None or handoff.is_enterable


def is_in_human_hands(case: Authorization) -> bool:
    """Say whether the interaction is a human's now; one who gives it back has it no more."""
    handoff = case.active_handoff if case.status is Status.REQUIRES_ACTION else None
    return handoff is not None and handoff.state is HandoffState.ACTIVE


_REASONS = {
    Status.REQUIRES_INPUT: HandoffReason.CUSTOMER_OWNS_CASE,
    Status.REQUIRES_CONFIRMATION: HandoffReason.CUSTOMER_OWNS_CASE,
    Status.REQUIRES_ACTION: HandoffReason.HANDOFF_OFFERED,
    Status.PROCESSING: HandoffReason.AUTOMATION_OWNS_PROCESSING,
    Status.WAITING_ON_PAYER: HandoffReason.PAYER_OWNS_CASE,
    Status.COMPLETED: HandoffReason.CASE_CLOSED,
    Status.CANCELED: HandoffReason.CASE_CLOSED,
}


def project(case: Authorization, claim: SessionClaim | None, *, now: datetime) -> LiveSession:
    """Return the live session of `case` as of `now`."""
    live = claim is not None and claim.is_valid(now) and needs_session(case)
    # While a close is carried out, the session is the service's again.
    handoff = case.active_handoff if case.status is Status.REQUIRES_ACTION else None
    state = HandoffAvailability.UNAVAILABLE
    if handoff is not None:
        state = HandoffAvailability.ACTIVE
    elif case.status is Status.REQUIRES_ACTION and live:
        state = HandoffAvailability.OFFERED
    snapshot = case.submission.review_snapshot
    current = snapshot if snapshot is not None and snapshot.status is SnapshotStatus.CURRENT else None
    return LiveSession(
        is_live=live,
        channel=claim.channel if live and claim else None,
        manual_handoff_id=handoff.id if live and handoff else None,
        supported_modes=_modes(live=live, interactive=handoff is not None),
        handoff_state=state,
        handoff_reason=HandoffReason.HANDOFF_ACTIVE if handoff is not None else _REASONS[case.status],
        boundary=_boundary(case, claim if live else None),
        final_submit_capable=_may_cross(case, claim if live else None),
        requires_approval=_demands_approval(case),
        review_snapshot_id=current.id if current else None,
    )


def _may_cross(case: Authorization, claim: SessionClaim | None) -> bool:
    """Say whether the final request may leave the session: an intent stands, of whoever has the session now."""
    attempt = case.journal.open_attempt
    if attempt is None or claim is None or claim.boundary is not BoundaryState.AT_BOUNDARY:
        return False
    if attempt.handoff_id is None:
        return case.status is Status.PROCESSING
    handoff = case.journal.handoffs[-1]
    return is_in_human_hands(case) and handoff.id == attempt.handoff_id and handoff.is_enterable


def _demands_approval(case: Authorization) -> bool:
    """Say whether something may still be sent, and only after an approval that was not given yet."""
    if case.status.is_final or not case.is_unsent:
        return False
    offered = case.next_action is not None and case.next_action.review_snapshot_id is not None
    return offered or (case.final_submission is FinalSubmission.REQUIRES_CONFIRMATION and not may_submit(case))


def _boundary(case: Authorization, claim: SessionClaim | None) -> BoundaryState:
    # A session that only reads what the payer decided has not gone back behind the boundary.
    if claim is None:
        return BoundaryState.UNKNOWN
    only_reads = case.submission.payer_receipt is not None and case.journal.open_inquiry is None
    return BoundaryState.CROSSED if only_reads else claim.boundary


def _modes(*, live: bool, interactive: bool) -> tuple[AccessMode, ...]:
    if not live:
        return ()
    return (AccessMode.READ_ONLY, AccessMode.INTERACTIVE) if interactive else (AccessMode.READ_ONLY,)
