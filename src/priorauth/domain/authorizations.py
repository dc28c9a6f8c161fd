"""The Authorization: the durable case, and what its customer may do with it.

Every function returns a new value; `version` grows exactly when something changed that a client can see. What the
service learns at the payer is in `processing`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from priorauth.domain import attachments as documents
from priorauth.domain import reviews
from priorauth.domain.answers import merge
from priorauth.domain.attachments import Attachment
from priorauth.domain.boundary.journal import Journal
from priorauth.domain.catalog import (
    ChosenRoute,
    DiagnosisCodes,
    Patterns,
    Payer,
    PortalAuthMode,
    Provider,
    ServiceRequest,
)
from priorauth.domain.errors import (
    NextActionMismatch,
    NextActionNotConfirmable,
    RequirementsNotSatisfied,
    ReviewStale,
    VersionConflict,
)
from priorauth.domain.handoffs import LEARNED, HandoffState
from priorauth.domain.lifecycle import Event, Status, next_status
from priorauth.domain.moment import Moment
from priorauth.domain.questionnaires import AnswerItem, Item, Questionnaire
from priorauth.domain.replies import Reply, reply_to
from priorauth.domain.requirements import Requirements, assess, still_open
from priorauth.domain.reviews import (
    Covers,
    Difference,
    ReadPackage,
    ReviewSnapshot,
    SnapshotKind,
    SnapshotStatus,
    summarize,
)
from priorauth.domain.submissions import Approval, Outcome, Submission


class FinalSubmission(StrEnum):
    """Whether the service may cross the payer's final boundary by itself."""

    AUTOMATIC = "automatic"
    REQUIRES_CONFIRMATION = "requires_confirmation"


class ActionType(StrEnum):
    """What is expected of the customer."""

    PROVIDE_REQUIREMENTS = "provide_requirements"
    ADVANCE_CASE = "advance_case"
    APPROVE_SUBMISSION = "approve_submission"
    COMPLETE_PAYER_INTERACTION = "complete_payer_interaction"


@dataclass(frozen=True, slots=True)
class Reason:
    """A code for machines and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class NextAction:
    """The customer's next move. Its id changes whenever it is issued anew."""

    id: str
    type: ActionType
    covers: Covers
    review_snapshot_id: str | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class ActiveHandoff:
    """The manual handoff that owns the payer interaction now, or gives it back."""

    id: str
    state: HandoffState


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """One case of one organization in one environment.

    `discovered` is what the payer asked on the way, beyond the questionnaires of its catalog entry.
    """

    id: str
    organization_id: str
    environment: str
    version: int
    status: Status
    next_action: NextAction | None
    provider: Provider
    payer_id: str
    payer_version: str
    request: ServiceRequest
    route: ChosenRoute
    final_submission: FinalSubmission
    answers: tuple[AnswerItem, ...]
    answers_version: int
    requirements: Requirements
    attachments: tuple[Attachment, ...]
    attachments_version: int
    submission: Submission
    outcome: Outcome | None
    status_reason: Reason | None
    metadata: Mapping[str, str]
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    canceled_at: datetime | None
    discovered: tuple[Item, ...] = ()
    journal: Journal = field(default_factory=Journal)

    @property
    def active_handoff(self) -> ActiveHandoff | None:
        """The handoff that clients see on the case."""
        handoff = self.journal.open_handoff
        return ActiveHandoff(handoff.id, handoff.state) if handoff is not None else None

    @property
    def awaits_work(self) -> bool:
        """Whether work must be running or scheduled for the case; a canceled one may still have evidence coming."""
        submitting = self.status is Status.CANCELED and self.journal.open_attempt is not None
        return submitting or self.status in (Status.PROCESSING, Status.WAITING_ON_PAYER)

    @property
    def awaits_attention(self) -> bool:
        """Whether somebody must look after the case: its work may be lost, or the session that waits for a human."""
        return self.awaits_work or self.status is Status.REQUIRES_ACTION

    @property
    def is_unsent(self) -> bool:
        """Whether nobody can have sent yet what stands before the payer's boundary: the case, or a reply."""
        replies = self.journal.open_inquiry is not None
        unknown = self.journal.open_attempt is not None or self.journal.is_doubted
        return not unknown and (self.submission.payer_receipt is not None) is replies

    @property
    def only_waits(self) -> bool:
        """Whether the payer has the case, asks nothing, and no human's turn is to be read."""
        journal = self.journal
        return self.submission.payer_receipt is not None and not journal.open_inquiry and not journal.open_handoff

    @property
    def is_barred(self) -> bool:
        """Whether no session may submit it any more, and no approval is asked for that would let another one."""
        return self.final_submission is FinalSubmission.AUTOMATIC and self.journal.is_approval_spent

    def require_version(self, expected: int | None) -> None:
        """Raise VersionConflict unless `expected` is the present version; None expects nothing."""
        if expected is not None and expected != self.version:
            raise VersionConflict(details={"expectedVersion": expected, "actualVersion": self.version})

    def covers(self, *, version: int) -> Covers:
        """Return the versions of the parts, as an action or snapshot first shown in `version` covers them."""
        return Covers(version, self.requirements.version, self.answers_version, self.attachments_version)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a decision about a case needs to know beside the case: its pinned payer, the code sets, the day (UTC)."""

    payer: Payer
    diagnosis_codes: DiagnosisCodes
    patterns: Patterns
    today: date


_DISCOVERED = "payer_questions"


def questionnaires_of(case: Authorization, payer: Payer) -> tuple[Questionnaire, ...]:
    """Return everything that the case is asked, in order: its payer's questionnaires, then what was discovered."""
    asked = payer.questionnaires_for(case.request)
    if not case.discovered:
        return asked
    return (*asked, Questionnaire(_DISCOVERED, "Further questions of the payer", case.discovered))


