"""How Larkspur's portal words a case: which answer goes into which field, and how its review page shows it. Pure."""

from datetime import date

from priorauth.channels.contract import Job, JobDocument
from priorauth.channels.portals.wording import Entry, JobWords, document_line, same, sent_name
from priorauth.domain.catalog import DocumentType, Widget
from priorauth.domain.questionnaires import Concept
from priorauth.domain.reviews import Package

_REQUEST_TYPES = {"outpatient": "Outpatient", "inpatient": "Inpatient", "drug": "Drug"}
_DIAGNOSIS = "Primary diagnosis (ICD-10-CM)"


class Wording:
    """One job in the portal's words."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._words = JobWords(
            job,
            additional="Additional clinical information",
            other_document=DocumentType("other", "Other document"),
            show_date=_us_date,
        )

    def member(self) -> tuple[str, str]:
        """Return member id and date of birth (YYYY-MM-DD), as the member search wants them."""
        return self._words.entered(Concept.MEMBER_ID), self._words.entered(Concept.BIRTH_DATE)

    def service_page(self) -> tuple[Entry, ...]:
        """Return the entries of the page “Service”."""
        request = self._job.request
        return (
            same("Request type", _REQUEST_TYPES[request.request_type], Widget.SELECT),
            same("Code system", request.service_code.system.upper(), Widget.SELECT),
            same("Procedure code", request.service_code.code),
            self._words.said("Units requested", Concept.SERVICE_UNITS),
            self._words.said("Requested start date", Concept.SERVICE_START),
            same("Rendering provider NPI", self._job.provider.npi),
            same("Your reference", self._job.case_reference),
        )

    def clinical_page(self) -> tuple[Entry, ...]:
        """Return the entries of the page “Clinical information”."""
        return (self._words.said(_DIAGNOSIS, Concept.DIAGNOSIS), *self._words.further())

    def labels(self) -> frozenset[str]:
        """Return the labels of all fields of “Clinical information” that an answer of the case may go into."""
        return self._words.labels | {_DIAGNOSIS}

    def documents(self) -> tuple[tuple[str, JobDocument], ...]:
        """Return what is uploaded: each document once for each of its types, under the portal's name of the type."""
        return self._words.documents()

    def document_lines(self) -> tuple[str, ...]:
        """Return what is uploaded as the review page should show it, a line each."""
        return tuple(
            document_line(kind, sent_name(each), str(each.size_bytes), each.sha256[:12])
            for kind, each in self.documents()
        )

    def package(self) -> Package:
        """Return what the review page should show, were the portal to take everything that the case says."""
        member_id, birth_date = self.member()
        name = f"{self._words.entered(Concept.FAMILY_NAME)}, {self._words.entered(Concept.GIVEN_NAME)}"
        fields = [
            ("Member ID", member_id),
            ("Member name", name),
            ("Date of birth", _us_date(date.fromisoformat(birth_date))),
            *((entry.label, entry.reviewed) for entry in (*self.service_page(), *self.clinical_page())),
        ]
        discovered = frozenset(entry.label for entry in self.clinical_page() if entry.is_discovered)
        return Package(tuple(fields), self.document_lines(), optional=discovered)

    def link_of(self, label: str) -> str | None:
        """Return the linkId whose answer went into the field `label`."""
        entries = (*self.service_page(), *self.clinical_page())
        return next((entry.link_id for entry in entries if entry.label == label), None)


def _us_date(day: date) -> str:
    return day.strftime("%m/%d/%Y")
