"""The payer's channel in a human's hands: offered, taken, given back, lost; and what becomes of the case then.

Who takes an offer that covers a review snapshot accepts it, and may cross the final boundary: so the intent is part of
the very same change. The service itself never crosses a boundary at which a human was let, whatever came of it.
"""

from dataclasses import replace
from datetime import timedelta

from priorauth.domain import reviews
from priorauth.domain.authorizations import (
    ActionType,
    Authorization,
    Knowledge,
    NextAction,
    Reason,
    evolve,
    issue_review,
    superseding_review,
)
from priorauth.domain.boundary.journal import Journal
from priorauth.domain.errors import (
    ManualHandoffNotActive,
    ManualHandoffNotAllowed,
    ManualHandoffNotFound,
    NotMutable,
    ReviewAcknowledgementRequired,
    ReviewStale,
)
from priorauth.domain.handoffs import (
    HandoffResult,
    HandoffState,
    ManualHandoff,
    OfferReason,
    Reconciliation,
    Report,
    UnableReason,
)
from priorauth.domain.lifecycle import Event, Status, next_status
from priorauth.domain.live_sessions import SessionClaim
from priorauth.domain.moment import Moment
from priorauth.domain.reviews import Difference, ReadPackage, SnapshotStatus
from priorauth.domain.submissions import Approval, Attempt, AttemptState

_LOST = Report(result=HandoffResult.INTERACTION_LOST_UNRECOVERABLE)
_BETWEEN_SIGN_INS = timedelta(hours=24)
_OTHER_MISMATCH = (
    "acceptedMismatchId is not the id of the present submission.mismatch. Read the authorization again, and compare "
    "what the payer shows now."
)
_FOREIGN = reviews.Warning(
    "foreign_submission_refused",
    "While a person was to submit, a page of the payer's portal tried to submit something else. It was refused, "
    "nothing was sent, and the session was ended. Ask the operator of this server to look at the portal first.",
)
_NOTHING_NEW = "The payer shows nothing new of the case; the service goes on with it."
_UNABLE = {
    UnableReason.CHANNEL_BLOCKED: "the payer's portal did not let them go on",
    UnableReason.MISSING_INFORMATION: "information was missing",
    UnableReason.CREDENTIAL_OR_MFA_ISSUE: "signing in did not work",
    UnableReason.CHANNEL_OUTAGE: "the payer's portal was down",
    UnableReason.OPERATOR_ABANDONED_CASE: "they gave the case up",
    UnableReason.WRONG_ROUTE: "the case belongs elsewhere",
    UnableReason.OTHER: "of another reason",
}


def handoff_of(case: Authorization, handoff_id: str) -> ManualHandoff:
    """Return a handoff of the case. Raises ManualHandoffNotFound."""
    found = next((each for each in case.journal.handoffs if each.id == handoff_id), None)
    if found is None:
        raise ManualHandoffNotFound
    return found


def offer(
    case: Authorization,
    known: Knowledge,
    moment: Moment,
    *,
    reason: OfferReason,
    message: str,
    differences: tuple[Difference, ...] = (),
    read: ReadPackage | None = None,
) -> Authorization:
    """Return the case waiting for a human to take the interaction over; the final submit covers a fresh snapshot.

    What may have been sent already is not to be sent by anybody: it is only looked for.
    """
    if reason is OfferReason.FINAL_SUBMIT and not case.is_unsent:
        reason = OfferReason.SUBMISSION_UNRESOLVED
    because = Reason(reason.value, message)
    if reason is not OfferReason.FINAL_SUBMIT:
        covers = case.covers(version=case.version + 1)
        action = NextAction(moment.new_id("nact"), ActionType.COMPLETE_PAYER_INTERACTION, covers, reason=because)
        return evolve(case, Event.HUMAN_NEEDED, moment, next_action=action)
    submission, journal = superseding_review(case)
    snapshot, action = issue_review(
        case,
        known,
        moment,
        differences=differences,
        read=read,
        warnings=(_FOREIGN,) if case.journal.foreign_submissions else (),
        by=ActionType.COMPLETE_PAYER_INTERACTION,
        reason=because,
    )
    shown = replace(submission, review_snapshot=snapshot)
    return evolve(case, Event.HUMAN_NEEDED, moment, next_action=action, submission=shown, journal=journal)


