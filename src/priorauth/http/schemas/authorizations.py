"""The authorization on the wire."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from priorauth.domain.authorizations import ActionType, Authorization, FinalSubmission, NextAction, questionnaires_of
from priorauth.domain.catalog import CodeSystem, Payer, PortalAuthMode, RequestType
from priorauth.domain.lifecycle import Status
from priorauth.domain.submissions import Outcome
from priorauth.http.schemas.attachments import AttachmentView
from priorauth.http.schemas.base import Body, IssueView, PageQuery, Query, QueryMoment, ShortText, Text, Timestamp, View
from priorauth.http.schemas.catalog import Npi, PayerView, RequestBody
from priorauth.http.schemas.questionnaires import (
    QuestionnaireResponseBody,
    QuestionnaireResponseView,
    QuestionnaireView,
)
from priorauth.http.schemas.reviews import CoversView, ReviewSnapshotView
from priorauth.http.schemas.submissions import DecisionView, PayerReceiptView


class PolicyBody(Body):
    """How the service may act."""

    final_submission: FinalSubmission | None = Field(default=None, description="Required.")


class CreateBody(Body):
    """A new authorization."""

    provider_npi: Npi
    request: RequestBody
    policy: PolicyBody | None = Field(default=None, description="Required.")
    portal_auth_mode: PortalAuthMode | None = Field(default=None, description="By default automated.")
    questionnaire_response: QuestionnaireResponseBody | None = None
    metadata: dict[ShortText, Annotated[str, Field(max_length=500)]] | None = Field(
        default=None, max_length=50, description="Up to 50 pairs of your own, never sent to a payer."
    )


class AnswersBody(Body):
    """Answers to merge."""

    questionnaire_response: QuestionnaireResponseBody


class ConfirmBody(Body):
    """Which next action is confirmed."""

    next_action_id: ShortText | None = Field(default=None, description="Required: the id of the current next action.")


class CancelBody(Body):
    """Why the case is canceled."""

    reason: Text | None = None


class ListQuery(PageQuery):
    """Filters of the list."""

    status: Status | None = None
    outcome: Outcome | None = None
    payer_id: str | None = None
    provider_npi: str | None = None
    created_after: QueryMoment | None = Field(default=None, description="At this time or later.")
    created_before: QueryMoment | None = Field(default=None, description="Before this time.")
    external_case_id: str | None = Field(default=None, description="Matches metadata.externalCaseId.")


class ReadQuery(Query):
    """How long the answer may wait for a later version."""

    after_version: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="The version that you have; the answer is 304 unless there is a later one."
    )
    wait_seconds: Annotated[int, Field(ge=0, le=60)] = Field(
        default=0, description="How many seconds the answer may wait for a version after afterVersion."
    )

    @field_validator("wait_seconds")
    @classmethod
    def _waits_for_something(cls, seconds: int, info: ValidationInfo) -> int:
        if seconds and info.data.get("after_version") is None:
            raise ValueError("waitSeconds needs afterVersion, the version that you have")
        return seconds

    def knows(self, version: int) -> bool:
        """Say whether the client has this version already."""
        return self.after_version is not None and version <= self.after_version


class ReasonView(View):
    """A code for machines and a sentence for people."""

    code: str
    message: str


class ResolutionView(View):
    """What resolves an action, and the path to call."""

    kind: str = Field(examples=["update_authorization", "confirm", "manual_handoff"])
    endpoint: str


class ActionCoversView(CoversView):
    """The versions that an action speaks of."""

    review_snapshot_id: str | None


class NextActionView(View):
    """The customer's next move."""

    id: str
    type: ActionType
    resolution: ResolutionView
    covers: ActionCoversView
    reason: ReasonView | None


class ServiceCodeView(View):
    """A coded service."""

    system: CodeSystem
    code: str


class RequestView(View):
    """What is asked of whom."""

    payer_id: str
    coverage_state: str
    request_type: RequestType
    service_code: ServiceCodeView


