"""Files that the plan's users upload: what is wrong with one, or what is kept of it."""

import hashlib

from starlette.datastructures import UploadFile

from priorauth.sandbox.larkspur import forms
from priorauth.sandbox.larkspur.entities import Upload
from priorauth.sandbox.larkspur.forms import Values
from priorauth.sandbox.larkspur.pages import Visit


async def read_upload(visit: Visit) -> Upload | Values:
    """The file of the upload form, or a message for each field that is not acceptable."""
    document_type = visit.entries.get("document_type", "")
    file = visit.form.get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    # Some browsers of old sent whole paths.
    name = (file.filename or "").replace("\\", "/").rsplit("/", 1)[-1] if isinstance(file, UploadFile) else ""
    errors = forms.check_document(document_type=document_type, file_name=name, head=content[:16], size=len(content))
    if errors:
        return errors
    return Upload(
        type=dict(forms.DOCUMENT_TYPES)[document_type],
        file_name=name,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