def take(
    case: Authorization, moment: Moment, *, accepted_review_snapshot_id: str | None, is_enterable: bool = True
) -> Authorization:
    """Return the case with a human in its interaction; with the same human's when there is one.

    `is_enterable`: whether people may enter the service's session; else they act in an account of their own.

    Raises ManualHandoffNotAllowed, ReviewAcknowledgementRequired or ReviewStale, in this order.
    """
    next_status(case.status, Event.HANDOFF_CREATED)
    action = case.next_action
    if case.active_handoff is not None:
        return case
    if action is None or action.reason is None:
        raise ManualHandoffNotAllowed
    snapshot_id = action.review_snapshot_id
    if snapshot_id is not None and accepted_review_snapshot_id is None:
        raise ReviewAcknowledgementRequired(details={"reviewSnapshotId": snapshot_id})
    if accepted_review_snapshot_id not in (None, snapshot_id):
        raise ReviewStale
    handoff = ManualHandoff(
        id=moment.new_id("mhand"),
        reason=OfferReason(action.reason.code),
        review_snapshot_id=snapshot_id,
        created_at=moment.now,
        refreshed_at=moment.now,
        is_enterable=is_enterable,
    )
    journal = replace(case.journal, handoffs=(*case.journal.handoffs, handoff), offers_lost=0)
    if snapshot_id is not None:
        inquiry = journal.open_inquiry
        intent = Attempt(
            moment.new_id("sub"),
            journal.run,
            moment.now,
            inquiry=inquiry.number if inquiry else None,
            handoff_id=handoff.id,
            awaits_press=True,
        )
        approval = Approval(action.id, snapshot_id, moment.now)
        journal = replace(journal, approval=approval, attempts=(*journal.attempts, intent), foreign_submissions=0)
        accepted = case.submission.review_snapshot
        if inquiry is None:
            journal = replace(journal, sent=accepted.package if accepted else None)
    return evolve(case, Event.HANDOFF_CREATED, moment, journal=journal)


def intend(case: Authorization, moment: Moment, *, claim: SessionClaim | None, session_id: str) -> Authorization:
    """Return the case whose person's held final request is about to leave.

    Args:
        case: the authorization as it is stored now.
        moment: the time.
        claim: the claim on the authorization's session, if there is one.
        session_id: the session that holds the request.

    Raises:
        NotMutable: the request must not leave: its handoff is not active, the snapshot that it accepted is not the
            current one, another request may have left before, or the claim has ended or is on another session.
    """
    handoff, attempt, snapshot = case.journal.open_handoff, case.journal.open_attempt, case.submission.review_snapshot
    allowed = (
        case.status is Status.REQUIRES_ACTION
        and handoff is not None
        and handoff.state is HandoffState.ACTIVE
        and snapshot is not None
        and snapshot.status is SnapshotStatus.CURRENT
        and handoff.review_snapshot_id == snapshot.id
        and attempt is not None
        and attempt.handoff_id == handoff.id
        and attempt.awaits_press
        and claim is not None
        and claim.session_id == session_id
        and claim.is_valid(moment.now)
    )
    if not allowed:
        raise NotMutable("Nothing may be sent to the payer now.")
    attempts = tuple(replace(each, awaits_press=False) for each in case.journal.attempts)
    return replace(case, journal=replace(case.journal, attempts=attempts))


def refresh(case: Authorization, moment: Moment, *, handoff_id: str) -> Authorization:
    """Return the case after access for its handoff was created. Raises ManualHandoffNotFound or -NotActive."""
    handoff = handoff_of(case, handoff_id)
    if handoff.state is not HandoffState.ACTIVE:
        raise ManualHandoffNotActive
    return replace(case, journal=case.journal.with_handoff(handoff.refreshed(now=moment.now)))


