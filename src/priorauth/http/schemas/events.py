"""The timeline on the wire."""

from priorauth.domain.events import ActorType
from priorauth.http.schemas.base import Timestamp, View


class ActorView(View):
    """Who acted; for a customer the id of the API key."""

    type: ActorType
    id: str | None


class EventView(View):
    """One entry of the timeline."""

    id: str
    type: str
    actor: ActorView
    occurred_at: Timestamp
    from_version: int | None
    to_version: int
    details: dict[str, str]
