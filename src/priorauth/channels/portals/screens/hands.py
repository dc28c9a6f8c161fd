"""A human's mouse, wheel, keyboard and text, as events of the DevTools protocol in one tab.

Nothing here waits: an event is on its way to the browser when its method returns, and the next one follows it. An event
whose handler opens a dialog is answered only when the dialog is; waiting for it would stop the keyboard that answers.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final

from playwright.async_api import CDPSession

from priorauth.channels.portals.screens.clipboard import fill_clipboard
from priorauth.channels.portals.screens.gone import unless_gone
from priorauth.domain.live.inputs import Button, Composition, Key, Modifier, Motion, Paste, Pointer, Text, Wheel

# A page that hangs is sent no more than this; a mouse that moves on is forgotten first.
_ON_THE_WAY_LIMIT: Final = 256
_MOVES_LIMIT: Final = 32

_BUTTON_BITS: Final = {Button.LEFT: 1, Button.RIGHT: 2, Button.MIDDLE: 4, Button.BACK: 8, Button.FORWARD: 16}
_MOUSE_EVENTS: Final = {Motion.MOVE: "mouseMoved", Motion.DOWN: "mousePressed", Motion.UP: "mouseReleased"}

# What Windows calls a key by its place, on the keyboard that portals were written for. A dot is 190: 46, its character,
# would be Delete.
_KEY_NUMBERS: Final = {
    "Backspace": 8, "Tab": 9, "Clear": 12, "Enter": 13, "NumpadEnter": 13, "ShiftLeft": 16, "ShiftRight": 16,
    "ControlLeft": 17, "ControlRight": 17, "AltLeft": 18, "AltRight": 18, "Pause": 19, "CapsLock": 20, "Escape": 27,
    "Space": 32, "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39,
    "ArrowDown": 40, "PrintScreen": 44, "Insert": 45, "Delete": 46, "MetaLeft": 91, "MetaRight": 92, "ContextMenu": 93,
    "NumpadMultiply": 106, "NumpadAdd": 107, "NumpadSubtract": 109, "NumpadDecimal": 110, "NumpadDivide": 111,
    "NumLock": 144, "ScrollLock": 145, "Semicolon": 186, "Equal": 187, "Comma": 188, "Minus": 189, "Period": 190,
    "Slash": 191, "Backquote": 192, "BracketLeft": 219, "Backslash": 220, "BracketRight": 221, "Quote": 222,
    "IntlBackslash": 226, "BrowserBack": 166, "BrowserForward": 167, "BrowserRefresh": 168,
    **{f"F{number}": 111 + number for number in range(1, 13)},
    **{f"Digit{digit}": 48 + digit for digit in range(10)},
    **{f"Numpad{digit}": 96 + digit for digit in range(10)},
    **{f"Key{letter}": ord(letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
}  # fmt: skip
_PASTE_KEY: Final = {
    "key": "v",
    "code": "KeyV",
    "windowsVirtualKeyCode": 86,
    "nativeVirtualKeyCode": 86,
    "modifiers": int(Modifier.CONTROL),
}
_MODIFIER_KEYS: Final = frozenset({"Shift", "Control", "Alt", "AltGraph", "Meta"})


class Hands:
    """What a human does in the tab behind `cdp`."""

    def __init__(self, cdp: CDPSession) -> None:
        self._cdp = cdp
        self._on_the_way: set[asyncio.Task[None]] = set()
        self._moves = 0
        self._buttons: dict[Button, Pointer] = {}
        self._keys: dict[str, Key] = {}
        self._drag: dict[str, Any] | None = None
        self._filling: asyncio.Task[bool] | None = None
        self._pasting: asyncio.Task[None] | None = None
        self._holds = 0
        cdp.on("Input.dragIntercepted", self._begin_drag)

    async def begin(self) -> None:
        """Make ready: what a page wants to have dragged goes through here, since no system does it."""
        await self._cdp.send("Input.setInterceptDrags", {"enabled": True})

    async def end(self) -> None:
        """Leave the tab as it was."""
        await self._cdp.send("Input.setInterceptDrags", {"enabled": False})

    def point(self, pointer: Pointer) -> None:
        """Move the mouse, press or release a button."""
        if pointer.motion is Motion.MOVE and self._moves >= _MOVES_LIMIT:
            return
        if pointer.motion is Motion.DOWN:
            self._buttons[pointer.button] = pointer
        elif pointer.motion is Motion.UP:
            self._buttons.pop(pointer.button, None)
        if self._drag is not None:
            self._drag_on(pointer)
            return
        event = {
            "type": _MOUSE_EVENTS[pointer.motion],
            "x": pointer.x,
            "y": pointer.y,
            "button": self._named_button(pointer),
            "buttons": pointer.buttons,
            "clickCount": pointer.clicks,
            "modifiers": pointer.modifiers,
        }
        self._send("Input.dispatchMouseEvent", event, moves=pointer.motion is Motion.MOVE)

    def turn(self, wheel: Wheel) -> None:
        """Scroll."""
        event = {"type": "mouseWheel", "x": wheel.x, "y": wheel.y, "deltaX": wheel.dx, "deltaY": wheel.dy}
        self._send("Input.dispatchMouseEvent", {**event, "modifiers": wheel.modifiers}, moves=True)

    def press(self, key: Key) -> None:
        """Press or release a key; a key that means a character writes it, unless it is part of a shortcut."""
        if key.motion is Motion.DOWN:
            self._keys[key.code or key.key] = key
        else:
            self._keys.pop(key.code or key.key, None)
        self._send("Input.dispatchKeyEvent", key_event(key))

    def write(self, text: Text) -> None:
        """Put text where the caret is, as one change."""
        self._send("Input.insertText", {"text": text.text})

    def paste(self, paste: Paste) -> None:
        """Paste by way of the browser's clipboard, so that the page has its events. What is done next waits for it."""
        if len(self._on_the_way) >= _ON_THE_WAY_LIMIT:
            return
        self._filling = asyncio.ensure_future(self._fill(paste.text, after=self._pasting))
        self._pasting = self._run(self._paste(paste.text, filling=self._filling, holds=self._holds))
        self._send("Input.dispatchKeyEvent", {**_PASTE_KEY, "type": "keyUp"})

    def compose(self, composition: Composition) -> None:
        """Show text that is still being composed."""
        event = {"text": composition.text, "selectionStart": composition.start, "selectionEnd": composition.end}
        self._send("Input.imeSetComposition", event)

    def let_go(self) -> None:
        """Lift what is down without doing what it was pressed for: beside the page, and no key that presses buttons."""
        if self._drag is not None:
            self._send_drag("dragCancel", Pointer(motion=Motion.MOVE, tab=0, x=-1, y=-1))
            self._drag = None
        for button in self._buttons:
            for kind in ("mouseMoved", "mouseReleased"):
                event = {"type": kind, "x": -1, "y": -1, "button": button.value, "clickCount": 0}
                self._send("Input.dispatchMouseEvent", event)
        for key in self._keys.values():
            if key.key in _MODIFIER_KEYS:
                self._send("Input.dispatchKeyEvent", key_event(replace(key, motion=Motion.UP, modifiers=0)))
        self._buttons.clear()
        self._keys.clear()
        # What still waits for a paste is not done any more.
        self._holds += 1

    def _named_button(self, pointer: Pointer) -> str:
        # A move while a button is down drags only if the event names the button.
        if pointer.motion is Motion.MOVE:
            held = (button for button, bit in _BUTTON_BITS.items() if pointer.buttons & bit)
            return next(held, Button.NONE).value
        return pointer.button.value

    def _begin_drag(self, event: dict[str, Any]) -> None:
        # Between the press and this word of it the button may have been released already.
        if Button.LEFT in self._buttons:
            self._drag = event["data"]
            press = self._buttons[Button.LEFT]
            self._send_drag("dragEnter", press)

    def _drag_on(self, pointer: Pointer) -> None:
        if pointer.motion is Motion.MOVE:
            self._send_drag("dragOver", pointer)
        elif pointer.motion is Motion.UP and pointer.button is Button.LEFT:
            self._send_drag("dragOver", pointer)
            self._send_drag("drop", pointer)
            self._drag = None

    def _send_drag(self, what: str, pointer: Pointer) -> None:
        event = {"type": what, "x": pointer.x, "y": pointer.y, "data": self._drag, "modifiers": pointer.modifiers}
        self._send("Input.dispatchDragEvent", event)

    def _send(self, method: str, event: dict[str, Any], *, moves: bool = False) -> None:
        if len(self._on_the_way) >= _ON_THE_WAY_LIMIT:
            return
        if self._filling is not None and self._filling.done():
            self._filling = None
        # Tasks begin in the order of their making, and each sends before it first waits, or after what all of them wait
        # for: the order holds.
        task = self._run(self._deliver(method, event, filling=self._filling, holds=self._holds))
        if moves:
            self._moves += 1
            task.add_done_callback(self._count_move)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(unless_gone(work))
        self._on_the_way.add(task)
        task.add_done_callback(self._on_the_way.discard)
        return task

    async def _deliver(
        self, method: str, event: dict[str, Any], *, filling: asyncio.Task[bool] | None, holds: int
    ) -> None:
        if filling is not None:
            await filling
            if holds != self._holds:
                return
        await self._cdp.send(method, event)

    async def _fill(self, text: str, *, after: asyncio.Task[None] | None) -> bool:
        if after is not None:
            # The page has not read yet what an earlier paste has put there.
            await after
        return await fill_clipboard(self._cdp, text)

    async def _paste(self, text: str, *, filling: asyncio.Task[bool], holds: int) -> None:
        is_filled = await filling
        if holds != self._holds:
            return
        if is_filled:
            await self._cdp.send("Input.dispatchKeyEvent", {**_PASTE_KEY, "type": "rawKeyDown", "commands": ["Paste"]})
        else:
            await self._cdp.send("Input.insertText", {"text": text})

    def _count_move(self, _: object) -> None:
        self._moves -= 1


