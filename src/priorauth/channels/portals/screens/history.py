"""Back, forward and reload in one tab, as its browser does them.

Each is a request like any other that the submit guard judges. A page that was sent with a form is not loaded again
before the person has been asked, as every browser asks.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from playwright.async_api import CDPSession, Page, Request
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame as PageFrame

from priorauth.channels.portals.submit_guard.boundary import READ_METHODS
from priorauth.domain.live.inputs import Direction

RESEND: Final = (
    "This page was sent with a form. Loading it again sends the form again. The service lets through only what this"
    " task allows, and nothing is submitted to the payer twice."
)
_NOT_KEPT: Final = (
    "This page was sent with a form, and the browser has not kept it. Go back once more, or reload it to send the form"
    " again."
)
_NOWHERE: Final = {
    Direction.BACK: "There is no page before this one.",
    Direction.FORWARD: "There is no page after this one.",
}
_CACHE_MISS: Final = "net::ERR_CACHE_MISS"


class History:
    """The history of `page`. `tell` gets words for the person, and a code."""

    def __init__(self, page: Page, *, tell: Callable[[str, str], None]) -> None:
        self._page = page
        self._tell = tell
        self._asked_by_form = False
        self.is_of_form = False
        """Whether the page that is shown was sent with a form."""
        page.on("request", self._requested)
        page.on("framenavigated", self._navigated)
        page.on("requestfailed", self._failed)

    async def go(self, cdp: CDPSession, to: Direction) -> None:
        """Go there, over the session of the tab. Raises PlaywrightError when the page has gone."""
        if to is Direction.RELOAD:
            await cdp.send("Page.reload")
            return
        history = await cdp.send("Page.getNavigationHistory")
        index = history["currentIndex"] + (1 if to is Direction.FORWARD else -1)
        entries = history["entries"]
        # The first one is the empty page that the session began with.
        if not 0 <= index < len(entries) or (index == 0 and entries[0]["url"] == "about:blank"):
            self._tell(_NOWHERE[to], f"no_page_{to.value}")
            return
        await cdp.send("Page.navigateToHistoryEntry", {"entryId": entries[index]["id"]})

    def _requested(self, request: Request) -> None:
        if self._is_page(request):
            self._asked_by_form = request.method not in READ_METHODS

    def _navigated(self, frame: PageFrame) -> None:
        if frame.parent_frame is None:
            self.is_of_form = self._asked_by_form

    def _failed(self, request: Request) -> None:
        if request.failure == _CACHE_MISS and self._is_page(request):
            self._tell(_NOT_KEPT, "page_not_kept")

    def _is_page(self, request: Request) -> bool:
        # A popup's first request has no frame yet.
        with suppress(PlaywrightError):
            return request.is_navigation_request() and request.frame.parent_frame is None
        return request.is_navigation_request()
