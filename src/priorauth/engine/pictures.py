"""Keeps the picture of a payer's review page in the file store, before the snapshot that names it is committed.

A picture whose snapshot never came to be is harmless: nothing names it.
"""

from collections.abc import AsyncIterable
from typing import Protocol

from priorauth.channels.contract import ReviewPage
from priorauth.domain.moment import Moment
from priorauth.domain.reviews import ReadPackage
from priorauth.store.blobs import once


class PictureStore(Protocol):
    """Where pictures are stored."""

    async def put(self, name: str, chunks: AsyncIterable[bytes]) -> None:
        """Store bytes under a name. Raises TemporarilyUnavailable."""
        ...


async def keep_page(store: PictureStore | None, page: ReviewPage | None, moment: Moment) -> ReadPackage | None:
    """Store the picture of a review page, and return what its snapshot is issued from.

    Args:
        store: the file store; None keeps no picture.
        page: the page as it was read; None where none was.
        moment: gives the snapshot its id.

    Returns:
        The page's content and the name of its picture; None without a page.
    """
    if page is None:
        return None
    snapshot_id = moment.new_id("rev")
    if store is None or page.picture is None:
        return ReadPackage(snapshot_id, page.package)
    name = f"reviews/{snapshot_id}"
    await store.put(name, once(page.picture))
    return ReadPackage(snapshot_id, page.package, name)
