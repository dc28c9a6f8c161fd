"""The screen of one session: what its browser shows, and the way in for the one human who may act there.

It promises that watching changes nothing in the session; that input reaches it only between `hand_over` and
`take_back`, both of which act at once; and that afterwards automation finds the browser as it left it: dialogs answered
by Playwright, downloads refused, file choosers the page's own. It may not know who watches, nor why a human is let in.
"""

import asyncio
import tempfile
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Final

from playwright.async_api import BrowserContext, FileChooser, HttpCredentials, Page
from playwright.async_api import Dialog as PageDialog

from priorauth.channels.portals.guard import SubmitGuard
from priorauth.channels.portals.screens.downloads import Downloads
from priorauth.channels.portals.screens.gone import unless_gone
from priorauth.channels.portals.screens.hands import Hands
from priorauth.channels.portals.screens.history import RESEND
from priorauth.channels.portals.screens.overlays import Overlays, Question
from priorauth.channels.portals.screens.pickers import Field, Pick
from priorauth.channels.portals.screens.refusals import Explanations
from priorauth.channels.portals.screens.tab import Listener, ScreenTab, target_of
from priorauth.channels.portals.turns import PersonsTurn
from priorauth.domain.live.inputs import (
    AnswerDialog,
    ChooseOptions,
    CloseTab,
    Composition,
    Direction,
    Dismiss,
    DropFiles,
    GiveCredentials,
    GiveFiles,
    Input,
    Key,
    Navigate,
    Paste,
    Pointer,
    SetValue,
    SwitchTab,
    Text,
    Wheel,
)
from priorauth.domain.live.views import DialogKind, Frame, Scene, Tab, Watcher

_ROOT: Final = 1
_PATIENCE_SECONDS: Final = 2.0
_WORDS_LIMIT: Final = 500
_TABS_LIMIT: Final = 10
_TOO_MANY_TABS: Final = "The portal opens more pages than the service shows. Close one, and try again."
_NO_HTTP_SIGN_IN: Final = (
    "The portal's server asks for a user name and a password by HTTP authentication. The service does not let that"
    " through for this portal: its portal adapter must declare it."
)
# How Playwright calls the address of a tab that has shown nothing yet.
_NO_PAGE: Final = ("", ":")