def reply_of(case: Authorization, payer: Payer) -> Reply | None:
    """Return what the case replies to the payer's open inquiry; None when the payer asks nothing."""
    inquiry = case.journal.open_inquiry
    if inquiry is None:
        return None
    return reply_to(
        inquiry,
        questionnaires=questionnaires_of(case, payer),
        answers=case.answers,
        attachments=case.attachments,
    )


def evolve(case: Authorization, event: Event, moment: Moment, **changes: object) -> Authorization:
    """Return `case` after `event` with `changes`; version and updated_at move when a client can see a difference.

    A handoff that is closing is closed by whatever the service learned after it. Raises the lifecycle's conflict when
    the event cannot happen now.
    """
    changed = replace(case, status=next_status(case.status, event), **changes)  # type: ignore[arg-type]
    handoff = changed.journal.open_handoff
    if handoff is not None and handoff.state is HandoffState.CLOSING and changed.status in LEARNED:
        closed = handoff.closed(now=moment.now, message=LEARNED[changed.status])
        changed = replace(changed, journal=changed.journal.with_handoff(closed))
    if replace(changed, journal=case.journal) == case and changed.active_handoff == case.active_handoff:
        return changed
    return replace(changed, version=case.version + 1, updated_at=moment.now)


def create(
    known: Knowledge,
    moment: Moment,
    *,
    organization_id: str,
    environment: str,
    provider: Provider,
    payer_version: str,
    request: ServiceRequest,
    route: ChosenRoute,
    final_submission: FinalSubmission,
    answers: tuple[AnswerItem, ...],
    metadata: Mapping[str, str],
) -> Authorization:
    """Return a new case at version 1 with its initial answers merged. Raises BadRequest for malformed answers."""
    questionnaires = known.payer.questionnaires_for(request)
    merged = merge(questionnaires, current=(), patch=answers)
    requirements = assess(
        questionnaires,
        documents=known.payer.rules_for(request).documents,
        document_types=known.payer.portal.document_types,
        answers=merged,
        attachments=(),
        findings=(),
        reply=None,
        diagnosis_codes=known.diagnosis_codes,
        patterns=known.patterns,
        today=known.today,
        previous=None,
    )
    case = Authorization(
        id=moment.new_id("auth"),
        organization_id=organization_id,
        environment=environment,
        version=1,
        status=Status.REQUIRES_INPUT if requirements.is_blocked else Status.REQUIRES_CONFIRMATION,
        next_action=None,
        provider=provider,
        payer_id=known.payer.id,
        payer_version=payer_version,
        request=request,
        route=route,
        final_submission=final_submission,
        answers=merged,
        answers_version=1,
        requirements=requirements,
        attachments=(),
        attachments_version=1,
        submission=Submission(),
        outcome=None,
        status_reason=None,
        metadata=metadata,
        created_at=moment.now,
        updated_at=moment.now,
        completed_at=None,
        canceled_at=None,
    )
    return replace(case, next_action=action_for_writes(case, moment, version=1))


