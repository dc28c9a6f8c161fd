"""Fields in frames of other sites, which live in processes of their own: each of those needs a session of its own."""

from playwright.async_api import BrowserContext, CDPSession, Frame, Page
from playwright.async_api import Error as PlaywrightError

from priorauth.channels.portals.screens.pickers import DocumentListener, Pickers


class FramePickers:
    """The pickers of a page's distant frames, while it is on."""

    def __init__(
        self,
        *,
        context: BrowserContext,
        page: Page,
        told: DocumentListener,
    ) -> None:
        self._context = context
        self._page = page
        self._told = told
        self._pickers: dict[Frame, Pickers] = {}
        self._is_on = False

    async def begin(self) -> None:
        """Watch the distant frames that the page has."""
        self._is_on = True
        for frame in self._page.frames:
            await self.reach(frame)

    async def end(self) -> None:
        """Watch none any more."""
        self._is_on = False
        pickers, self._pickers = self._pickers, {}
        for each in pickers.values():
            # A frame that has gone took its session along.
            await each.end()

    async def rest(self) -> None:
        """Leave nothing in the distant frames with the focus."""
        for each in tuple(self._pickers.values()):
            await each.rest()

    async def reach(self, frame: Frame) -> None:
        """Watch a frame that has navigated, perhaps into another process. The page's own process is watched already."""
        if not self._is_on or frame.parent_frame is None or frame in self._pickers:
            return
        try:
            cdp = await self._context.new_cdp_session(frame)
        except PlaywrightError:
            # Of its parent's process, or gone.
            return
        pickers = Pickers(cdp, self._told, frame=frame)
        self._pickers[frame] = pickers

        def forget(_: CDPSession) -> None:
            # What the frame shows next may come from another process again.
            self._pickers.pop(frame, None)

        cdp.on("close", forget)
        await pickers.begin()
