"""Review snapshots: what a human approves before anything irreversible happens.

A snapshot is a picture of the stored case, not of the portal. What the portal showed otherwise stands in its
warnings, and an approval covers those differences and no others.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from priorauth.domain.attachments import Attachment
from priorauth.domain.catalog import ChosenRoute, Payer, Provider, ServiceRequest
from priorauth.domain.questionnaires import AnswerItem, AnswerSet, Concept, Item, Questionnaire, all_items, shown


class SnapshotStatus(StrEnum):
    """Whether a snapshot can be approved."""

    CURRENT = "current"
    STALE = "stale"


class SnapshotKind(StrEnum):
    """Which boundary a snapshot stands before."""

    FINAL_SUBMISSION = "final_submission"


@dataclass(frozen=True, slots=True)
class Covers:
    """The versions that an action or a snapshot speaks of."""

    authorization_version: int
    requirements_version: int
    questionnaire_response_version: int
    attachment_version: int


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the field's word; Python's Warning is no value
    """Something that the reviewer should look at, though it blocks nothing."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientSummary:
    """Whom the case is about."""

    member_id: str | None
    given_name: str | None
    family_name: str | None
    birth_date: str | None


@dataclass(frozen=True, slots=True)
class CoverageSummary:
    """Who pays."""

    payer_id: str
    payer_name: str
    coverage_state: str
    line_of_business: str | None


@dataclass(frozen=True, slots=True)
class ProviderSummary:
    """Who treats."""

    npi: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSummary:
    """What is asked for."""

    title: str
    request_type: str
    code_system: str
    code: str
    units: str | None
    start_date: str | None


@dataclass(frozen=True, slots=True)
class AnswerSummary:
    """A question with its answer, as a person reads them."""

    link_id: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A document that goes along."""

    attachment_id: str
    label: str
    document_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DestinationSummary:
    """Where the package goes, and under which reference of ours."""

    payer_name: str
    channel: str
    route: str
    case_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSummary:
    """The package, grouped as a reviewer reads it."""

    patient: PatientSummary
    coverage: CoverageSummary
    provider: ProviderSummary
    service: ServiceSummary
    diagnoses: tuple[str, ...]
    clinical: tuple[AnswerSummary, ...]
    documents: tuple[DocumentSummary, ...]
    destination: DestinationSummary


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of the portal's review page that shows something else than the case says."""

    field: str
    expected: str
    shown: str

    def as_warning(self) -> Warning:
        """Return the difference as the reviewer reads it."""
        return Warning(
            "portal_shows_other_value",
            f"{self.field}: the payer's page shows “{self.shown or 'nothing'}”, "
            f"the case says “{self.expected or 'nothing'}”.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSnapshot:
    """What is to be approved. `differences` is what the portal showed otherwise when the snapshot was issued."""

    id: str
    status: SnapshotStatus
    kind: SnapshotKind
    generated_at: datetime
    covers: Covers
    summary: ReviewSummary
    answers: tuple[AnswerItem, ...]
    attachments: tuple[Attachment, ...]
    warnings: tuple[Warning, ...] = ()
    live_view_url: str | None = None
    differences: tuple[Difference, ...] = ()

    def superseded(self) -> "ReviewSnapshot":
        """Return the snapshot as one that can no longer be approved."""
        return replace(self, status=SnapshotStatus.STALE)


def summarize(
    payer: Payer,
    provider: Provider,
    *,
    request: ServiceRequest,
    route: ChosenRoute,
    questionnaires: tuple[Questionnaire, ...],
    answers: tuple[AnswerItem, ...],
    attachments: tuple[Attachment, ...],
    case_reference: str,
) -> ReviewSummary:
    """Return the package as a reviewer reads it, from the stored case alone."""
    given = AnswerSet(answers)
    answered = [item for item in all_items(questionnaires) if given.of(item.link_id)]
    known = {item.concept: _text(item, given) for item in answered if item.concept}
    return ReviewSummary(
        patient=PatientSummary(
            member_id=known.get(Concept.MEMBER_ID),
            given_name=known.get(Concept.GIVEN_NAME),
            family_name=known.get(Concept.FAMILY_NAME),
            birth_date=known.get(Concept.BIRTH_DATE),
        ),
        coverage=CoverageSummary(payer.id, payer.display_name, request.coverage_state, payer.line_of_business),
        provider=ProviderSummary(provider.npi, provider.name),
        service=ServiceSummary(
            title=payer.rules_for(request).title,
            request_type=request.request_type,
            code_system=request.service_code.system,
            code=request.service_code.code,
            units=known.get(Concept.SERVICE_UNITS),
            start_date=known.get(Concept.SERVICE_START),
        ),
        diagnoses=tuple(_text(item, given) for item in answered if item.concept is Concept.DIAGNOSIS),
        clinical=tuple(
            AnswerSummary(item.link_id, item.text, _text(item, given)) for item in answered if not item.concept
        ),
        documents=tuple(DocumentSummary(each.id, each.label, each.document_types) for each in attachments),
        destination=DestinationSummary(payer.display_name, route.channel, route.label, case_reference),
    )


def _text(item: Item, answers: AnswerSet) -> str:
    return ", ".join(shown(item, answer) for answer in answers.of(item.link_id))