def answer(case: Authorization, known: Knowledge, moment: Moment, *, patch: tuple[AnswerItem, ...]) -> Authorization:
    """Return the case after a PATCH of its answers. Raises NotMutable or BadRequest."""
    next_status(case.status, Event.CUSTOMER_WROTE)
    merged = merge(questionnaires_of(case, known.payer), current=case.answers, patch=patch)
    if merged == case.answers:
        return case
    return _rewritten(replace(case, answers=merged, answers_version=case.answers_version + 1), case, known, moment)


def attach(case: Authorization, known: Knowledge, moment: Moment, *, attachment: Attachment) -> Authorization:
    """Return the case with one more attachment. Raises NotMutable."""
    next_status(case.status, Event.CUSTOMER_WROTE)
    return _with_attachments(case, known, moment, attachments=(*case.attachments, attachment))


def detach(case: Authorization, known: Knowledge, moment: Moment, *, attachment_id: str) -> Authorization:
    """Return the case without one attachment. Raises NotMutable or AttachmentNotFound."""
    next_status(case.status, Event.CUSTOMER_WROTE)
    return _with_attachments(case, known, moment, attachments=documents.without(case.attachments, attachment_id))


def require_current_approval(case: Authorization, next_action_id: str) -> None:
    """Raise ReviewStale when the id belongs to an approval that was superseded. Judged before the version."""
    if next_action_id in case.journal.superseded_approvals:
        raise ReviewStale


def confirm(case: Authorization, moment: Moment, *, next_action_id: str) -> Authorization:
    """Return the case handed to the service by its customer's confirmation.

    Raises NextActionNotConfirmable, NotConfirmable, NextActionMismatch or RequirementsNotSatisfied, in this order.
    """
    action = case.next_action
    if case.status in (Status.REQUIRES_INPUT, Status.REQUIRES_ACTION):
        raise NextActionNotConfirmable
    approves = action is not None and action.type is ActionType.APPROVE_SUBMISSION
    event = Event.SUBMISSION_APPROVED if approves else Event.ADVANCE_CONFIRMED
    next_status(case.status, event)
    if action is None or action.id != next_action_id:
        raise NextActionMismatch
    if case.requirements.is_blocked:
        raise RequirementsNotSatisfied
    approval = Approval(action.id, action.review_snapshot_id, moment.now) if action.review_snapshot_id else None
    journal = replace(case.journal, run=case.journal.run + 1, turn=0, faults=0, approval=approval, offers_lost=0)
    if approval is not None:
        journal = replace(journal, foreign_submissions=0)
    return evolve(case, event, moment, next_action=None, journal=journal)


def cancel(case: Authorization, moment: Moment, *, reason: str | None) -> Authorization:
    """Return the canceled case; its receipt and decision stay. Raises NotMutable when it is over."""
    handoff, journal = case.journal.open_handoff, case.journal
    if handoff is not None:
        journal = journal.with_handoff(handoff.canceled(now=moment.now))
    if case.status not in (Status.PROCESSING, Status.WAITING_ON_PAYER):
        # Nothing works on the case while somebody else may: what may have been sent is looked for by work of its own.
        journal = replace(journal, run=journal.run + 1, turn=0, faults=0)
    return evolve(
        case,
        Event.CANCELED,
        moment,
        journal=journal,
        next_action=None,
        status_reason=Reason("canceled_by_customer", reason or "Canceled through the API."),
        canceled_at=moment.now,
    )


def issue_review(
    case: Authorization,
    known: Knowledge,
    moment: Moment,
    *,
    differences: tuple[Difference, ...],
    read: ReadPackage | None = None,
    warnings: tuple[reviews.Warning, ...] = (),
    by: ActionType = ActionType.APPROVE_SUBMISSION,
    reason: Reason | None = None,
) -> tuple[ReviewSnapshot, NextAction]:
    """Return a current snapshot of the stored case, first shown in the next version, and the action to accept it.

    It is accepted `by` a confirmation, or by a human who takes the interaction over for the `reason`. `read` is the
    payer's review page, where one was read; `warnings` are those beside the `differences`.
    """
    customers_own = case.route.portal_auth_mode is PortalAuthMode.CUSTOMER_LOGIN
    snapshot = ReviewSnapshot(
        id=read.snapshot_id if read else moment.new_id("rev"),
        status=SnapshotStatus.CURRENT,
        kind=SnapshotKind.FINAL_SUBMISSION,
        generated_at=moment.now,
        covers=case.covers(version=case.version + 1),
        summary=summarize(
            known.payer,
            case.provider,
            request=case.request,
            route=case.route,
            questionnaires=questionnaires_of(case, known.payer),
            answers=case.answers,
            attachments=case.attachments,
            case_reference=case.id,
            reply=reply_of(case, known.payer),
            previous=case.submission.review_snapshot,
        ),
        answers=case.answers,
        attachments=case.attachments,
        warnings=(*warnings, *(difference.as_warning() for difference in differences)),
        access_grant_id=moment.new_id("rag") if customers_own else None,
        differences=differences,
        package=read.package if read else None,
        picture=read.picture if read else None,
    )
    return snapshot, NextAction(moment.new_id("nact"), by, snapshot.covers, snapshot.id, reason)


