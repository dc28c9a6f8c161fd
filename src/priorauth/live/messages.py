"""The messages between a viewer's page and the server, version `priorauth.live.v1`. Pure.

Text messages are JSON objects with a `type`. Of the binary ones the first byte says what they are: from the server a
frame (1: sequence, tab, width, height as big-endian 32, 32, 16, 16 bits, then JPEG) or a piece of a download (2: its id
in 32 bits, then bytes); from the viewer always a piece of the file that it announced last.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from priorauth.domain.live.inputs import (
    FILES_LIMIT,
    AnswerDialog,
    ChooseOptions,
    CloseTab,
    Composition,
    Dismiss,
    Input,
    Key,
    Pointer,
    SetValue,
    SwitchTab,
    Text,
    Wheel,
)
from priorauth.domain.live.views import Frame, Scene, View

PROTOCOL: Final = "priorauth.live.v1"
MESSAGE_LIMIT: Final = 1024 * 1024
"""The largest message that a viewer may send, in bytes."""
PIECE_BYTES: Final = 64 * 1024

_FRAME: Final = struct.Struct(">BIIHH")
_PIECE: Final = struct.Struct(">BI")


class Malformed(Exception):
    """A message that the viewer's page does not send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The frame with this sequence number is on the viewer's canvas."""

    frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeControl:
    """The viewer wants to be the one who acts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renew:
    """The viewer has opened a fresh grant, which gave it this ticket."""

    ticket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """The viewer wants a download's bytes."""

    overlay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginFile:
    """The bytes of a file follow, `size` of them."""

    name: str
    media: str
    size: int

    def __post_init__(self) -> None:
        if not 0 <= self.size <= FILES_LIMIT:
            raise ValueError(f"at most {FILES_LIMIT} bytes")
        if not 0 < len(self.name) <= 255 or len(self.media) > 255 or any(char in self.name for char in "/\\\0"):
            raise ValueError("no file is called that")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndFiles:
    """All files that the page asked for have been sent."""

    overlay: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of the file that was announced last."""

    content: bytes


Message = Ack | TakeControl | Renew | Save | BeginFile | EndFiles | Piece | Input

_TYPES: Final[Mapping[str, type[Any]]] = {
    "ack": Ack,
    "control": TakeControl,
    "renew": Renew,
    "save": Save,
    "file": BeginFile,
    "files": EndFiles,
    "pointer": Pointer,
    "wheel": Wheel,
    "key": Key,
    "text": Text,
    "compose": Composition,
    "dialog": AnswerDialog,
    "choose": ChooseOptions,
    "value": SetValue,
    "dismiss": Dismiss,
    "tab": SwitchTab,
    "close": CloseTab,
}
_KINDS: Final = {each: name for name, each in _TYPES.items()} | {Piece: "file"}


def read(message: str | bytes) -> Message:
    """Return what a viewer's message says. Raises Malformed."""
    if isinstance(message, bytes):
        return Piece(message)
    try:
        fields = msgspec.json.decode(message, type=dict[str, Any])
        return msgspec.convert(fields, _TYPES[fields["type"]], strict=True)  # type: ignore[no-any-return]
    except (msgspec.MsgspecError, KeyError, TypeError, UnicodeError, RecursionError):
        # Without what it says, which may be what somebody typed.
        raise Malformed from None


def kind_of(message: Message) -> str:
    """Return the `type` of a message."""
    return _KINDS[type(message)]


def view(shown: View, now: datetime) -> str:
    """Say what a viewer may do, until when, and what time it is here: the viewer's clock may be another."""
    return _text(
        {
            "type": "view",
            "mode": shown.mode.value,
            "expiresAt": shown.expires_at.isoformat() if shown.expires_at else None,
            "now": now.isoformat(),
            "maySubmit": shown.may_submit,
            "nextTicket": shown.next_ticket,
        }
    )


def scene(shown: Scene) -> str:
    """Say which tabs and overlays there are."""
    return _text({"type": "scene", "inHand": shown.in_hand, "tabs": shown.tabs, "overlays": shown.overlays})


def control(holder: str) -> str:
    """Say who acts: `you`, another `person`, or `nobody` of those who are connected."""
    return _text({"type": "control", "holder": holder})


def selected(text: str) -> str:
    """Say what is selected in the page."""
    return _text({"type": "selected", "text": text})


def frame(shown: Frame, sequence: int) -> bytes:
    """Return a frame as it is sent."""
    return _FRAME.pack(1, sequence, shown.tab, shown.width, shown.height) + shown.jpeg


def piece(download_id: int, content: bytes | memoryview) -> bytes:
    """Return a piece of a download as it is sent."""
    return _PIECE.pack(2, download_id) + content


def _text(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
