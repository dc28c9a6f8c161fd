"""Pages of a list: opaque cursors that stay where they are while new things are inserted in front."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from priorauth.domain.errors import BadRequest, Issue

Entry = TypeVar("Entry")

# A position is a kind and an id, `auth_1k10…`; a cursor is its bytes as hexadecimal digits. So the document can say
# what a cursor looks like, and every text that looks like one is a place in a list.
_LETTER = "(?:6[1-9a-f]|7[0-9a])"
_LETTER_OR_DIGIT = "(?:3[0-9]|6[1-9a-f]|7[0-9a])"
CURSOR = f"^{_LETTER}+5f{_LETTER_OR_DIGIT}+(?:(?:2d|5f){_LETTER_OR_DIGIT}+)*$"
_CURSOR = re.compile(CURSOR)


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


class Identified(Protocol):
    """Something with an id that sorts by time."""

    @property
    def id(self) -> str: ...


Part = TypeVar("Part", bound=Identified)


def page_of(parts: Sequence[Part], *, cursor: str | None, limit: int) -> Page[Part]:
    """Return a page of what lies in memory, `parts` oldest first. Raises BadRequest for a cursor that is none."""

    def fetch(before: str | None, count: int) -> Sequence[Part]:
        return [each for each in reversed(parts) if before is None or each.id < before][:count]

    return page(fetch, identify=lambda part: part.id, cursor=cursor, limit=limit)


def _cursor(position: str) -> str:
    return position.encode().hex()


def _position(cursor: str) -> str:
    if _CURSOR.fullmatch(cursor) is None:
        issue = Issue("invalid_cursor", "Send pagination.nextCursor of the page before, unchanged.", "cursor")
        raise BadRequest("The cursor was not issued by this server.", issues=(issue,))
    return bytes.fromhex(cursor).decode()
