"""The bytes of files, in an object store: a folder by default. A name is written once and never again."""

from collections.abc import AsyncIterable
from pathlib import Path

from obstore.store import LocalStore


class Blobs:
    """Bytes by name, under one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._store = LocalStore(prefix=folder)

    async def put(self, name: str, chunks: AsyncIterable[bytes]) -> None:
        """Store the bytes of `chunks` under `name`; a failing iterator leaves nothing under it."""
        await self._store.put_async(name, chunks)

    async def get(self, name: str) -> bytes:
        """Return the bytes of `name`. Raises FileNotFoundError."""
        found = await self._store.get_async(name)
        return bytes(await found.bytes_async())

    async def delete(self, name: str) -> None:
        """Delete `name`."""
        await self._store.delete_async(name)
