"""What the store of files promises, whatever lies behind it: a folder, or an object store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore, ObjectStore

from priorauth.domain.errors import TemporarilyUnavailable
from priorauth.store.blobs import Blobs, folder_store
from priorauth.store.encryption.sealing import CannotOpen, Sealer

OLD, NEW, INDEX = b"o" * 32, b"n" * 32, b"i" * 32
# As many bytes as make several parts of an upload to an object store.
LARGE = 13 * 1024 * 1024
STORES: dict[str, Callable[[Path], ObjectStore]] = {
    "a folder": lambda folder: folder_store(folder / "files"),
    "an object store": lambda _: MemoryStore(),
}


@pytest.fixture(params=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store of each kind."""
    return STORES[request.param](tmp_path)


@pytest.fixture
def blobs(store: ObjectStore) -> Blobs:
    """The files in it."""
    return Blobs(store, Sealer([OLD], index_key=INDEX))


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


async def broken_off() -> AsyncIterator[bytes]:
    for _ in range(200):
        yield b"x" * 64 * 1024
    raise ConnectionError


async def raw(store: ObjectStore, name: str) -> bytes:
    return bytes(await (await store.get_async(name)).bytes_async())


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, LARGE])
async def test_bytes_come_back_as_they_were(blobs: Blobs, size: int) -> None:
    content = (b"0123456789" * (size // 10 + 1))[:size]

    await blobs.put("file_1/a", pieces(content[: size // 3], content[size // 3 :]))

    assert await blobs.get("file_1/a") == content


async def test_what_rests_shows_nothing_of_the_bytes(blobs: Blobs, store: ObjectStore) -> None:
    await blobs.put("file_1/a", pieces(b"%PDF- Ms. Ashgrove"))

    assert b"Ashgrove" not in await raw(store, "file_1/a")


async def test_an_upload_that_breaks_off_leaves_nothing(blobs: Blobs) -> None:
    with pytest.raises(ConnectionError):
        await blobs.put("file_1/a", broken_off())

    with pytest.raises(FileNotFoundError):
        await blobs.get("file_1/a")


async def test_bytes_under_another_name_do_not_open(blobs: Blobs, store: ObjectStore) -> None:
    await blobs.put("file_1/a", pieces(b"one"))
    await store.put_async("file_2/a", await raw(store, "file_1/a"))

    with pytest.raises(CannotOpen):
        await blobs.get("file_2/a")


async def test_what_was_deleted_is_gone(blobs: Blobs) -> None:
    await blobs.put("file_1/a", pieces(b"one"))
    await blobs.delete("file_1/a")

    with pytest.raises(FileNotFoundError):
        await blobs.get("file_1/a")


async def test_a_store_that_cannot_be_reached_is_asked_again_later(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    blobs = Blobs(folder_store(folder), Sealer([OLD], index_key=INDEX))
    await blobs.put("file_1/a", pieces(b"one"))
    folder.rename(tmp_path / "elsewhere")
    folder.write_text("no folder")

    with pytest.raises(TemporarilyUnavailable):
        await blobs.put("file_2/a", pieces(b"two"))
    with pytest.raises(TemporarilyUnavailable):
        await blobs.get("file_1/a")

    folder.unlink()
    (tmp_path / "elsewhere").rename(folder)
    assert await blobs.get("file_1/a") == b"one"


async def test_a_name_is_created_by_one_of_many(blobs: Blobs) -> None:
    answers = await asyncio.gather(*(blobs.create("claims/1", b"%d" % number) for number in range(10)))

    assert sorted(answers) == [*[False] * 9, True]
    assert await blobs.get("claims/1") == b"%d" % answers.index(True)


async def test_names_and_folders_are_listed_below_a_folder(blobs: Blobs) -> None:
    for name in ("a/1/x", "a/1/y", "a/2/x", "ab/1/x"):
        assert await blobs.create(name, b"")

    assert sorted(await blobs.names("a")) == ["1/x", "1/y", "2/x"]
    assert sorted(await blobs.folders("a")) == ["1", "2"]
    assert (await blobs.names("none"), await blobs.folders("none")) == ([], [])


async def test_all_files_are_sealed_anew_once(blobs: Blobs, store: ObjectStore) -> None:
    for number in range(5):
        await blobs.put(f"file_{number}/a", pieces(b"%d" % number))
    exchanging = Blobs(store, Sealer([NEW, OLD], index_key=INDEX))

    assert (await exchanging.seal_anew(), await exchanging.seal_anew()) == (5, 0)

    after = Blobs(store, Sealer([NEW], index_key=INDEX))
    assert [await after.get(f"file_{number}/a") for number in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


async def test_what_is_not_there_is_deleted_as_well(blobs: Blobs) -> None:
    """A full disk has taken nothing of a file whose upload is cleaned up."""
    await blobs.delete("file_1/nothing")
