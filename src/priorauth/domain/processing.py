"""The service's and the payer's moves: what the engine learned becomes a change of the case.

Each function takes the case as it is stored now. Work of an earlier run, or for a case that was canceled meanwhile,
must change nothing: `is_in_hand` says so, and only evidence of a submission is still recorded then.
"""

from dataclasses import replace
from datetime import datetime

from priorauth.domain import reviews
from priorauth.domain.answers import AnswerSet
from priorauth.domain.authorizations import (
    Authorization,
    FinalSubmission,
    Knowledge,
    Reason,
    action_for_writes,
    evolve,
    issue_review,
    package_of,
    reassessed,
    superseding_review,
)
from priorauth.domain.boundary.journal import Journal
from priorauth.domain.errors import Issue, NotMutable, Severity
from priorauth.domain.lifecycle import Event, Status
from priorauth.domain.moment import Moment
from priorauth.domain.portals.outages import Outage
from priorauth.domain.questionnaires import Item
from priorauth.domain.replies import Inquiry
from priorauth.domain.requirements import Finding
from priorauth.domain.reviews import Difference, Package, ReadPackage, SnapshotStatus
from priorauth.domain.submissions import Attempt, AttemptState, Decision, Outcome, PayerReceipt

# Where an approval lets something leave with no further step of the customer's.
_MAY_STILL_SEND = (Status.PROCESSING, Status.REQUIRES_ACTION)
_NOT_REQUIRED = "authorization_not_required"
_ASKED_AGAIN = Reason(
    "unknown_page",
    "The payer's form asks again what the case has answered. Nothing was submitted. Ask the operator of this server to "
    "look at the form before you create the case anew.",
)
_UNEXPLAINED = Issue(
    "rejected_by_payer",
    "The payer did not take the case and did not say why. Check answers and documents, and change what is not right.",
)


def is_in_hand(case: Authorization, run: int, *statuses: Status) -> bool:
    """Say whether the run is still the present one, and the case in one of the statuses."""
    return case.journal.run == run and case.status in statuses


def may_submit(case: Authorization) -> bool:
    """Say whether the final boundary may be crossed: by policy, or by the approval of the current snapshot."""
    if case.final_submission is FinalSubmission.AUTOMATIC:
        return True
    snapshot, approval = case.submission.review_snapshot, case.journal.approval
    return (
        snapshot is not None
        and approval is not None
        and snapshot.status is SnapshotStatus.CURRENT
        and approval.review_snapshot_id == snapshot.id
    )


def approved_differences(case: Authorization) -> tuple[Difference, ...]:
    """Return what the portal may show otherwise than the case: only what a human has approved."""
    snapshot = case.submission.review_snapshot
    return snapshot.differences if snapshot is not None and case.journal.approval is not None else ()


def approved_package(case: Authorization) -> Package | None:
    """Return the content that was approved, as the payer's form words it; None where none was read or approved."""
    snapshot, approval = case.submission.review_snapshot, case.journal.approval
    is_approved = snapshot is not None and approval is not None and approval.review_snapshot_id == snapshot.id
    return snapshot.package if snapshot is not None and is_approved else None


def propose_review(
    case: Authorization,
    known: Knowledge,
    moment: Moment,
    *,
    differences: tuple[Difference, ...],
    read: ReadPackage | None = None,
    warnings: tuple[reviews.Warning, ...] = (),
) -> Authorization:
    """Return the case paused for the approval of a new snapshot."""
    submission, journal = superseding_review(case)
    snapshot, action = issue_review(case, known, moment, differences=differences, read=read, warnings=warnings)
    return evolve(
        case,
        Event.APPROVAL_REQUIRED,
        moment,
        next_action=action,
        submission=replace(submission, review_snapshot=snapshot),
        journal=journal,
    )


def ask_for_more(
    case: Authorization, known: Knowledge, moment: Moment, *, rejected: tuple[Issue, ...]
) -> Authorization:
    """Return the case waiting for input, because the payer rejected values: one blocking issue each."""
    given, package = AnswerSet(case.answers), package_of(case)
    blocking = tuple(replace(issue, severity=Severity.ERROR) for issue in rejected or (_UNEXPLAINED,))
    findings = tuple(Finding(issue, given.of(issue.field or ""), package) for issue in blocking)
    return _returned(replace(case, journal=replace(case.journal, findings=findings)), case, known, moment)


def discover(case: Authorization, known: Knowledge, moment: Moment, *, items: tuple[Item, ...]) -> Authorization:
    """Return the case waiting for input, because the payer asks `items` too; failed where it was asked them before."""
    asked = {item.link_id for item in case.discovered}
    new = tuple({item.link_id: item for item in items if item.link_id not in asked}.values())
    if not new:
        return fail(case, moment, reason=_ASKED_AGAIN)
    return _returned(replace(case, discovered=(*case.discovered, *new)), case, known, moment)


