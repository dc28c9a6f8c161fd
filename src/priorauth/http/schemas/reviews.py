"""Review snapshots on the wire."""

from collections.abc import Callable

from pydantic import Field, ValidationInfo, model_validator

from priorauth.domain.reviews import Package, ReviewSnapshot, SnapshotKind, SnapshotStatus
from priorauth.http.schemas.attachments import AttachmentView
from priorauth.http.schemas.base import Timestamp, View
from priorauth.http.schemas.questionnaires import QuestionnaireResponseView
from priorauth.http.schemas.submissions import LabeledValueView, labeled


class CoversView(View):
    """The versions of case, requirements, answers and attachments."""

    authorization_version: int = Field(description="The version of the case that first showed this.", examples=[17])
    requirements_version: int = Field(description="The version of its requirements.", examples=[4])
    questionnaire_response_version: int = Field(description="The version of its answers.", examples=[8])
    attachment_version: int = Field(description="The version of its attachments.", examples=[2])


class PatientSummaryView(View):
    """Whom the case is about, as far as the answers tell."""

    member_id: str | None = Field(description="The member id; null while it was not answered.")
    given_name: str | None = Field(description="The given name.")
    family_name: str | None = Field(description="The family name.")
    birth_date: str | None = Field(description="The day of birth.", examples=["1979-03-14"])


class CoverageSummaryView(View):
    """Who pays."""

    payer_id: str = Field(description="The payer's id.", examples=["larkspur-health"])
    payer_name: str = Field(description="The payer's name.", examples=["Larkspur Health Plan"])
    coverage_state: str = Field(description="The state of the coverage, two letters.", examples=["TX"])
    line_of_business: str | None = Field(description="The kind of plan, if the payer has one.", examples=["commercial"])


class ProviderSummaryView(View):
    """Who treats."""

    npi: str = Field(description="The provider's NPI.", examples=["1234567893"])
    name: str = Field(description="The provider's name.")


class ServiceSummaryView(View):
    """What is asked for."""

    title: str = Field(description="The service in words.")
    request_type: str = Field(description="The setting in which it is given.", examples=["outpatient"])
    code_system: str = Field(description="The code system.", examples=["cpt"])
    code: str = Field(description="The code.", examples=["72148"])
    units: str | None = Field(description="How many units; null where the payer counts none.", examples=["1"])
    start_date: str | None = Field(description="The first day of the service.", examples=["2026-12-07"])


class AnswerSummaryView(View):
    """A question with its answer."""

    link_id: str = Field(description="The item.", examples=["clinical.summary"])
    question: str = Field(description="The question as a person reads it.")
    answer: str = Field(description="The answer as a person reads it; several in a row, apart by commas.")
    answers: list[str] = Field(
        description="Each answer by itself, as a person reads it.", examples=[["Numbness", "Weakness"]]
    )


class DocumentSummaryView(View):
    """A document that goes along."""

    attachment_id: str = Field(description="The attachment.", examples=["att_123"])
    label: str = Field(description="The file's name.", examples=["notes.pdf"])
    document_types: list[str] = Field(description="What the document is.", examples=[["clinical_notes"]])


class DestinationSummaryView(View):
    """What goes to which payer, by which channel, under which reference."""

    payer_name: str = Field(description="The payer's name.", examples=["Larkspur Health Plan"])
    channel: str = Field(description="How it gets there.", examples=["portal"])
    route: str = Field(description="The way's name.", examples=["Larkspur Provider Connection"])
    case_reference: str = Field(description="The reference by which the payer's records name this case.")


class ChangeView(View):
    """What this snapshot shows otherwise than the one before it."""

    part: str = Field(description="answers or documents.", examples=["answers"])
    name: str = Field(description="The question as a person reads it, or the document's label.")
    before: str | None = Field(description="The answer or the document's label then; null where it was absent.")
    after: str | None = Field(description="The answer or the document's label now; null where it is gone.")


