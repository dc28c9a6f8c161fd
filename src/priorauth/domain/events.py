"""The timeline of a case: who or what changed what, when, and from which version to which."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ActorType(StrEnum):
    """Who acts."""

    CUSTOMER = "customer"
    SERVICE = "service"
    PAYER = "payer"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted; for a customer the id of the API key."""

    type: ActorType
    id: str | None = None


SERVICE = Actor(ActorType.SERVICE)
PAYER = Actor(ActorType.PAYER)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One entry. `details` holds codes and names of pages, never what a patient's record says."""

    id: str
    type: str
    actor: Actor
    occurred_at: datetime
    from_version: int | None
    to_version: int
    details: Mapping[str, str] = field(default_factory=dict)
