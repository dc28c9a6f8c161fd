"""How Larkspur's portal words a case: which answer goes into which field, and how its review page shows it.

Pure: knows no browser. What is filled and what is expected on the review page come from the same list.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum

from priorauth.channels.contract import Job, JobDocument
from priorauth.channels.portals.adapter import Package
from priorauth.domain.answers import AnswerSet, shown
from priorauth.domain.questionnaires import Concept, Item, Value, all_items


class Widget(Enum):
    """How a field is filled."""

    TEXT = "text"
    SELECT = "select"
    RADIO = "radio"


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of the portal: what is put in, and what the review page shows for it."""

    label: str
    entered: str
    reviewed: str
    widget: Widget = Widget.TEXT
    link_id: str | None = None


_CLINICAL = {
    "clinical.conservativeTreatment": ("Conservative treatment completed", Widget.RADIO),
    "clinical.conservativeTreatmentWeeks": ("Weeks of conservative treatment", Widget.TEXT),
    "clinical.redFlag": ("Red flag finding", Widget.SELECT),
    "clinical.sleepStudyDate": ("Date of sleep study", Widget.TEXT),
    "clinical.apneaHypopneaIndex": ("Apnea-hypopnea index", Widget.TEXT),
    "clinical.symptom": ("Leading symptom", Widget.SELECT),
    "clinical.summary": ("Clinical justification", Widget.TEXT),
}
_REQUEST_TYPES = {"outpatient": "Outpatient", "inpatient": "Inpatient", "drug": "Drug"}
_DOCUMENT_TYPES = {
    "clinical_notes": "Clinical notes",
    "imaging_report": "Imaging report",
    "lab_results": "Laboratory results",
    "letter_of_medical_necessity": "Letter of medical necessity",
}
_OTHER_DOCUMENT = "Clinical notes"


class Wording:
    """One job in the portal's words."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._answers = AnswerSet(job.answers)
        self._items = list(all_items(job.questionnaires))
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
        diagnosis = _same(
            "Primary diagnosis (ICD-10-CM)", self._entered(Concept.DIAGNOSIS), link=self._link(Concept.DIAGNOSIS)
        )
        return (diagnosis, *self._clinical())

    def documents(self) -> tuple[tuple[str, JobDocument], ...]:
        """Return what is uploaded: each document once for each of its types, under the portal's name of the type."""
        return tuple(
            (kind, document)
            for document in self._job.documents
            for kind in _portal_types(document) or (_OTHER_DOCUMENT,)
        )

    def package(self) -> Package:
        """Return what the review page should show, were the portal to take everything that the case says.

        What the portal has no words for is in it too: the reviewer must learn that it does not go along.
        """
        member_id, birth_date = self.member()
        name = f"{self._entered(Concept.FAMILY_NAME)}, {self._entered(Concept.GIVEN_NAME)}"
        fields = [
            ("Member ID", member_id),
            ("Member name", name),
            ("Date of birth", _reviewed(date.fromisoformat(birth_date))),
            *((entry.label, entry.reviewed) for entry in (*self.service_page(), *self.clinical_page())),
            *self._unsaid(),
        ]
        lines = (
            document_line(_DOCUMENT_TYPES.get(kind, kind), _sent_name(each), str(each.size_bytes), each.sha256[:12])
            for each in self._job.documents
            for kind in each.document_types
        )
        return Package(tuple(fields), tuple(lines))

    def link_of(self, label: str) -> str | None:
        """Return the linkId whose answer went into the field `label`."""
        entries = (*self.service_page(), *self.clinical_page())
        return next((entry.link_id for entry in entries if entry.label == label), None)

    def _clinical(self) -> Iterator[Entry]:
        for item in self._items:
            known = _CLINICAL.get(item.link_id)
            for answer in self._answers.of(item.link_id) if known else ():
                label, widget = known or ("", Widget.TEXT)
                # Browsers trim what is typed and keep one kind of line break; the comparison must not stumble over it.
                text = shown(item, answer).replace("\r\n", "\n").replace("\r", "\n").strip()
                yield Entry(label, text, _reviewed(answer.value, text=text), widget, item.link_id)

    def _unsaid(self) -> Iterator[tuple[str, str]]:
        for item in self._items:
            if item.concept is None and item.link_id not in _CLINICAL:
                for answer in self._answers.of(item.link_id):
                    yield item.text, shown(item, answer)

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


def _portal_types(document: JobDocument) -> tuple[str, ...]:
    return tuple(_DOCUMENT_TYPES[kind] for kind in document.document_types if kind in _DOCUMENT_TYPES)
