"""What a timeline must be whatever happened: one chain of versions, without a gap and without a double."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


async def read_timeline(read: Callable[[str], Awaitable[Json]], path: str) -> list[Json]:
    """Read the whole timeline of the case at `path`, oldest first."""
    found: list[Json] = []
    cursor = ""
    while True:
        page = await read(f"{path}/events?limit=100{cursor}")
        found += page["data"]
        if page["pagination"]["nextCursor"] is None:
            return found[::-1]
        cursor = f"&cursor={page['pagination']['nextCursor']}"


def chain_faults(events: list[Json], *, version: int) -> Iterator[str]:
    """Yield what is wrong with the events that led to `version`, oldest first."""
    if len({event["id"] for event in events}) != len(events):
        yield "an event is there twice"
    at: int | None = None
    for event in events:
        before, after = event["fromVersion"], event["toVersion"]
        if before != at:
            yield f"{event['type']} ({event['id']}) begins at version {before}, and the one before it ended at {at}"
        if after - (before or 0) not in ((1,) if before is None else (0, 1)):
            yield f"{event['type']} ({event['id']}) leads from version {before} to {after}"
        at = after
    if at != version:
        yield f"the timeline ends at version {at}, the case is at {version}"
