"""HTTP authentication in one tab: a server that answers a page with 401 gets what the person enters, as in any browser.

The browser itself asks nobody, for its proxy's challenges are answered for it. So the page that came with the challenge
stays, and asks for itself again with the person's entry: the browser keeps what was right, and the page is reloaded.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from playwright.async_api import CDPSession, HttpCredentials, Page, Response
from playwright.async_api import Error as PlaywrightError

from priorauth.channels.portals.screens.worlds import call_aside

_UNAUTHORIZED: Final = 401
_SCHEMES: Final = ("basic", "digest")
_PATIENCE_SECONDS: Final = 20.0
# No address with the entry in it gets into the history.
_TRY: Final = """(address, user, password) => new Promise((done) => {
    if (location.href.split("#")[0] !== address) return done(null);
    const request = new XMLHttpRequest();
    request.open("GET", address, true, user, password);
    request.onreadystatechange = () => {
        if (request.readyState < 2) return;
        done(request.status);
        request.abort();
    };
    request.send();
})"""


class Challenge:
    """What the server of `page` has asked for at `address`. `on_entry` gets it with each entry of the person."""

    def __init__(self, page: Page, address: str, *, on_entry: Callable[["Challenge", str, str], None]) -> None:
        self.page = page
        self.address = address
        parts = urlsplit(address)
        self.origin: Final = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._on_entry = on_entry

    def enter(self, user: str, password: str) -> None:
        """Try what the person has entered."""
        self._on_entry(self, user, password)

    def credentials(self, user: str, password: str) -> HttpCredentials:
        """Return an entry as a browser context takes it: for this origin alone."""
        return {"username": user, "password": password, "origin": self.origin}

    async def is_met(self, cdp: CDPSession, user: str, password: str, *, is_wanted: Callable[[], bool]) -> bool | None:
        """Ask the server again with an entry, in the tab behind `cdp`, if that `is_wanted` still.

        Returns:
            Whether the server takes it; None where it has not answered, or the page has gone.
        """
        entry = self.address, user, password
        status = await call_aside(cdp, _TRY, *entry, patience_seconds=_PATIENCE_SECONDS, is_wanted=is_wanted)
        return status != _UNAUTHORIZED if status else None


class SignIns:
    """Follows whether the server of `page` asks for a sign-in.

    Args:
        page: The tab's page.
        on_entry: Gets what the person enters for a challenge.
        on_change: Told whenever another page comes, with or without a challenge.
    """

    def __init__(
        self, page: Page, *, on_entry: Callable[[Challenge, str, str], None], on_change: Callable[[], None]
    ) -> None:
        self._page = page
        self._on_entry = on_entry
        self._on_change = on_change
        self.challenge: Challenge | None = None
        """What the server of the page that is shown asks for."""
        page.on("response", self._answered)

    def _answered(self, response: Response) -> None:
        try:
            is_page = response.request.is_navigation_request() and response.frame == self._page.main_frame
        except PlaywrightError:
            # The first answer of a popup has no frame yet: such a page is reloaded by the person.
            return
        if not is_page:
            return
        asked = response.headers.get("www-authenticate", "").lower()
        wants = response.status == _UNAUTHORIZED and any(f"{scheme} " in asked for scheme in _SCHEMES)
        address = response.url.partition("#")[0]
        self.challenge = Challenge(self._page, address, on_entry=self._on_entry) if wants else None
        self._on_change()
