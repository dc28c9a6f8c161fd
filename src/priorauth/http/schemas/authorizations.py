"""The authorization on the wire."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from priorauth.domain.authorizations import ActionType, Authorization, FinalSubmission, NextAction, questionnaires_of
from priorauth.domain.catalog import CodeSystem, Payer, PortalAuthMode, RequestType
from priorauth.domain.handoffs import HandoffState
from priorauth.domain.lifecycle import Status
from priorauth.domain.submissions import Outcome
from priorauth.http.schemas.attachments import AttachmentView
from priorauth.http.schemas.base import (
    IN_DIGITS,
    NO_NUL,
    Body,
    IssueView,
    ListView,
    PageQuery,
    Pagination,
    Query,
    QueryMoment,
    ShortText,
    Text,
    Timestamp,
    View,
    demanding,
)
from priorauth.http.schemas.catalog import Npi, PayerView, RequestBody
from priorauth.http.schemas.questionnaires import (
    QuestionnaireResponseBody,
    QuestionnaireResponseView,
    QuestionnaireView,
)
from priorauth.http.schemas.reviews import AddressOf, CoversView, ReviewSnapshotView
from priorauth.http.schemas.submissions import DecisionView, MismatchView, PayerReceiptView

MetadataName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
MetadataValue = Annotated[str, StringConstraints(max_length=500, pattern=NO_NUL)]


class PolicyBody(Body):
    """How the service may act."""

    model_config = ConfigDict(json_schema_extra=demanding("finalSubmission"))

    final_submission: FinalSubmission | None = Field(
        default=None, description="Whether the service may submit by itself or pauses for an approval."
    )


class CreateBody(Body):
    """A new authorization: for whom, what is asked of which payer, and how the service may act."""

    model_config = ConfigDict(json_schema_extra=demanding("policy"))

    provider_npi: Npi
    request: RequestBody = Field(description="What is asked of whom; fixed from now on.")
    policy: PolicyBody | None = Field(default=None, description="How the service may act; fixed from now on.")
    portal_auth_mode: PortalAuthMode | None = Field(
        default=None, description="Who signs in at the payer's portal; `automated` when it is left out."
    )
    questionnaire_response: QuestionnaireResponseBody | None = Field(
        default=None,
        description="Answers that you have already. They are merged before version 1; what an answer to a question "
        "of another payer names is refused, so begin without them when the questionnaire is not known.",
    )
    metadata: dict[MetadataName, MetadataValue] | None = Field(
        default=None,
        max_length=50,
        description="Up to 50 pairs of your own, never sent to a payer. The list can be narrowed by `externalCaseId`.",
        examples=[{"externalCaseId": "MRN-4711"}],
    )


class AnswersBody(Body):
    """Answers to merge."""

    questionnaire_response: QuestionnaireResponseBody = Field(
        description="The items that are answered anew, each with all of its answers. Items that are not named stay."
    )


class ConfirmBody(Body):
    """Which next action is confirmed."""

    model_config = ConfigDict(json_schema_extra=demanding("nextActionId"))

    next_action_id: ShortText | None = Field(
        default=None, description="`nextAction.id` as you have read it.", examples=["nact_123"]
    )


class CancelBody(Body):
    """Why the case is canceled."""

    reason: Text | None = Field(
        default=None,
        description="In your own words; shown as the message of `statusReason`, never sent to a payer.",
        examples=["The visit was moved to another clinic."],
    )


class ListQuery(PageQuery):
    """Filters of the list; a case has to fit all of them."""

    status: Status | None = Field(default=None, description="Cases of this status.")
    outcome: Outcome | None = Field(default=None, description="Completed cases of this outcome.")
    payer_id: str | None = Field(default=None, description="Cases for this payer.", examples=["larkspur-health"])
    provider_npi: str | None = Field(default=None, description="Cases of this provider.", examples=["1234567893"])
    created_after: QueryMoment | None = Field(default=None, description="Cases created at this time or later.")
    created_before: QueryMoment | None = Field(default=None, description="Cases created before this time.")
    external_case_id: str | None = Field(
        default=None, description="Cases whose `metadata.externalCaseId` is this.", examples=["MRN-4711"]
    )


class ReadQuery(Query):
    """How long the answer may wait for a later version."""

    after_version: Annotated[int, Field(ge=0), IN_DIGITS] | None = Field(
        default=None, description="The version that you have: the answer is 304 unless there is a later one."
    )
    wait_seconds: Annotated[int, Field(ge=0, le=60), IN_DIGITS] = Field(
        default=0,
        description="How many seconds a 304 may be held back in case a later version appears meanwhile. It waits for "
        "whatever is later than `afterVersion` or the ETag in If-None-Match; without either it waits for nothing.",
    )

    def knows(self, version: int) -> bool:
        """Say whether the client has this version already."""
        return self.after_version is not None and version <= self.after_version


class ReasonView(View):
    """A code for machines and a sentence for people."""

    code: str = Field(description="For machines.", examples=["canceled_by_customer"])
    message: str = Field(description="For people.")


class ResolutionView(View):
    """What resolves an action, and the path to call."""

    kind: Literal["update_authorization", "confirm", "manual_handoff"] = Field(
        description="`update_authorization`: answers and attachments. `confirm`: a confirmation. "
        "`manual_handoff`: a human in the payer's channel."
    )
    endpoint: str = Field(
        description="The path to call; for `update_authorization` that of the answers, or of the attachments where "
        "documents alone are missing.",
        examples=["/v1/prior-authorizations/auth_123/confirm"],
    )


class ActionCoversView(CoversView):
    """The versions that an action speaks of."""

    review_snapshot_id: str | None = Field(
        description="The review snapshot that a confirmation approves; null when the action approves none.",
        examples=["rev_123"],
    )


class NextActionView(View):
    """The customer's next move."""

    id: str = Field(
        description="Send it to confirm the action. It changes whenever the action is issued anew.",
        examples=["nact_123"],
    )
    type: ActionType = Field(description="What is expected of you.")
    resolution: ResolutionView = Field(description="How to do it.")
    covers: ActionCoversView = Field(description="The versions that the action speaks of.")
    reason: ReasonView | None = Field(description="Why a human is needed; null for every other action.")


