"""Attachments on the wire."""

from pydantic import Field

from priorauth.http.schemas.base import Body, ShortText, Text, Timestamp, View


class AttachBody(Body):
    """Which file is attached as what."""

    file_id: ShortText
    document_types: list[ShortText] = Field(min_length=1, max_length=20)
    description: Text | None = None


class AttachmentView(View):
    """One attached document."""

    id: str
    file_id: str
    document_types: list[str]
    label: str = Field(description="The file's name.")
    description: str | None
    created_at: Timestamp
