"""The bytes of files, sealed, in an object store: a folder by default. A name is written once and never again."""

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from priorauth.domain.errors import TemporarilyUnavailable, whereabouts
from priorauth.store.encryption.sealing import Sealer, is_sealed_file

_log = structlog.get_logger(__name__)


def folder_store(folder: Path) -> ObjectStore:
    """Return the store of a folder, which is created readable by its owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return LocalStore(prefix=folder)


def remote_store(url: str) -> ObjectStore:
    """Return the store behind a URL such as `s3://bucket/prefix`; its credentials are the environment's (`AWS_…`)."""
    return from_url(url)


class Blobs:
    """Bytes by name. A store that is full or cannot be reached raises TemporarilyUnavailable."""

    def __init__(self, store: ObjectStore, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def put(self, name: str, chunks: AsyncIterable[bytes]) -> None:
        """Store the bytes of `chunks` under `name`; a failing iterator leaves nothing under it."""
        with _outages_told():
            await self._store.put_async(name, self._sealer.seal_file(chunks, name))

    async def create(self, name: str, content: bytes) -> bool:
        """Store `content` under `name` unless something is there; False then. It is on the disk when this returns.

        Of several callers at the same time, from whatever machines, one gets True.
        """
        sealed = b"".join([piece async for piece in self._sealer.seal_file(once(content), name)])
        with _outages_told():
            try:
                await self._store.put_async(name, sealed, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        if isinstance(self._store, LocalStore):
            await asyncio.to_thread(_sync, Path(str(self._store.prefix)), name)
        return True

    async def names(self, folder: str) -> list[str]:
        """Return all names that begin with `folder` and a slash, without those."""
        with _outages_told():
            return [
                each["path"].removeprefix(f"{folder}/") async for listed in self._store.list(folder) for each in listed
            ]

    async def folders(self, folder: str) -> list[str]:
        """Return the folders directly below `folder`, without looking into them."""
        with _outages_told():
            listed = await self._store.list_with_delimiter_async(folder)
        return [each.removeprefix(f"{folder}/") for each in listed["common_prefixes"]]

    async def get(self, name: str) -> bytes:
        """Return the bytes of `name`. Raises FileNotFoundError, CannotOpen."""
        with _outages_told():
            found = await self._store.get_async(name)
            sealed = bytes(await found.bytes_async())
        return self._sealer.open_file(sealed, name)

    async def open(self, name: str) -> AsyncIterator[bytes]:
        """Return the bytes of `name` part by part. Raises FileNotFoundError; while they are read CannotOpen."""
        with _outages_told():
            found = await self._store.get_async(name)

        async def parts() -> AsyncIterator[bytes]:
            async for part in found:
                yield bytes(part)

        return self._sealer.open_file_by_parts(parts(), name)

    async def delete(self, name: str) -> None:
        """Delete `name`; repeats are free. What a full disk has not taken is not there either."""
        # A folder tells that nothing is there, an object store does not.
        with _outages_told(), suppress(FileNotFoundError):
            await self._store.delete_async(name)

    async def delete_all(self, folder: str) -> None:
        """Delete everything whose name begins with `folder` and a slash; repeats are free."""
        with _outages_told():
            async for listed in self._store.list(folder):
                for each in listed:
                    await self._store.delete_async(each["path"])

    async def seal_clear(self) -> None:
        """Seal, each in its place, the files that were stored before files were sealed."""
        async for listed in self._store.list():
            for each in listed:
                found = await self._store.get_async(each["path"])
                content = bytes(await found.bytes_async())
                if not is_sealed_file(content):
                    await self.put(each["path"], once(content))

    async def seal_anew(self) -> int:
        """Seal every file with the key that seals now; return how many had another one."""
        changed = 0
        async for listed in self._store.list():
            for each in listed:
                found = await self._store.get_async(each["path"])
                sealed = bytes(await found.bytes_async())
                if not self._sealer.is_fresh(sealed):
                    plain = self._sealer.open_file(sealed, each["path"])
                    await self.put(each["path"], once(plain))
                    changed += 1
        return changed


def seal_clear_files(folder: Path, sealer: Sealer) -> None:
    """Seal the files of a folder that were stored before files were sealed; killed, it can be run again."""
    # A thread of its own, since the caller may have an event loop already.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, Blobs(folder_store(folder), sealer).seal_clear()).result()


@contextmanager
def _outages_told() -> Iterator[None]:
    """Tell the caller that another time may do; the log has what it was. What is missing is no outage."""
    try:
        yield
    except BaseError as error:
        _log.error("files_unavailable", **whereabouts(error))
        raise TemporarilyUnavailable from error


def _sync(folder: Path, name: str) -> None:
    """Bring a new file to the disk, and the folders that name it."""
    path = folder / name
    while True:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if path == folder:
            return
        path = path.parent


async def once(content: bytes) -> AsyncIterator[bytes]:
    """Yield bytes that are in memory as a whole, for `Blobs.put`."""
    yield content
