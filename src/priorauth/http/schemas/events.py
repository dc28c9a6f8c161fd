"""The timeline on the wire."""

from pydantic import Field

from priorauth.domain.events import ActorType
from priorauth.http.schemas.base import ListView, Timestamp, View


class ActorView(View):
    """Who acted."""

    type: ActorType = Field(description="Who acted.")
    id: str | None = Field(description="For a customer the id of the API key; else null.", examples=["key_123"])


class EventView(View):
    """One entry of the timeline."""

    id: str = Field(description="The entry's id.", examples=["evt_123"])
    type: str = Field(description="What happened.", examples=["receipt_proven"])
    actor: ActorView = Field(description="Who or what made it happen.")
    occurred_at: Timestamp = Field(description="When it happened.")
    from_version: int | None = Field(description="The version of the case before; null for its creation.")
    to_version: int = Field(description="The version after; the same when nothing visible changed.")
    details: dict[str, str] = Field(
        description="Codes and names of pages, never what a patient's record says.", examples=[{"page": "review"}]
    )


class EventList(ListView[EventView]):
    """One page of a timeline, newest first."""
