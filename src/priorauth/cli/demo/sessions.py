"""The people of the demo: the addresses at which they see a live session or act in it, and the Enter that they press.

Addresses are told, never opened here: an access grant is for a person's browser. While somebody is waited for, each
address is replaced before it ends.
"""

import os
import select
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import typer

# How long before its end an address is replaced.
_AHEAD_SECONDS = 30.0
_OPEN = {"read-only": "watch it at", "interactive": "act in it at"}

Post = Callable[[str], httpx.Response]


class Access:
    """One kind of access to a case's session: tells the address, and a fresh one before that ends."""

    def __init__(self, post: Post, say: Callable[[str], None], *, mode: str, path: str) -> None:
        self._post = post
        self._say = say
        self._mode = mode
        self._path = path
        self._renew_at = 0.0
        self.is_told = False

    def tell(self) -> bool:
        """Tell an address that opens the session now; False when there is nothing to open any more."""
        answered = self._post(self._path)
        if answered.status_code == httpx.codes.CONFLICT:
            self._renew_at = float("inf")
            return False
        grant: dict[str, Any] = answered.raise_for_status().json()
        lifetime = datetime.fromisoformat(grant["expiresAt"]).timestamp() - time.time()
        self._renew_at = time.monotonic() + max(lifetime - _AHEAD_SECONDS, lifetime / 2, 1.0)
        again = "A fresh address, in place of the one before" if self.is_told else "The session is live"
        self._say(f"{again}; {_OPEN[self._mode]} ({self._mode}, for {lifetime:.0f} s):")
        self._say(f"  {grant['url']}")
        self.is_told = True
        return True

    def keep_fresh(self) -> float:
        """Replace the address when that is due; return in how many seconds it will be."""
        if time.monotonic() >= self._renew_at and not self.tell():
            self._say(f"The session is over; there is no {self._mode} access to it any more.")
        return self._renew_at - time.monotonic()


def wait_for_enter(prompt: str, *, keeping: list[Access]) -> bool:
    """Wait until Enter is pressed, with fresh addresses all the while; False when nobody is there to press it."""
    while sys.stdin is not None:
        seconds = min([each.keep_fresh() for each in keeping], default=float("inf"))
        typer.echo(f"          {prompt} …")
        readable, _, _ = select.select([sys.stdin], [], [], None if seconds == float("inf") else max(seconds, 0.0))
        if readable:
            return _line_ends(sys.stdin.fileno())
    return False


def _line_ends(descriptor: int) -> bool:
    """Read up to the end of a line, and nothing of the next one; False when the input ends instead."""
    byte = os.read(descriptor, 1)
    while byte not in (b"", b"\n"):
        byte = os.read(descriptor, 1)
    return byte == b"\n"
