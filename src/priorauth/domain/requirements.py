"""What still stands between a case and its submission: unanswered questions, missing documents, faulty values."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from priorauth.domain.answers import AnswerSet, Place, rule_breaches
from priorauth.domain.attachments import Attachment
from priorauth.domain.catalog import CodeVerdict, DiagnosisCodes, DocumentType, Patterns, RequiredDocument
from priorauth.domain.errors import Issue, Severity
from priorauth.domain.questionnaires import Answer, AnswerItem, Coding, Concept, Questionnaire
from priorauth.domain.replies import Reply


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that must be answered."""

    link_id: str
    message: str


@dataclass(frozen=True, slots=True)
class Requirements:
    """The open blockers of a case. `version` grows when they change."""

    version: int
    questions: tuple[OpenQuestion, ...] = ()
    documents: tuple[RequiredDocument, ...] = ()
    issues: tuple[Issue, ...] = ()

    @property
    def is_blocked(self) -> bool:
        """True while the case cannot go on."""
        return bool(self.questions or self.documents or self._has_errors)

    @property
    def wants_documents_alone(self) -> bool:
        """True while documents are missing and nothing else stands in the way."""
        return bool(self.documents) and not self.questions and not self._has_errors

    @property
    def _has_errors(self) -> bool:
        return any(issue.severity is Severity.ERROR for issue in self.issues)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the payer rejected: the answer of the item that the issue names, or the package as a whole.

    It blocks until what it speaks of is another. `package` holds the versions of answers and attachments.
    """

    issue: Issue
    answer: tuple[Answer, ...]
    package: tuple[int, int]


_DIAGNOSIS_FAULTS = {
    CodeVerdict.UNKNOWN: ("diagnosis_code_unknown", "This code is not in ICD-10-CM. Check it for a typing error."),
    CodeVerdict.NOT_SPECIFIC: (
        "diagnosis_code_not_specific",
        "This ICD-10-CM code is a heading. Use one of the more specific codes below it.",
    ),
}

_OLDEST_YEARS = 130
# No payer takes a request so late; two years may be a dispute.
_LATEST_YEARS = 5


def assess(
    questionnaires: tuple[Questionnaire, ...],
    *,
    documents: tuple[RequiredDocument, ...],
    document_types: tuple[DocumentType, ...],
    answers: tuple[AnswerItem, ...],
    attachments: tuple[Attachment, ...],
    findings: tuple[Finding, ...],
    reply: Reply | None,
    diagnosis_codes: DiagnosisCodes,
    patterns: Patterns,
    today: date,
    previous: Requirements | None,
) -> Requirements:
    """Return what is open now; the same value as `previous`, version included, when nothing changed.

    With a `reply` to the payer under way, what the payer asked for is open until the reply has it.
    """
    given = AnswerSet(answers)
    asked = list(given.visible(questionnaires))
    attached = dict.fromkeys(kind for attachment in attachments for kind in attachment.document_types)
    found = Requirements(
        version=previous.version if previous else 1,
        questions=tuple(
            OpenQuestion(place.item.link_id, place.label(given.text(place)))
            for place in asked
            if (place.item.takes_answers or place.item.has_entries)
            and not (place.answer or place.entries)
            and given.requires(place)
        ),
        documents=_missing(documents, attached, reply),
        issues=(
            *(issue for place in asked for issue in _issues_of(place, given, diagnosis_codes, patterns, today)),
            *(finding.issue for finding in findings),
            *(reply.issues if reply else ()),
            *_unknown_types(attached, document_types),
        ),
    )
    if previous is None or found == previous:
        return found
    return replace(found, version=previous.version + 1)


def _missing(
    documents: tuple[RequiredDocument, ...], attached: Container[str], reply: Reply | None
) -> tuple[RequiredDocument, ...]:
    required = (document for document in documents if document.type not in attached)
    # Of two that want the same type, the later one is whoever waits for it now.
    return tuple({each.type: each for each in (*required, *(reply.missing if reply else ()))}.values())


def _unknown_types(attached: Iterable[str], document_types: tuple[DocumentType, ...]) -> Iterator[Issue]:
    known = [kind.code for kind in document_types]
    for kind in attached:
        if known and kind not in known:
            message = (
                f"The payer has no document type {kind!r}: it gets the document as another one. Types that it has: "
            )
            yield Issue("document_type_unknown", message + ", ".join(known) + ".", "attachments", Severity.WARNING)


def still_open(
    findings: tuple[Finding, ...], answers: tuple[AnswerItem, ...], *, package: tuple[int, int]
) -> tuple[Finding, ...]:
    """Return the findings that speak of what is still the same as when the payer rejected it."""
    given = AnswerSet(answers)
    return tuple(
        finding
        for finding in findings
        if (given.of(finding.issue.field) == finding.answer if finding.issue.field else package == finding.package)
    )


def _issues_of(
    place: Place, answers: AnswerSet, diagnosis_codes: DiagnosisCodes, patterns: Patterns, today: date
) -> Iterator[Issue]:
    breaches = tuple(rule_breaches(place, answers, patterns))
    yield from breaches
    for answer in place.answer:
        if isinstance(answer.value, date) and (fault := _impossible(place.item.concept, answer.value, today)):
            yield Issue(*fault, place.path)
    if place.item.concept is Concept.DIAGNOSIS and not breaches:
        for answer in place.answer:
            code = answer.value.code if isinstance(answer.value, Coding) else str(answer.value)
            fault = _DIAGNOSIS_FAULTS.get(diagnosis_codes.judge(code))
            if fault:
                yield Issue(fault[0], fault[1], place.path)


def _impossible(concept: Concept | None, day: date, today: date) -> tuple[str, str] | None:
    """Return what is wrong with a date that nobody can mean: a slip of the keyboard, most often."""
    # It is tomorrow already where the sun rises first.
    if concept is Concept.BIRTH_DATE and day > today + timedelta(days=1):
        return "birth_date_in_future", "The birth date lies in the future. Check the year."
    if concept is Concept.BIRTH_DATE and day.year < today.year - _OLDEST_YEARS:
        return "birth_date_too_early", f"The birth date lies more than {_OLDEST_YEARS} years back. Check the year."
    if concept is Concept.SERVICE_START and day.year < today.year - _LATEST_YEARS:
        return "start_long_past", f"The start lies more than {_LATEST_YEARS} years back. Check the year."
    return None
