"""Files on their way to becoming attachments: declared, uploaded once, checked, then fixed for ever."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from priorauth.domain.errors import BadRequest, FileAlreadyCompleted, FileNotReady, Issue


class FileStatus(StrEnum):
    """How far a file is."""

    PENDING_UPLOAD = "pending_upload"
    UPLOADED = "uploaded"
    READY = "ready"
    FAILED = "failed"


EXTENSIONS = {
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
}
# The names that contradict no type: those without a dot, and those that end as their type does, however it is written.
NAME_FORMS = {
    content_type: re.compile(
        r"[^.]*|[^/]*\.(?:"
        + "|".join("".join(f"[{letter}{letter.upper()}]" for letter in ending[1:]) for ending in endings)
        + ")"
    )
    for content_type, endings in EXTENSIONS.items()
}


@dataclass(frozen=True, slots=True)
class FileFailure:
    """Why a file cannot be used."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file of an organization. `stored_as` names its bytes in the object store once they are there."""

    id: str
    organization_id: str
    environment: str
    status: FileStatus
    file_name: str
    content_type: str
    purpose: str
    size_bytes: int | None
    created_at: datetime
    upload_expires_at: datetime
    completed_at: datetime | None = None
    failure: FileFailure | None = None
    stored_as: str | None = None
    sha256: str | None = None

    def received(self, *, size_bytes: int, stored_as: str, sha256: str) -> "StoredFile":
        """Return the file with its bytes. Raises FileAlreadyCompleted when it has had them before."""
        self.require_pending()
        return replace(self, status=FileStatus.UPLOADED, size_bytes=size_bytes, stored_as=stored_as, sha256=sha256)

    def judged(self, failure: FileFailure | None, *, now: datetime) -> "StoredFile":
        """Return the file after its inspection: ready, or failed for a reason."""
        status = FileStatus.FAILED if failure else FileStatus.READY
        return replace(self, status=status, failure=failure, completed_at=now)

    def require_pending(self) -> None:
        """Raise FileAlreadyCompleted when the file has had its bytes."""
        if self.status is not FileStatus.PENDING_UPLOAD:
            raise FileAlreadyCompleted("The upload address takes the bytes once. Declare a new file for other bytes.")

    def require_uploaded(self) -> None:
        """Raise FileNotReady while the bytes are missing, FileAlreadyCompleted once the file was judged."""
        if self.status is FileStatus.PENDING_UPLOAD:
            raise FileNotReady("The file has no bytes yet. PUT them to its upload address first.")
        if self.status is not FileStatus.UPLOADED:
            raise FileAlreadyCompleted

    def require_ready(self) -> None:
        """Raise FileNotReady unless the file can be attached."""
        if self.status is not FileStatus.READY:
            raise FileNotReady(details={"fileId": self.id, "status": self.status.value})


def check_declaration(*, file_name: str, content_type: str) -> None:
    """Raise BadRequest when the type is not taken, or the name's extension says another type."""
    if content_type not in EXTENSIONS:
        raise BadRequest(
            "Files of this type are not taken.",
            issues=(Issue("unsupported_file_type", f"Send one of: {', '.join(EXTENSIONS)}.", "contentType"),),
        )
    if NAME_FORMS[content_type].fullmatch(file_name) is None:
        expected = " or ".join(EXTENSIONS[content_type])
        message = f"The name of a file of type {content_type} ends with {expected}. Correct the name or contentType."
        raise BadRequest(
            "The file's name contradicts its type.", issues=(Issue("extension_contradicts_type", message, "fileName"),)
        )
