"""Remembers the cookies that the portal itself has set in one session, so that a page's script cannot replace them.

Pages that count are read with these cookies alone. Must not depend on the browser: its cookies are what a script may
have written.
"""

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, Final

from priorauth.channels.portals.outgoing import Url

_MOST: Final = 200
_LARGEST: Final = 4096
_SAME_SITE: Final = {"lax": "Lax", "strict": "Strict", "none": "None"}

Cookie = dict[str, Any]


class PortalCookies:
    """The cookies that a portal's answers have set, as Playwright has cookies. Bounded in number and size."""

    def __init__(self, state: bytes | None = None) -> None:
        """Begin with the cookies of a kept session state, if there is one."""
        self._known: dict[tuple[str, str, str], Cookie] = {}
        # A state that cannot be read is the browser's to refuse.
        with suppress(ValueError):
            for cookie in json.loads(state or b"{}").get("cookies", []):
                self._keep({"expires": -1, **cookie})

    def note(self, url: Url, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Remember what the answer to a request for `url` sets, and forget what it deletes."""
        for name, value in headers:
            if name.lower() == b"set-cookie":
                cookie = _read(url, value)
                if cookie is not None:
                    self._keep(cookie)

    def current(self) -> list[Cookie]:
        """Return the cookies that have not expired."""
        now = time.time()
        return [dict(each) for each in self._known.values() if each["expires"] == -1 or each["expires"] > now]

    def _keep(self, cookie: Cookie) -> None:
        key = (cookie["name"], cookie["domain"], cookie["path"])
        # Set again, a cookie is the newest one.
        self._known.pop(key, None)
        if cookie["expires"] == -1 or cookie["expires"] > time.time():
            self._known[key] = cookie
        while len(self._known) > _MOST:
            del self._known[next(iter(self._known))]


def _read(url: Url, header: bytes) -> Cookie | None:
    """Read a Set-Cookie header as RFC 6265, section 5.2 has it; None where a browser would ignore it."""
    try:
        text = header.decode()
    except UnicodeDecodeError:
        return None
    pair, *rest = text.split(";")
    name, equals, value = (part.strip() for part in pair.partition("="))
    if not name or not equals or len(name) + len(value) > _LARGEST or not (name + value).isprintable():
        return None
    attributes = {key.strip().lower(): said.strip() for key, _, said in (each.partition("=") for each in rest)}
    domain = _domain(url.host, attributes.get("domain", ""))
    if domain is None:
        return None
    path = attributes.get("path", "")
    cookie = {
        "name": name,
        "value": value,
        "domain": domain,
        "path": path if path.startswith("/") else url.path.rpartition("/")[0] or "/",
        "expires": _expires(attributes),
        "httpOnly": "httponly" in attributes,
        "secure": "secure" in attributes,
    }
    same_site = _SAME_SITE.get(attributes.get("samesite", "").lower())
    if same_site is not None and (same_site != "None" or cookie["secure"]):
        cookie["sameSite"] = same_site
    return cookie


def _domain(host: str, named: str) -> str | None:
    """Return the domain of a cookie, with a leading dot where it is not of the host alone; None for another's."""
    named = named.lower().removeprefix(".")
    if not named:
        return host
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        covers = host == named or ("." in named and host.endswith(f".{named}"))
        return f".{named}" if covers else None
    return host if named == host else None


def _expires(attributes: dict[str, str]) -> float:
    """Return when a cookie expires, in seconds since 1970; -1: with its session."""
    seconds = attributes.get("max-age", "")
    if seconds.removeprefix("-").isdecimal():
        return max(0.0, time.time() + min(int(seconds[:12]), 10**9))
    with suppress(ValueError, TypeError, OverflowError):
        until = parsedate_to_datetime(attributes.get("expires", ""))
        return max(0.0, until.replace(tzinfo=until.tzinfo or UTC).timestamp())
    return -1