def take_inquiry(case: Authorization, known: Knowledge, moment: Moment, *, inquiry: Inquiry) -> Authorization:
    """Return the case waiting for input, because the payer asks for more after its receipt."""
    # The next reply carries what comes after now; whatever there is now, the payer was sent or was not to have.
    had = replace(inquiry, answers=case.answers, attachments=tuple(each.id for each in case.attachments))
    journal = replace(case.journal, inquiries=(*case.journal.inquiries, had))
    return _returned(replace(case, journal=journal), case, known, moment)


def conclude_not_required(case: Authorization, moment: Moment, *, message: str) -> Authorization:
    """Return the case completed without a submission: the payer wants no authorization for the service."""
    return evolve(
        case,
        Event.DECISION_OBSERVED,
        moment,
        outcome=Outcome.NOT_REQUIRED,
        status_reason=Reason(_NOT_REQUIRED, message),
        completed_at=moment.now,
    )


def begin_attempt(case: Authorization, moment: Moment, *, run: int, turn: int) -> Authorization:
    """Return the case with the intent to submit it, or to reply to the payer's open inquiry.

    Raises NotMutable when nothing may be sent now: what the payer has gets replies alone, one for each inquiry, and
    what a human was let send the service never sends. This is the one write that decides between a cancel and the
    release of the final request: whichever commits first.
    """
    inquiry = case.journal.open_inquiry
    allowed = (
        case.status is Status.PROCESSING
        and (case.journal.run, case.journal.turn) == (run, turn)
        and may_submit(case)
        and case.is_unsent
        and not case.journal.human_attempted
    )
    if not allowed:
        raise NotMutable("Nothing may be sent to the payer now.")
    attempt = Attempt(moment.new_id("sub"), run, moment.now, inquiry=inquiry.number if inquiry else None)
    # What went wrong on the way here is over: finding out what became of the attempt has a budget of its own.
    journal = replace(case.journal, attempts=(*case.journal.attempts, attempt), faults=0)
    return replace(case, journal=journal if inquiry else replace(journal, sent=approved_package(case)))


def doubt(case: Authorization, moment: Moment) -> Authorization:
    """Return the case as one whose record is older than the world: what was sent since may stand nowhere in it.

    What it stands before is looked for before anybody sends it; a look from before counts for nothing any more, and the
    patience with a payer that is down begins anew. An approval that was not used is void: since the copy it may have
    been withdrawn with a change or a cancel that the record lacks.
    """
    if case.status.is_final and case.journal.open_attempt is None:
        return case
    if case.journal.approval is not None and case.status in _MAY_STILL_SEND:
        case = _without_approval(case)
    attempts = tuple(
        replace(attempt, doubted=attempt.state is AttemptState.INTENDED, missed_at=None, awaits_press=False)
        for attempt in case.journal.attempts
    )
    return replace(case, journal=replace(case.journal, doubted_since=moment.now, attempts=attempts, outage=None))


def _without_approval(case: Authorization) -> Authorization:
    """Return the case whose approval is void; what may have been sent under it is still what was approved."""
    submission, journal = superseding_review(case)
    if submission.payer_receipt is None:
        journal = replace(journal, sent=approved_package(case) or journal.sent)
    return replace(case, submission=submission, journal=journal)


def begin_search(case: Authorization, moment: Moment) -> Authorization:
    """Return the case with an attempt to be looked for, where its record cannot tell whether there was one."""
    journal, inquiry = case.journal, case.journal.open_inquiry
    over = case.submission.payer_receipt is not None and inquiry is None
    if over or not journal.is_doubted or journal.open_attempt is not None:
        return case
    number = inquiry.number if inquiry else None
    attempt = Attempt(moment.new_id("sub"), journal.run, moment.now, inquiry=number, doubted=True)
    return replace(case, journal=replace(journal, attempts=(*journal.attempts, attempt), faults=0))


def answered(case: Authorization) -> Authorization:
    """Return the case whose open attempt the payer's portal has answered with a success."""
    attempts = tuple(
        replace(attempt, answered=True) if attempt.state is AttemptState.INTENDED else attempt
        for attempt in case.journal.attempts
    )
    return replace(case, journal=replace(case.journal, attempts=attempts))


def conclude_absent(case: Authorization) -> Authorization:
    """Return the case with its open attempt concluded: the payer provably never took it."""
    journal, searched = concluded(case, AttemptState.ABSENT), case.journal.open_attempt
    if searched is not None and searched.doubted and searched.inquiry is None:
        # A payer that does not have the case asked nothing about it either: the record is true again.
        journal = replace(journal, doubted_since=None)
    # Trying again is bounded by the attempts that came to nothing. A search was none.
    return replace(case, journal=replace(journal, faults=sum(not each.doubted for each in journal.attempts)))


def conclude_foreign(case: Authorization) -> Authorization:
    """Return the case whose attempt provably never left, because its session tried to send another final request."""
    journal = concluded(case, AttemptState.ABSENT)
    return replace(case, journal=replace(journal, foreign_submissions=journal.foreign_submissions + 1))


