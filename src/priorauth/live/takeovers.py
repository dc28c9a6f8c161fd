"""A person asks the one who acts for control: it is allowed, refused, or given to them when no answer comes."""

import asyncio
from collections.abc import Callable
from typing import Final

from priorauth.live import messages
from priorauth.live.viewers import Viewer

ANSWER_SECONDS: Final = 20.0


class Takeover:
    """One request, from `asker` to `holder`. `on_granted` is called once, unless it is refused or dropped."""

    def __init__(
        self, *, asker: Viewer, holder: Viewer, on_granted: Callable[[Viewer], None], seconds: float = ANSWER_SECONDS
    ) -> None:
        self.asker: Final = asker
        self._holder = holder
        self._on_granted = on_granted
        self._timer = asyncio.get_running_loop().call_later(seconds, self.answer, True)
        holder.tell("takeover", messages.takeover("asked", seconds=seconds))
        asker.tell("takeover", messages.takeover("waiting", seconds=seconds))

    def answer(self, allow: bool) -> None:  # noqa: FBT001 - the answer itself
        """Give control to who asked, or leave it where it is."""
        self._timer.cancel()
        self._holder.tell("takeover", messages.takeover("over"))
        self.asker.tell("takeover", messages.takeover("over" if allow else "refused"))
        if allow:
            self._on_granted(self.asker)

    def drop(self) -> None:
        """Forget the request: one of the two has left."""
        self._timer.cancel()
        for viewer in (self._holder, self.asker):
            viewer.tell("takeover", messages.takeover("over"))
