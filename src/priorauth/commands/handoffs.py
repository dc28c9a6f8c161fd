"""Manual handoffs as commands: offered by the service, taken and closed by the customer, expired or lost by themselves.

Whatever closes a handoff enqueues the reconciliation in the same transaction.
"""

from datetime import timedelta

from priorauth.commands.authorizations import customer
from priorauth.commands.processing import Observation
from priorauth.commands.record import knowledge, load, record
from priorauth.domain import interactions, processing
from priorauth.domain.authorizations import Authorization
from priorauth.domain.boundary import evidence
from priorauth.domain.errors import ManualHandoffNotAllowed
from priorauth.domain.events import PAYER, SERVICE, Actor
from priorauth.domain.handoffs import HandoffResult, ManualHandoff, OfferReason, Report
from priorauth.domain.lifecycle import Status
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller
from priorauth.domain.processing import is_in_hand
from priorauth.domain.reviews import Difference, ReadPackage
from priorauth.domain.submissions import PayerReceipt
from priorauth.store.access.rights import may_enter
from priorauth.store.transaction import Transaction

_UNRESOLVED = "The case may be at the payer, which could not be searched for it. Look for it in the payer's portal."
_EXPIRED = Report(result=HandoffResult.EXPIRED)


def create(
    tx: Transaction,
    caller: Caller,
    moment: Moment,
    *,
    authorization_id: str,
    expected_version: int | None,
    accepted_review_snapshot_id: str | None,
) -> tuple[ManualHandoff, bool]:
    """Hand the offered interaction to a human; return the handoff, and whether it is new.

    Raises VersionConflict, ManualHandoffNotAllowed, ReviewAcknowledgementRequired or ReviewStale, in this order.
    """
    case = tx.authorizations.require(caller, authorization_id)
    case.require_version(expected_version)
    changed = interactions.take(
        case,
        moment,
        accepted_review_snapshot_id=accepted_review_snapshot_id,
        is_enterable=may_enter(tx, tx.sessions.of(case.id)),
    )
    record(tx, before=case, after=changed, moment=moment, actor=customer(caller), event="handoff_created")
    handoff = changed.journal.open_handoff
    if handoff is None:
        raise ManualHandoffNotAllowed
    return handoff, changed is not case


def close(
    tx: Transaction,
    caller: Caller,
    moment: Moment,
    *,
    authorization_id: str,
    handoff_id: str,
    expected_version: int | None,
    report: Report,
) -> tuple[Authorization, ManualHandoff]:
    """Close a handoff by what its human reports; closing it again by the same report changes nothing.

    Raises VersionConflict, ManualHandoffNotFound or ManualHandoffNotActive.
    """
    case = tx.authorizations.require(caller, authorization_id)
    if interactions.handoff_of(case, handoff_id).report != report:
        case.require_version(expected_version)
    changed = _close(tx, case, moment, handoff_id=handoff_id, report=report, actor=customer(caller))
    return changed, interactions.handoff_of(changed, handoff_id)


def note_refresh(tx: Transaction, moment: Moment, *, authorization_id: str, handoff_id: str) -> None:
    """Record that access to a handoff's session was created. Raises ManualHandoffNotFound or ManualHandoffNotActive."""
    case = load(tx, authorization_id)
    tx.authorizations.save(interactions.refresh(case, moment, handoff_id=handoff_id))


def offer(
    tx: Transaction,
    moment: Moment,
    seen: Observation,
    *,
    reason: OfferReason,
    message: str,
    differences: tuple[Difference, ...] = (),
    read: ReadPackage | None = None,
) -> Authorization:
    """Pause the case for a human; a canceled one, for which nobody can look any more, keeps its attempt unknown."""
    case = load(tx, seen.authorization_id)
    if tx.timeline.has_observed(case.id, seen.id):
        return case
    if is_in_hand(case, seen.run, Status.CANCELED):
        changed, event = interactions.conclude_unknown(case), "submission_unresolved"
    elif is_in_hand(case, seen.run, Status.PROCESSING, Status.WAITING_ON_PAYER):
        known = knowledge(tx, case, moment)
        changed = interactions.offer(
            case, known, moment, reason=reason, message=message, differences=differences, read=read
        )
        event = "human_needed"
    else:
        return case
    return record(
        tx,
        before=case,
        after=changed,
        moment=moment,
        actor=SERVICE,
        event=event,
        details={"reason": reason.value},
        observation_id=seen.id,
    )


def offer_mismatch(
    tx: Transaction,
    moment: Moment,
    seen: Observation,
    *,
    approved: evidence.Named,
    shown: evidence.Named,
    receipt: PayerReceipt,
) -> Authorization:
    """Pause the case for a person to compare what was sent with what the payer shows; keep it on a canceled one."""
    case = load(tx, seen.authorization_id)
    wanted = is_in_hand(case, seen.run, Status.PROCESSING, Status.WAITING_ON_PAYER, Status.CANCELED)
    if tx.timeline.has_observed(case.id, seen.id) or not wanted:
        return case
    changed = evidence.record_mismatch(case, moment, approved=approved, shown=shown, receipt=receipt)
    return record(
        tx,
        before=case,
        after=changed,
        moment=moment,
        actor=PAYER,
        event="evidence_mismatch",
        details={"reason": OfferReason.SUBMISSION_UNRESOLVED.value},
        observation_id=seen.id,
    )