def missed(case: Authorization, *, looked_at: datetime) -> Authorization:
    """Return the case after the payer's search did not know its open attempt; the first such look is remembered."""
    attempts = tuple(
        replace(attempt, missed_at=attempt.missed_at or looked_at)
        if attempt.state is AttemptState.INTENDED
        else attempt
        for attempt in case.journal.attempts
    )
    return replace(case, journal=replace(case.journal, attempts=attempts))


def record_receipt(case: Authorization, moment: Moment, *, receipt: PayerReceipt) -> Authorization:
    """Return the case with the payer's receipt: it waits on the payer, or stays canceled with late evidence."""
    event = Event.LATE_EVIDENCE_RECORDED if case.status is Status.CANCELED else Event.RECEIPT_PROVEN
    return evolve(
        case,
        event,
        moment,
        submission=replace(case.submission, payer_receipt=receipt, mismatch=None),
        journal=replace(concluded(case, AttemptState.TAKEN), status_checks=0, faults=0),
    )


def record_answer(case: Authorization, moment: Moment) -> Authorization:
    """Return the case whose open inquiry has an answer at the payer: it waits on the payer again, or stays canceled."""
    event = Event.LATE_EVIDENCE_RECORDED if case.status is Status.CANCELED else Event.INQUIRY_ANSWERED
    journal = concluded(case, AttemptState.TAKEN)
    submission = replace(case.submission, mismatch=None)
    inquiries = tuple(replace(each, is_answered=True) for each in journal.inquiries)
    journal = replace(journal, inquiries=inquiries, status_checks=0, faults=0)
    return evolve(case, event, moment, submission=submission, journal=journal)


def record_decision(case: Authorization, moment: Moment, *, decision: Decision) -> Authorization:
    """Return the case with the payer's decision: completed, or canceled with late evidence."""
    # The payer decides on what it has: a decision concludes the attempt as a receipt does.
    submission = replace(case.submission, decision=decision, mismatch=None)
    journal = concluded(case, AttemptState.TAKEN)
    if case.status is Status.CANCELED:
        return evolve(case, Event.LATE_EVIDENCE_RECORDED, moment, submission=submission, journal=journal)
    return evolve(
        case,
        Event.DECISION_OBSERVED,
        moment,
        submission=submission,
        journal=journal,
        outcome=decision.outcome,
        status_reason=_reason_of(decision),
        completed_at=moment.now,
    )


def fail(case: Authorization, moment: Moment, *, reason: Reason) -> Authorization:
    """Return the case completed as failed, with the reason."""
    return evolve(case, Event.FAILED, moment, outcome=Outcome.FAILED, status_reason=reason, completed_at=moment.now)


def checked(case: Authorization) -> Authorization:
    """Return the case after a status check that brought nothing new."""
    journal = case.journal
    return replace(
        case, journal=replace(journal, turn=journal.turn + 1, status_checks=journal.status_checks + 1, faults=0)
    )


def started_afresh(case: Authorization, *, fault: bool) -> Authorization:
    """Return the case whose work is to be started again, because of a `fault` or for another look."""
    return replace(case, journal=replace(case.journal, turn=case.journal.turn + 1, faults=case.journal.faults + fault))


def present_outage(case: Authorization, moment: Moment) -> Outage:
    """Return the outage that the case's present run waits out; one that begins now where it waits for none yet."""
    outage, run = case.journal.outage, case.journal.run
    return outage if outage is not None and outage.run == run else Outage(run, moment.now)


def waiting_out(case: Authorization, moment: Moment) -> Authorization:
    """Return the case whose work is to be started again because its payer cannot be reached: that is no fault of it."""
    outage = present_outage(case, moment)
    return replace(case, journal=replace(case.journal, turn=case.journal.turn + 1, outage=outage))


def reached(case: Authorization) -> Authorization:
    """Return the case whose payer can be reached again."""
    return replace(case, journal=replace(case.journal, outage=None))


def _returned(draft: Authorization, case: Authorization, known: Knowledge, moment: Moment) -> Authorization:
    """Hand the case back to its customer with what `draft` newly asks; its snapshot can no longer be approved."""
    submission, journal = superseding_review(draft)
    asking = reassessed(replace(draft, journal=journal), known)
    return evolve(
        case,
        Event.MORE_INFORMATION_NEEDED,
        moment,
        discovered=asking.discovered,
        requirements=asking.requirements,
        submission=submission,
        journal=asking.journal,
        next_action=action_for_writes(asking, moment, version=case.version + 1),
    )


def concluded(case: Authorization, state: AttemptState) -> Journal:
    """Return the journal with the open attempt in its last state."""
    attempts = tuple(
        replace(attempt, state=state) if attempt.state is AttemptState.INTENDED else attempt
        for attempt in case.journal.attempts
    )
    return replace(case.journal, attempts=attempts)


def _reason_of(decision: Decision) -> Reason | None:
    if decision.outcome is not Outcome.NOT_REQUIRED:
        return None
    return Reason(_NOT_REQUIRED, decision.message or "The payer wants no authorization for this service.")
