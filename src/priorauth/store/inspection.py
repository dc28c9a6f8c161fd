"""Whether uploaded bytes are what they were declared to be, and can be read by whoever gets them."""

import io

import pikepdf

from priorauth.domain.files import FileFailure

_SIGNATURES = {
    "application/pdf": b"%PDF-",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
}


def inspect(content: bytes, *, content_type: str) -> FileFailure | None:
    """Return why the bytes cannot be used, or None when they can."""
    if not content:
        return FileFailure("empty_file", "The file has no bytes. Declare it again and upload its content.")
    if not content.startswith(_SIGNATURES[content_type]):
        return FileFailure("content_mismatch", f"The bytes are not of the declared type {content_type}.")
    return _pdf_failure(content) if content_type == "application/pdf" else None


def _pdf_failure(content: bytes) -> FileFailure | None:
    try:
        with pikepdf.open(io.BytesIO(content)) as document:
            if document.is_encrypted:
                return FileFailure("encrypted_pdf", "The PDF is encrypted. Save it without encryption.")
            if not document.pages:
                return FileFailure("unreadable_pdf", "The PDF has no pages.")
    except pikepdf.PasswordError:
        return FileFailure("encrypted_pdf", "The PDF needs a password. Save it without one.")
    except pikepdf.PdfError:
        return FileFailure("unreadable_pdf", "The PDF cannot be opened. Export it again.")
    return None
