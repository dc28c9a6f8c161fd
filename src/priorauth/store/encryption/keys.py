"""The keys that patients' data are sealed with: a file in the data folder, or given from outside.

The file has one key a line, newest first, in base64. A new key is never made over data that another key has sealed.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from priorauth.domain.errors import UserFault
from priorauth.store.encryption.sealing import KEY_BYTES


class FaultyKey(UserFault):
    """The keys are missing, malformed, or not those that sealed the data. The message says what to do."""


def parse(text: str, *, source: str) -> tuple[bytes, ...]:
    """Return the keys of a text: base64 of 32 bytes each, apart by commas or lines, newest first. Raises FaultyKey."""
    try:
        keys = tuple(base64.b64decode(each, validate=True) for each in text.replace(",", "\n").split())
    except binascii.Error:
        keys = ()
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise FaultyKey(
            f"{source} must hold keys of {KEY_BYTES} bytes in base64, newest first. "
            f"`openssl rand -base64 {KEY_BYTES}` makes one."
        )
    return keys


def read(path: Path) -> tuple[bytes, ...]:
    """Return the keys of the key file. Raises FaultyKey, FileNotFoundError."""
    return parse(path.read_text(), source=str(path))


def write(path: Path, keys: Sequence[bytes]) -> None:
    """Store the keys, readable by their owner alone; a crash leaves the old file or the new one."""
    store_secret(path, "".join(f"{base64.b64encode(key).decode()}\n" for key in keys).encode())


def fresh() -> bytes:
    """Return a new key."""
    return secrets.token_bytes(KEY_BYTES)


def store_secret(path: Path, content: bytes) -> None:
    """Write a file aside with mode 0600, bring it to the disk, and put it in its place."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