class PortalScreen:
    """The screen of the session whose automation works in `page`, behind `guard`."""

    def __init__(
        self,
        *,
        context: BrowserContext,
        page: Page,
        guard: SubmitGuard,
        turn: PersonsTurn | None = None,
        downloads: Path | None = None,
    ) -> None:
        """Show `page`. The browser writes what a person downloads to `downloads`; None: the system's folder."""
        self._context = context
        self._download_place = downloads or Path(tempfile.gettempdir())
        self._guard = guard
        self._turn = turn or PersonsTurn(guard)
        self.credentials: HttpCredentials | None = None
        """What a person has signed in with by HTTP authentication, for the one origin that took it."""
        self._watcher: Watcher | None = None
        self._held = False
        self._explanations = Explanations(self.tell, is_submitted=lambda: self._guard.is_spent)
        self._shown_submitted = False
        self._tabs: dict[int, ScreenTab] = {}
        self._next_tab = _ROOT
        self._active = _ROOT
        self._downloads: Downloads | None = None
        self._settling_downloads = asyncio.Lock()
        # The frames in which the latest downloads began.
        self._downloading: deque[str] = deque(maxlen=16)
        self._working: set[asyncio.Task[None]] = set()
        self._overlays = Overlays(self._rearrange)
        self._listener = Listener(
            on_frame=self._framed,
            on_pick=self._picked,
            on_selected=self._selected,
            on_copied=self._copied,
            on_title=self._rearrange,
            on_navigate=self._pressed_navigation,
            on_withdrawn=self._overlays.forget_pickers,
            on_told=self.tell,
            on_challenge=self._challenged,
            on_signed_in=self._signed_in,
        )
        self._add(page, opener=None)
        for other in context.pages:
            if other is not page:
                self._add(other, opener=_ROOT)
        context.on("page", self._opened)

    # --- the turn of a human -----------------------------------------------------------------------------------------

    def hand_over(self, *, may_submit: bool) -> None:
        """Let a human act in the session; with `may_submit` a final request is held and compared. Repeats are free."""
        self._turn.begin(may_submit=may_submit)
        if self._held:
            return
        self._held = True
        self._overlays.begin()
        self._explanations.begin(self._context)
        self._context.on("dialog", self._asked)
        for tab in self._tabs.values():
            tab.page.on("filechooser", self._asked_for_files)
            self._challenged(tab.id)
        self._rearrange()
        self._settle()

    def allow_submit(self, *, allowed: bool) -> None:
        """Hold and compare the final request of the human who has the session, or refuse it."""
        if self._held:
            self._turn.allow_submit(allowed=allowed)

    def take_back(self) -> bool:
        """End the human's turn. True: no final request of the human has left, nor will."""
        unused = self._turn.end()
        if self._held:
            self.let_go()
            self._held = False
            self._explanations.end(self._context)
            self._context.remove_listener("dialog", self._asked)
            for tab in self._tabs.values():
                tab.page.remove_listener("filechooser", self._asked_for_files)
            self._overlays.put_away()
            # Those who watch go on with the page that automation works in.
            self._activate(_ROOT)
            self._settle()
        return unused

    def act(self, action: Input) -> bool:
        """Do what the human does, at once and in order. False: no human has the session, or it was aimed elsewhere."""
        if not self._held:
            return False
        self._explanations.note_input()
        match action:
            case AnswerDialog() | ChooseOptions() | SetValue() | GiveFiles() | GiveCredentials() | Dismiss():
                return self._overlays.answer(action)
            case SwitchTab():
                return self._switch(action.tab)
            case CloseTab():
                return self._close_tab(action.tab)
            case Navigate():
                return self._navigate(action.tab, action.to)
            case Pointer() | Wheel() | DropFiles() if action.tab != self._active:
                # A popup has opened under the hand: this was meant for what lay there before.
                return False
        tab = self._tabs.get(self._active)
        if tab is None or tab.hands is None:
            return False
        if isinstance(action, DropFiles):
            tab.drop(action)
        else:
            _apply(tab.hands, action)
        return True

    def let_go(self) -> None:
        """Lift what the human holds down."""
        for tab in self._tabs.values():
            if self._held and tab.hands is not None:
                tab.hands.let_go()

    def take_focus_away(self) -> None:
        """Leave nothing on the portal's pages with the focus, and show their tops."""
        if self._held:
            for tab in self._tabs.values():
                tab.rest()

    def tell(self, words: str, code: str) -> None:
        """Tell the person who acts why something was not sent, or what to do about it.

        Args:
            words: One or two plain sentences, without a patient's data. More than 500 characters are cut.
            code: A code for the page; the same one replaces its words.
        """
        if self._held and self._watcher is not None:
            self._watcher.refuse(code=code, words=words[:_WORDS_LIMIT])

    def explain_refusal(self, *, reason: str, method: str, address: str, final: bool) -> None:
        """Explain a refused request to the person who acts, unless the page has sent it by itself.

        Args: As `Explanations.note_refusal` has them.
        """
        if self._held:
            self._explanations.note_refusal(reason=reason, method=method, address=address, final=final)

    def content(self, download_id: int) -> bytes | None:
        """Return the bytes of a download that is on offer."""
        return self._overlays.content(download_id)

    # --- those who watch ---------------------------------------------------------------------------------------------

    def watch(self, watcher: Watcher) -> None:
        """Show the session to `watcher` from now on, in place of an earlier one."""
        self._watcher = watcher
        if not self._tabs:
            watcher.lose()
        self._settle()

    def unwatch(self) -> None:
        """Show it to nobody; nothing is drawn any more."""
        self._watcher = None
        self._settle()

    def scene(self) -> Scene:
        """Return the tabs and overlays as they are now."""
        tabs = tuple(
            Tab(id=tab.id, title=tab.title, active=tab.id == self._active, closable=tab.id != _ROOT)
            for tab in self._tabs.values()
        )
        return Scene(in_hand=self._held, tabs=tabs, overlays=self._overlays.open(), submitted=self._guard.is_spent)

    @property
    def is_in_hand(self) -> bool:
        """Whether a human has the session."""
        return self._held

    @property
    def is_drawn(self) -> bool:
        """Whether the browser draws frames for somebody."""
        return any(tab.is_cast for tab in self._tabs.values())

    async def settled(self) -> None:
        """Wait until the browser has followed what was wanted of it."""
        await asyncio.gather(*[tab.settled() for tab in self._tabs.values()], *self._working)

    async def close(self) -> None:
        """End the screen, before its browser ends."""
        self._context.remove_listener("page", self._opened)
        self.take_back()
        watcher, self._watcher = self._watcher, None
        self._settle()
        if watcher is not None:
            watcher.lose()
        # A page that hangs must not keep its browser from being ended.
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self.settled()
        if self._downloads is not None:
            self._downloads.forget()

    # --- tabs --------------------------------------------------------------------------------------------------------

    def _add(self, page: Page, *, opener: int | None) -> ScreenTab:
        tab = ScreenTab(tab_id=self._next_tab, opener=opener, page=page, context=self._context, told=self._listener)
        self._next_tab += 1
        self._tabs[tab.id] = tab
        page.on("close", lambda _: self._closed(tab))
        page.on("crash", lambda _: self._closed(tab))
        page.on("popup", lambda popup: self._follow(popup, opener=tab.id))
        page.on("domcontentloaded", lambda _: self._overlays.forget_pickers(tab.id))
        if self._held:
            page.on("filechooser", self._asked_for_files)
        return tab

    def _opened(self, page: Page) -> None:
        if self._tab_of(page) is None and self._has_room_for(page):
            self._close_unless_page(self._add(page, opener=self._active))
            self._rearrange()
            self._settle()

    def _has_room_for(self, page: Page) -> bool:
        """Say whether one more page can be shown; close it where it cannot, for a script may open them without end."""
        if len(self._tabs) < _TABS_LIMIT:
            return True
        self._run(page.close())
        self.tell(_TOO_MANY_TABS, "too_many_tabs")
        return False

    def _follow(self, popup: Page, *, opener: int) -> None:
        tab = self._tab_of(popup)
        if tab is None:
            if not self._has_room_for(popup):
                return
            tab = self._add(popup, opener=opener)
        tab.opener = opener
        # A popup of a tab that nobody looks at does not push itself in front.
        if opener == self._active:
            self._activate(tab.id)
        else:
            self._settle()

    def _closed(self, tab: ScreenTab) -> None:
        self._tabs.pop(tab.id, None)
        if tab.id == _ROOT:
            self._tabs.clear()
            if self._watcher is not None:
                self._watcher.lose()
            return
        self._overlays.forget_pickers(tab.id)
        self._overlays.forget_page(tab.page)
        if tab.id == self._active:
            self._activate(tab.opener if tab.opener in self._tabs else _ROOT)
        else:
            self._rearrange()

    def _activate(self, tab_id: int | None) -> None:
        if tab_id in self._tabs:
            self.let_go()
            self._active = tab_id
            self._overlays.forget_pickers()
            self._rearrange()
            self._settle()

    def _switch(self, tab_id: int) -> bool:
        tab = self._tabs.get(tab_id)
        if tab is not None:
            self._activate(tab_id)
            self._run(tab.page.bring_to_front())
        return tab is not None

    def _close_tab(self, tab_id: int) -> bool:
        tab = self._tabs.get(tab_id)
        if tab is None or tab_id == _ROOT:
            return False
        # Like any browser it lets the page ask about entries that would be lost.
        self._run(tab.page.close(run_before_unload=True))
        return True

    def _navigate(self, tab_id: int, to: Direction) -> bool:
        tab = self._tabs.get(tab_id)
        if tab is None or tab_id != self._active or not self._held:
            return False
        if to is Direction.RELOAD and tab.is_of_form:
            question = Question(tab.page, DialogKind.RESEND, RESEND, on_yes=lambda: self._reload(tab))
            self._overlays.ask(question)
        else:
            tab.go(to)
        return True

    def _reload(self, tab: ScreenTab) -> None:
        if self._held:
            self._explanations.note_input()
            tab.go(Direction.RELOAD)

    def _tab_of(self, page: Page) -> ScreenTab | None:
        return next((tab for tab in self._tabs.values() if tab.page is page), None)

    # --- what the browser tells --------------------------------------------------------------------------------------

    def _framed(self, frame: Frame) -> None:
        if self._guard.is_spent != self._shown_submitted:
            # Nobody tells of the press; the page that answers it does.
            self._shown_submitted = self._guard.is_spent
            self._rearrange()
        if self._watcher is not None and frame.tab == self._active:
            self._watcher.show(frame)

    def _pressed_navigation(self, tab: int, to: Direction) -> None:
        self._navigate(tab, to)

    def _picked(self, tab: int, pick: Pick, field: Field) -> None:
        if self._held and tab == self._active:
            self._overlays.offer_picker(tab, pick, field)

    def _challenged(self, tab_id: int) -> None:
        tab = self._tabs.get(tab_id)
        if not self._held or tab is None:
            return
        if tab.challenge is not None and "authorization" not in self._guard.boundary.headers:
            # The proxy would drop the entry: the person would be asked without end.
            self.tell(_NO_HTTP_SIGN_IN, "sign_in_not_declared")
        else:
            self._overlays.ask_to_sign_in(tab.page, tab.challenge)

    def _signed_in(self, tab_id: int, credentials: HttpCredentials) -> None:
        self.credentials = credentials
        self._navigate(tab_id, Direction.RELOAD)

    def _selected(self, tab: int, text: str) -> None:
        if self._held and self._watcher is not None and tab == self._active:
            self._watcher.select(text)

    def _copied(self, tab: int, text: str) -> None:
        if self._held and self._watcher is not None and tab == self._active:
            self._watcher.copy(text)

    def _asked(self, dialog: PageDialog) -> None:
        self._overlays.hold_dialog(dialog)

    def _asked_for_files(self, chooser: FileChooser) -> None:
        self._run(self._ask_for_files(chooser))

    async def _ask_for_files(self, chooser: FileChooser) -> None:
        accept = await chooser.element.get_attribute("accept")
        if self._held:
            self._overlays.ask_for_files(chooser, accept=accept or "")

    def _rearrange(self) -> None:
        if self._watcher is not None:
            self._watcher.arrange(self.scene())

    # --- the browser follows -----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        for tab in self._tabs.values():
            tab.want(cast=self._watcher is not None and tab.id == self._active, hands=self._held)
        self._run(self._settle_downloads())

    async def _settle_downloads(self) -> None:
        async with self._settling_downloads:
            if self._downloads is None and self._held and _ROOT in self._tabs:
                self._downloads = await self._new_downloads(self._tabs[_ROOT].page)
            if self._downloads is not None:
                await (self._downloads.begin() if self._held else self._downloads.end())

    async def _new_downloads(self, page: Page) -> Downloads | None:
        if self._context.browser is None:
            return None
        target = await target_of(self._context, page)
        # Never detached: the browser would forget with it that downloads are refused.
        return Downloads(
            await self._context.browser.new_browser_cdp_session(),
            context_id=target["browserContextId"],
            offer=self._take_file,
            begun=self._began_download,
            place=self._download_place,
        )

    def _began_download(self, frame_id: str) -> None:
        self._downloading.append(frame_id)
        for tab in tuple(self._tabs.values()):
            self._close_unless_page(tab)

    def _close_unless_page(self, tab: ScreenTab) -> None:
        """Close a tab that was opened for a file and shows no page, as browsers do."""
        if self._held and self._downloading and tab.id != _ROOT and tab.page.url in _NO_PAGE:
            self._run(self._close_if_downloading(tab))

    async def _close_if_downloading(self, tab: ScreenTab) -> None:
        target = await target_of(self._context, tab.page)
        if target["targetId"] in self._downloading and tab.page.url in _NO_PAGE:
            await tab.page.close()

    def _take_file(self, name: str, content: bytes) -> None:
        if self._held:
            self._overlays.offer_download(name=name, content=content)

    def _run(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(unless_gone(work))
        self._working.add(task)
        task.add_done_callback(self._working.discard)


def _apply(hands: Hands, action: Pointer | Wheel | Key | Text | Paste | Composition) -> None:
    match action:
        case Pointer():
            hands.point(action)
        case Wheel():
            hands.turn(action)
        case Key():
            hands.press(action)
        case Text():
            hands.write(action)
        case Paste():
            hands.paste(action)
        case Composition():
            hands.compose(action)
