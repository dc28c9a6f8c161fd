"""Patients' data at rest: sealed with AES-256-GCM, each value bound to the place where it lies.

A ring holds several keys while they are exchanged: the first seals, all of them open. What was moved to another place,
cut short or changed does not open. Knows nothing of tables and files; `context` names the place.
"""

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_VALUE = b"\x01"
_FILE = b"\x02PA\x00"
_ID_BYTES, _NONCE_BYTES, _TAG_BYTES, _PREFIX_BYTES = 4, 12, 16, 7
_HEAD = len(_FILE) + _ID_BYTES + _PREFIX_BYTES
_SEGMENT = 64 * 1024
# Too short a value has not even a nonce.
_NOT_AS_SEALED = (InvalidTag, ValueError)


class CannotOpen(Exception):
    """A value was sealed with a key that is not in the ring, or is not what was sealed."""


class Sealer:
    """Seals and opens values. `keys` are 32 bytes each, the one that seals first; `index_key` never changes."""

    def __init__(self, keys: Sequence[bytes], *, index_key: bytes) -> None:
        self._ciphers = {_id_of(key): AESGCM(key) for key in keys}
        self._sealing = _id_of(keys[0])
        self._index_key = index_key

    def seal(self, plain: bytes, context: str) -> bytes:
        """Return `plain` sealed for the place `context`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self._sealing].encrypt(nonce, plain, context.encode())
        return _VALUE + self._sealing + nonce + sealed

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return what was sealed for the place `context`. Raises CannotOpen."""
        start = len(_VALUE) + _ID_BYTES
        cipher = self._ciphers.get(sealed[len(_VALUE) : start])
        if cipher is None or not sealed.startswith(_VALUE):
            raise CannotOpen("It was sealed with a key that this server does not have.")
        try:
            return cipher.decrypt(
                sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :], context.encode()
            )
        except _NOT_AS_SEALED:
            raise CannotOpen("It is not what was sealed for this place.") from None

    def is_fresh(self, sealed: bytes) -> bool:
        """Say whether a value or a file was sealed with the key that seals now."""
        magic = _FILE if sealed.startswith(_FILE) else _VALUE
        return sealed.startswith(magic + self._sealing)

    def index(self, text: str) -> str:
        """Return a keyed hash by which equal texts are found again without being readable."""
        return hmac.new(self._index_key, text.encode(), hashlib.sha256).hexdigest()

    async def seal_file(self, chunks: AsyncIterable[bytes], context: str) -> AsyncIterator[bytes]:
        """Yield a file sealed segment by segment, so that it never is in memory as a whole."""
        cipher, prefix, number, waiting = (
            self._ciphers[self._sealing],
            secrets.token_bytes(_PREFIX_BYTES),
            0,
            bytearray(),
        )
        yield _FILE + self._sealing + prefix
        async for chunk in chunks:
            waiting += chunk
            while len(waiting) > _SEGMENT:
                segment, waiting = bytes(waiting[:_SEGMENT]), waiting[_SEGMENT:]
                yield cipher.encrypt(_nonce(prefix, number, last=False), segment, context.encode())
                number += 1
        yield cipher.encrypt(_nonce(prefix, number, last=True), bytes(waiting), context.encode())

    def open_file(self, sealed: bytes, context: str) -> bytes:
        """Return a file's bytes. Raises CannotOpen."""
        opened = self._opener(sealed[:_HEAD], context)
        body, step = memoryview(sealed)[_HEAD:], _SEGMENT + _TAG_BYTES
        starts = range(0, max(len(body), 1), step)
        return b"".join(
            opened(bytes(body[at : at + step]), number, at + step >= len(body)) for number, at in enumerate(starts)
        )

    async def open_file_by_parts(self, sealed: AsyncIterable[bytes], context: str) -> AsyncIterator[bytes]:
        """Yield a file's bytes as they are opened, so that it never is in memory as a whole. Raises CannotOpen.

        What was yielded is as it was sealed; that nothing is missing behind it is known at the end alone.
        """
        opened, step, number, waiting = None, _SEGMENT + _TAG_BYTES, 0, bytearray()
        async for chunk in sealed:
            waiting += chunk
            if opened is None and len(waiting) > _HEAD:
                opened = self._opener(bytes(waiting[:_HEAD]), context)
                del waiting[:_HEAD]
            while opened is not None and len(waiting) > step:
                yield opened(bytes(waiting[:step]), number, False)
                del waiting[:step]
                number += 1
        opened = opened or self._opener(bytes(waiting), context)
        yield opened(bytes(waiting), number, True)

    def _opener(self, head: bytes, context: str) -> Callable[[bytes, int, bool], bytes]:
        """Return what opens a segment of the file with this head: its bytes, its number, whether it is the last."""
        start = len(_FILE) + _ID_BYTES
        cipher, prefix = self._ciphers.get(head[len(_FILE) : start]), head[start:]
        if cipher is None or not is_sealed_file(head):
            raise CannotOpen("The file was sealed with a key that this server does not have.")

        def opened(segment: bytes, number: int, last: bool) -> bytes:  # noqa: FBT001 - called by place alone
            try:
                return cipher.decrypt(_nonce(prefix, number, last=last), segment, context.encode())
            except _NOT_AS_SEALED:
                raise CannotOpen("The file is not what was sealed under its name.") from None

        return opened


def is_sealed_file(content: bytes) -> bool:
    """Say whether a file begins as a sealed one does; no PDF, JPEG or PNG begins so."""
    return content.startswith(_FILE)


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    # The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): no segment can be moved, added or left off.
    return prefix + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"priorauth key id" + key).digest()[:_ID_BYTES]
