"""Files that a plan's users upload: what is wrong with one, or what is kept of it."""

import hashlib

from starlette.datastructures import FormData, UploadFile

from priorauth.sandbox.entities import Upload
from priorauth.sandbox.fields import Options, Values, check_document


async def read_upload(form: FormData, *, document_types: Options) -> Upload | Values:
    """The file of an upload form, or a message for each field that is not acceptable."""
    chosen = form.get("document_type")
    document_type = chosen if isinstance(chosen, str) else ""
    file = form.get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    # Some browsers of old sent whole paths.
    name = (file.filename or "").replace("\\", "/").rsplit("/", 1)[-1] if isinstance(file, UploadFile) else ""
    errors = check_document(
        document_type=document_type,
        document_types=document_types,
        file_name=name,
        head=content[:16],
        size=len(content),
    )
    if errors:
        return errors
    return Upload(
        type=dict(document_types)[document_type],
        file_name=name,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
