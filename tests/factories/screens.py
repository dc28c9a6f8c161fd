"""A screen without a browser and a socket without a network, for those who test what lies between."""

import asyncio
import json
from typing import Any

from priorauth.domain.live.inputs import Input
from priorauth.domain.live.views import Frame, Scene, Watcher


class PaintedScreen:
    """A screen that remembers what is done to it, and shows what it is told to."""

    def __init__(self) -> None:
        self.watcher: Watcher | None = None
        self.acted: list[Input] = []
        self.handed_over: list[bool] = []
        self.may_submit = False
        self.let_go_times = 0
        self.focus_taken_away = 0
        self.takes = True
        self.downloads: dict[int, bytes] = {}

    def hand_over(self, *, may_submit: bool) -> None:
        self.handed_over.append(may_submit)

    def allow_submit(self, *, allowed: bool) -> None:
        self.may_submit = allowed and bool(self.handed_over)

    def take_back(self) -> bool:
        self.handed_over.clear()
        self.may_submit = False
        return True

    def watch(self, watcher: Watcher) -> None:
        self.watcher = watcher

    def unwatch(self) -> None:
        self.watcher = None

    def scene(self) -> Scene:
        return Scene(in_hand=bool(self.handed_over), tabs=(), overlays=())

    def act(self, action: Input) -> bool:
        self.acted.append(action)
        return self.takes

    def let_go(self) -> None:
        self.let_go_times += 1

    def take_focus_away(self) -> None:
        self.focus_taken_away += 1

    def content(self, download_id: int) -> bytes | None:
        return self.downloads.get(download_id)

    def paint(self, jpeg: bytes) -> None:
        assert self.watcher is not None
        self.watcher.show(Frame(tab=1, width=1280, height=800, jpeg=jpeg))


class Pipe:
    """A viewer's socket: `say` is the viewer's voice, `heard` what reached it."""

    def __init__(self) -> None:
        self.heard: list[str | bytes] = []
        self.closed: tuple[int, str] | None = None
        self._said: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._changed = asyncio.Event()

    def say(self, **message: Any) -> None:
        self._said.put_nowait(json.dumps(message))

    def say_raw(self, message: str | bytes | None) -> None:
        """Say something as it is; None: go."""
        self._said.put_nowait(message)

    async def receive(self) -> str | bytes | None:
        message = await self._said.get()
        self._changed.set()
        return message

    async def send(self, message: str | bytes) -> None:
        self.heard.append(message)
        self._changed.set()

    async def close(self, *, code: int, reason: str) -> None:
        self.closed = code, reason
        self._changed.set()

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of a kind."""
        read = [json.loads(each) for each in self.heard if isinstance(each, str)]
        return [each for each in read if each["type"] == kind]

    def frames(self) -> list[bytes]:
        """Return the pictures."""
        return [each[13:] for each in self.heard if isinstance(each, bytes) and each[0] == 1]

    def pieces(self) -> list[bytes]:
        """Return what came of a download."""
        return [each[5:] for each in self.heard if isinstance(each, bytes) and each[0] == 2]
