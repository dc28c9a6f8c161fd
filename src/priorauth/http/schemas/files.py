"""Files on the wire."""

from typing import Literal

from pydantic import Field

from priorauth.domain.files import FileStatus, StoredFile
from priorauth.http.schemas.base import Body, ShortText, Timestamp, View


class DeclareFileBody(Body):
    """A file that will be uploaded."""

    file_name: ShortText = Field(pattern=r"^[^/\\\x00-\x1f]+$")
    content_type: ShortText = Field(examples=["application/pdf"])
    purpose: Literal["authorization_attachment"]


class FileFailureView(View):
    """Why a file cannot be used."""

    code: str
    message: str


class FileView(View):
    """One file."""

    id: str
    status: FileStatus
    file_name: str
    content_type: str
    purpose: str
    size_bytes: int | None
    created_at: Timestamp
    completed_at: Timestamp | None
    download_url: str | None = Field(description="Needs the API key; null until the file is ready.")
    failure: FileFailureView | None


class UploadView(View):
    """Where the bytes go, once, before the address expires."""

    strategy: Literal["single_put"] = "single_put"
    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str]


class DeclaredFileView(View):
    """A declared file and its upload address."""

    file: FileView
    upload: UploadView


def file_view(file: StoredFile, *, base_url: str) -> FileView:
    """Return a file as its owner sees it."""
    ready = file.status is FileStatus.READY
    return FileView(
        id=file.id,
        status=file.status,
        file_name=file.file_name,
        content_type=file.content_type,
        purpose=file.purpose,
        size_bytes=file.size_bytes,
        created_at=file.created_at,
        completed_at=file.completed_at,
        download_url=f"{base_url}/v1/files/{file.id}/content" if ready else None,
        failure=FileFailureView.model_validate(file.failure) if file.failure else None,
    )
