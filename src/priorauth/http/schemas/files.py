"""Files on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from priorauth.domain.files import NAME_FORMS, FileStatus, StoredFile
from priorauth.http.schemas.base import Body, ShortText, Timestamp, View


def _types_and_names(schema: dict[str, Any]) -> None:
    """Say which types are taken, and which names contradict which type."""
    schema["properties"]["contentType"]["enum"] = list(NAME_FORMS)
    schema["allOf"] = [
        {
            "if": {"properties": {"contentType": {"const": content_type}}},
            "then": {"properties": {"fileName": {"pattern": f"^(?:{form.pattern})$"}}},
        }
        for content_type, form in NAME_FORMS.items()
    ]


def _without_path(value: object) -> object:
    if isinstance(value, str) and ("/" in value or "\\" in value):
        raise ValueError("Send the name alone, without a path: it has a slash or a backslash.")
    return value


class DeclareFileBody(Body):
    """A file that will be uploaded."""

    model_config = ConfigDict(json_schema_extra=_types_and_names)

    file_name: Annotated[
        str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^/\\]+$"), BeforeValidator(_without_path)
    ] = Field(
        description="The name that people see, without a path. Its extension has to fit the content type. Control "
        "characters, and marks that turn the direction of text, are replaced by `_`.",
        examples=["notes.pdf"],
    )
    content_type: ShortText = Field(
        description="What the bytes are; they are checked when the file is completed.", examples=["application/pdf"]
    )
    purpose: Literal["authorization_attachment"] = Field(
        description="What the file is for. `authorization_attachment`: to be attached to an authorization."
    )


class FileFailureView(View):
    """Why a file cannot be used."""

    code: str = Field(description="For machines.", examples=["encrypted_pdf"])
    message: str = Field(description="For people: what to do about it.")


class SentAsView(View):
    """The form in which the payer gets the file."""

    content_type: str = Field(description="Its type.", examples=["application/pdf"])
    file_name: str = Field(description="Its name.", examples=["fax.pdf"])
    size_bytes: int = Field(description="How many bytes it has.", examples=[48_213])


class FileView(View):
    """One file."""

    id: str = Field(description="The file's id.", examples=["file_123"])
    status: FileStatus = Field(description="How far the file is.")
    file_name: str = Field(description="The name that was declared.", examples=["notes.pdf"])
    content_type: str = Field(description="The type that was declared.", examples=["application/pdf"])
    purpose: str = Field(description="What the file is for.", examples=["authorization_attachment"])
    size_bytes: int | None = Field(description="How many bytes were uploaded; null before.", examples=[48_213])
    created_at: Timestamp = Field(description="When the file was declared.")
    completed_at: Timestamp | None = Field(description="When the bytes were checked; null before.")
    download_url: str | None = Field(
        description="Where the bytes can be read, with the API key; null until the file is ready."
    )
    failure: FileFailureView | None = Field(description="Why the file cannot be used; null unless it `failed`.")
    warnings: list[FileFailureView] = Field(description="What is worth a look before a ready file is sent.")
    sent_as: SentAsView | None = Field(
        description="What the payer gets, where no portal takes the file as it is: a fax (TIFF) becomes a PDF, a "
        "picture in HEIC a JPEG. Null where the payer gets the file itself."
    )


class UploadView(View):
    """Where the bytes go, once, before the address expires."""

    strategy: Literal["single_put"] = Field(default="single_put", description="`single_put`: all bytes in one request.")
    method: Literal["PUT"] = Field(default="PUT", description="The method to use.")
    url: str = Field(description="The address. It needs no API key: whoever has it can upload, so keep it to yourself.")
    headers: dict[str, str] = Field(description="Headers to send with the bytes.")


class DeclaredFileView(View):
    """A declared file and its upload address."""

    file: FileView = Field(description="The file, which waits for its bytes.")
    upload: UploadView = Field(description="Where they go.")


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
        warnings=[FileFailureView.model_validate(each) for each in file.warnings],
        sent_as=SentAsView.model_validate(file.sent_as) if file.sent_as else None,
    )
