"""Review snapshots: what a human approves before anything irreversible happens.

A snapshot is a picture of the stored case, not of the portal. What the portal showed otherwise stands in its
warnings, and an approval covers those differences and no others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from priorauth.domain.answers import AnswerSet, answered, readable, texts_of
from priorauth.domain.attachments import Attachment
from priorauth.domain.catalog import ChosenRoute, Payer, Provider, ServiceRequest
from priorauth.domain.questionnaires import AnswerItem, Concept, Questionnaire
from priorauth.domain.replies import Reply


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
    # Of several answers. Summaries that were kept before there was such a list have none.
    each: tuple[str, ...] = ()

    @property
    def answers(self) -> tuple[str, ...]:
        """Each answer by itself."""
        return self.each or (self.answer,)


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


@dataclass(frozen=True, slots=True)
class ReplySummary:
    """The payer's message that the package answers, and the text of the answer."""

    subject: str
    message: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSummary:
    """The package, grouped as a reviewer reads it; of a reply, `documents` are those that go along with it."""

    patient: PatientSummary
    coverage: CoverageSummary
    provider: ProviderSummary
    service: ServiceSummary
    diagnoses: tuple[str, ...]
    clinical: tuple[AnswerSummary, ...]
    documents: tuple[DocumentSummary, ...]
    destination: DestinationSummary
    changes: tuple["Change", ...] = ()
    reply: ReplySummary | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a snapshot shows otherwise than the one before it: a question or a document, null where it was absent."""

    part: str
    name: str
    before: str | None
    after: str | None


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


@dataclass(frozen=True, slots=True)
class Package:
    """The content of a submission as the payer's form words it: label -> value, and one line a document.

    `optional` names the fields that the payer's page may leave out.
    """

    fields: tuple[tuple[str, str], ...]
    documents: tuple[str, ...]
    optional: frozenset[str] = frozenset()

    def differences(self, shown: "Package") -> tuple[Difference, ...]:
        """Return where `shown` says something else than this package, or misses or adds something.

        Case and white space are ignored: portals print names and codes as they like.
        """
        expected_fields, shown_fields = dict(self.fields), dict(shown.fields)
        labels = dict.fromkeys((*expected_fields, *shown_fields))
        fields = tuple(
            Difference(label, expected_fields.get(label, ""), shown_fields.get(label, ""))
            for label in labels
            if (label in shown_fields or label not in self.optional)
            and _plain(expected_fields.get(label, "")) != _plain(shown_fields.get(label, ""))
        )
        if sorted(map(_plain, self.documents)) == sorted(map(_plain, shown.documents)):
            return fields
        return (*fields, Difference("Documents", "; ".join(self.documents), "; ".join(shown.documents)))

    def contradicted_by(self, shown: Mapping[str, str], documents: tuple[str, ...] | None) -> tuple[Difference, ...]:
        """Return where a page names another value of a field, or other documents, than this package.

        Args:
            shown: what the page says, by label. A label that only one of the two has is no contradiction.
            documents: the page's documents, one line each; None where it shows none.

        Returns:
            The differences, in the order of this package's fields; the documents last.
        """
        fields = tuple((label, value) for label, value in self.fields if label in shown)
        named = Package(fields, () if documents is None else self.documents)
        return named.differences(Package(tuple((label, shown[label]) for label, _ in fields), documents or ()))

    def is_named_by(self, shown: Mapping[str, str], labels: tuple[str, ...]) -> bool:
        """Return True if a page shows all of these labels, each with the value of this package."""
        expected = dict(self.fields)
        return all(label in shown and _plain(shown[label]) == _plain(expected[label]) for label in labels)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


@dataclass(frozen=True, slots=True)
class ReadPackage:
    """What the payer's review page shows, read for a snapshot that is about to be issued.

    `snapshot_id` is the id of that snapshot, under which the picture of the page is stored before.
    """

    snapshot_id: str
    package: Package
    picture: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSnapshot:
    """What is to be approved. `differences` is what the portal showed otherwise when the snapshot was issued.

    `access_grant_id` names the grant by which whoever reviews may watch a session that the customer has signed in.
    `package` is the content as the payer's form words it, read at the payer; None until it was read. `picture` names
    the stored image of the payer's review page.
    """

    id: str
    status: SnapshotStatus
    kind: SnapshotKind
    generated_at: datetime
    covers: Covers
    summary: ReviewSummary
    answers: tuple[AnswerItem, ...]
    attachments: tuple[Attachment, ...]
    warnings: tuple[Warning, ...] = ()
    access_grant_id: str | None = None
    differences: tuple[Difference, ...] = ()
    package: Package | None = None
    picture: str | None = None

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
    reply: Reply | None,
    previous: ReviewSnapshot | None,
) -> ReviewSummary:
    """Return the package as a reviewer reads it, from the stored case alone, and what changed since `previous`."""
    said = tuple(answered(questionnaires, AnswerSet(answers)))
    changes = tuple(_changes(questionnaires, answers, attachments, previous)) if previous else ()
    sent = reply.attachments if reply else attachments
    known = {place.item.concept: text for place, _, text in reversed(said) if place.item.concept}
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
        diagnoses=tuple(
            each for place, _, _ in said if place.item.concept is Concept.DIAGNOSIS for each in texts_of(place)
        ),
        clinical=tuple(
            AnswerSummary(place.path, question, text, texts_of(place))
            for place, question, text in said
            if not place.item.concept
        ),
        changes=changes,
        documents=tuple(DocumentSummary(each.id, each.label, each.document_types) for each in sent),
        destination=DestinationSummary(payer.display_name, route.channel, route.label, case_reference),
        reply=ReplySummary(reply.inquiry.subject, reply.inquiry.text, reply.text) if reply else None,
    )


def _changes(
    questionnaires: tuple[Questionnaire, ...],
    answers: tuple[AnswerItem, ...],
    attachments: tuple[Attachment, ...],
    previous: ReviewSnapshot,
) -> Iterator[Change]:
    said, said_before = readable(questionnaires, answers), readable(questionnaires, previous.answers)
    for name in dict.fromkeys((*said_before, *said)):
        if said_before.get(name) != said.get(name):
            yield Change("answers", name, said_before.get(name), said.get(name))
    labels, labels_before = (
        {each.id: each.label for each in attachments},
        {each.id: each.label for each in previous.attachments},
    )
    for attachment_id in dict.fromkeys((*labels_before, *labels)):
        if (attachment_id in labels) is not (attachment_id in labels_before):
            before, after = labels_before.get(attachment_id), labels.get(attachment_id)
            yield Change("documents", after or before or attachment_id, before, after)
