"""One tab of a session: its cast, its pickers and the hands in it, each on only while it is wanted.

What is wanted changes at once and without waiting; the browser follows, one change after the other. So a watcher that
comes and goes within a moment, or a human who is given the session and loses it, leaves nothing behind.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from playwright.async_api import BrowserContext, CDPSession, HttpCredentials, Page
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame as PageFrame

from priorauth.channels.portals.screens.cast import Cast
from priorauth.channels.portals.screens.drops import drop_files
from priorauth.channels.portals.screens.frames import FramePickers
from priorauth.channels.portals.screens.gone import unless_gone
from priorauth.channels.portals.screens.hands import Hands
from priorauth.channels.portals.screens.history import History
from priorauth.channels.portals.screens.pickers import DocumentListener, Field, Pick, Pickers
from priorauth.channels.portals.screens.sign_ins import Challenge, SignIns
from priorauth.domain.errors import whereabouts
from priorauth.domain.live.inputs import Direction, DropFiles
from priorauth.domain.live.views import Frame

_log = structlog.get_logger(__name__)


class Listener:
    """Whom a tab tells; each gets the tab's id first."""

    def __init__(
        self,
        *,
        on_frame: Callable[[Frame], None],
        on_pick: Callable[[int, Pick, Field], None],
        on_selected: Callable[[int, str], None],
        on_copied: Callable[[int, str], None],
        on_title: Callable[[], None],
        on_navigate: Callable[[int, Direction], None],
        on_withdrawn: Callable[[int], None],
        on_told: Callable[[str, str], None],
        on_challenge: Callable[[int], None],
        on_signed_in: Callable[[int, HttpCredentials], None],
    ) -> None:
        self.on_frame = on_frame
        self.on_pick = on_pick
        self.on_selected = on_selected
        self.on_copied = on_copied
        self.on_title = on_title
        self.on_navigate = on_navigate
        self.on_withdrawn = on_withdrawn
        self.on_told = on_told
        self.on_challenge = on_challenge
        self.on_signed_in = on_signed_in


_GOING_SECONDS = 2.0
_NOT_DROPPED = "The page takes no files at this place. Drop them where it asks for files, or press its button."
_DROP_UNKNOWN = "The page has not answered. Look whether the files are there before you drop them again."
_NOT_SIGNED_IN = "The portal has not answered what you entered. Reload the page to try again."
_TITLE_SECONDS = 0.25
_TITLE_LIMIT = 200


async def target_of(context: BrowserContext, page: Page) -> dict[str, Any]:
    """Return how the DevTools protocol names a page, and its browser context. Raises PlaywrightError."""
    cdp = await context.new_cdp_session(page)
    found: dict[str, Any] = (await cdp.send("Target.getTargetInfo"))["targetInfo"]
    await cdp.detach()
    return found


