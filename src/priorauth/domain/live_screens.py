"""What a live session shows: frames, tabs, and what a browser would draw over its page and no frame contains."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


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
    """Dialogs that hold a page up until they are answered."""

    ALERT = "alert"
    CONFIRM = "confirm"
    PROMPT = "prompt"
    BEFOREUNLOAD = "beforeunload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """The page waits for an answer."""

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
    """A list, a date, a time or a colour is to be chosen. `kind`: `select`, or the type of the input element."""

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


Overlay = Dialog | Picker | Chooser | Download


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that is shown beside the frames. `in_hand`: a human has the session, whether or not one is connected."""

    in_hand: bool
    tabs: tuple[Tab, ...]
    overlays: tuple[Overlay, ...]


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

    def lose(self) -> None:
        """Hear that the session is gone."""
        ...
