"""What a human may do in a live session: the inputs that a viewer's page can ask for, checked where they are made.

Coordinates are CSS pixels of the tab that the human saw. A value that no person's browser would send raises ValueError.
"""

from dataclasses import dataclass, field
from enum import IntFlag, StrEnum

# A clinical note has a few thousand characters; nobody pastes more than this.
TEXT_LIMIT = 200_000
FILES_LIMIT = 25 * 1024 * 1024
FILE_COUNT_LIMIT = 100
CREDENTIAL_LIMIT = 250
_FARTHEST = 100_000


class Modifier(IntFlag):
    """Keys that are held down, as the DevTools protocol counts them."""

    ALT = 1
    CONTROL = 2
    META = 4
    SHIFT = 8


class Motion(StrEnum):
    """What a mouse button or a key does."""

    MOVE = "move"
    DOWN = "down"
    UP = "up"


class Button(StrEnum):
    """A mouse's buttons."""

    NONE = "none"
    LEFT = "left"
    MIDDLE = "middle"
    RIGHT = "right"
    BACK = "back"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """The mouse moves, or one of its buttons does. `buttons`: those held, as bits; `clicks`: 2 for a double click."""

    motion: Motion
    tab: int
    x: float
    y: float
    button: Button = Button.NONE
    buttons: int = 0
    clicks: int = 0
    modifiers: int = 0

    def __post_init__(self) -> None:
        _check_place(self.x, self.y)
        _check_range(self.buttons, 31)
        _check_range(self.clicks, 3)
        _check_range(self.modifiers, 15)
        if (self.motion is Motion.MOVE) != (self.button is Button.NONE):
            raise ValueError("a press names its button, a move has none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """The wheel turns, or a finger scrolls."""

    tab: int
    x: float
    y: float
    dx: float
    dy: float
    modifiers: int = 0

    def __post_init__(self) -> None:
        _check_place(self.x, self.y)
        _check_place(self.dx, self.dy)
        _check_range(self.modifiers, 15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key goes down or up. `key` is what it means (`a`, `Enter`), `code` where it lies on the keyboard (`KeyA`)."""

    motion: Motion
    key: str
    code: str
    modifiers: int = 0
    location: int = 0
    repeat: bool = False

    def __post_init__(self) -> None:
        if self.motion is Motion.MOVE:
            raise ValueError("a key goes down or up")
        if not 0 < len(self.key) <= 32 or len(self.code) > 32:
            raise ValueError("no key is called that")
        _check_range(self.modifiers, 15)
        _check_range(self.location, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text comes in as a whole: composed, or from a keyboard that has no keys."""

    text: str

    def __post_init__(self) -> None:
        _check_text(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paste:
    """Text is pasted: the page hears of it as of any paste."""

    text: str

    def __post_init__(self) -> None:
        _check_text(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """Text is being composed, and not yet decided; empty: it was given up."""

    text: str
    start: int
    end: int

    def __post_init__(self) -> None:
        _check_text(self.text)
        # Browsers count in 16-bit units, of which a character has two at most.
        _check_range(self.start, 2 * len(self.text))
        _check_range(self.end, 2 * len(self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDialog:
    """A dialog of the page is answered; `text` is what was typed into a prompt."""

    overlay: int
    accept: bool
    text: str = ""

    def __post_init__(self) -> None:
        _check_text(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseOptions:
    """These options of a list are chosen, and no others, by their places."""

    overlay: int
    options: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetValue:
    """A date, a time or a colour is chosen, in the notation of its input element."""

    overlay: int
    value: str

    def __post_init__(self) -> None:
        if len(self.value) > 64:
            raise ValueError("no date, time or colour is that long")


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedFile:
    """A file of the viewer's machine."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveFiles:
    """Files are chosen for a page that asked for some."""

    overlay: int
    files: tuple[PickedFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFiles:
    """Files are dropped on a place of a tab."""

    tab: int
    x: float
    y: float
    files: tuple[PickedFile, ...]

    def __post_init__(self) -> None:
        _check_place(self.x, self.y)
        if not self.files:
            raise ValueError("nothing was dropped")


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveCredentials:
    """The user name and the password that the portal's server asks for."""

    overlay: int
    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        for text in (self.user, self.password):
            if len(text) > CREDENTIAL_LIMIT or not text.isprintable():
                raise ValueError("no user name or password is written like that")
        # It ends the user name on its way.
        if not self.user or ":" in self.user:
            raise ValueError("a user name has no colon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismiss:
    """An overlay is put away without an answer."""

    overlay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchTab:
    """Another tab is looked at."""

    tab: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTab:
    """A popup is closed."""

    tab: int


class Direction(StrEnum):
    """Where a browser's own buttons lead."""

    BACK = "back"
    FORWARD = "forward"
    RELOAD = "reload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigate:
    """The page before or after is shown in a tab, or its page is loaded again."""

    tab: int
    to: Direction


Answer = AnswerDialog | ChooseOptions | SetValue | GiveFiles | GiveCredentials | Dismiss
Input = Pointer | Wheel | Key | Text | Paste | Composition | Answer | SwitchTab | CloseTab | Navigate | DropFiles


def _check_place(x: float, y: float) -> None:
    # Written so that NaN fails.
    if not (abs(x) <= _FARTHEST and abs(y) <= _FARTHEST):
        raise ValueError("no screen is that large")


def _check_range(value: int, highest: int) -> None:
    if not 0 <= value <= highest:
        raise ValueError(f"{value} is not within 0 and {highest}")


def _check_text(text: str) -> None:
    if len(text) > TEXT_LIMIT:
        raise ValueError(f"at most {TEXT_LIMIT} characters at once")