def action_for_writes(case: Authorization, moment: Moment, *, version: int) -> NextAction:
    """Return the action that the requirements call for: to provide them, or to let the service go on."""
    kind = ActionType.PROVIDE_REQUIREMENTS if case.requirements.is_blocked else ActionType.ADVANCE_CASE
    return NextAction(moment.new_id("nact"), kind, case.covers(version=version))


def package_of(case: Authorization) -> tuple[int, int]:
    """Return the versions of what the customer gives: its answers and its attachments."""
    return case.answers_version, case.attachments_version


def reassessed(case: Authorization, known: Knowledge) -> Authorization:
    """Return the case with its findings and requirements brought up to date; the status is not touched."""
    findings = still_open(case.journal.findings, case.answers, package=package_of(case))
    requirements = assess(
        questionnaires_of(case, known.payer),
        documents=known.payer.rules_for(case.request).documents,
        document_types=known.payer.portal.document_types,
        answers=case.answers,
        attachments=case.attachments,
        findings=findings,
        reply=reply_of(case, known.payer),
        diagnosis_codes=known.diagnosis_codes,
        patterns=known.patterns,
        today=known.today,
        previous=case.requirements,
    )
    return replace(case, requirements=requirements, journal=replace(case.journal, findings=findings))


def superseding_review(case: Authorization) -> tuple[Submission, Journal]:
    """Return submission and journal with the present snapshot stale and its action's approval void."""
    snapshot, action, approval = case.submission.review_snapshot, case.next_action, case.journal.approval
    asked = action.id if action is not None and action.type is ActionType.APPROVE_SUBMISSION else None
    void = tuple(each for each in (asked, approval.next_action_id if approval else None) if each)
    journal = replace(case.journal, approval=None, superseded_approvals=(*case.journal.superseded_approvals, *void))
    return replace(case.submission, review_snapshot=snapshot.superseded() if snapshot else None), journal


def _with_attachments(
    case: Authorization, known: Knowledge, moment: Moment, *, attachments: tuple[Attachment, ...]
) -> Authorization:
    changed = replace(case, attachments=attachments, attachments_version=case.attachments_version + 1)
    return _rewritten(changed, case, known, moment)


def _rewritten(changed: Authorization, case: Authorization, known: Knowledge, moment: Moment) -> Authorization:
    """Bring a written case up to date in one step: requirements, snapshot, action and status."""
    draft = reassessed(changed, known)
    submission, journal = superseding_review(draft)
    awaited = case.next_action is not None and case.next_action.type is ActionType.APPROVE_SUBMISSION
    blocked = draft.requirements.is_blocked
    if awaited and not blocked:
        snapshot, action = issue_review(draft, known, moment, differences=())
        submission = replace(submission, review_snapshot=snapshot)
    else:
        action = action_for_writes(draft, moment, version=case.version + 1)
    return evolve(
        case,
        _event_of_write(case.status, blocked=blocked),
        moment,
        answers=draft.answers,
        answers_version=draft.answers_version,
        attachments=draft.attachments,
        attachments_version=draft.attachments_version,
        requirements=draft.requirements,
        submission=submission,
        journal=journal,
        next_action=action,
    )


def _event_of_write(status: Status, *, blocked: bool) -> Event:
    if status is Status.REQUIRES_INPUT and not blocked:
        return Event.BLOCKERS_CLEARED
    if status is Status.REQUIRES_CONFIRMATION and blocked:
        return Event.BLOCKER_OPENED
    return Event.CUSTOMER_WROTE
