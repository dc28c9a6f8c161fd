"""Pages of a list: opaque cursors that stay where they are while new things are inserted in front."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from priorauth.domain.errors import BadRequest, Issue

Entry = TypeVar("Entry")

_ID = re.compile(r"[a-z]+_[0-9a-z]+([_-][0-9a-z]+)*")


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """One page, newest first, and the cursor of the next one."""

    data: Sequence[Entry]
    next_cursor: str | None


def page(
    fetch: Callable[[str | None, int], Sequence[Entry]],
    *,
    identify: Callable[[Entry], str],
    cursor: str | None,
    limit: int,
) -> Page[Entry]:
    """Return the page after `cursor`. `fetch` takes the id to start behind and how many to return.

    Raises BadRequest for a cursor that was not issued by this function.
    """
    found = fetch(_position(cursor) if cursor is not None else None, limit + 1)
    shown = found[:limit]
    more = len(found) > limit
    return Page(shown, _cursor(identify(shown[-1])) if more else None)


def _cursor(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _position(cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        position = ""
    if _ID.fullmatch(position) is None or _cursor(position) != cursor:
        issue = Issue("invalid_cursor", "Send pagination.nextCursor of the page before, unchanged.", "cursor")
        raise BadRequest("The cursor was not issued by this server.", issues=(issue,))
    return position
