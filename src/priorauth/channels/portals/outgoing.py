"""One request on its way out of the browser, and every way in which a portal's server may read it.

Promises: pure functions of complete requests. Where servers differ in how they read a path, a method or a body, all of
the readings are given, so that who judges does not have to guess.

May not know: rules, permits, sockets.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self
from urllib.parse import unquote, unquote_to_bytes

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_OVERRIDE_HEADERS: Final = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})
_OVERRIDE_FIELD: Final = re.compile(rb"(?:^|[?&])_method=([A-Za-z]+)")
_PART_NAME: Final = re.compile(rb'\bname="?([^";\r\n]*)')
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_JSON_ESCAPE: Final = re.compile(rb"\\u00([0-7][0-9A-Fa-f])")
_HOST: Final = r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)"
_URL: Final = re.compile(rf"(https?)://{_HOST}(?::(\d{{1,5}}))?(/[^?#]*)?(?:\?([^#]*))?", re.IGNORECASE)
_PATH_PARAMETERS: Final = re.compile(r";[^/]*")
_DISGUISED_OCTET: Final = r"%(?:2[5ef]|3b|5c|[01][0-9a-f]|7f)"
_DISGUISED_PATH: Final = re.compile(rf"{_DISGUISED_OCTET}|[\\\x00-\x1f\x7f]|//|/\.{{1,2}}(?:/|$)", re.IGNORECASE)
_FIELD_VALUE_LIMIT: Final = 4096
_DECODE_ALWAYS_BELOW: Final = 1 << 20
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

    @cached_property
    def body_readings(self) -> tuple[bytes, ...]:
        """The body as sent, and as parsers of forms and JSON read it: a page chooses how, a rule need not care.

        Large bodies are percent-decoded only where they claim to be a form; the others are files.
        """
        readings = {self.body}
        if b"form-data" in self.body:
            readings.add(_multipart_fields(self.body))
        if len(self.body) <= _DECODE_ALWAYS_BELOW or "urlencoded" in self.header("content-type").lower():
            readings.add(unquote_to_bytes(self.body.replace(b"+", b" ")))
            if b"\\u00" in self.body:
                readings.add(_JSON_ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), self.body))
        return tuple(readings)

    @property
    def query_readings(self) -> tuple[bytes, ...]:
        """The query string as sent and decoded: some servers read fields there as if the body had them."""
        query = self.url.query.encode()
        return (query, unquote_to_bytes(query.replace(b"+", b" ")))


def spelled_ambiguously(request: OutgoingRequest) -> bool:
    """Say whether the path or the body is coded in a way that servers read differently."""
    coded_body = request.header("content-encoding").lower() not in ("", "identity")
    return coded_body or _DISGUISED_PATH.search(request.url.path) is not None


def methods_of(request: OutgoingRequest) -> frozenset[str]:
    """The method, and those that frameworks put in its place when a header or a form field asks them to."""
    named = {value.strip().upper() for key, value in request.headers if key in _OVERRIDE_HEADERS}
    texts = (request.url.query.encode(), *(request.body_readings if b"_method" in request.body else ()))
    named.update(value.decode().upper() for text in texts for value in _OVERRIDE_FIELD.findall(text))
    return frozenset({request.method.upper(), *named})


def _multipart_fields(body: bytes) -> bytes:
    """The short fields of a multipart body, written as a form has them: name=value&name=value."""
    fields: list[bytes] = []
    for part in body.split(b"\n--"):
        head, *rest = _BLANK_LINE.split(part, maxsplit=1)
        name = _PART_NAME.search(head)
        if name and rest and len(rest[0]) <= _FIELD_VALUE_LIMIT:
            fields.append(name[1] + b"=" + rest[0].rstrip(b"\r"))
    return b"&".join(fields)


def without_parameters(path: str) -> str:
    """A path without its parameters, which often hold a session: `/a;jsessionid=1/b` is `/a/b`."""
    return _PATH_PARAMETERS.sub("", path)


def plain_path(path: str) -> str:
    """A path as servers resolve it: without parameters, decoded once, without empty and dot segments."""
    segments: list[str] = []
    decoded = unquote(without_parameters(path)).replace("\\", "/")
    for segment in decoded.split("/"):
        if segment == "..":
            segments = segments[:-1]
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