class ServiceCodeView(View):
    """A coded service."""

    system: CodeSystem = Field(description="The code system.")
    code: str = Field(description="The code as the system writes it.", examples=["72148"])


class RequestView(View):
    """What is asked of whom."""

    payer_id: str = Field(description="The payer's id.", examples=["larkspur-health"])
    coverage_state: str = Field(description="The state of the coverage, two letters.", examples=["TX"])
    request_type: RequestType = Field(description="The setting in which the service is given.")
    service_code: ServiceCodeView = Field(description="The service or drug.")


class RouteView(View):
    """The way to the payer, pinned at creation."""

    channel: str = Field(description="How the payer is reached.", examples=["portal"])
    portal_auth_mode: PortalAuthMode = Field(description="Who signs in at the portal.")
    label: str = Field(description="The way's name for people.", examples=["Larkspur Provider Connection"])


class PolicyView(View):
    """How the service may act."""

    final_submission: FinalSubmission = Field(description="Whether the service may submit by itself.")


class OpenQuestionView(View):
    """A question without an answer."""

    link_id: str = Field(description="The item to answer.", examples=["clinical.summary"])
    message: str = Field(description="The question as it reads under the present answers.")


class MissingDocumentView(View):
    """A document that the payer wants."""

    type: str = Field(description="Attach a file with this among its documentTypes.", examples=["clinical_notes"])
    message: str = Field(description="What it is to show.")


class RequirementsView(View):
    """What is still open. The case goes on when questions, documents and issues of severity `error` are gone."""

    version: int = Field(description="Grows when any of what is below changed.", examples=[1])
    questions: list[OpenQuestionView] = Field(description="Questions that want an answer.")
    documents: list[MissingDocumentView] = Field(description="Documents that are missing.")
    issues: list[IssueView] = Field(description="Answers and documents that are not right yet.")


class SubmissionView(View):
    """What is known of the way to the payer."""

    review_snapshot: ReviewSnapshotView | None = Field(
        description="The package that is, or was, to be approved; null before there is one."
    )
    payer_receipt: PayerReceiptView | None = Field(
        description="The payer's proof that it has the case; null until it is proven."
    )
    decision: DecisionView | None = Field(description="What the payer decided; null until it did.")
    mismatch: MismatchView | None = Field(
        description="What the payer shows under the authorization's reference, where that is something else than what "
        "was sent; null while there is nothing to compare."
    )


class HandoffReferenceView(View):
    """The manual handoff that owns the interaction."""

    id: str = Field(description="The handoff's id.", examples=["mhand_123"])
    state: HandoffState = Field(description="`active`, or `closing` while its close is carried out.")


class OwnView(View):
    """What a case has for itself: all of it but what it shares with every case of its payer."""

    id: str = Field(description="The id of the case.", examples=["auth_123"])
    version: int = Field(
        description="Grows by one with every change that is visible here. Send it in If-Match.", examples=[3]
    )
    status: Status = Field(description="Where the case is, and whose move it is.")
    next_action: NextActionView | None = Field(description="What is expected of you; null when nothing is.")
    provider_npi: str = Field(description="On whose behalf the case is sent.", examples=["1234567893"])
    request: RequestView = Field(description="What is asked of whom.")
    route: RouteView = Field(description="The way to the payer, chosen when the case was created.")
    policy: PolicyView = Field(description="How the service may act.")
    questionnaire_response: QuestionnaireResponseView = Field(description="What was answered so far.")
    requirements: RequirementsView = Field(description="What is still open.")
    attachments: list[AttachmentView] = Field(description="The documents of the case, oldest first.")
    submission: SubmissionView = Field(description="What is known of the way to the payer.")
    outcome: Outcome | None = Field(description="How the case ended; null until it is `completed`.")
    status_reason: ReasonView | None = Field(
        description="Why the case failed, needed no authorization, or was canceled; else null."
    )
    active_manual_handoff: HandoffReferenceView | None = Field(
        description="The manual handoff that owns the interaction with the payer now; null when none does."
    )
    metadata: dict[str, str] = Field(description="Your own pairs, as they were sent.")
    created_at: Timestamp = Field(description="When the case was created.")
    updated_at: Timestamp = Field(description="When its version grew last.")
    completed_at: Timestamp | None = Field(description="When it was completed; null before.")
    canceled_at: Timestamp | None = Field(description="When it was canceled; null if it was not.")