class RouteView(View):
    """The way to the payer, pinned at creation."""

    channel: str
    portal_auth_mode: PortalAuthMode
    label: str


class PolicyView(View):
    """How the service may act."""

    final_submission: FinalSubmission


class OpenQuestionView(View):
    """A question without an answer."""

    link_id: str
    message: str


class MissingDocumentView(View):
    """A document that the payer wants."""

    type: str
    message: str


class RequirementsView(View):
    """What is still open."""

    version: int
    questions: list[OpenQuestionView]
    documents: list[MissingDocumentView]
    issues: list[IssueView]


class SubmissionView(View):
    """What is known of the way to the payer."""

    review_snapshot: ReviewSnapshotView | None
    payer_receipt: PayerReceiptView | None
    decision: DecisionView | None


class HandoffReferenceView(View):
    """The manual handoff that owns the interaction."""

    id: str
    state: str


class AuthorizationView(View):
    """The durable case."""

    id: str
    version: int = Field(description="Grows with every change that is visible here.")
    status: Status
    next_action: NextActionView | None
    provider_npi: str
    payer: PayerView
    request: RequestView
    route: RouteView
    policy: PolicyView
    questionnaire: list[QuestionnaireView]
    questionnaire_response: QuestionnaireResponseView
    requirements: RequirementsView
    attachments: list[AttachmentView]
    submission: SubmissionView
    outcome: Outcome | None
    status_reason: ReasonView | None
    active_manual_handoff: HandoffReferenceView | None
    metadata: dict[str, str]
    created_at: Timestamp
    updated_at: Timestamp
    completed_at: Timestamp | None
    canceled_at: Timestamp | None


_RESOLUTIONS = {
    ActionType.PROVIDE_REQUIREMENTS: ("update_authorization", "/answers"),
    ActionType.ADVANCE_CASE: ("confirm", "/confirm"),
    ActionType.APPROVE_SUBMISSION: ("confirm", "/confirm"),
    ActionType.COMPLETE_PAYER_INTERACTION: ("manual_handoff", "/manual-handoffs"),
}


def view(case: Authorization, payer: Payer) -> AuthorizationView:
    """Return a case and its pinned payer as a client sees them."""
    return AuthorizationView(
        id=case.id,
        version=case.version,
        status=case.status,
        next_action=_next_action(case, case.next_action) if case.next_action else None,
        provider_npi=case.provider.npi,
        payer=PayerView.model_validate(payer),
        request=RequestView.model_validate(case.request),
        route=RouteView.model_validate(case.route),
        policy=PolicyView(final_submission=case.final_submission),
        questionnaire=[QuestionnaireView.model_validate(each) for each in questionnaires_of(case, payer)],
        questionnaire_response=QuestionnaireResponseView.model_validate({"item": case.answers}),
        requirements=RequirementsView.model_validate(case.requirements),
        attachments=[AttachmentView.model_validate(each) for each in case.attachments],
        submission=SubmissionView.model_validate(case.submission),
        outcome=case.outcome,
        status_reason=ReasonView.model_validate(case.status_reason) if case.status_reason else None,
        active_manual_handoff=(
            HandoffReferenceView.model_validate(case.active_handoff) if case.active_handoff else None
        ),
        metadata=dict(case.metadata),
        created_at=case.created_at,
        updated_at=case.updated_at,
        completed_at=case.completed_at,
        canceled_at=case.canceled_at,
    )


def _next_action(case: Authorization, action: NextAction) -> NextActionView:
    kind, path = _RESOLUTIONS[action.type]
    return NextActionView(
        id=action.id,
        type=action.type,
        resolution=ResolutionView(kind=kind, endpoint=f"/v1/prior-authorizations/{case.id}{path}"),
        covers=ActionCoversView(
            **CoversView.model_validate(action.covers).model_dump(), review_snapshot_id=action.review_snapshot_id
        ),
        reason=ReasonView.model_validate(action.reason) if action.reason else None,
    )