def close(case: Authorization, moment: Moment, *, handoff_id: str, report: Report) -> Authorization:
    """Return the case back in the service's hands, which reads what is true; a repeated report changes nothing.

    Raises ManualHandoffNotFound, ManualHandoffNotActive when it was closed by another report, or
    ManualHandoffNotAllowed when the report accepts another mismatch than the present one.
    """
    handoff = handoff_of(case, handoff_id)
    if handoff.report == report:
        return case
    if handoff.state is not HandoffState.ACTIVE:
        raise ManualHandoffNotActive
    mismatch = case.submission.mismatch
    if report.accepted_mismatch_id not in (None, mismatch.id if mismatch else None):
        raise ManualHandoffNotAllowed(_OTHER_MISMATCH)
    reconciliation = Reconciliation(moment.new_id("recon"), case.version + 1)
    journal = case.journal.with_handoff(handoff.closing(report, reconciliation))
    # What was accepted was accepted for this human's turn. The service itself may not cross by it.
    void = (journal.approval.next_action_id,) if journal.approval else ()
    superseded = (*journal.superseded_approvals, *void)
    journal = replace(_next_run(journal), approval=None, superseded_approvals=superseded)
    return evolve(case, Event.HANDOFF_CLOSED, moment, next_action=None, journal=journal)


def lose(case: Authorization, moment: Moment) -> Authorization:
    """Return the case whose offered or taken session is gone: the service goes on, or reads what the human left."""
    handoff = case.journal.open_handoff
    if handoff is not None:
        return close(case, moment, handoff_id=handoff.id, report=_LOST)
    journal = replace(_next_run(case.journal), offers_lost=case.journal.offers_lost + 1)
    return evolve(case, Event.INTERACTION_LOST, moment, next_action=None, journal=journal)


def met_foreign(case: Authorization) -> Authorization:
    """Return the case whose session, in a person's hands, tried to send another final request than the held one.

    Outside a handoff nothing changes here: what the service's own session met is counted with its attempt.
    """
    if case.active_handoff is None:
        return case
    journal = replace(case.journal, foreign_submissions=case.journal.foreign_submissions + 1)
    return replace(case, journal=journal)


def go_on(case: Authorization, moment: Moment) -> Authorization:
    """Return the case after a human's turn that changed nothing at the payer: the service works on it, or waits."""
    journal, handoff = case.journal, case.journal.open_handoff
    if handoff is not None:
        journal = journal.with_handoff(handoff.closed(now=moment.now, message=_NOTHING_NEW))
    waits = case.submission.payer_receipt is not None and journal.open_inquiry is None
    event = Event.RECEIPT_PROVEN if waits else Event.RECONCILED
    return evolve(case, event, moment, journal=_next_run(journal))


def gives_up(case: Authorization) -> bool:
    """Say whether the case ends with its human's turn, when the payer shows nothing of it.

    A human said that it cannot be done, and nobody else can do it. What the payer has is not given up; what this very
    human may have sent is looked for by another one first.
    """
    handoff, attempt = case.journal.open_handoff, case.journal.open_attempt
    if handoff is None or handoff.report is None or case.submission.payer_receipt is not None:
        return False
    return handoff.report.unable is not None and (attempt is None or attempt.handoff_id != handoff.id)


def reason_of(case: Authorization) -> Reason:
    """Return why a case that is given up fails."""
    handoff, attempt = case.journal.open_handoff, case.journal.open_attempt
    unable = handoff.report.unable if handoff is not None and handoff.report is not None else None
    if unable is None:
        raise LookupError("no human gave the case up")
    said = f"A human took the case over at the payer and could not finish: {_UNABLE[unable]}."
    if attempt is None:
        return Reason(unable.value, said)
    return Reason("submission_unresolved", f"{said} The payer may have it: look for it there before you send it again.")


def was_asked_lately(case: Authorization, moment: Moment) -> bool:
    """Say whether a human has had the interaction so lately that none is asked to sign in merely to read a status."""
    last = max((handoff.created_at for handoff in case.journal.handoffs), default=None)
    return last is not None and moment.now - last < _BETWEEN_SIGN_INS


def conclude_unknown(case: Authorization) -> Authorization:
    """Return the canceled case whose attempt nobody can look for any more: what became of it stays unknown."""
    attempts = tuple(
        replace(attempt, state=AttemptState.UNKNOWN) if attempt.state is AttemptState.INTENDED else attempt
        for attempt in case.journal.attempts
    )
    return replace(case, journal=replace(case.journal, attempts=attempts))


def _next_run(journal: Journal) -> Journal:
    return replace(journal, run=journal.run + 1, turn=0, faults=0)
