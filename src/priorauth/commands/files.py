"""Files: declared, received once, judged. The bytes themselves are moved by the caller, before these commit."""

from datetime import timedelta

from priorauth.domain.errors import FileNotFound, StorageQuotaExceeded
from priorauth.domain.files import FileFailure, FileStatus, SentAs, StoredFile, check_declaration, plain_name
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Caller
from priorauth.store.transaction import Transaction

UPLOAD_ADDRESS_GONE = (
    "This upload address is unknown or has expired. Declare the file again, under a new idempotency key if you use one."
)


def declare(
    tx: Transaction,
    caller: Caller,
    moment: Moment,
    *,
    file_name: str,
    content_type: str,
    purpose: str,
    upload_seconds: int,
) -> StoredFile:
    """Declare a file whose bytes may be sent during the next `upload_seconds`. Raises BadRequest."""
    file_name = plain_name(file_name)
    check_declaration(file_name=file_name, content_type=content_type)
    file = StoredFile(
        id=moment.new_id("file"),
        organization_id=caller.organization_id,
        environment=caller.environment,
        status=FileStatus.PENDING_UPLOAD,
        file_name=file_name,
        content_type=content_type,
        purpose=purpose,
        size_bytes=None,
        created_at=moment.now,
        upload_expires_at=moment.now + timedelta(seconds=upload_seconds),
        attached=False,
    )
    tx.files.add(file)
    return file


def open_for_upload(tx: Transaction, moment: Moment, *, file_id: str) -> StoredFile:
    """Return a file that takes bytes now. Raises FileNotFound once its address expired, FileAlreadyCompleted."""
    file = tx.files.get(file_id)
    if file is None or file.upload_expires_at <= moment.now:
        raise FileNotFound(UPLOAD_ADDRESS_GONE)
    file.require_pending()
    return file


def require_room(tx: Transaction, organization_id: str, *, size_bytes: int, limit_bytes: int) -> None:
    """Raise StorageQuotaExceeded when an organization would have more bytes stored than it may. 0 is no limit."""
    if limit_bytes and tx.files.stored_bytes(organization_id) + size_bytes > limit_bytes:
        raise StorageQuotaExceeded(details={"limitBytes": limit_bytes})


def receive(
    tx: Transaction,
    moment: Moment,
    *,
    file_id: str,
    size_bytes: int,
    stored_as: str,
    sha256: str,
    quota_bytes: int = 0,
) -> StoredFile:
    """Record that a file's bytes are in the object store. Of two uploads at once, one wins: the other raises.

    Raises StorageQuotaExceeded too.
    """
    pending = open_for_upload(tx, moment, file_id=file_id)
    require_room(tx, pending.organization_id, size_bytes=size_bytes, limit_bytes=quota_bytes)
    file = pending.received(size_bytes=size_bytes, stored_as=stored_as, sha256=sha256)
    tx.files.save(file)
    return file


def refuse_too_large(tx: Transaction, moment: Moment, *, file_id: str, limit_bytes: int) -> StoredFile:
    """Record that more bytes came than a file may have. Raises FileNotFound or FileAlreadyCompleted."""
    pending = open_for_upload(tx, moment, file_id=file_id)
    failure = FileFailure("file_too_large", f"The file is larger than {limit_bytes} bytes. Declare a smaller one.")
    file = pending.judged(failure, now=moment.now)
    tx.files.save(file)
    return file


def complete(
    tx: Transaction,
    caller: Caller,
    moment: Moment,
    *,
    file_id: str,
    failure: FileFailure | None,
    warnings: tuple[FileFailure, ...] = (),
    sent_as: SentAs | None = None,
) -> StoredFile:
    """Record what the inspection of a file's bytes found. Raises FileNotReady or FileAlreadyCompleted."""
    file = tx.files.require(caller, file_id)
    file.require_uploaded()
    judged = file.judged(failure, now=moment.now, warnings=warnings, sent_as=sent_as)
    tx.files.save(judged)
    return judged
