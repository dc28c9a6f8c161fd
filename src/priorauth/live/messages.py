"""The messages between a viewer's page and the server, version `priorauth.live.v1`. Pure.

Text messages are JSON objects with a `type`. Of the binary ones the first byte says what they are: from the server a
frame (1: sequence, tab, width, height as big-endian 32, 32, 16, 16 bits, then JPEG) or a piece of a download (2: its id
in 32 bits, then bytes); from the viewer always a piece of the file that it announced last.
"""

import dataclasses
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from priorauth.domain.handoffs import HandoffResult, Report, ReportedOutcome, UnableReason
from priorauth.domain.live.inputs import (
    FILES_LIMIT,
    AnswerDialog,
    ChooseOptions,
    CloseTab,
    Composition,
    Dismiss,
    GiveCredentials,
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
from priorauth.domain.live.statuses import Farewell, ViewStatus
from priorauth.domain.live.views import Frame, Scene, View

PROTOCOL: Final = "priorauth.live.v1"
MESSAGE_LIMIT: Final = 1024 * 1024
"""The largest message that a viewer may send, in bytes."""
PIECE_BYTES: Final = 64 * 1024

# As much as the API takes of the same.
_SHORT_LIMIT: Final = 255
_NOTES_LIMIT: Final = 2000

_FRAME: Final = struct.Struct(">BIIHH")
_PIECE: Final = struct.Struct(">BI")


class Malformed(Exception):
    """A message that the viewer's page does not send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The frame with this sequence number is on the viewer's canvas."""

    frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The person has pressed Start: from now on input may reach the portal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeControl:
    """The viewer wants to be the one who acts; the one who does is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTakeover:
    """The viewer in control lets the one who asked act, or does not."""

    allow: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """The person is done: what they did, or saw, at the payer."""

    reportedOutcome: ReportedOutcome  # noqa: N815 - a name of the wire
    observedReferenceNumber: str | None = None  # noqa: N815
    operatorNotes: str | None = None  # noqa: N815
    acceptedMismatchId: str | None = None  # noqa: N815

    def __post_init__(self) -> None:
        for text in (self.observedReferenceNumber, self.acceptedMismatchId):
            _check_text(text, limit=_SHORT_LIMIT)
        _check_text(self.operatorNotes, limit=_NOTES_LIMIT)

    def report(self) -> Report:
        """Return it as a report."""
        return Report(
            result=HandoffResult.COMPLETED_REPORTED,
            outcome=self.reportedOutcome,
            reference_number=self.observedReferenceNumber,
            notes=self.operatorNotes,
            accepted_mismatch_id=self.acceptedMismatchId,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unable:
    """The person could not finish, and why."""

    reason: UnableReason
    operatorNotes: str | None = None  # noqa: N815

    def __post_init__(self) -> None:
        _check_text(self.operatorNotes, limit=_NOTES_LIMIT)

    def report(self) -> Report:
        """Return it as a report."""
        return Report(result=HandoffResult.UNABLE_TO_COMPLETE, unable=self.reason, notes=self.operatorNotes)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreTime:
    """The person needs more time."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """All files that are dropped on a place of a tab have been sent."""

    tab: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of the file that was announced last."""

    content: bytes


ForReport = Complete | Unable | MoreTime
"""What is not for the session, but for its handoff."""
Message = (
    Ack | Start | TakeControl | AnswerTakeover | Renew | ForReport | Save | BeginFile | EndFiles | Drop | Piece | Input
)

_TYPES: Final[Mapping[str, type[Any]]] = {
    "ack": Ack,
    "start": Start,
    "control": TakeControl,
    "takeover": AnswerTakeover,
    "renew": Renew,
    "complete": Complete,
    "unable": Unable,
    "more_time": MoreTime,
    "save": Save,
    "file": BeginFile,
    "files": EndFiles,
    "drop": Drop,
    "pointer": Pointer,
    "wheel": Wheel,
    "key": Key,
    "text": Text,
    "paste": Paste,
    "compose": Composition,
    "dialog": AnswerDialog,
    "choose": ChooseOptions,
    "value": SetValue,
    "sign_in": GiveCredentials,
    "dismiss": Dismiss,
    "tab": SwitchTab,
    "close": CloseTab,
    "navigate": Navigate,
}
# A misspelt field of a report would be lost without a word.
_STRICT: Final = (Complete, Unable, MoreTime)
_KINDS: Final = {each: name for name, each in _TYPES.items()} | {Piece: "file"}


def read(message: str | bytes) -> Message:
    """Return what a viewer's message says. Raises Malformed."""
    if isinstance(message, bytes):
        return Piece(message)
    try:
        fields = msgspec.json.decode(message, type=dict[str, Any])
        kind = _TYPES[fields.pop("type")]
        if kind in _STRICT and fields.keys() - {field.name for field in dataclasses.fields(kind)}:
            raise Malformed
        return msgspec.convert(fields, kind, strict=True)  # type: ignore[no-any-return]
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
    """Say which tabs and overlays there are, and whether the final request has left."""
    return _text(
        {
            "type": "scene",
            "inHand": shown.in_hand,
            "tabs": shown.tabs,
            "overlays": shown.overlays,
            "submitted": shown.submitted,
        }
    )


def control(holder: str, *, interactive: int, watching: int) -> str:
    """Say who acts: `you`, another `person`, or `nobody`; and how many others are connected, by what they may do."""
    return _text({"type": "control", "holder": holder, "interactive": interactive, "watching": watching})


def reach(state: str) -> str:
    """Say what reaches the portal: nothing before Start (`start`), no keys before a click (`click`), all (`open`)."""
    return _text({"type": "input", "state": state})


def takeover(state: str, *, seconds: float = 0) -> str:
    """Say how a request for control goes: `asked` and `waiting`, for so many seconds; then `refused`, or `over`."""
    return _text({"type": "takeover", "state": state, "seconds": seconds})


def status(shown: ViewStatus) -> str:
    """Say which authorization this is, what is wanted, and how far it is."""
    mismatch = shown.mismatch
    return _text(
        {
            "type": "status",
            "phase": shown.phase.value,
            "headline": shown.headline,
            "externalCaseId": shown.external_id,
            "service": {"title": shown.service_title, "code": shown.service_code},
            "reason": {"code": shown.reason_code, "message": shown.reason} if shown.reason_code else None,
            "finalSubmitCapable": shown.final_submit_capable,
            "referenceNumber": shown.reference_number,
            "mayReport": shown.may_report,
            "mismatch": {
                "id": mismatch.id,
                "approved": [{"label": label, "value": value} for label, value in mismatch.approved],
                "shown": [{"label": label, "value": value} for label, value in mismatch.shown],
                "referenceNumber": mismatch.receipt.reference_number,
            }
            if mismatch
            else None,
        }
    )


def refused(code: str, words: str) -> str:
    """Say why something that the person did was not sent to the portal."""
    return _text({"type": "refused", "code": code, "message": words})


def reported(kind: str, *, code: str | None = None, words: str | None = None) -> str:
    """Answer a report of this kind: taken, or not taken and why."""
    return _text({"type": "report", "for": kind, "accepted": code is None, "code": code, "message": words})


def end(words: Farewell) -> str:
    """Say the last words of a view."""
    return _text(
        {
            "type": "end",
            "code": words.code,
            "headline": words.headline,
            "detail": words.detail,
            "referenceNumber": words.reference_number,
            "settled": words.is_settled,
        }
    )


def selected(text: str) -> str:
    """Say what is selected in the page."""
    return _text({"type": "selected", "text": text})


def copied(text: str) -> str:
    """Say what the page has put on the clipboard."""
    return _text({"type": "copied", "text": text})


def frame(shown: Frame, sequence: int) -> bytes:
    """Return a frame as it is sent."""
    return _FRAME.pack(1, sequence, shown.tab, shown.width, shown.height) + shown.jpeg


def piece(download_id: int, content: bytes | memoryview) -> bytes:
    """Return a piece of a download as it is sent."""
    return _PIECE.pack(2, download_id) + content


def _text(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


def _check_text(text: str | None, *, limit: int) -> None:
    if text is not None and (not 0 < len(text) <= limit or "\0" in text):
        raise ValueError(f"1 to {limit} characters")
