"""Cases in every status, brought there by the domain's own moves."""

from datetime import date, timedelta

from priorauth.domain import authorizations, interactions, processing
from priorauth.domain.attachments import Attachment
from priorauth.domain.authorizations import Authorization, FinalSubmission, Knowledge, Reason
from priorauth.domain.catalog import Payer, PortalAuthMode
from priorauth.domain.handoffs import OfferReason, Report
from priorauth.domain.lifecycle import Status
from priorauth.domain.live_sessions import BoundaryState, SessionClaim
from priorauth.domain.questionnaires import AnswerItem
from priorauth.domain.replies import Inquiry
from priorauth.domain.submissions import Decision, DenialReason, Outcome, PayerReceipt
from priorauth.formats.icd10cm import icd10cm
from priorauth.formats.patterns import payer_patterns
from tests.factories import payers
from tests.factories.answers import lumbar_answers
from tests.factories.moments import START, Clock

LARKSPUR = Knowledge(payers.larkspur(), icd10cm(), payer_patterns(), START.date())
NOTES = "clinical_notes"


def knowing(payer: Payer) -> Knowledge:
    """What decisions about a case of `payer` rest on."""
    return Knowledge(payer, icd10cm(), payer_patterns(), START.date())


def draft(
    clock: Clock,
    *,
    known: Knowledge = LARKSPUR,
    answers: tuple[AnswerItem, ...] = (),
    final_submission: FinalSubmission = FinalSubmission.REQUIRES_CONFIRMATION,
) -> Authorization:
    """A case as it is created."""
    request = payers.request(known.payer)
    return authorizations.create(
        known,
        clock.moment(),
        organization_id="org_000001",
        environment="sandbox",
        provider=payers.clinic(),
        payer_version="v1",
        request=request,
        route=known.payer.route_for(request, PortalAuthMode.AUTOMATED),
        final_submission=final_submission,
        answers=answers,
        metadata={"externalCaseId": "EXAMPLE-1"},
    )


def notes(clock: Clock, *, document_type: str = NOTES) -> Attachment:
    """A document, attached."""
    return Attachment(clock.new_id("att"), clock.new_id("file"), (document_type,), "notes.pdf", None, clock.now)


def ready(clock: Clock, *, final_submission: FinalSubmission = FinalSubmission.REQUIRES_CONFIRMATION) -> Authorization:
    """Everything is answered and attached; the customer may let the service go on."""
    case = draft(clock, answers=lumbar_answers(), final_submission=final_submission)
    return authorizations.attach(case, LARKSPUR, clock.moment(), attachment=notes(clock))


def confirmed(case: Authorization, clock: Clock) -> Authorization:
    """The case after the confirmation of its present action."""
    assert case.next_action is not None
    return authorizations.confirm(case, clock.moment(), next_action_id=case.next_action.id)


def advancing(
    clock: Clock, *, final_submission: FinalSubmission = FinalSubmission.REQUIRES_CONFIRMATION
) -> Authorization:
    """The service has the case, with no approval yet."""
    return confirmed(ready(clock, final_submission=final_submission), clock)


def under_review(clock: Clock) -> Authorization:
    """The case waits for an approval."""
    return processing.propose_review(advancing(clock), LARKSPUR, clock.moment(), differences=())


def approved(clock: Clock) -> Authorization:
    """The service has the case and an approval."""
    return confirmed(under_review(clock), clock)


def attempted(clock: Clock) -> Authorization:
    """The intent to submit is written down; nobody knows yet what the payer made of it."""
    case = approved(clock)
    return processing.begin_attempt(case, clock.moment(), run=case.journal.run, turn=case.journal.turn)


def submitted(clock: Clock) -> Authorization:
    """The payer has the case."""
    return processing.record_receipt(attempted(clock), clock.moment(), receipt=receipt(clock))


def inquiry(clock: Clock, *documents: str, number: str = "1") -> Inquiry:
    """A message of the payer that asks for documents, or for a word."""
    return Inquiry(
        number=number, subject="More is needed", text="Please send it.", documents=documents, asked_at=clock.now
    )


def asked(clock: Clock, *documents: str) -> Authorization:
    """The payer has the case and asks for more."""
    case = submitted(clock)
    return processing.take_inquiry(case, LARKSPUR, clock.moment(), inquiry=inquiry(clock, *documents))