def key_event(key: Key) -> dict[str, Any]:
    """Return the DevTools event of a key: with the number that Windows gives it, and the text that it writes."""
    number = key_number(key)
    if _is_third_character(key):
        key = replace(key, modifiers=key.modifiers & ~(Modifier.CONTROL | Modifier.ALT))
    event: dict[str, Any] = {
        "key": key.key,
        "code": key.code,
        "windowsVirtualKeyCode": number,
        "nativeVirtualKeyCode": number,
        "modifiers": key.modifiers,
        "location": key.location,
        "isKeypad": key.location == 3,
        "autoRepeat": key.repeat,
    }
    if key.motion is Motion.UP:
        return {**event, "type": "keyUp"}
    text = _text_of(key)
    if text:
        return {**event, "type": "keyDown", "text": text, "unmodifiedText": text}
    return {**event, "type": "rawKeyDown"}


def key_number(key: Key) -> int:
    """Return Windows' number of a key.

    A letter goes by its meaning, so that other layouts keep shortcuts; so does a key that has a name: of the number pad
    with NumLock off, of keyboards that were remapped, and of those without places, as phones have them.
    """
    if len(key.key) == 1 and key.key.isascii() and key.key.isalpha():
        return ord(key.key.upper())
    if len(key.key) > 1 and key.key in _KEY_NUMBERS:
        return _KEY_NUMBERS[key.key]
    return _KEY_NUMBERS.get("Space" if key.key == " " else key.code, 0)


def _is_third_character(key: Key) -> bool:
    """Say whether a key writes with AltGr, which some systems tell as Ctrl and Alt: `@`, `€`, `ą`."""
    both = Modifier.CONTROL | Modifier.ALT
    writes = len(key.key) == 1 and key.key != " " and not (key.key.isascii() and key.key.isalnum())
    return writes and key.modifiers & both == both


def _text_of(key: Key) -> str:
    if key.modifiers & (Modifier.CONTROL | Modifier.META | Modifier.ALT):
        return ""
    if key.key == "Enter":
        return "\r"
    return key.key if len(key.key) == 1 else ""
