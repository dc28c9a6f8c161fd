"""Forgets what was kept long enough: rows of ended work, access to sessions of ended cases, uploads nobody completed.

Killed in between it has forgotten less, and the next time it forgets the rest. A workflow that is forgotten never runs
again: its id is of a turn that its case has behind it, and whatever enqueues work looks at the case's present turn.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from priorauth.commands import retention as commands
from priorauth.domain.moment import Moment
from priorauth.store.blobs import Blobs
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction

# So many batches at most of each kind at a time: the rest has its turn with the next sweep.
_BATCHES = 10


class Retention:
    """How long what is kept."""

    def __init__(
        self,
        *,
        database: Database,
        blobs: Blobs,
        present: Callable[[], Moment],
        ended_work: timedelta,
        ended_access: timedelta,
        unused_uploads: timedelta,
        unattached_files: timedelta,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._present = present
        self._ended_work = ended_work
        self._ended_access = ended_access
        self._unused_uploads = unused_uploads
        self._unattached_files = unattached_files
        self._seen_until = ""

    async def forget(self) -> None:
        """Forget what is due, within bounds."""
        now = self._present().now
        await self._in_batches(commands.forget_ended_work, before=now - self._ended_work)
        await self._in_batches(commands.forget_access, before=now - self._ended_access)
        await self._give_up_uploads(before=now - self._unused_uploads, unattached_before=now - self._unattached_files)

    async def _in_batches(self, forget: Callable[..., int], *, before: datetime) -> None:
        def operation(tx: Transaction) -> int:
            return forget(tx, before=before)

        for _ in range(_BATCHES):
            if await self._database.write(operation) < commands.BATCH:
                return

    async def _give_up_uploads(self, *, before: datetime, unattached_before: datetime) -> None:
        after = self._seen_until
        unused, self._seen_until = await self._database.read(
            lambda tx: commands.unused_uploads(tx, before=before, unattached_before=unattached_before, after=after)
        )
        for file in unused:
            given_up = await self._database.write(
                lambda tx, file_id=file.id: commands.give_up_upload(  # type: ignore[misc]
                    tx, self._present(), file_id=file_id, before=before, unattached_before=unattached_before
                )
            )
            if given_up:
                # Bytes first: what names them is there until they are gone.
                await self._blobs.delete_all(file.id)
                await self._database.write(lambda tx, file_id=file.id: tx.files.forget(file_id))  # type: ignore[misc]