def replying(clock: Clock) -> Authorization:
    """The customer gave what the payer asked for, and the service has the case again."""
    lab_results = notes(clock, document_type="lab_results")
    given = authorizations.attach(asked(clock, "lab_results"), LARKSPUR, clock.moment(), attachment=lab_results)
    return confirmed(given, clock)


def reply_approved(clock: Clock) -> Authorization:
    """The service has the case and an approval of its reply."""
    return confirmed(processing.propose_review(replying(clock), LARKSPUR, clock.moment(), differences=()), clock)


def reply_attempted(clock: Clock) -> Authorization:
    """The intent to reply is written down; nobody knows yet what the payer made of it."""
    case = reply_approved(clock)
    return processing.begin_attempt(case, clock.moment(), run=case.journal.run, turn=case.journal.turn)


def offered(clock: Clock, *, reason: OfferReason = OfferReason.SIGN_IN) -> Authorization:
    """A human is needed at the payer."""
    return offer_of(advancing(clock), clock, reason=reason)


def offer_of(case: Authorization, clock: Clock, *, reason: OfferReason) -> Authorization:
    """The case, offered to a human."""
    return interactions.offer(case, LARKSPUR, clock.moment(), reason=reason, message="A human is needed.")


def lost(case: Authorization, clock: Clock) -> Authorization:
    """The case whose session was lost while a human was needed."""
    return interactions.lose(case, clock.moment())


def canceled(case: Authorization, clock: Clock) -> Authorization:
    """The case after its customer's cancel."""
    return authorizations.cancel(case, clock.moment(), reason=None)


def taken_over(clock: Clock, *, reason: OfferReason = OfferReason.SIGN_IN) -> Authorization:
    """A human has the interaction, and has accepted what it covers."""
    case = offered(clock, reason=reason)
    assert case.next_action is not None
    return interactions.take(case, clock.moment(), accepted_review_snapshot_id=case.next_action.review_snapshot_id)


def claim_of(case: Authorization, clock: Clock) -> SessionClaim:
    """A valid claim on the case's session."""
    return SessionClaim(
        authorization_id=case.id,
        session_id="sess_1",
        worker="worker_1",
        channel="portal",
        boundary=BoundaryState.AT_BOUNDARY,
        expires_at=clock.now + timedelta(days=1),
    )


def pressed(case: Authorization, clock: Clock) -> Authorization:
    """The person's held final request is about to leave."""
    claim = claim_of(case, clock)
    return interactions.intend(case, clock.moment(), claim=claim, session_id=claim.session_id)


def given_back(
    clock: Clock, report: Report, *, reason: OfferReason = OfferReason.SIGN_IN, presses: bool = True
) -> Authorization:
    """The human is done, after the press of the last button if they could; nobody has read yet what is true."""
    case = taken_over(clock, reason=reason)
    if presses and reason is OfferReason.FINAL_SUBMIT:
        case = pressed(case, clock)
    return interactions.close(case, clock.moment(), handoff_id=case.journal.handoffs[-1].id, report=report)


def in_status(status: Status, clock: Clock) -> Authorization:
    """A case in `status`."""
    match status:
        case Status.REQUIRES_INPUT:
            lab_results = notes(clock, document_type="lab_results")
            return authorizations.attach(draft(clock), LARKSPUR, clock.moment(), attachment=lab_results)
        case Status.REQUIRES_CONFIRMATION:
            return ready(clock)
        case Status.REQUIRES_ACTION:
            return offered(clock)
        case Status.PROCESSING:
            return approved(clock)
        case Status.WAITING_ON_PAYER:
            return submitted(clock)
        case Status.COMPLETED:
            return processing.record_decision(submitted(clock), clock.moment(), decision=approval(clock))
        case Status.CANCELED:
            return authorizations.cancel(ready(clock), clock.moment(), reason=None)


def receipt(clock: Clock, number: str = "LK-2026-0001") -> PayerReceipt:
    """A payer's receipt."""
    return PayerReceipt(number, clock.now, "portal")


def approval(clock: Clock) -> Decision:
    """A payer's yes."""
    return Decision(
        outcome=Outcome.APPROVED,
        decided_at=clock.now,
        authorization_number="A-7",
        effective_from=date(2026, 12, 3),
        effective_to=date(2027, 3, 3),
        approved_units=1,
    )


def denial(clock: Clock) -> Decision:
    """A payer's no."""
    reason = DenialReason("MN-1", "Not medically necessary.")
    return Decision(outcome=Outcome.DENIED, decided_at=clock.now, denial_reason=reason)


GAVE_UP = Reason("portal_unreachable", "The payer's portal did not answer.")
