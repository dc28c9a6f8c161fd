"""Lists, dates and colours of a tab, and the text selected in it, seen by a script that the page's scripts cannot see.

The script lives in an isolated world of each document, frames included, and only while a human has the session.
"""

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from playwright.async_api import CDPSession, Frame

from priorauth.domain.live.inputs import ChooseOptions, Direction, SetValue
from priorauth.domain.live.views import Box, Option

_WORLD: Final = "priorauth"
_BINDING: Final = "priorauthTell"
# Between the two worlds of a document. A page that knew it could do no more by it than by its methods themselves.
_EVENT: Final = f"e{secrets.token_hex(16)}"


def _script(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8").replace("PRIORAUTH_EVENT", _EVENT)


_SCRIPT: Final = _script("pickers.js")
_METHODS_SCRIPT: Final = _script("methods.js")


class Pick(msgspec.Struct, frozen=True):
    """A field that asks to be chosen for, as its document describes it."""

    ref: int
    kind: str
    label: str
    value: str
    multiple: bool = False
    options: tuple[Option, ...] = ()
    min: str = ""
    max: str = ""
    step: str = ""


class Field:
    """The field behind a pick: where it is, and how it is set."""

    def __init__(self, cdp: CDPSession, *, context: int, ref: int, frame: Frame | None) -> None:
        self._cdp = cdp
        self._frame = frame
        self._context = context
        self._ref = ref

    async def box(self) -> Box:
        """Return where the field is in its tab. Raises PlaywrightError when it is gone."""
        found = await self._evaluate(f"priorauthPickers.field({self._ref})")
        quads = await self._cdp.send("DOM.getContentQuads", {"objectId": found["result"]["objectId"]})
        xs, ys = quads["quads"][0][0::2], quads["quads"][0][1::2]
        left, top = await self._frame_place()
        return Box(x=left + min(xs), y=top + min(ys), width=max(xs) - min(xs), height=max(ys) - min(ys))

    async def choose(self, answer: ChooseOptions | SetValue) -> None:
        """Set the field as a person would, with its events. Raises PlaywrightError when its document is gone."""
        chosen = {"options": answer.options} if isinstance(answer, ChooseOptions) else {"value": answer.value}
        await self._evaluate(f"priorauthPickers.set({self._ref}, {json.dumps(chosen)})")

    async def _frame_place(self) -> tuple[float, float]:
        """Return where the field's process begins to count: at the tab's corner, or at a distant frame's."""
        if self._frame is None:
            return 0, 0
        owner = await (await self._frame.frame_element()).bounding_box()
        return (owner["x"], owner["y"]) if owner else (0, 0)

    async def _evaluate(self, expression: str) -> dict[str, Any]:
        return await self._cdp.send("Runtime.evaluate", {"expression": expression, "contextId": self._context})


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentListener:
    """Who is told of a tab's documents: fields to choose for, selected and copied text, keys that navigate."""

    on_pick: Callable[[Pick, Field], None]
    on_selected: Callable[[str], None]
    on_copied: Callable[[str], None]
    on_navigate: Callable[[Direction], None]
    on_withdrawn: Callable[[], None]


class Pickers:
    """Tells of the fields and selections of the documents behind `cdp`, while it is on.

    `frame`: the distant frame whose process that is; None: the tab's own.
    """

    def __init__(
        self,
        cdp: CDPSession,
        told: DocumentListener,
        *,
        frame: Frame | None = None,
    ) -> None:
        self._cdp = cdp
        self._frame = frame
        self._listener = told
        self._scripts: list[str] = []
        self._documents: set[int] = set()
        cdp.on("Runtime.bindingCalled", self._told)

    async def begin(self) -> None:
        """Watch all documents, those that are open and those to come."""
        # Bindings need it; Playwright has it on in every page, so that no page can tell the difference.
        await self._cdp.send("Runtime.enable")
        # Without it scripts are kept for new documents and never run in them. It stays on: off, it ends the cast too.
        await self._cdp.send("Page.enable")
        await self._cdp.send("Runtime.addBinding", {"name": _BINDING, "executionContextName": _WORLD})
        await self._add_script({"source": _SCRIPT, "worldName": _WORLD})
        # Second, for it asks the first one whether the document has it already.
        await self._add_script({"source": _METHODS_SCRIPT})

    async def end(self) -> None:
        """Watch no more."""
        while self._scripts:
            await self._cdp.send("Page.removeScriptToEvaluateOnNewDocument", {"identifier": self._scripts.pop()})
        await self._everywhere("priorauthPickers.on = false")
        self._documents.clear()
        await self._cdp.send("Runtime.disable")

    async def rest(self) -> None:
        """Leave nothing in the documents with the focus, and show their tops."""
        await self._everywhere("priorauthPickers.rest()")

    async def mind_focus(self) -> None:
        """Take away what focus a page gives itself from now on, until the person presses something: it shows another.

        What has the focus already keeps it, for a page may change its address while somebody types.
        """
        await self._everywhere("priorauthPickers.touched = false")

    async def _add_script(self, script: dict[str, Any]) -> None:
        added = await self._cdp.send("Page.addScriptToEvaluateOnNewDocument", {**script, "runImmediately": True})
        self._scripts.append(added["identifier"])

    async def _everywhere(self, expression: str) -> None:
        done: list[Coroutine[Any, Any, Any]] = [
            self._cdp.send("Runtime.evaluate", {"expression": expression, "contextId": context})
            for context in self._documents
        ]
        # Documents that have gone meanwhile answer with an error.
        await asyncio.gather(*done, return_exceptions=True)

    def _told(self, event: dict[str, Any]) -> None:
        if event["name"] != _BINDING:
            return
        context = event["executionContextId"]
        self._documents.add(context)
        message = json.loads(event["payload"])
        if message["type"] == "selected":
            self._listener.on_selected(message["text"])
        elif message["type"] == "copied":
            self._listener.on_copied(message["text"])
        elif message["type"] == "navigate":
            self._listener.on_navigate(Direction(message["to"]))
        elif message["type"] == "withdrawn":
            self._listener.on_withdrawn()
        elif message["type"] == "pick":
            # A document of a strange shape gets no overlay, and its field works by the keyboard.
            with suppress(msgspec.ValidationError):
                pick = msgspec.convert(message, Pick)
                self._listener.on_pick(pick, Field(self._cdp, context=context, ref=pick.ref, frame=self._frame))
