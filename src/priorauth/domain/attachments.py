"""Documents that belong to a case: references to ready files, with what each of them is."""

from dataclasses import dataclass
from datetime import datetime

from priorauth.domain.errors import AttachmentNotFound


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attached file. `label` is the file's name; `document_types` are the payer's words for what it is."""

    id: str
    file_id: str
    document_types: tuple[str, ...]
    label: str
    description: str | None
    created_at: datetime


def without(attachments: tuple[Attachment, ...], attachment_id: str) -> tuple[Attachment, ...]:
    """Return the attachments but for one. Raises AttachmentNotFound when it is not among them."""
    kept = tuple(attachment for attachment in attachments if attachment.id != attachment_id)
    if len(kept) == len(attachments):
        raise AttachmentNotFound
    return kept