class ScreenTab:
    """A page of the session as a viewer knows it."""

    def __init__(self, *, tab_id: int, opener: int | None, page: Page, context: BrowserContext, told: Listener) -> None:
        self.id = tab_id
        self.opener = opener
        self.page = page
        self.title = ""
        self.hands: Hands | None = None
        """There as soon as the tab can be acted in."""
        self._context = context
        self._told = told
        self._cdp: CDPSession | None = None
        self._cast: Cast | None = None
        self._pickers: Pickers | None = None
        self._wants_cast = False
        self._wants_hands = False
        self._has_cast = False
        self._has_hands = False
        self._settling: asyncio.Task[None] | None = None
        self._retitling: asyncio.TimerHandle | None = None
        page.on("domcontentloaded", self._retitle)
        page.on("load", self._retitle)
        page.on("framenavigated", self._reach)
        self._of_documents = DocumentListener(
            on_pick=self._picked,
            on_selected=self._selected,
            on_copied=self._copied,
            on_navigate=lambda to: told.on_navigate(tab_id, to),
            on_withdrawn=lambda: told.on_withdrawn(tab_id),
        )
        self._distant = FramePickers(context=context, page=page, told=self._of_documents)
        self._history = History(page, tell=told.on_told)
        self._sign_ins = SignIns(page, on_entry=self._enter, on_change=lambda: told.on_challenge(tab_id))
        self._is_going = False
        self._is_dropping = False
        self._working: set[asyncio.Task[None]] = set()

    def want(self, *, cast: bool, hands: bool) -> None:
        """Say what is wanted from now on."""
        self._wants_cast, self._wants_hands = cast, hands
        if self._settling is None and not self._is_settled:
            self._settling = asyncio.create_task(self._settle(), name="screen-tab")

    def rest(self) -> None:
        """Leave nothing in the tab with the focus, and show its top: as it is when somebody takes hold of it."""
        if self._has_hands:
            self._run(self._rest())

    def go(self, to: Direction) -> None:
        """Go back or forward, or load the page again. While the browser is still at it, nothing more is begun."""
        if self._has_hands and self._cdp is not None and not self._is_going:
            self._is_going = True
            self._run(self._go(self._cdp, to))

    def drop(self, drop: DropFiles) -> None:
        """Drop files on a place of the page. While others are still dropped, nothing more is."""
        if self._cdp is not None and not self._is_dropping:
            self._is_dropping = True
            self._run(self._drop(self._cdp, drop))

    @property
    def is_of_form(self) -> bool:
        """Whether the page that is shown was sent with a form."""
        return self._history.is_of_form

    @property
    def challenge(self) -> Challenge | None:
        """What the server of the page that is shown asks for by HTTP authentication."""
        return self._sign_ins.challenge

    @property
    def is_cast(self) -> bool:
        """Whether the browser draws frames of the tab, as far as it has followed."""
        return self._has_cast

    async def settled(self) -> None:
        """Wait until the browser has followed."""
        if self._settling is not None:
            await self._settling

    @property
    def _is_settled(self) -> bool:
        return (self._wants_cast, self._wants_hands) == (self._has_cast, self._has_hands)

    async def _settle(self) -> None:
        try:
            while not self._is_settled and not self.page.is_closed():
                cast, pickers, hands = await self._attached()
                if self._wants_hands != self._has_hands:
                    self._has_hands = self._wants_hands
                    await (self._take_hold(pickers, hands) if self._has_hands else self._let_off(pickers, hands))
                if self._wants_cast != self._has_cast:
                    self._has_cast = self._wants_cast
                    await (cast.start() if self._has_cast else cast.stop())
                    self._retitle()
        except PlaywrightError as error:
            # The page has ended, and says so itself; a tab that only will not be shown is worth a line.
            _log.info("screen_tab_not_settled", **whereabouts(error))
        finally:
            self._settling = None

    async def _take_hold(self, pickers: Pickers, hands: Hands) -> None:
        await hands.begin()
        await pickers.begin()
        await self._distant.begin()

    async def _rest(self) -> None:
        if self._pickers is not None:
            await self._pickers.rest()
        await self._distant.rest()

    async def _go(self, cdp: CDPSession, to: Direction) -> None:
        # A page that asks whether it may be left is answered elsewhere, and one that hangs never.
        try:
            async with asyncio.timeout(_GOING_SECONDS):
                await self._history.go(cdp, to)
        except TimeoutError:
            pass
        finally:
            self._is_going = False

    async def _drop(self, cdp: CDPSession, drop: DropFiles) -> None:
        try:
            taken = await drop_files(cdp, drop, is_wanted=lambda: self._wants_hands)
            if not taken:
                self._told.on_told(_DROP_UNKNOWN if taken is None else _NOT_DROPPED, "drop_not_taken")
        finally:
            self._is_dropping = False

    def _enter(self, challenge: Challenge, user: str, password: str) -> None:
        if self._cdp is not None:
            self._run(self._sign_in(self._cdp, challenge, user, password))

    async def _sign_in(self, cdp: CDPSession, challenge: Challenge, user: str, password: str) -> None:
        is_met = await challenge.is_met(cdp, user, password, is_wanted=lambda: self._wants_hands)
        if is_met is None:
            self._told.on_told(_NOT_SIGNED_IN, "sign_in_not_sent")
        elif is_met:
            self._told.on_signed_in(self.id, challenge.credentials(user, password))
        else:
            self._told.on_challenge(self.id)

    async def _let_off(self, pickers: Pickers, hands: Hands) -> None:
        await pickers.end()
        await self._distant.end()
        await hands.end()

    async def _attached(self) -> tuple[Cast, Pickers, Hands]:
        if self._cast is None or self._pickers is None or self.hands is None:
            cdp = await self._context.new_cdp_session(self.page)
            self._cdp = cdp
            self._cast = Cast(cdp, self._framed)
            self._pickers = Pickers(cdp, self._of_documents)
            self.hands = Hands(cdp)
        return self._cast, self._pickers, self.hands

    def _picked(self, pick: Pick, field: Field) -> None:
        self._told.on_pick(self.id, pick, field)

    def _selected(self, text: str) -> None:
        self._told.on_selected(self.id, text)

    def _copied(self, text: str) -> None:
        self._told.on_copied(self.id, text)

    def _reach(self, frame: PageFrame) -> None:
        if self._has_hands:
            self._run(self._distant.reach(frame))
        if self._has_hands and self._pickers is not None and frame.parent_frame is None:
            # A portal of one document shows its next page without loading one.
            self._run(self._pickers.mind_focus())

    def _framed(self, jpeg: bytes, width: int, height: int) -> None:
        self._told.on_frame(Frame(tab=self.id, width=width, height=height, jpeg=jpeg))
        # A page of a single address says where it is by its title alone, and tells nobody when it changes it.
        if self._retitling is None:
            self._retitling = asyncio.get_running_loop().call_later(_TITLE_SECONDS, self._look_at_title)

    def _look_at_title(self) -> None:
        self._retitling = None
        self._retitle()

    def _retitle(self, _: Page | None = None) -> None:
        # Only for those who look: it asks the browser, not the page, and so disturbs nobody.
        if self._has_cast:
            self._run(self._read_title())

    def _run(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(unless_gone(work))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _read_title(self) -> None:
        # Of a page without a title the history says so; elsewhere it goes by its address, which must not be shown.
        if self._cdp is None:
            return
        history = await self._cdp.send("Page.getNavigationHistory")
        title = history["entries"][history["currentIndex"]]["title"][:_TITLE_LIMIT]
        if title != self.title:
            self.title = title
            self._told.on_title()
