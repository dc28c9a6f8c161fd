"""Views of a live session: who looks at it, by which right, and the protocols between those who show and those who act.

A view is one viewer's open window on one channel session. What it may do is decided outside and can end at any moment;
whoever shows the session asks the view before each message, and never the viewer's page.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from priorauth.domain.live_sessions import AccessMode


class Ending(StrEnum):
    """Why a view ended, by the codes of the API."""

    EXPIRED = "access_grant_expired"
    REVOKED = "access_grant_revoked"
    SESSION_LOST = "channel_session_lost"


class View:
    """One viewer's right to a session, as it is now. It is used on one event loop.

    `may_submit`: the final submit may leave the browser while this view is in control. `next_ticket`: what opens the
    viewer's next connection, should this one break; whoever opens or extends the view sets it.
    """

    def __init__(
        self,
        *,
        view_id: str,
        authorization_id: str,
        session_id: str,
        mode: AccessMode,
        may_submit: bool,
        expires_at: datetime | None,
        next_ticket: str = "",
    ) -> None:
        self.id = view_id
        self.authorization_id = authorization_id
        self.session_id = session_id
        self.mode = mode
        self.may_submit = may_submit
        self.expires_at = expires_at
        self.next_ticket = next_ticket
        self.ending: Ending | None = None
        self._told: list[Callable[[], None]] = []

    @property
    def may_act(self) -> bool:
        """Say whether input of this view may reach the session now."""
        return self.ending is None and self.mode is AccessMode.INTERACTIVE

    def end(self, why: Ending) -> None:
        """End the view: from now on nothing of it reaches the session, and it is shown nothing more."""
        if self.ending is None:
            self.ending = why
            self._tell()

    def extend(self, expires_at: datetime | None) -> None:
        """Let the view go on until `expires_at`, after a fresh grant was opened for it."""
        self.expires_at = expires_at
        self._tell()

    def on_change(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever the view ends or is extended."""
        self._told.append(tell)

    def _tell(self) -> None:
        for tell in self._told:
            tell()


class ViewerSocket(Protocol):
    """The connection to one viewer, whatever carries it."""

    async def receive(self) -> str | bytes | None:
        """Return the viewer's next message; None when the viewer has gone."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send a message: text as text, bytes as bytes. Raises ConnectionError when the viewer has gone."""
        ...

    async def close(self, *, code: int, reason: str) -> None:
        """Close the connection."""
        ...


class Screen(Protocol):
    """The screen of one channel session, as the live room sees it."""

    def hand_over(self, *, may_submit: bool) -> None:
        """Let a human act in the session; with `may_submit` the guard lets one final request pass. Repeats are free."""
        ...

    def take_back(self) -> bool:
        """End the human's turn. True: no final request of the human has left, nor will."""
        ...


class Screens(Protocol):
    """Where the live room finds the screens of this process."""

    def screen(self, authorization_id: str, *, session_id: str) -> Screen | None:
        """Return the screen of a session that is up, or None."""
        ...
