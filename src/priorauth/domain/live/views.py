"""Views of a live session: who looks at it, by which right, and the protocols between those who show and those who act.

A view is one viewer's open window on one channel session. What it may do is decided outside and can end at any moment;
whoever shows the session asks the view before each message, and never the viewer's page. Shown are frames, tabs, and
overlays: what a browser would draw over its page and no frame contains.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from priorauth.domain.live.inputs import Input
from priorauth.domain.live.statuses import ViewStatus
from priorauth.domain.live_sessions import AccessMode


class Ending(StrEnum):
    """Why a view ended, by the codes of the API."""

    EXPIRED = "access_grant_expired"
    REVOKED = "access_grant_revoked"
    SESSION_LOST = "channel_session_lost"


class View:
    """One viewer's right to a session, as it is now. It is used on one event loop.

    `may_submit`: the final submit may leave the browser while this view is in control. `next_ticket`: what opens the
    viewer's next connection, should this one break; whoever opens or extends the view sets it. `status`: what the
    viewer reads beside the picture. `has_reported`: its person has closed the handoff here, and waits for the result.
    """

    def __init__(
        self,
        *,
        view_id: str,
        authorization_id: str,
        session_id: str,
        mode: AccessMode,
        may_submit: bool,
        expires_at: datetime | None,
        next_ticket: str = "",
    ) -> None:
        self.id = view_id
        self.authorization_id = authorization_id
        self.session_id = session_id
        self.mode = mode
        self.may_submit = may_submit
        self.expires_at = expires_at
        self.next_ticket = next_ticket
        self.ending: Ending | None = None
        self.status: ViewStatus | None = None
        self.has_reported = False
        self._told: list[Callable[[], None]] = []
        self._told_status: list[Callable[[], None]] = []

    @property
    def may_act(self) -> bool:
        """Say whether input of this view may reach the session now."""
        return self.ending is None and self.mode is AccessMode.INTERACTIVE

    def end(self, why: Ending) -> None:
        """End the view: from now on nothing of it reaches the session, and it is shown nothing more."""
        if self.ending is None:
            self.ending = why
            self._tell()

    def extend(self, expires_at: datetime | None) -> None:
        """Let the view go on until `expires_at`, after a fresh grant was opened for it."""
        self.expires_at = expires_at
        self._tell()

    def on_change(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever the view ends or is extended."""
        self._told.append(tell)

    def show_status(self, status: ViewStatus) -> None:
        """Set what the viewer reads beside the picture. Repeats are free."""
        if status != self.status:
            self.status = status
            for tell in self._told_status:
                tell()

    def on_status(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever `status` has changed."""
        self._told_status.append(tell)

    def _tell(self) -> None:
        for tell in self._told:
            tell()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of a tab, as JPEG. `width` and `height` are the tab's in CSS pixels, whatever the picture's are."""

    tab: int
    width: int
    height: int
    jpeg: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """A page of the session. Its address is no part of it: that may name a member."""

    id: int
    title: str
    active: bool
    closable: bool


class DialogKind(StrEnum):
    """Dialogs that wait for an answer; all but `resend` are the page's, and hold it up."""

    ALERT = "alert"
    CONFIRM = "confirm"
    PROMPT = "prompt"
    BEFOREUNLOAD = "beforeunload"
    RESEND = "resend"
    """The service's own question before a form is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """Something waits for an answer."""

    id: int
    dialog: DialogKind
    message: str
    default: str
    shows: str = "dialog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a list."""

    label: str
    group: str
    disabled: bool
    selected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where on its tab an overlay belongs, in CSS pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picker:
    """A list, a date, a time or a colour is to be chosen, or a suggestion may be.

    `kind`: `select`, `suggestions` (the person goes on typing beside it), or the type of the input element.
    """

    id: int
    tab: int
    kind: str
    label: str
    value: str
    box: Box
    multiple: bool = False
    options: tuple[Option, ...] = ()
    min: str = ""
    max: str = ""
    step: str = ""
    shows: str = "picker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chooser:
    """The page asks for files."""

    id: int
    multiple: bool
    accept: str
    shows: str = "chooser"


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """The portal gave a file, which the human may take along."""

    id: int
    name: str
    size: int
    shows: str = "download"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """The portal's server asks for a user name and a password by HTTP authentication, before it sends its page."""

    id: int
    origin: str
    shows: str = "sign_in"


Overlay = Dialog | Picker | Chooser | Download | SignIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that is shown beside the frames.

    `in_hand`: a person has the session, whether or not one is connected. `submitted`: the final request of this
    session has left.
    """

    in_hand: bool
    tabs: tuple[Tab, ...]
    overlays: tuple[Overlay, ...]
    submitted: bool = False


class Watcher(Protocol):
    """Who is shown a screen. Its methods never wait."""

    def show(self, frame: Frame) -> None:
        """Take the newest picture."""
        ...

    def arrange(self, scene: Scene) -> None:
        """Take the tabs and overlays as they are now."""
        ...

    def select(self, text: str) -> None:
        """Take the text that is selected in the page now."""
        ...

    def copy(self, text: str) -> None:
        """Take a text that the page has put on the clipboard."""
        ...

    def refuse(self, *, code: str, words: str) -> None:
        """Take why something that the person did was not sent: a code, and a sentence for the person."""
        ...

    def lose(self) -> None:
        """Hear that the session is gone."""
        ...


class ViewerSocket(Protocol):
    """The connection to one viewer, whatever carries it."""

    async def receive(self) -> str | bytes | None:
        """Return the viewer's next message; None when the viewer has gone."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send a message: text as text, bytes as bytes. Raises ConnectionError when the viewer has gone."""
        ...

    async def close(self, *, code: int, reason: str) -> None:
        """Close the connection."""
        ...


class Screen(Protocol):
    """The screen of one channel session, as the live room sees it."""

    def hand_over(self, *, may_submit: bool) -> None:
        """Let a human act in the session; with `may_submit` the guard lets one final request pass. Repeats are free."""
        ...

    def allow_submit(self, *, allowed: bool) -> None:
        """Hold and compare the final request of the human who has the session, or refuse it."""
        ...

    def take_back(self) -> bool:
        """End the human's turn. True: no final request of the human has left, nor will."""
        ...

    def watch(self, watcher: Watcher) -> None:
        """Show the session to `watcher` from now on, in place of an earlier one: frames, scene, and its end."""
        ...

    def unwatch(self) -> None:
        """Show it to nobody; nothing is drawn any more."""
        ...

    def scene(self) -> Scene:
        """Return the tabs and overlays as they are now."""
        ...

    def act(self, action: Input) -> bool:
        """Do what the human does, at once and in order. False: no human has the session, or it is aimed elsewhere."""
        ...

    def let_go(self) -> None:
        """Lift what the human holds down, since they will not: buttons and keys."""
        ...

    def take_focus_away(self) -> None:
        """Leave nothing on the portal's pages with the focus, and show their tops. For a person who begins to act."""
        ...

    def content(self, download_id: int) -> bytes | None:
        """Return the bytes of a download that is on offer."""
        ...


class Screens(Protocol):
    """Where the live room finds the screens of this process."""

    def screen(self, authorization_id: str, *, session_id: str) -> Screen | None:
        """Return the screen of a session that is up, or None."""
        ...