class ReplySummaryView(View):
    """The payer's message that the package answers."""

    subject: str = Field(description="The message's subject, in the payer's words.")
    message: str = Field(description="The message, in the payer's words.")
    text: str = Field(description="What is answered otherwise since the payer asked; it goes along as text.")


class ReviewSummaryView(View):
    """The package, grouped as a reviewer reads it."""

    patient: PatientSummaryView = Field(description="Whom the case is about.")
    coverage: CoverageSummaryView = Field(description="Who pays.")
    provider: ProviderSummaryView = Field(description="Who treats.")
    service: ServiceSummaryView = Field(description="What is asked for.")
    diagnoses: list[str] = Field(description="The diagnoses, as they were answered.", examples=[["M54.16"]])
    clinical: list[AnswerSummaryView] = Field(description="Every other answer, in the order of the questionnaire.")
    documents: list[DocumentSummaryView] = Field(
        description="The documents that go along; of a reply, what is new since the message."
    )
    destination: DestinationSummaryView = Field(description="Where all of it goes.")
    changes: list[ChangeView] = Field(
        description="What differs from the snapshot before; empty in the first snapshot of a case."
    )
    reply: ReplySummaryView | None = Field(description="The message that is answered; null for a submission.")


class WarningView(View):
    """Something to look at before approving. It blocks nothing."""

    code: str = Field(description="For machines.")
    message: str = Field(description="For the reviewer.")


class PackageView(View):
    """The content as the payer's form words it, read from the payer's own review page."""

    fields: list[LabeledValueView] = Field(description="Every field of the page, in its order.")
    documents: list[str] = Field(
        description="The documents that the page shows, one line each.",
        examples=[["Clinical notes · notes.pdf · 18231 · 9f86d081884c"]],
    )

    @model_validator(mode="before")
    @classmethod
    def _from_domain(cls, value: object) -> object:
        if not isinstance(value, Package):
            return value
        return {"fields": labeled(value.fields), "documents": list(value.documents)}


# The address of an access grant, by its id.
AddressOf = Callable[[str], str]


class ReviewSnapshotView(View):
    """What is to be approved: a picture of the package as it will be sent."""

    id: str = Field(description="The snapshot's id.", examples=["rev_123"])
    status: SnapshotStatus = Field(description="Whether it can be approved.")
    kind: SnapshotKind = Field(description="Which boundary it stands before.")
    generated_at: Timestamp = Field(description="When it was made.")
    covers: CoversView = Field(description="The versions of which it is a picture.")
    summary: ReviewSummaryView = Field(description="The package, grouped as a reviewer reads it.")
    questionnaire_response: QuestionnaireResponseView = Field(description="All answers in it.")
    attachments: list[AttachmentView] = Field(description="All documents in it.")
    warnings: list[WarningView] = Field(description="What the reviewer should look at before approving.")
    live_view_url: str | None = Field(
        description="Where the review of a customer who signs in at the portal in person can be watched: the same "
        "address for as long as the snapshot is there. Shown only where one authorization is read (GET) by a key with "
        "the scope `live:view`; else null, and null for every other route. A 304 does not show it."
    )
    package: PackageView | None = Field(
        description="The content as the payer's form words it, replies included; null while it was not read there, as "
        "after a write."
    )
    review_image_url: str | None = Field(
        description="The path of a picture (PNG) of the payer's whole review page. It needs your API key. Null where "
        "there is none.",
        examples=["/v1/prior-authorizations/auth_123/review-snapshots/rev_123/image"],
    )

    @model_validator(mode="before")
    @classmethod
    def _from_domain(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, ReviewSnapshot):
            return value
        names = set(cls.model_fields) - {"questionnaire_response", "live_view_url", "review_image_url"}
        address_of: AddressOf | None = info.context
        grant_id = value.access_grant_id
        return {
            **{name: getattr(value, name) for name in names},
            "questionnaire_response": {"item": value.answers},
            "live_view_url": address_of(grant_id) if grant_id is not None and address_of is not None else None,
            # A snapshot does not know whose it is; who does, puts it in.
            "review_image_url": None,
        }
