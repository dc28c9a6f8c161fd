"""What was kept long enough is forgotten, a bounded batch at a time, so that nobody waits for it.

Nothing of a case goes: its document, its timeline and what is attached to it stay.
"""

from datetime import datetime

from priorauth.domain.files import FileFailure, FileStatus, StoredFile
from priorauth.domain.moment import Moment
from priorauth.store.transaction import Transaction

BATCH = 200
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


def unused_uploads(tx: Transaction, *, before: datetime, after: str) -> tuple[list[StoredFile], str]:
    """Return of the batch of files that follows `after` those that can never be attached, and where it ends.

    Where it ends is empty when the next files are younger, or there are none: then the next batch is the first again.
    """
    batch = tx.files.following(after, limit=BATCH)
    old = [each for each in batch if each.created_at < before]
    more = len(batch) == BATCH and len(old) == BATCH
    unused = [each for each in old if each.status is not FileStatus.READY and _since(each) < before]
    return unused, batch[-1].id if more else ""


def give_up_upload(tx: Transaction, moment: Moment, *, file_id: str, before: datetime) -> bool:
    """Give an upload up that was never completed; say whether its bytes can go now.

    One that could still be completed fails first, and goes when it has been failed for as long.
    """
    file = tx.files.get(file_id)
    if file is None or file.status is FileStatus.READY or _since(file) >= before:
        return False
    if file.status is FileStatus.UPLOADED:
        tx.files.save(file.judged(_ABANDONED, now=moment.now))
        return False
    return True


def _since(file: StoredFile) -> datetime:
    return file.completed_at or file.upload_expires_at
