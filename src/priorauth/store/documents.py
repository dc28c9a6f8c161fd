"""How domain values rest in a column: JSON, read back into the very same frozen values."""

from datetime import UTC, datetime
from typing import TypeVar

import msgspec

Noun = TypeVar("Noun")


def encode(value: object) -> bytes:
    """Return a domain value as JSON bytes."""
    return msgspec.json.encode(value)


def decode(document: bytes, noun: type[Noun]) -> Noun:
    """Return the domain value of a document. Raises msgspec.ValidationError when it is not one of `noun`."""
    return msgspec.json.decode(document, type=noun)


def sortable(moment: datetime) -> str:
    """Return a time as text that sorts by time: UTC, microseconds always present."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
