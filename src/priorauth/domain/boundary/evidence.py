"""Evidence of the payer that names something else than what was sent: offered to a person, who decides if it counts.

Evidence with a reference of another authorization never gets here: the channel calls it "not ours".
"""

from dataclasses import replace

from priorauth.domain.authorizations import ActionType, Authorization, NextAction, Reason, evolve
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.lifecycle import Event, Status
from priorauth.domain.moment import Moment
from priorauth.domain.processing import concluded, fail
from priorauth.domain.submissions import AttemptState, Mismatch, PayerReceipt

Named = tuple[tuple[str, str], ...]


def record_mismatch(
    case: Authorization, moment: Moment, *, approved: Named, shown: Named, receipt: PayerReceipt
) -> Authorization:
    """Return the authorization that waits for a person to compare what was sent with what the payer shows.

    A canceled one keeps the mismatch as late evidence, and what became of its attempt stays unknown.
    """
    known = case.submission.mismatch
    if known is None or (known.approved, known.shown, known.receipt) != (approved, shown, receipt):
        known = Mismatch(moment.new_id("mism"), approved, shown, receipt)
    submission = replace(case.submission, mismatch=known)
    if case.status is Status.CANCELED:
        journal = concluded(case, AttemptState.UNKNOWN)
        return evolve(case, Event.LATE_EVIDENCE_RECORDED, moment, submission=submission, journal=journal)
    labels = ", ".join(label for label, _ in shown)
    reason = Reason(
        OfferReason.SUBMISSION_UNRESOLVED.value,
        f"The payer has a request under this reference that names something else than what was sent: {labels}. Compare "
        "`submission.mismatch` with the payer's page; accept it, or report that it cannot be completed.",
    )
    covers = case.covers(version=case.version + 1)
    action = NextAction(moment.new_id("nact"), ActionType.COMPLETE_PAYER_INTERACTION, covers, reason=reason)
    return evolve(case, Event.HUMAN_NEEDED, moment, next_action=action, submission=submission)


def accepts_mismatch(case: Authorization) -> bool:
    """Return True if the person whose handoff is closing accepts the present mismatch."""
    handoff, mismatch = case.journal.open_handoff, case.submission.mismatch
    report = handoff.report if handoff is not None else None
    return mismatch is not None and report is not None and report.accepted_mismatch_id == mismatch.id


def rejects_mismatch(case: Authorization) -> bool:
    """Return True if the person whose handoff is closing says that the mismatch cannot be resolved."""
    handoff = case.journal.open_handoff
    report = handoff.report if handoff is not None else None
    return case.submission.mismatch is not None and report is not None and report.unable is not None


def accept_mismatch(case: Authorization, moment: Moment) -> Authorization:
    """Return the authorization with the receipt of the evidence that its person has accepted; the first receipt stays.

    What the payer shows otherwise is accepted from now on, and no mismatch any more.
    """
    mismatch = case.submission.mismatch
    if mismatch is None:
        raise LookupError("there is no mismatch to accept")
    receipt = case.submission.payer_receipt or mismatch.receipt
    submission = replace(case.submission, payer_receipt=receipt, mismatch=None)
    journal = case.journal if case.submission.payer_receipt is not None else concluded(case, AttemptState.TAKEN)
    accepted = (*journal.accepted_evidence, *mismatch.shown)
    journal = replace(journal, run=journal.run + 1, turn=0, faults=0, status_checks=0, accepted_evidence=accepted)
    # An open inquiry is the service's to answer; without one the payer has the next move.
    event = Event.RECONCILED if journal.open_inquiry is not None else Event.RECEIPT_PROVEN
    return evolve(case, event, moment, submission=submission, journal=journal)


def fail_mismatch(case: Authorization, moment: Moment) -> Authorization:
    """Return the authorization that has failed, because nobody could resolve what the payer shows otherwise."""
    mismatch = case.submission.mismatch
    if mismatch is None:
        raise LookupError("there is no mismatch to fail by")
    reason = Reason(
        OfferReason.SUBMISSION_UNRESOLVED.value,
        f"The payer has the request {mismatch.receipt.reference_number}, which names something else than what was "
        "sent. Ask the payer to correct or to withdraw it before you send it again.",
    )
    return fail(case, moment, reason=reason)