class AuthorizationView(OwnView):
    """The durable case. Every field is always there; what does not exist yet is null."""

    payer: PayerView = Field(description="The health plan as it was when the case was created.")
    questionnaire: list[QuestionnaireView] = Field(
        description="What is asked, in order: the payer's own questionnaires, then what its portal asked on the way."
    )


class AuthorizationList(ListView[AuthorizationView]):
    """One page of cases, newest first."""


_RESOLUTIONS: dict[ActionType, tuple[Literal["update_authorization", "confirm", "manual_handoff"], str]] = {
    ActionType.PROVIDE_REQUIREMENTS: ("update_authorization", "/answers"),
    ActionType.ADVANCE_CASE: ("confirm", "/confirm"),
    ActionType.APPROVE_SUBMISSION: ("confirm", "/confirm"),
    ActionType.COMPLETE_PAYER_INTERACTION: ("manual_handoff", "/manual-handoffs"),
}


# A version of a payer never changes, so what a case shows of it is written once.
_pinned: dict[tuple[str, str], bytes] = {}


def written(case: Authorization, payer: Payer, *, address_of: AddressOf | None = None) -> bytes:
    """Return a case and its pinned payer as a client sees them: the JSON of an `AuthorizationView`.

    `address_of` is for whoever may watch the case's review; without it nobody learns where.
    """
    own = _own(case, address_of).model_dump_json().encode()
    shown = _once(case.payer_version, "", lambda: PayerView.model_validate(payer))
    asked = b",".join(_questionnaires(case, payer))
    return b'%b,"payer":%b,"questionnaire":[%b]}' % (own.removesuffix(b"}"), shown, asked)


def written_page(cases: Iterable[bytes], pagination: Pagination) -> bytes:
    """Return a page of written cases: the JSON of an `AuthorizationList`."""
    return b'{"data":[%b],"pagination":%b}' % (b",".join(cases), pagination.model_dump_json().encode())


def _questionnaires(case: Authorization, payer: Payer) -> Iterator[bytes]:
    pinned = payer.questionnaires_for(case.request)
    for each in questionnaires_of(case, payer):
        if each in pinned:
            yield _once(case.payer_version, each.id, partial(QuestionnaireView.model_validate, each))
        else:
            yield QuestionnaireView.model_validate(each).model_dump_json().encode()


def _once(version: str, name: str, view: Callable[[], View]) -> bytes:
    if (version, name) not in _pinned:
        _pinned[version, name] = view().model_dump_json().encode()
    return _pinned[version, name]


def _own(case: Authorization, address_of: AddressOf | None) -> OwnView:
    return OwnView(
        id=case.id,
        version=case.version,
        status=case.status,
        next_action=_next_action(case, case.next_action) if case.next_action else None,
        provider_npi=case.provider.npi,
        request=RequestView.model_validate(case.request),
        route=RouteView.model_validate(case.route),
        policy=PolicyView(final_submission=case.final_submission),
        questionnaire_response=QuestionnaireResponseView.model_validate({"item": case.answers}),
        requirements=RequirementsView.model_validate(case.requirements),
        attachments=[AttachmentView.model_validate(each) for each in case.attachments],
        submission=_submission(case, address_of),
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


def _submission(case: Authorization, address_of: AddressOf | None) -> SubmissionView:
    view = SubmissionView.model_validate(case.submission, context=address_of)
    snapshot = case.submission.review_snapshot
    if snapshot is None or snapshot.picture is None or view.review_snapshot is None:
        return view
    path = f"/v1/prior-authorizations/{case.id}/review-snapshots/{snapshot.id}/image"
    shown = view.review_snapshot.model_copy(update={"review_image_url": path})
    return view.model_copy(update={"review_snapshot": shown})


def _next_action(case: Authorization, action: NextAction) -> NextActionView:
    kind, path = _RESOLUTIONS[action.type]
    if action.type is ActionType.PROVIDE_REQUIREMENTS and case.requirements.wants_documents_alone:
        path = "/attachments"
    return NextActionView(
        id=action.id,
        type=action.type,
        resolution=ResolutionView(kind=kind, endpoint=f"/v1/prior-authorizations/{case.id}{path}"),
        covers=ActionCoversView(
            **CoversView.model_validate(action.covers).model_dump(), review_snapshot_id=action.review_snapshot_id
        ),
        reason=ReasonView.model_validate(action.reason) if action.reason else None,
    )