def resolve_mismatch(tx: Transaction, moment: Moment, seen: Observation) -> Authorization:
    """Record the receipt of a mismatch that its person has accepted, or end the case that they could not resolve."""
    case = load(tx, seen.authorization_id)
    if not is_in_hand(case, seen.run, Status.PROCESSING):
        return case
    if evidence.accepts_mismatch(case):
        changed, event = evidence.accept_mismatch(case, moment), "mismatch_accepted"
    elif evidence.rejects_mismatch(case):
        changed, event = evidence.fail_mismatch(case, moment), "failed"
    else:
        return case
    return record(tx, before=case, after=changed, moment=moment, actor=SERVICE, event=event, observation_id=seen.id)


def intend(tx: Transaction, moment: Moment, *, authorization_id: str, session_id: str) -> Authorization:
    """Commit that the final request that this session holds is about to leave. Raises NotMutable when it must not."""
    case = load(tx, authorization_id)
    changed = interactions.intend(case, moment, claim=tx.sessions.of(case.id), session_id=session_id)
    handoff = case.journal.handoffs[-1]
    tx.submission_claims.add(case.id, attempt_id=changed.journal.attempts[-1].id, now=moment.now)
    return record(
        tx,
        before=case,
        after=changed,
        moment=moment,
        actor=SERVICE,
        event="handoff_submission_intended",
        details={"manualHandoffId": handoff.id},
    )


def attend(tx: Transaction, moment: Moment, *, authorization_id: str, patience: timedelta) -> Authorization:
    """Close what a human has abandoned, and take back what has no session any more; else change nothing."""
    case = load(tx, authorization_id)
    if case.status is not Status.REQUIRES_ACTION:
        return case
    claim, handoff = tx.sessions.of(case.id), case.journal.open_handoff
    asked = case.next_action.reason.code if case.next_action and case.next_action.reason else None
    # Where every session meets a page that submits by itself, none is kept up: the person acts without it.
    has_none = case.is_barred and asked == OfferReason.UNKNOWN_PAGE
    if not has_none and (claim is None or not claim.is_valid(moment.now)):
        return lose(tx, moment, authorization_id=authorization_id)
    if handoff is not None and handoff.is_abandoned(patience, now=moment.now):
        return _close(tx, case, moment, handoff_id=handoff.id, report=_EXPIRED, actor=SERVICE)
    return case


def lose(tx: Transaction, moment: Moment, *, authorization_id: str) -> Authorization:
    """Take the case back, because the session that a human was to act in is gone; else change nothing."""
    case = load(tx, authorization_id)
    if case.status is not Status.REQUIRES_ACTION:
        return case
    changed = interactions.lose(case, moment)
    return record(tx, before=case, after=changed, moment=moment, actor=SERVICE, event="interaction_lost")


def reconcile(tx: Transaction, moment: Moment, seen: Observation) -> Authorization:
    """Record that the payer shows nothing new after a human's turn.

    The case fails when the human said that it cannot be done; it waits for a human again when nobody knows whether the
    payer has what this one may have sent; else the service goes on.
    """
    case = load(tx, seen.authorization_id)
    handoff = case.journal.open_handoff
    if handoff is None or not is_in_hand(case, seen.run, Status.PROCESSING):
        return case
    if interactions.gives_up(case):
        changed, event = processing.fail(case, moment, reason=interactions.reason_of(case)), "failed"
    elif case.journal.open_attempt is not None:
        unresolved = OfferReason.SUBMISSION_UNRESOLVED
        return offer(tx, moment, seen, reason=unresolved, message=_UNRESOLVED)
    else:
        changed, event = interactions.go_on(case, moment), "reconciled"
    return record(tx, before=case, after=changed, moment=moment, actor=SERVICE, event=event, observation_id=seen.id)


def resume(tx: Transaction, moment: Moment, seen: Observation) -> Authorization:
    """Let a case that the payer has wait on it again, after the session was lost in which a human was to help."""
    case = load(tx, seen.authorization_id)
    if not (is_in_hand(case, seen.run, Status.PROCESSING) and case.only_waits):
        return case
    changed = interactions.go_on(case, moment)
    return record(
        tx, before=case, after=changed, moment=moment, actor=SERVICE, event="reconciled", observation_id=seen.id
    )


def _close(
    tx: Transaction, case: Authorization, moment: Moment, *, handoff_id: str, report: Report, actor: Actor
) -> Authorization:
    changed = interactions.close(case, moment, handoff_id=handoff_id, report=report)
    details = {"result": report.result.value, **({"outcome": report.outcome.value} if report.outcome else {})}
    return record(tx, before=case, after=changed, moment=moment, actor=actor, event="handoff_closed", details=details)
