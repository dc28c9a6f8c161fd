"""One request on its way out of the browser, and every spelling of its path that some server takes for the same.

Pure values and functions. Must not depend on rules, permits or sockets.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)"
_URL: Final = re.compile(rf"(https?)://{_HOST}(?::(\d{{1,5}}))?(/[^?#]*)?(?:\?([^#]*))?", re.IGNORECASE)
_PATH_PARAMETERS: Final = re.compile(r";[^/]*")
_DECODINGS: Final = 3


class MalformedUrl(ValueError):
    """The text is not an absolute http(s) URL without user, password and fragment."""


@dataclass(frozen=True)
class Url:
    """An absolute URL, taken apart once: what is judged and what is sent are the same pieces."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take an absolute http(s) URL apart. Raises MalformedUrl."""
        match = _URL.fullmatch(text)
        if match is None:
            raise MalformedUrl("not an absolute http(s) URL")
        scheme = match[1].lower()
        port = int(match[3]) if match[3] else _DEFAULT_PORTS[scheme]
        if not 0 < port < 65536:
            raise MalformedUrl("no such port")
        return cls(scheme=scheme, host=match[2].lower(), port=port, path=match[4] or "/", query=match[5] or "")

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """As a Host header has it: without the port where it is the scheme's own."""
        return self.host if self.port == _DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def address(self) -> str:
        """The whole URL, as a browser shows it."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True)
class OutgoingRequest:
    """One complete request that the browser wants to send. Header names are in lower case."""

    method: str
    url: Url
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    upgrade: bool = False

    def header(self, name: str) -> str:
        """The header's value, several joined by commas; empty where there is none."""
        return ",".join(value for key, value in self.headers if key == name)


def without_parameters(path: str) -> str:
    """A path without its parameters, which often hold a session: `/a;jsessionid=1/b` is `/a/b`."""
    return _PATH_PARAMETERS.sub("", path)


def plain_path(path: str) -> str:
    """A path as servers resolve it: without parameters, decoded once, without empty and dot segments."""
    segments: list[str] = []
    decoded = unquote(without_parameters(path)).replace("\\", "/")
    for segment in decoded.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    slash = "/" if decoded.endswith("/") and segments else ""
    return "/" + "/".join(segments) + slash


def path_spellings(path: str) -> Iterator[str]:
    """The path in every spelling that some server takes for the same."""
    for _ in range(_DECODINGS):
        yield path
        path = plain_path(path)
        yield path
        yield path.rstrip("/") or "/"
        yield path.rstrip("/") + "/"
