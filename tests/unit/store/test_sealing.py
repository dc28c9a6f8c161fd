"""What is sealed opens where it was sealed, with a key of the ring, and as it was; or not at all."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from priorauth.store.encryption import keys
from priorauth.store.encryption.keys import FaultyKey
from priorauth.store.encryption.sealing import CannotOpen, Sealer

OLD, NEW = b"o" * 32, b"n" * 32
INDEX = b"i" * 32
SEALER = Sealer([OLD], index_key=INDEX)


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


async def sealed_file(*contents: bytes, sealer: Sealer = SEALER) -> bytes:
    return b"".join([each async for each in sealer.seal_file(pieces(*contents), "file_1/a")])


@given(st.binary(max_size=200), st.text(max_size=20))
def test_a_value_comes_back_as_it_was_and_shows_nothing(plain: bytes, context: str) -> None:
    sealed = SEALER.seal(plain, context)

    assert SEALER.open(sealed, context) == plain
    assert len(plain) < 8 or plain not in sealed
    assert SEALER.seal(plain, context) != sealed


@pytest.mark.parametrize("context", ["authorizations:auth_2", "files:auth_1", ""])
def test_a_value_does_not_open_in_another_place(context: str) -> None:
    sealed = SEALER.seal(b"secret", "authorizations:auth_1")
    with pytest.raises(CannotOpen):
        SEALER.open(sealed, context)


@pytest.mark.parametrize("at", range(0, 60, 7))
def test_a_changed_or_shortened_value_does_not_open(at: int) -> None:
    sealed = SEALER.seal(b"a secret of some length, long enough", "here")
    changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
    for wrong in (changed, sealed[:at]):
        with pytest.raises(CannotOpen):
            SEALER.open(wrong, "here")


def test_a_file_that_was_put_there_in_clear_does_not_open() -> None:
    with pytest.raises(CannotOpen):
        SEALER.open_file(b"%PDF-1.7 not sealed by anybody", "file_1/a")


def test_all_keys_of_a_ring_open_and_the_first_seals() -> None:
    both = Sealer([NEW, OLD], index_key=INDEX)
    sealed = SEALER.seal(b"secret", "here")

    assert both.open(sealed, "here") == b"secret"
    assert not both.is_fresh(sealed)
    assert both.is_fresh(both.seal(b"secret", "here"))
    with pytest.raises(CannotOpen):
        SEALER.open(both.seal(b"secret", "here"), "here")


def test_an_index_finds_equal_texts_and_needs_its_key() -> None:
    assert SEALER.index("MRN 7") == Sealer([NEW], index_key=INDEX).index("MRN 7") != SEALER.index("MRN 8")
    assert SEALER.index("MRN 7") != Sealer([OLD], index_key=NEW).index("MRN 7")


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])
async def test_a_file_comes_back_as_it_was_however_it_arrives(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]

    for step in (1_000, 65_536, 300_000):
        sealed = await sealed_file(*(content[at : at + step] for at in range(0, size, step)))
        assert SEALER.open_file(sealed, "file_1/a") == content


async def test_segments_of_a_file_cannot_be_cut_off_added_or_exchanged() -> None:
    sealed = await sealed_file(b"x" * 65_536, b"y" * 65_536, b"z")
    head, step = 15, 65_536 + 16
    first, second, third = sealed[head : head + step], sealed[head + step : head + 2 * step], sealed[head + 2 * step :]

    for body in (first, first + second, second + first + third, first + second + third + third, first + third):
        with pytest.raises(CannotOpen):
            SEALER.open_file(sealed[:head] + body, "file_1/a")
    with pytest.raises(CannotOpen):
        SEALER.open_file(sealed, "file_1/b")


@pytest.mark.parametrize("text", ["", "no base64!", "c2hvcnQ=", "c2hvcnQ=," + "A" * 44])
def test_a_faulty_key_is_told_with_what_to_do(text: str) -> None:
    with pytest.raises(FaultyKey, match="openssl rand -base64 32"):
        keys.parse(text, source="PRIORAUTH_ENCRYPTION_KEYS")
