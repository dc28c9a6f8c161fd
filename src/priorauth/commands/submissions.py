"""Crossing the payer's final boundary, as commands: the intent, its conclusion, the payer's evidence."""

from priorauth.commands.record import load, record
from priorauth.domain import processing
from priorauth.domain.authorizations import Authorization
from priorauth.domain.events import PAYER, SERVICE
from priorauth.domain.lifecycle import Status
from priorauth.domain.moment import Moment
from priorauth.domain.processing import is_in_hand
from priorauth.domain.submissions import Decision, PayerReceipt
from priorauth.store.transaction import Transaction


def begin_attempt(tx: Transaction, moment: Moment, *, authorization_id: str, run: int, turn: int) -> Authorization:
    """Commit the intent to submit. Raises NotMutable when the case may not be submitted any more."""
    case = load(tx, authorization_id)
    changed = processing.begin_attempt(case, moment, run=run, turn=turn)
    return record(tx, before=case, after=changed, moment=moment, actor=SERVICE, event="submission_intended")


def conclude_unsent(tx: Transaction, moment: Moment, *, authorization_id: str) -> Authorization:
    """Record that the open attempt never left: its permit was taken back unused."""
    case = load(tx, authorization_id)
    changed = processing.conclude_absent(case)
    return record(tx, before=case, after=changed, moment=moment, actor=SERVICE, event="submission_not_sent")


def record_miss(tx: Transaction, moment: Moment, *, authorization_id: str) -> Authorization:
    """Record that the payer's search does not know the open attempt; two such looks, far enough apart, conclude it."""
    case = load(tx, authorization_id)
    attempt = case.journal.open_attempt
    if attempt is None:
        return case
    settles_after = tx.catalog.payer_version(case.payer_version).portal.submission_settles_after_seconds
    if attempt.absence_proven_in(settles_after, now=moment.now) > 0:
        changed, event = processing.missed(case, moment), "submission_not_found"
    else:
        changed, event = processing.conclude_absent(case), "submission_absent"
    return record(tx, before=case, after=changed, moment=moment, actor=SERVICE, event=event)


def record_receipt(
    tx: Transaction, moment: Moment, *, authorization_id: str, observation_id: str, receipt: PayerReceipt
) -> Authorization:
    """Record the payer's receipt, on a canceled case too: evidence is never dropped."""
    case = load(tx, authorization_id)
    known = case.submission.payer_receipt is not None or tx.timeline.has_observed(case.id, observation_id)
    if known or case.status not in (Status.PROCESSING, Status.CANCELED):
        return case
    changed = processing.record_receipt(case, moment, receipt=receipt)
    return record(
        tx,
        before=case,
        after=changed,
        moment=moment,
        actor=PAYER,
        event="receipt_proven",
        observation_id=observation_id,
    )


def record_decision(
    tx: Transaction, moment: Moment, *, authorization_id: str, run: int, observation_id: str, decision: Decision
) -> Authorization:
    """Complete the case with the payer's decision; one that was canceled meanwhile keeps it as late evidence."""
    case = load(tx, authorization_id)
    late = case.status is Status.CANCELED and case.journal.run == run and case.submission.decision is None
    known = tx.timeline.has_observed(case.id, observation_id)
    if known or not (late or is_in_hand(case, run)):
        return case
    changed = processing.record_decision(case, moment, decision=decision)
    return record(
        tx,
        before=case,
        after=changed,
        moment=moment,
        actor=PAYER,
        event="decision_observed",
        observation_id=observation_id,
    )
