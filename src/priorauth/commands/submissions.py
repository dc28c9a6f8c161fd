"""Crossing the payer's final boundary, as commands: the intent, its conclusion, what the payer says to it."""

from datetime import datetime

from priorauth.commands.processing import Observation
from priorauth.commands.record import knowledge, load, record
from priorauth.domain import processing
from priorauth.domain.authorizations import Authorization
from priorauth.domain.events import PAYER, SERVICE
from priorauth.domain.lifecycle import Status
from priorauth.domain.moment import Moment
from priorauth.domain.processing import is_in_hand
from priorauth.domain.replies import Inquiry
from priorauth.domain.submissions import Decision, PayerReceipt
from priorauth.store.transaction import Transaction


def begin_attempt(tx: Transaction, moment: Moment, *, authorization_id: str, run: int, turn: int) -> Authorization:
    """Commit the intent to submit the case or to reply. Raises NotMutable when nothing may be sent any more."""
    case = load(tx, authorization_id)
    changed = processing.begin_attempt(case, moment, run=run, turn=turn)
    tx.submission_claims.add(case.id, attempt_id=changed.journal.attempts[-1].id, now=moment.now)
    event = "submission_intended" if case.submission.payer_receipt is None else "reply_intended"
    return record(tx, before=case, after=changed, moment=moment, actor=SERVICE, event=event)


def begin_search(tx: Transaction, moment: Moment, *, authorization_id: str) -> Authorization:
    """Begin to look for what may have been sent in a time that the case's restored record has lost."""
    case = load(tx, authorization_id)
    if case.status is not Status.PROCESSING:
        return case
    sought = processing.begin_search(case, moment)
    return record(tx, before=case, after=sought, moment=moment, actor=SERVICE, event="submission_doubted")


def conclude_unsent(tx: Transaction, moment: Moment, *, authorization_id: str) -> Authorization:
    """Record that the open attempt never left: its permit was taken back unused."""
    case = load(tx, authorization_id)
    changed = processing.conclude_absent(case)
    return record(tx, before=case, after=changed, moment=moment, actor=SERVICE, event="submission_not_sent")


def conclude_foreign(tx: Transaction, moment: Moment, *, authorization_id: str) -> Authorization:
    """Record that the open attempt never left, because its session tried to send another final request."""
    case = load(tx, authorization_id)
    changed = processing.conclude_foreign(case)
    return record(
        tx,
        before=case,
        after=changed,
        moment=moment,
        actor=SERVICE,
        event="submission_not_sent",
        details={"reason": "foreign_submission_refused"},
    )


def note_answer(tx: Transaction, *, authorization_id: str) -> None:
    """Record that the payer's portal answered the final request of the open attempt with a success."""
    case = load(tx, authorization_id)
    after = processing.answered(case)
    if after != case:
        tx.authorizations.save(after)


def record_miss(tx: Transaction, moment: Moment, *, authorization_id: str, looked_at: datetime) -> Authorization:
    """Record that the payer does not know the open attempt; two such looks, far enough apart, conclude it.

    A look counts from when it began: what a slow page, or a slow database, adds to it proves nothing. An attempt that
    the portal answered with a success is never concluded by looks.
    """
    case = load(tx, authorization_id)
    attempt = case.journal.open_attempt
    if attempt is None:
        return case
    settles_after = tx.catalog.payer_version(case.payer_version).portal.submission_settles_after_seconds
    if attempt.answered or attempt.absence_proven_in(settles_after, now=looked_at) > 0:
        changed, event = processing.missed(case, looked_at=looked_at), "submission_not_found"
    else:
        changed, event = processing.conclude_absent(case), "submission_absent"
    return record(tx, before=case, after=changed, moment=moment, actor=SERVICE, event=event)


def record_receipt(tx: Transaction, moment: Moment, *, authorization_id: str, receipt: PayerReceipt) -> Authorization:
    """Record the payer's receipt, on a canceled case too: evidence is never dropped. The first one stays."""
    case = load(tx, authorization_id)
    if case.submission.payer_receipt is not None or case.status not in (Status.PROCESSING, Status.CANCELED):
        return case
    changed = processing.record_receipt(case, moment, receipt=receipt)
    return record(tx, before=case, after=changed, moment=moment, actor=PAYER, event="receipt_proven")


def take_inquiry(tx: Transaction, moment: Moment, seen: Observation, *, inquiry: Inquiry) -> Authorization:
    """Return the case to its customer with what the payer asks after its receipt; what it asked before is ignored."""
    case = load(tx, seen.authorization_id)
    known = any(each.number == inquiry.number for each in case.journal.inquiries)
    if known or not is_in_hand(case, seen.run, Status.WAITING_ON_PAYER):
        return case
    changed = processing.take_inquiry(case, knowledge(tx, case, moment), moment, inquiry=inquiry)
    return record(
        tx, before=case, after=changed, moment=moment, actor=PAYER, event="inquiry_received", observation_id=seen.id
    )


def record_answer(tx: Transaction, moment: Moment, *, authorization_id: str, inquiry: str) -> Authorization:
    """Record that the payer has an answer to the open inquiry of that number, on a canceled case too."""
    case = load(tx, authorization_id)
    asked = case.journal.open_inquiry
    answerable = case.status in (Status.PROCESSING, Status.CANCELED)
    if asked is None or asked.number != inquiry or not answerable:
        return case
    changed = processing.record_answer(case, moment)
    return record(tx, before=case, after=changed, moment=moment, actor=PAYER, event="inquiry_answered")


def record_decision(tx: Transaction, moment: Moment, seen: Observation, *, decision: Decision) -> Authorization:
    """Complete the case with the payer's decision; one that was canceled meanwhile keeps it as late evidence."""
    case = load(tx, seen.authorization_id)
    late = is_in_hand(case, seen.run, Status.CANCELED) and case.submission.decision is None
    present = is_in_hand(case, seen.run, Status.PROCESSING, Status.WAITING_ON_PAYER)
    if tx.timeline.has_observed(case.id, seen.id) or not (late or present):
        return case
    changed = processing.record_decision(case, moment, decision=decision)
    return record(
        tx, before=case, after=changed, moment=moment, actor=PAYER, event="decision_observed", observation_id=seen.id
    )
