"""What this plan knows beside what every one does, as frozen values: users' sessions and drafts."""

from dataclasses import dataclass

from priorauth.sandbox.entities import Document
from priorauth.sandbox.fields import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser whose user gave the right password; verified once a second factor, if there is one, was given too."""

    token: str
    user_name: str
    csrf_token: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A request that is being written. The service is saved as it is typed, and checked when the user goes on."""

    draft_id: int
    member_id: str
    service: Values
    service_saved: bool
    clinical: Values | None
    altered: Values
    """Label -> another value, where the portal has shown (and will submit) something else than was entered."""
    documents: tuple[Document, ...]
