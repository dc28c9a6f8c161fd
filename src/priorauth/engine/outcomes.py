"""What a channel came to, recorded: what keeps an authorization from going on, and what proves a submission."""

from priorauth.channels.contract import (
    Answered,
    AtBoundary,
    Discovered,
    Evidence,
    EvidenceMismatch,
    HumanNeeded,
    NotRequired,
    Preparation,
    Refused,
    Rejected,
)
from priorauth.commands import handoffs, submissions
from priorauth.commands import processing as moves
from priorauth.commands.processing import Observation
from priorauth.domain import reviews
from priorauth.domain.authorizations import Authorization, FinalSubmission, Reason
from priorauth.domain.errors import Issue
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.moment import Moment
from priorauth.domain.reviews import ReadPackage
from priorauth.domain.submissions import Decision, PayerReceipt
from priorauth.store.transaction import Transaction

_HUMANS_TURN = "A human was let submit this case at the payer, so the service does not submit it by itself any more."
_FOREIGN = reviews.Warning(
    "foreign_submission_refused",
    "A page of the payer's portal tried to use the last approval to submit something else, in two browsers. It was "
    "refused, and nothing was sent. Ask the operator of this server to look at the portal before you approve again.",
)
_FOREIGN_AUTOMATIC = (
    "A page of the payer's portal tried to submit something else than this authorization, in two browsers. It was "
    "refused, and nothing was sent. Submit it with an account of your own at the payer, or report that you cannot."
)


def observe(
    tx: Transaction, moment: Moment, case: Authorization, outcome: Preparation, read: ReadPackage | None
) -> None:
    """Record what keeps the case from going on by itself; `read` is the review page at which it stopped."""
    seen = _seen(case)
    match outcome:
        case HumanNeeded(reason, message, differences):
            handoffs.offer(tx, moment, seen, reason=reason, message=message, differences=differences, read=read)
        case AtBoundary(differences) if case.journal.human_attempted:
            final = OfferReason.FINAL_SUBMIT
            handoffs.offer(tx, moment, seen, reason=final, message=_HUMANS_TURN, differences=differences, read=read)
        case AtBoundary() if case.final_submission is FinalSubmission.AUTOMATIC:
            _stop_unapproved(tx, moment, seen, case=case, boundary=outcome)
        case AtBoundary(differences):
            moves.propose_review(tx, moment, seen, differences=differences, read=read)
        case Answered():
            record_evidence(tx, moment, case, outcome)
        case _:
            _observe_payer(tx, moment, seen, outcome)


def _observe_payer(
    tx: Transaction,
    moment: Moment,
    seen: Observation,
    outcome: Rejected | Refused | Discovered | NotRequired | Decision | EvidenceMismatch,
) -> None:
    """Record what the payer says to the case before anything is sent."""
    match outcome:
        case Rejected(issues):
            moves.ask_for_more(tx, moment, seen, rejected=issues)
        case Discovered(items):
            moves.discover(tx, moment, seen, items=items)
        case NotRequired(message):
            moves.conclude_not_required(tx, moment, seen, message=message)
        case Refused(code, message):
            moves.fail(tx, moment, seen, reason=Reason(code, message))
        case Decision():
            submissions.record_decision(tx, moment, seen, decision=outcome)
        case EvidenceMismatch():
            offer_mismatch(tx, moment, seen, outcome)


def _seen(case: Authorization) -> Observation:
    return Observation(case.id, case.journal.run, f"advance:{case.journal.run}.{case.journal.turn}")


def offer_mismatch(tx: Transaction, moment: Moment, seen: Observation, found: EvidenceMismatch) -> None:
    """Offer evidence that names something else than what was sent to a person."""
    handoffs.offer_mismatch(tx, moment, seen, approved=found.approved, shown=found.shown, receipt=found.receipt)


def spend_approval(tx: Transaction, moment: Moment, case: Authorization) -> None:
    """Ask for another approval after two sessions met a foreign submission; without approvals, for a person."""
    if case.final_submission is FinalSubmission.AUTOMATIC:
        handoffs.offer(tx, moment, _seen(case), reason=OfferReason.UNKNOWN_PAGE, message=_FOREIGN_AUTOMATIC)
        return
    snapshot = case.submission.review_snapshot
    read = None
    if snapshot is not None and snapshot.package is not None:
        # What was refused was another request: the approved draft was read, and is as it was.
        read = ReadPackage(moment.new_id("rev"), snapshot.package, snapshot.picture)
    differences = snapshot.differences if snapshot is not None else ()
    moves.propose_review(tx, moment, _seen(case), differences=differences, read=read, warnings=(_FOREIGN,))


def record_evidence(tx: Transaction, moment: Moment, case: Authorization, evidence: Evidence) -> None:
    """Record what proves that the payer has what was sent."""
    match evidence:
        case PayerReceipt():
            submissions.record_receipt(tx, moment, authorization_id=case.id, receipt=evidence)
        case Answered():
            inquiry = case.journal.open_inquiry
            if inquiry is not None:
                submissions.record_answer(tx, moment, authorization_id=case.id, inquiry=inquiry.number)


def _stop_unapproved(
    tx: Transaction, moment: Moment, seen: Observation, *, case: Authorization, boundary: AtBoundary
) -> None:
    """Stop before the boundary, since nobody may approve what the payer's page shows otherwise."""
    fields = ", ".join(difference.field for difference in boundary.differences)
    said = f"The payer's form shows other values than the case: {fields}. Nothing was submitted."
    if case.submission.payer_receipt is None:
        moves.fail(tx, moment, seen, reason=Reason("portal_shows_other_values", said))
    else:
        # The payer has the case and goes on with it: that is no end.
        moves.ask_for_more(tx, moment, seen, rejected=(Issue("portal_shows_other_values", said),))
