"""What was kept long enough is forgotten, a bounded batch at a time, so that nobody waits for it.

Nothing of a case goes: its document, its timeline and what is attached to it stay.
"""

from datetime import datetime

from priorauth.domain.files import FileFailure, FileStatus, StoredFile
from priorauth.domain.moment import Moment
from priorauth.store.transaction import Transaction

BATCH = 200
_UNATTACHED = FileFailure("never_attached", "The file was attached to nothing for too long. Declare it again.")
_ABANDONED = FileFailure("upload_abandoned", "The upload was never completed. Declare the file again.")


def forget_ended_work(tx: Transaction, *, before: datetime) -> int:
    """Delete a batch of the engine's rows of work that had ended by then; return how many pieces that were."""
    return tx.work.forget_ended(before=before, limit=BATCH)


def forget_access(tx: Transaction, *, before: datetime) -> int:
    """Delete a batch of the grants, with their views, that are as old and of cases that have ended; return how many.

    Who has watched stays on the timeline.
    """
    forgotten = [each for each in tx.access_grants.of_ended_cases(limit=BATCH) if each.created_at < before]
    for grant in forgotten:
        tx.live_views.forget(grant.id)
        tx.access_grants.forget(grant.id)
    return len(forgotten)


def unused_uploads(
    tx: Transaction, *, before: datetime, unattached_before: datetime, after: str
) -> tuple[list[StoredFile], str]:
    """Return of the batch of files that follows `after` those that nobody will attach any more, and where it ends.

    Where it ends is empty when the next files are younger, or there are none: then the next batch is the first again.
    """
    batch = tx.files.following(after, limit=BATCH)
    old = [each for each in batch if each.created_at < before]
    more = len(batch) == BATCH and len(old) == BATCH
    unused = [each for each in old if _is_unused(each, before=before, unattached_before=unattached_before)]
    return unused, batch[-1].id if more else ""


def give_up_upload(
    tx: Transaction, moment: Moment, *, file_id: str, before: datetime, unattached_before: datetime
) -> bool:
    """Give a file up that was never completed, or never attached; say whether its bytes can go now.

    One that could still be used fails first, and goes when it has been failed for as long.
    """
    file = tx.files.get(file_id)
    if file is None or not _is_unused(file, before=before, unattached_before=unattached_before):
        return False
    if file.status in (FileStatus.UPLOADED, FileStatus.READY):
        failure = _ABANDONED if file.status is FileStatus.UPLOADED else _UNATTACHED
        tx.files.save(file.judged(failure, now=moment.now))
        return False
    return True


def _is_unused(file: StoredFile, *, before: datetime, unattached_before: datetime) -> bool:
    if file.status is FileStatus.READY:
        return file.attached is False and _since(file) < unattached_before
    return _since(file) < before


def _since(file: StoredFile) -> datetime:
    return file.completed_at or file.upload_expires_at
