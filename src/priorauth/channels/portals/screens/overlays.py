"""What a tab waits for and no frame shows: dialogs, fields to choose for, files to give and files to take along.

Each is kept with the way to answer it. All of them are the human's: when the turn ends, what is open is put away as
Playwright would have done by itself, so that automation finds a page that waits for nothing.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from playwright.async_api import Dialog as PageDialog
from playwright.async_api import FileChooser, Page

from priorauth.channels.portals.screens.gone import unless_gone
from priorauth.channels.portals.screens.pickers import Field, Pick
from priorauth.channels.portals.screens.sign_ins import Challenge
from priorauth.domain.live.inputs import (
    Answer,
    AnswerDialog,
    ChooseOptions,
    Dismiss,
    GiveCredentials,
    GiveFiles,
    SetValue,
)
from priorauth.domain.live.views import Chooser, Dialog, DialogKind, Download, Overlay, Picker, SignIn

# What a page writes into a dialog is shown up to here.
_MESSAGE_LIMIT: Final = 4_000
_ACCEPT_LIMIT: Final = 500
_DOWNLOADS_LIMIT: Final = 5


class Question:
    """What the service asks the person before it does something in a page, answered like a dialog of that page."""

    def __init__(self, page: Page, kind: DialogKind, message: str, *, on_yes: Callable[[], None]) -> None:
        self.page = page
        self.kind = kind
        self.message = message
        self._on_yes = on_yes

    async def accept(self, _: str | None = None) -> None:
        """Do it."""
        self._on_yes()

    async def dismiss(self) -> None:
        """Leave it."""


class Overlays:
    """The overlays of a session that are open now, oldest first."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._next_id = 1
        self._is_on = False
        self._dialogs: dict[int, tuple[Dialog, PageDialog | Question]] = {}
        self._pickers: dict[int, tuple[Picker, Field]] = {}
        self._choosers: dict[int, tuple[Chooser, FileChooser]] = {}
        self._downloads: dict[int, tuple[Download, bytes]] = {}
        self._sign_ins: dict[int, tuple[SignIn, Challenge]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Take what the tabs ask, until it is put away."""
        self._is_on = True

    def open(self) -> tuple[Overlay, ...]:
        """Return what is open."""
        kept: list[dict[int, tuple[Any, Any]]] = [
            self._dialogs,
            self._pickers,
            self._choosers,
            self._downloads,
            self._sign_ins,
        ]
        return tuple(sorted((overlay for each in kept for overlay, _ in each.values()), key=lambda one: one.id))

    def content(self, download_id: int) -> bytes | None:
        """Return the bytes of a download that is on offer."""
        found = self._downloads.get(download_id)
        return found[1] if found else None

    def hold_dialog(self, dialog: PageDialog) -> None:
        """Let a dialog wait for the human."""
        overlay = Dialog(
            id=self._new_id(),
            dialog=DialogKind(dialog.type),
            message=dialog.message[:_MESSAGE_LIMIT],
            default=dialog.default_value[:_MESSAGE_LIMIT],
        )
        self._dialogs[overlay.id] = overlay, dialog
        self._changed()

    def ask(self, question: Question) -> None:
        """Let a question of the service wait for the human, in place of an earlier one of the same tab."""
        for key, (_, held) in tuple(self._dialogs.items()):
            if isinstance(held, Question) and held.page is question.page:
                del self._dialogs[key]
        overlay = Dialog(id=self._new_id(), dialog=question.kind, message=question.message, default="")
        self._dialogs[overlay.id] = overlay, question
        self._changed()

    def ask_to_sign_in(self, page: Page, challenge: Challenge | None) -> None:
        """Ask for what a page's server wants, in place of what it has asked before; None: it asks for nothing."""
        others = self._sign_ins_of_others(page)
        if challenge is None and len(others) == len(self._sign_ins):
            return
        self._sign_ins = others
        if challenge is not None:
            overlay = SignIn(id=self._new_id(), origin=challenge.origin)
            self._sign_ins[overlay.id] = overlay, challenge
        self._changed()

    def offer_picker(self, tab: int, pick: Pick, field: Field) -> None:
        """Show a field's choices; an earlier field is no longer chosen for."""
        self._run(self._place(tab, pick, field))

    def ask_for_files(self, chooser: FileChooser, *, accept: str) -> None:
        """Ask for files, in place of an earlier question."""
        self._choosers.clear()
        overlay = Chooser(id=self._new_id(), multiple=chooser.is_multiple(), accept=accept[:_ACCEPT_LIMIT])
        self._choosers[overlay.id] = overlay, chooser
        self._changed()

    def offer_download(self, *, name: str, content: bytes) -> None:
        """Offer a file to take along; of many the oldest goes."""
        overlay = Download(id=self._new_id(), name=name, size=len(content))
        self._downloads[overlay.id] = overlay, content
        while len(self._downloads) > _DOWNLOADS_LIMIT:
            del self._downloads[next(iter(self._downloads))]
        self._changed()

    def answer(self, answer: Answer) -> bool:
        """Answer an overlay. False: it is not open, or not of this kind."""
        done = self._answer(answer)
        if done:
            self._changed()
        return done

    def forget_pickers(self, tab: int | None = None) -> None:
        """Put fields away whose document may be gone: those of a tab, or all."""
        gone = [key for key, (picker, _) in self._pickers.items() if tab in (None, picker.tab)]
        for key in gone:
            del self._pickers[key]
        if gone:
            self._changed()

    def forget_page(self, page: Page) -> None:
        """Put away what a page asked that has closed."""
        self._dialogs = {key: held for key, held in self._dialogs.items() if held[1].page is not page}
        self._choosers = {key: asked for key, asked in self._choosers.items() if asked[1].page is not page}
        self._sign_ins = self._sign_ins_of_others(page)
        self._changed()

    def put_away(self) -> None:
        """Put away all that is open, for nobody will answer."""
        self._is_on = False
        for _, dialog in self._dialogs.values():
            self._run(dialog.dismiss())
        for kept in (self._dialogs, self._pickers, self._choosers, self._downloads, self._sign_ins):
            kept.clear()
        self._changed()

    def _sign_ins_of_others(self, page: Page) -> dict[int, tuple[SignIn, Challenge]]:
        return {key: held for key, held in self._sign_ins.items() if held[1].page is not page}

    def _answer(self, answer: Answer) -> bool:
        held = self._dialogs.get(answer.overlay)
        picked = self._pickers.get(answer.overlay)
        asked = self._choosers.get(answer.overlay)
        if isinstance(answer, AnswerDialog) and held:
            del self._dialogs[answer.overlay]
            text = answer.text if held[0].dialog is DialogKind.PROMPT else None
            self._run(held[1].accept(text) if answer.accept else held[1].dismiss())
        elif isinstance(answer, ChooseOptions | SetValue) and picked:
            del self._pickers[answer.overlay]
            self._run(picked[1].choose(answer))
        elif isinstance(answer, GiveFiles) and asked:
            del self._choosers[answer.overlay]
            files = [{"name": each.name, "mimeType": each.media_type, "buffer": each.content} for each in answer.files]
            self._run(asked[1].set_files(files))  # type: ignore[arg-type]
        elif isinstance(answer, GiveCredentials) and answer.overlay in self._sign_ins:
            self._sign_ins.pop(answer.overlay)[1].enter(answer.user, answer.password)
        elif isinstance(answer, Dismiss):
            return self._dismiss(answer.overlay)
        else:
            return False
        return True

    def _dismiss(self, overlay: int) -> bool:
        held = self._dialogs.pop(overlay, None)
        if held:
            self._run(held[1].dismiss())
        others = (
            self._pickers.pop(overlay, None),
            self._choosers.pop(overlay, None),
            self._downloads.pop(overlay, None),
            self._sign_ins.pop(overlay, None),
        )
        return held is not None or any(others)

    async def _place(self, tab: int, pick: Pick, field: Field) -> None:
        box = await field.box()
        if not self._is_on:
            return
        self._pickers.clear()
        overlay = Picker(
            id=self._new_id(),
            tab=tab,
            kind=pick.kind,
            label=pick.label,
            value=pick.value,
            box=box,
            multiple=pick.multiple,
            options=pick.options,
            min=pick.min,
            max=pick.max,
            step=pick.step,
        )
        self._pickers[overlay.id] = overlay, field
        self._changed()

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(unless_gone(work))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
