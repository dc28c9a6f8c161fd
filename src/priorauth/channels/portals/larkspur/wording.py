"""How Larkspur's portal words a case: which answer goes into which field, and how its review page shows it.

Pure: knows no browser. What is filled and what is expected on the review page come from the same list.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from priorauth.channels.contract import Job, JobDocument
from priorauth.channels.portals.adapter import Package
from priorauth.channels.portals.larkspur.questions import DISCOVERED
from priorauth.domain.answers import AnswerSet, answered, shown
from priorauth.domain.catalog import DocumentType, PortalField, Widget
from priorauth.domain.questionnaires import Concept, Item, ItemType, Value, all_items


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of the portal: what is put in, and what the review page shows for it."""

    label: str
    entered: str
    reviewed: str
    widget: Widget = Widget.TEXT
    link_id: str | None = None

    @property
    def is_discovered(self) -> bool:
        """Say whether the portal itself has asked for it, on an earlier way; it may not ask again."""
        return self.link_id is not None and self.link_id.startswith(DISCOVERED)


_REQUEST_TYPES = {"outpatient": "Outpatient", "inpatient": "Inpatient", "drug": "Drug"}
_DIAGNOSIS = "Primary diagnosis (ICD-10-CM)"
_ADDITIONAL = "Additional clinical information"
_OTHER_DOCUMENT = DocumentType("other", "Other document")
_WIDGETS = {ItemType.CHOICE: Widget.SELECT, ItemType.BOOLEAN: Widget.RADIO}


class Wording:
    """One job in the portal's words."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._answers = AnswerSet(job.answers)
        self._items = list(all_items(job.questionnaires))
        self._fields = {field.link_id: field for field in (*job.portal.fields, *_discovered(job))}
        self._types = {kind.code: kind.display for kind in (_OTHER_DOCUMENT, *job.portal.document_types)}
        self._by_concept = {item.concept: item for item in self._items if item.concept}

    def member(self) -> tuple[str, str]:
        """Return member id and date of birth (YYYY-MM-DD), as the member search wants them."""
        return self._entered(Concept.MEMBER_ID), self._entered(Concept.BIRTH_DATE)

    def service_page(self) -> tuple[Entry, ...]:
        """Return the entries of the page “Service”."""
        request, start = self._job.request, self._value(Concept.SERVICE_START)
        return (
            _same("Request type", _REQUEST_TYPES[request.request_type], Widget.SELECT),
            _same("Code system", request.service_code.system.upper(), Widget.SELECT),
            _same("Procedure code", request.service_code.code),
            _same("Units requested", self._entered(Concept.SERVICE_UNITS), link=self._link(Concept.SERVICE_UNITS)),
            Entry(
                "Requested start date",
                self._entered(Concept.SERVICE_START),
                _reviewed(start),
                link_id=self._link(Concept.SERVICE_START),
            ),
            _same("Rendering provider NPI", self._job.provider.npi),
            _same("Your reference", self._job.case_reference),
        )

    def clinical_page(self) -> tuple[Entry, ...]:
        """Return the entries of the page “Clinical information”."""
        diagnosis = _same(_DIAGNOSIS, self._entered(Concept.DIAGNOSIS), link=self._link(Concept.DIAGNOSIS))
        return (diagnosis, *self._clinical())

    def labels(self) -> frozenset[str]:
        """Return the labels of all fields of “Clinical information” that an answer of the case may go into."""
        return frozenset((_DIAGNOSIS, _ADDITIONAL, *(field.label for field in self._fields.values())))

    def documents(self) -> tuple[tuple[str, JobDocument], ...]:
        """Return what is uploaded: each document once for each of its types, under the portal's name of the type."""
        return tuple((kind, document) for document in self._job.documents for kind in self._kinds(document))

    def document_lines(self) -> tuple[str, ...]:
        """Return what is uploaded as the review page should show it, a line each."""
        return tuple(
            document_line(kind, _sent_name(each), str(each.size_bytes), each.sha256[:12])
            for kind, each in self.documents()
        )

    def package(self) -> Package:
        """Return what the review page should show, were the portal to take everything that the case says."""
        member_id, birth_date = self.member()
        name = f"{self._entered(Concept.FAMILY_NAME)}, {self._entered(Concept.GIVEN_NAME)}"
        fields = [
            ("Member ID", member_id),
            ("Member name", name),
            ("Date of birth", _reviewed(date.fromisoformat(birth_date))),
            *((entry.label, entry.reviewed) for entry in (*self.service_page(), *self.clinical_page())),
        ]
        discovered = frozenset(entry.label for entry in self.clinical_page() if entry.is_discovered)
        return Package(tuple(fields), self.document_lines(), optional=discovered)

    def link_of(self, label: str) -> str | None:
        """Return the linkId whose answer went into the field `label`."""
        entries = (*self.service_page(), *self.clinical_page())
        return next((entry.link_id for entry in entries if entry.label == label), None)

    def _clinical(self) -> Iterator[Entry]:
        further = []
        for place, question, said in answered(self._job.questionnaires, self._answers):
            field = self._fields.get(place.item.link_id)
            # Browsers trim what is typed and keep one kind of line break; the comparison must not stumble over it.
            text = said.replace("\r\n", "\n").replace("\r", "\n").strip()
            if field is not None:
                reviewed = _reviewed(place.answer[0].value, text=text)
                yield Entry(field.label, text, reviewed, field.widget, place.item.link_id)
            elif place.item.concept is None:
                further.append(f"{question} {text}")
        if further:
            yield _same(_ADDITIONAL, "\n".join(further))

    def _kinds(self, document: JobDocument) -> Iterator[str]:
        return iter(dict.fromkeys(self._types.get(kind, self._types["other"]) for kind in document.document_types))

    def _item(self, concept: Concept) -> Item:
        return self._by_concept[concept]

    def _link(self, concept: Concept) -> str:
        return self._item(concept).link_id

    def _value(self, concept: Concept) -> Value:
        return self._answers.of(self._link(concept))[0].value

    def _entered(self, concept: Concept) -> str:
        return shown(self._item(concept), self._answers.of(self._link(concept))[0]).strip()


def document_line(*cells: str) -> str:
    """Return one document of the package as a line."""
    return " · ".join(cells)


def _same(label: str, text: str, widget: Widget = Widget.TEXT, *, link: str | None = None) -> Entry:
    return Entry(label, text, text, widget, link)


def _reviewed(value: Value, *, text: str | None = None) -> str:
    if isinstance(value, date):
        return value.strftime("%m/%d/%Y")
    return text if text is not None else str(value)


def _sent_name(document: JobDocument) -> str:
    # As a browser writes it into a form: https://html.spec.whatwg.org/#multipart-form-data
    return document.file_name.replace('"', "%22")


def _discovered(job: Job) -> Iterator[PortalField]:
    """Yield the fields of what the portal itself has asked: labelled as the questions are."""
    for item in all_items(job.questionnaires):
        if item.link_id.startswith(DISCOVERED):
            yield PortalField(item.link_id, item.text, _WIDGETS.get(item.type, Widget.TEXT))
