"""What the plan knows, as frozen values: members, sessions of its users, drafts, submissions, messages and replies."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from priorauth.sandbox.larkspur import decisions
from priorauth.sandbox.larkspur.decisions import Decision
from priorauth.sandbox.larkspur.forms import Values


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
class Session:
    """A browser that has been seen; a visitor who has not signed in has no user name."""

    token: str
    user_name: str | None
    form_token: str


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
class Draft:
    """A request that is being written."""

    draft_id: int
    member_id: str
    service: Values | None
    clinical: Values | None
    altered: Values
    """Label -> another value, where the portal has shown (and will submit) something else than was entered."""
    documents: tuple[Document, ...]


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
    documents: list[dict[str, Any]]
    received_at: datetime
    told: dict[str, Any] | None
    decided_at: datetime | None

    def decision(self, now: datetime) -> Decision | None:
        if self.told is None or self.decided_at is None or now < self.decided_at:
            return None
        return decisions.decide(
            self.told, decided_at=self.decided_at, start_date=self.start_date, sequence=self.sequence
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyDraft:
    """A reply that is being written."""

    text: str
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply that the plan has taken."""

    reference: str
    number: int
    text: str
    documents: list[dict[str, Any]]
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the plan asks about a request; open until it has a reply."""

    number: int
    subject: str
    text: str
    wanted: tuple[str, ...]
    sent_at: datetime
    reply: Reply | None

    @property
    def status(self) -> str:
        return "Open" if self.reply is None else "Answered"
