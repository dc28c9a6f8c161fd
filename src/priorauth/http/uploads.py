"""Receiving a file's bytes: streamed into the object store, measured on the way, recorded once."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator

from priorauth.commands import files as commands
from priorauth.domain.errors import FileNotFound, FileTooLarge, PriorAuthError
from priorauth.domain.files import StoredFile
from priorauth.http.edge import Services
from priorauth.store.transaction import Transaction


class _Measured:
    """Passes bytes on while it counts and hashes them. Raises FileTooLarge above the limit."""

    def __init__(self, chunks: AsyncIterator[bytes], *, limit: int) -> None:
        self._chunks = chunks
        self._limit = limit
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise FileTooLarge
            self._hash.update(chunk)
            if chunk:
                yield chunk


async def receive_bytes(
    services: Services, *, file_id: str, chunks: AsyncIterator[bytes], declared_bytes: int
) -> StoredFile:
    """Store the bytes and record them.

    Raises FileNotFound, FileAlreadyCompleted, FileTooLarge or StorageQuotaExceeded.

    Too many bytes, whether announced or counted, end the file: its address takes no other. An upload that is under way
    when its address expires is stopped.

    A crash before the record leaves bytes that nothing names, and the address open for another try.
    """
    database, present, quota = services.database, services.present, services.settings.stored_bytes_limit

    def look(tx: Transaction) -> StoredFile:
        tx.submission_claims.require_acknowledged()
        found = commands.open_for_upload(tx, present(), file_id=file_id)
        commands.require_room(tx, found.organization_id, size_bytes=max(declared_bytes, 1), limit_bytes=quota)
        return found

    pending = await database.read(look)
    limit = services.settings.file_bytes_limit
    measured = _Measured(chunks, limit=limit)
    name = f"{file_id}/{secrets.token_hex(8)}"

    async def refuse() -> None:
        await database.write(lambda tx: commands.refuse_too_large(tx, present(), file_id=file_id, limit_bytes=limit))

    if declared_bytes > limit:
        await refuse()
        raise FileTooLarge
    try:
        async with asyncio.timeout((pending.upload_expires_at - present().now).total_seconds()):
            await services.blobs.put(name, measured)
        return await database.write(
            lambda tx: commands.receive(
                tx,
                present(),
                file_id=file_id,
                size_bytes=measured.size,
                stored_as=name,
                sha256=measured.sha256,
                quota_bytes=quota,
            )
        )
    except FileTooLarge:
        await refuse()
        raise
    except TimeoutError:
        raise FileNotFound(commands.UPLOAD_ADDRESS_GONE) from None
    except PriorAuthError:
        # Another upload to the same address was faster, or the time was over in between.
        await services.blobs.delete(name)
        raise
