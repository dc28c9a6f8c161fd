"""How Juniper's portal words a case: which answer goes into which field, and how its review shows it. Pure."""

from datetime import date

from priorauth.channels.contract import Job, JobDocument
from priorauth.channels.portals.wording import Entry, JobWords, document_line, same, sent_name
from priorauth.domain.catalog import CodeSystem, DocumentType, RequestType, Widget
from priorauth.domain.questionnaires import Concept
from priorauth.domain.reviews import Package

_SETTINGS = {
    RequestType.INPATIENT: "Inpatient hospital",
    RequestType.OUTPATIENT: "Outpatient hospital or clinic",
}
_CODE_SETS = {CodeSystem.CPT: "CPT", CodeSystem.HCPCS: "HCPCS Level II"}
_DIAGNOSIS = "Principal diagnosis"


class Wording:
    """One job in the portal's words."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._words = JobWords(
            job,
            additional="Notes for the reviewer",
            other_document=DocumentType("other", "Miscellaneous"),
            show_date=_long_date,
        )

    @property
    def is_offered(self) -> bool:
        """Whether the portal has words for what is requested: it takes no drugs."""
        request = self._job.request
        return request.request_type in _SETTINGS and request.service_code.system in _CODE_SETS

    def patient(self) -> tuple[str, str]:
        """Return member id and date of birth (YYYY-MM-DD), as the search for a patient wants them."""
        return self._words.entered(Concept.MEMBER_ID), self._words.entered(Concept.BIRTH_DATE)

    def service(self) -> tuple[Entry, ...]:
        """Return the entries of the view “Service”."""
        request = self._job.request
        return (
            same("Care setting", _SETTINGS[request.request_type], Widget.SELECT),
            same("Code set", _CODE_SETS[request.service_code.system], Widget.SELECT),
            same("Service code", request.service_code.code),
            self._words.said("Quantity", Concept.SERVICE_UNITS),
            self._words.said("First date of service", Concept.SERVICE_START),
            same("Servicing provider NPI", self._job.provider.npi),
            same("Your reference", self._job.case_reference),
        )

    def clinical(self) -> tuple[Entry, ...]:
        """Return the entries of the clinical questions."""
        return (self._words.said(_DIAGNOSIS, Concept.DIAGNOSIS), *self._words.further())

    def labels(self) -> frozenset[str]:
        """Return the labels of all clinical questions that an answer of the case may go into."""
        return self._words.labels | {_DIAGNOSIS}

    def documents(self) -> tuple[tuple[str, JobDocument], ...]:
        """Return what is uploaded, each under the portal's name of its kind."""
        return self._words.documents()

    def package(self) -> Package:
        """Return what the review should show, were the portal to take everything that the case says."""
        member_id, birth_date = self.patient()
        entries = (*self.service(), *self.clinical())
        fields = (
            ("Member ID", member_id),
            ("Patient", f"{self._words.entered(Concept.FAMILY_NAME)}, {self._words.entered(Concept.GIVEN_NAME)}"),
            ("Date of birth", _long_date(date.fromisoformat(birth_date))),
            *((entry.label, entry.reviewed) for entry in entries),
        )
        lines = tuple(
            document_line_of(kind, sent_name(each), size_bytes=each.size_bytes, sha256=each.sha256)
            for kind, each in self.documents()
        )
        return Package(fields, lines, optional=frozenset(entry.label for entry in entries if entry.is_discovered))

    def link_of(self, label: str) -> str | None:
        """Return the linkId whose answer went into the field `label`."""
        return next((each.link_id for each in (*self.service(), *self.clinical()) if each.label == label), None)


def document_line_of(kind: str, name: str, *, size_bytes: int, sha256: str) -> str:
    """Return one document of the package as a line."""
    return document_line(kind, name, f"{size_bytes:,} bytes", sha256)


def _long_date(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"
