"""Attachments on the wire."""

from pydantic import Field

from priorauth.http.schemas.base import Body, ListView, ShortText, Text, Timestamp, View


class AttachBody(Body):
    """Which file is attached as what."""

    file_id: ShortText = Field(description="A file of yours that is `ready`.", examples=["file_123"])
    document_types: list[ShortText] = Field(
        min_length=1,
        max_length=20,
        description="What the document is: the types in `requirements.documents` that it satisfies, or others that "
        "the payer knows.",
        examples=[["clinical_notes"]],
    )
    description: Text | None = Field(
        default=None, description="For the reviewer, in your own words.", examples=["Visit of 4 May"]
    )


class AttachmentView(View):
    """One attached document."""

    id: str = Field(description="The attachment's id: it names this use of the file.", examples=["att_123"])
    file_id: str = Field(description="The file behind it.", examples=["file_123"])
    document_types: list[str] = Field(description="What the document is.", examples=[["clinical_notes"]])
    label: str = Field(description="The file's name.", examples=["notes.pdf"])
    description: str | None = Field(description="What was said of it when it was attached.")
    created_at: Timestamp = Field(description="When it was attached.")


class AttachmentList(ListView[AttachmentView]):
    """The documents of a case, newest first."""
