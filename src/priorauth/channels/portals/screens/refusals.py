"""Why a request of a person did not leave, in words for that person: it is no attack, and what to do next.

A page sends much by itself. Explained is what a person has done: within seconds after their input a write, or a page
that was to be opened in a tab.
"""

import time
from collections.abc import Callable
from typing import Final

from playwright.async_api import BrowserContext, Request, Response

from priorauth.channels.portals.submit_guard.boundary import READ_METHODS

# What a page asks for so long after a person's last input, it asks for by itself.
_OF_A_PERSON_SECONDS: Final = 5.0
_READS_LIMIT: Final = 50
# How the gate answers what it refuses.
_REFUSED: Final = 403
_NOT_SENT: Final = "This was not sent"
_OTHER: Final = f"{_NOT_SENT}: the service does not let this portal page do it. Go on with what is asked for above."
_WORDS: Final = {
    "foreign_host": f"{_NOT_SENT}: it leads out of the payer's portal. Only the portal itself can be used here.",
    "undeclared_write": f"{_NOT_SENT}: it would change something in the portal that this task does not need.",
    "upgrade": f"{_NOT_SENT}: the page asked for a kind of connection that cannot be checked.",
    "undeclared_read": f"{_NOT_SENT}: it opens a page of the portal that this task does not need.",
    "declared_refused": f"{_NOT_SENT}: the service does not let this portal page do it.",
    "writes_frozen": f"{_NOT_SENT}: the service is comparing the request with what was approved. Wait a moment.",
    "ambiguous": f"{_NOT_SENT}: the page wrote the request in a way that cannot be checked.",
    "too_large": f"{_NOT_SENT}: it is larger than the service can check. Try a smaller file.",
}
_FINAL: Final = f"{_NOT_SENT}: nothing can be submitted to the payer in this task."
_SECOND: Final = f"{_NOT_SENT} again: it was submitted already, and goes to the payer once."


def words_for(reason: str, *, final: bool, submitted: bool) -> str:
    """Return a sentence for the person whose request was refused.

    Args:
        reason: The guard's reason, as its code.
        final: Whether the request would have submitted something.
        submitted: Whether the session's final request has left before.
    """
    if final and reason not in _WORDS:
        return _SECOND if submitted else _FINAL
    return _WORDS.get(reason, _OTHER)


class Explanations:
    """Explains refusals by `tell`, which gets words and a code. `is_submitted`: the final request has left."""

    def __init__(self, tell: Callable[[str, str], None], *, is_submitted: Callable[[], bool]) -> None:
        self._tell = tell
        self._is_submitted = is_submitted
        self._acted_at = float("-inf")
        # Of reads that were refused, by address: what is said if one of them was to open a page.
        self._reads: dict[str, tuple[str, str]] = {}

    def begin(self, context: BrowserContext) -> None:
        """Follow which pages are opened."""
        context.on("response", self._answered)
        context.on("requestfailed", self._failed)

    def end(self, context: BrowserContext) -> None:
        """Explain nothing any more."""
        context.remove_listener("response", self._answered)
        context.remove_listener("requestfailed", self._failed)
        self._reads.clear()

    def note_input(self) -> None:
        """Note that the person has done something."""
        self._acted_at = time.monotonic()

    def note_refusal(self, *, reason: str, method: str, address: str, final: bool) -> None:
        """Explain a refused request, now or when it turns out to be a page that was to be opened.

        Args:
            reason: The guard's reason, as its code.
            method: The request's method.
            address: Its origin and path; the origin alone where the path is not known.
            final: Whether it would have submitted something.
        """
        if time.monotonic() - self._acted_at > _OF_A_PERSON_SECONDS:
            return
        words = words_for(reason, final=final, submitted=self._is_submitted())
        if final or method not in READ_METHODS | {"CONNECT"}:
            self._tell(words, reason)
            return
        self._reads[address] = words, reason
        while len(self._reads) > _READS_LIMIT:
            del self._reads[next(iter(self._reads))]

    def _answered(self, response: Response) -> None:
        if response.status == _REFUSED:
            self._failed(response.request)

    def _failed(self, request: Request) -> None:
        if not self._reads or not request.is_navigation_request() or request.frame.parent_frame is not None:
            return
        address = request.url.partition("?")[0].partition("#")[0]
        found = self._reads.pop(address, None) or self._reads.pop("/".join(address.split("/")[:3]), None)
        if found is not None:
            self._tell(*found)
