"""The timeline of a case: who or what changed what, when, and from which version to which; and who is told of it.

What an observer is told names cases, never patients: ids, codes, numbers and times.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from priorauth.domain.lifecycle import Status


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """A timeline's entry that has committed, as observers are told of it.

    `before` is the status that the case had, since `since`; both are None for its creation, and for an entry that
    changed nothing in the case. `after` is None for the latter.
    """

    authorization_id: str
    entry: TimelineEntry
    before: Status | None = None
    since: datetime | None = None
    after: Status | None = None


class Observer:
    """Who watches the service from outside: told after the fact, and without a say in it.

    Its methods neither wait nor raise, and may be called from any thread. This one sees nothing.
    """

    def answered(self, *, method: str, route: str, status: int, seconds: float, ids: Mapping[str, str]) -> None:
        """Hear of a request that was answered. `route` is a template, without what the caller wrote into it."""

    def wrote(self, seconds: float) -> None:
        """Hear of a write that has committed, and how long its caller waited for that."""

    def recorded(self, occurrence: Occurrence) -> None:
        """Hear of a timeline's entry that has committed."""

    def stepped(self, *, step: str, authorization_id: str, verdict: str, seconds: float) -> None:
        """Hear of a step of the engine that has ended. One that failed for an unforeseen reason ends as `failed`."""
