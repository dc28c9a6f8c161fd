"""What a view's person has done since they arrived: the server's own gate before the portal.

A viewer's page is not trusted. Input reaches the portal only after the person has pressed Start, and keys only after
they have clicked into the portal's page since then and since somebody else has acted. So no key that was pressed for
another purpose presses a button of the portal.
"""

from collections.abc import Callable
from typing import Final

from priorauth.domain.live.inputs import Composition, Key, Motion, Paste, Pointer, Text
from priorauth.domain.live.views import View
from priorauth.live import messages

_KEPT_SECONDS: Final = 60.0


class Arrival:
    """One view's way in."""

    def __init__(self, session_id: str) -> None:
        self.session_id: Final = session_id
        self.has_started = False
        self.has_clicked = False
        self.connections = 0
        self.left_at = 0.0

    @property
    def state(self) -> str:
        """What reaches the portal: `start` nothing, `click` the pointer alone, `open` everything."""
        return "start" if not self.has_started else "open" if self.has_clicked else "click"

    def admits(self, message: messages.Message) -> bool:
        """Say whether a message may reach the portal now."""
        return self.has_started and (self.has_clicked or not isinstance(message, Key | Text | Paste | Composition))

    def note_done(self, message: messages.Message) -> None:
        """Note what has reached the portal."""
        if isinstance(message, Pointer) and message.motion is Motion.DOWN:
            self.has_clicked = True


class Arrivals:
    """The arrivals of all views: a view that comes back within a minute goes on where it was, a new one begins."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_view: dict[str, Arrival] = {}

    def begin(self, view: View) -> Arrival:
        """Return the arrival of a view that connects."""
        self._forget()
        arrival = self._by_view.setdefault(view.id, Arrival(view.session_id))
        arrival.connections += 1
        return arrival

    def end(self, arrival: Arrival) -> None:
        """Note that a connection of the view has ended."""
        arrival.connections -= 1
        arrival.left_at = self._clock()

    def note_control(self, arrival: Arrival) -> None:
        """Note whose person acts: everybody else clicks into the page again before their keys count."""
        for other in self._by_view.values():
            if other.session_id == arrival.session_id and other is not arrival:
                other.has_clicked = False

    def _forget(self) -> None:
        kept = self._clock() - _KEPT_SECONDS
        self._by_view = {
            view_id: each for view_id, each in self._by_view.items() if each.connections or each.left_at >= kept
        }
