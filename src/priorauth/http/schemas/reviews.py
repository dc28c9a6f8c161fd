"""Review snapshots on the wire."""

from pydantic import Field, model_validator

from priorauth.domain.reviews import ReviewSnapshot, SnapshotKind, SnapshotStatus
from priorauth.http.schemas.attachments import AttachmentView
from priorauth.http.schemas.base import Timestamp, View
from priorauth.http.schemas.questionnaires import QuestionnaireResponseView


class CoversView(View):
    """The versions of case, requirements, answers and attachments."""

    authorization_version: int
    requirements_version: int
    questionnaire_response_version: int
    attachment_version: int


class PatientSummaryView(View):
    """Whom the case is about."""

    member_id: str | None
    given_name: str | None
    family_name: str | None
    birth_date: str | None


class CoverageSummaryView(View):
    """Who pays."""

    payer_id: str
    payer_name: str
    coverage_state: str
    line_of_business: str | None


class ProviderSummaryView(View):
    """Who treats."""

    npi: str
    name: str


class ServiceSummaryView(View):
    """What is asked for."""

    title: str
    request_type: str
    code_system: str
    code: str
    units: str | None
    start_date: str | None


class AnswerSummaryView(View):
    """A question with its answer."""

    link_id: str
    question: str
    answer: str


class DocumentSummaryView(View):
    """A document that goes along."""

    attachment_id: str
    label: str
    document_types: list[str]


class DestinationSummaryView(View):
    """What goes to which payer, by which channel, under which reference."""

    payer_name: str
    channel: str
    route: str
    case_reference: str


class ChangeView(View):
    """What this snapshot shows otherwise than the one before it."""

    part: str = Field(description="answers or documents.", examples=["answers"])
    name: str = Field(description="The question as a person reads it, or the document's label.")
    before: str | None = Field(description="The answer or the document's label then; null where it was absent.")
    after: str | None = Field(description="The answer or the document's label now; null where it is gone.")


class ReplySummaryView(View):
    """The payer's message that the package answers."""

    subject: str
    message: str
    text: str = Field(description="What is answered otherwise since the payer asked; it goes along as text.")


class ReviewSummaryView(View):
    """The package, grouped as a reviewer reads it."""

    patient: PatientSummaryView
    coverage: CoverageSummaryView
    provider: ProviderSummaryView
    service: ServiceSummaryView
    diagnoses: list[str]
    clinical: list[AnswerSummaryView]
    documents: list[DocumentSummaryView] = Field(
        description="What goes along; of a reply, what is new since the message."
    )
    destination: DestinationSummaryView
    changes: list[ChangeView] = Field(description="Empty in the first snapshot of a case.")
    reply: ReplySummaryView | None = Field(description="Set when the package answers a message of the payer.")


class WarningView(View):
    """Something to look at before approving."""

    code: str
    message: str


class ReviewSnapshotView(View):
    """What is to be approved."""

    id: str
    status: SnapshotStatus = Field(description="Only a current snapshot can be approved.")
    kind: SnapshotKind
    generated_at: Timestamp
    covers: CoversView
    summary: ReviewSummaryView
    questionnaire_response: QuestionnaireResponseView
    attachments: list[AttachmentView]
    warnings: list[WarningView]
    live_view_url: str | None

    @model_validator(mode="before")
    @classmethod
    def _from_domain(cls, value: object) -> object:
        if not isinstance(value, ReviewSnapshot):
            return value
        names = set(cls.model_fields) - {"questionnaire_response"}
        return {**{name: getattr(value, name) for name in names}, "questionnaire_response": {"item": value.answers}}
