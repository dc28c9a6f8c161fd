"""Access grants on the wire, and who looks by them."""

from pydantic import Field

from priorauth.domain.live_sessions import AccessMode
from priorauth.http.schemas.base import Timestamp, View


class AccessGrantView(View):
    """An address that opens a live session for a while."""

    id: str = Field(description="The grant's id; by itself it opens nothing.", examples=["rag_123"])
    url: str = Field(
        description="The address. It needs no API key: whoever has it sees the session, so keep it in memory only, and "
        "hand it to nobody but the user who needs it.",
        examples=["https://priorauth.example.org/runtime/access/rag_123.bWFkZSBieSB0aGUgc2VydmVy"],
    )
    expires_at: Timestamp = Field(
        description="Until when it can be opened, and its view goes on. For more time, create another grant before."
    )


class RevocableGrantView(View):
    """An access grant as it is now, without its address."""

    id: str = Field(description="The grant's id.", examples=["rag_123"])
    mode: AccessMode = Field(description="What its views may do.")
    manual_handoff_id: str | None = Field(description="The handoff in which its views act; null when they only watch.")
    created_at: Timestamp = Field(description="When it was created.")
    expires_at: Timestamp = Field(description="Until when it could be opened.")
    revoked_at: Timestamp | None = Field(description="When it was revoked; null before.")


class ViewerView(View):
    """One open window on a live session."""

    id: str = Field(description="The view's id.", examples=["view_123"])
    access_grant_id: str = Field(description="The grant by which it goes on.", examples=["rag_123"])
    mode: AccessMode = Field(description="What it may do.")
    opened_at: Timestamp = Field(description="When the grant was opened for it.")
    connected_at: Timestamp = Field(description="When it was connected last.")
    network_address: str = Field(description="From which network address it was opened.", examples=["203.0.113.7"])


class ViewerListView(View):
    """Who is watching now."""

    data: list[ViewerView] = Field(description="The open windows, the oldest first.")
