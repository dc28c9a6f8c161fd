"""What every simulated plan knows, as frozen values: members, uploaded files, submissions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from priorauth.sandbox import decisions
from priorauth.sandbox.decisions import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member, and how the plan is told to treat the cases of that member."""

    member_id: str
    first_name: str
    last_name: str
    birth_date: str
    plan: str
    state: str
    effective_from: str
    behaviour: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.last_name}, {self.first_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What is kept of an uploaded file: not its content."""

    type: str
    file_name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Upload):
    """A file of a draft."""

    document_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A request that the plan has accepted."""

    sequence: int
    reference: str
    member_id: str
    member_name: str
    case_reference: str
    service: str
    start_date: str
    draft_id: int
    rows: tuple[tuple[str, str], ...]
    """Label and value of everything that was sent, as the review showed it."""
    documents: list[dict[str, Any]]
    received_at: datetime
    told: dict[str, Any] | None
    decided_at: datetime | None
    number_prefix: str

    def value_of(self, label: str) -> str:
        """Return what was sent under a label; empty where there was no such entry."""
        return dict(self.rows).get(label, "")

    def rows_beside(self, *labels: str) -> tuple[tuple[str, str], ...]:
        """Return the rows without those that a page shows elsewhere."""
        return tuple(row for row in self.rows if row[0] not in labels)

    def decision(self, now: datetime) -> Decision | None:
        if self.told is None or self.decided_at is None or now < self.decided_at:
            return None
        number = f"{self.number_prefix}{self.decided_at:%y}-{self.sequence:07d}"
        return decisions.decide(self.told, decided_at=self.decided_at, start_date=self.start_date, number=number)
