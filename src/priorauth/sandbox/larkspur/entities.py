"""What this plan knows beside what every one does, as frozen values: users' sessions, drafts, messages, replies."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from priorauth.sandbox.entities import Document
from priorauth.sandbox.fields import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser that has been seen; a visitor who has not signed in has no user name."""

    token: str
    user_name: str | None
    form_token: str


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
