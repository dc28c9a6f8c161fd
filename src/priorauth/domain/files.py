"""Files on their way to becoming attachments: declared, uploaded once, checked, then fixed for ever."""

import re
import unicodedata
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
    "image/tiff": (".tif", ".tiff"),
    "image/heic": (".heic", ".heif"),
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
    """Why a file cannot be used, or what is worth a look before it is."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class SentAs:
    """The form in which a payer gets a file that no portal takes as it is. `stored_as` names its bytes."""

    content_type: str
    file_name: str
    size_bytes: int
    stored_as: str
    sha256: str


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
    sent_as: SentAs | None = None
    warnings: tuple[FileFailure, ...] = ()
    # Whether it was ever attached; None of files that were stored before that was remembered.
    attached: bool | None = None

    @property
    def stored_bytes(self) -> int:
        """How many bytes of it are kept, the form in which it is sent included."""
        return (self.size_bytes or 0) + (self.sent_as.size_bytes if self.sent_as else 0)

    def received(self, *, size_bytes: int, stored_as: str, sha256: str) -> "StoredFile":
        """Return the file with its bytes. Raises FileAlreadyCompleted when it has had them before."""
        self.require_pending()
        return replace(self, status=FileStatus.UPLOADED, size_bytes=size_bytes, stored_as=stored_as, sha256=sha256)

    def judged(
        self,
        failure: FileFailure | None,
        *,
        now: datetime,
        warnings: tuple[FileFailure, ...] = (),
        sent_as: SentAs | None = None,
    ) -> "StoredFile":
        """Return the file after its inspection: ready, or failed for a reason."""
        status = FileStatus.FAILED if failure else FileStatus.READY
        return replace(self, status=status, failure=failure, completed_at=now, warnings=warnings, sent_as=sent_as)

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


def plain_name(file_name: str) -> str:
    """Return a file's name without what makes it read as another one: control characters, and marks that turn text."""
    return "".join("_" if unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp") else each for each in file_name)


def renamed(file_name: str, content_type: str) -> str:
    """Return a file's name with the ending of another type."""
    stem, dot, _ = file_name.rpartition(".")
    return f"{stem if dot else file_name}{EXTENSIONS[content_type][0]}"
