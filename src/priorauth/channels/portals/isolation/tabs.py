"""Bounds the pages of one session: a page that opens page after page must not exhaust the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog
from playwright.async_api import BrowserContext, Page
from playwright.async_api import Error as PlaywrightError

PAGES: Final = 8
REFUSALS: Final = 64

_log = structlog.get_logger(__name__)


class TabLimit:
    """Closes each page beyond `pages` at once, and calls `on_flood` when more than `refusals` were closed so."""

    def __init__(
        self,
        context: BrowserContext,
        *,
        on_flood: Callable[[], None],
        pages: int = PAGES,
        refusals: int = REFUSALS,
    ) -> None:
        self._context = context
        self._on_flood = on_flood
        self._pages = pages
        self._refusals = refusals
        self.refused = 0
        self._closing: set[asyncio.Task[None]] = set()
        context.on("page", self._opened)

    def _opened(self, page: Page) -> None:
        open_pages = [each for each in self._context.pages if not each.is_closed()]
        if len(open_pages) - len(self._closing) <= self._pages:
            return
        self.refused += 1
        if self.refused > self._refusals:
            _log.warning("page_flood", pages=len(open_pages))
            self._context.remove_listener("page", self._opened)
            self._on_flood()
            return
        task = asyncio.ensure_future(_close(page))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close(page: Page) -> None:
    with suppress(PlaywrightError):
        await page.close()
