"""Reads an HTTP/1 response as Chromium does, from bytes to a head and a body that have one meaning only.

Portals' servers send much that RFC 9112 forbids and every browser accepts: header lines without a colon, folded lines,
`HTTP/2 200 OK` on a plain connection. A portal that works in a browser has to work here. What is tolerated follows
Chromium (`http_util.cc`, `http_response_headers.cc`, `http_stream_parser.cc`, `http_chunked_decoder.cc`); what cannot
be read in one way is refused. The result is strict: the browser behind the proxy has nothing left to guess.

HTTP/0.9 (a body without a head) is refused: it would make any bytes a page.

Pure: it must not depend on sockets, time or rules. No error carries text of the response, which may quote a patient's
data.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

# Chromium looks for `HTTP` behind so many bytes at most.
_SLOP: Final = 4
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_LINE_BREAKS: Final = re.compile(rb"[\r\n]+")
_VERSION: Final = re.compile(rb"HTTP/([0-9])[0-9]*\.([0-9])", re.IGNORECASE)
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PRINTABLE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_CHUNK_SIZE: Final = re.compile(rb"0*([0-9A-Fa-f]{1,15}) *(;.*)?", re.DOTALL)
_LONGEST_CHUNK_LINE: Final = 16 << 10
_MOST_TRAILERS: Final = 256 << 10
_BLANK: Final = b" \t"
# Chromium refuses a response that says two different things here, whatever its framing.
_ONLY_ONCE: Final = (b"location", b"content-disposition")
_RESET_CONTENT: Final = 205
_WITHOUT_BODY: Final = frozenset({204, _RESET_CONTENT, 304})
_LARGEST_LENGTH: Final = (1 << 63) - 1

Fields = tuple[tuple[bytes, bytes], ...]


class UnreadableResponse(Exception):
    """The bytes are no response that Chromium would accept. `fault` is one of a few fixed texts."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class BrokenOff(Exception):
    """The connection ended before the response did."""


@dataclass(frozen=True)
class ResponseHead:
    """A final response's head.

    Attributes:
        status: 200 to 999.
        reason: printable, may be empty.
        fields: names are tokens, values printable and without blanks around them. Neither `Content-Length` nor
            `Transfer-Encoding` is among them.
        length: of the body that a GET has, in bytes; None where the response does not say. A 205 says 0.
        chunked: whether the body is sent in chunks.
    """

    status: int
    reason: bytes
    fields: Fields
    length: int | None
    chunked: bool


class _Body(Enum):
    LENGTH = auto()
    CHUNKED = auto()
    UNTIL_CLOSED = auto()


class _Chunk(Enum):
    SIZE = auto()
    DATA = auto()
    END = auto()
    TRAILERS = auto()


class ResponseReader:
    """The response to one request. Feed it with `receive`; ask for `next_head`, then for `next_data`."""

    def __init__(self, *, limit: int) -> None:
        """Begin before the first byte. `limit`: for all heads together, informational ones included, in bytes."""
        self._limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._closed = False
        self._body: _Body | None = None
        self._chunk = _Chunk.SIZE
        self._left = 0
        self._trailers = 0
        self._complete = False

    def receive(self, data: bytes) -> None:
        """Take what the connection gave; nothing: it was closed."""
        self._buffer += data
        self._closed = self._closed or not data

    def next_head(self, method: str) -> ResponseHead | None:
        """Return the final head; None: more bytes are needed. Informational ones (1xx) are passed over.

        Args:
            method: of the request; a HEAD's response has no body.

        Raises:
            UnreadableResponse: what came is not HTTP, too long or ambiguous.
            BrokenOff: the connection ended in the head.
        """
        while True:
            text = self._whole_head()
            if text is None:
                if self._closed:
                    raise BrokenOff
                return None
            head = parse_head(text)
            if isinstance(head, ResponseHead):
                self._begin_body(head, method)
                return head

    def next_data(self) -> bytes | None:
        """Return the next piece of the body; empty: it is complete; None: more bytes are needed.

        Raises:
            UnreadableResponse: a chunk's size or end cannot be read.
            BrokenOff: the connection ended in the body.
        """
        piece = self._next_chunk() if self._body is _Body.CHUNKED else self._next_plain()
        if piece:
            return piece
        if self._complete:
            return b""
        if self._closed:
            raise BrokenOff
        return None

    def _whole_head(self) -> bytes | None:
        """Take a head off the buffer."""
        # Beyond the slop there is no way to HTTP any more: an SSH or SMTP server is not waited for.
        if len(self._buffer) >= _SLOP + 4 and _start_of_head(self._buffer) is None:
            raise UnreadableResponse("no status line")
        # Blank lines before the status line are slop, not the end of a head without fields.
        start = _start_of_head(self._buffer) or 0
        end = _END_OF_HEAD.search(self._buffer, max(start, self._scanned - 2))
        if (end.end() if end else len(self._buffer)) > self._limit:
            raise UnreadableResponse("the head is too large")
        if end is None:
            self._scanned = len(self._buffer)
            return None
        self._scanned = 0
        self._limit -= end.end()
        text = bytes(self._buffer[: end.end()])
        del self._buffer[: end.end()]
        return text

    def _begin_body(self, head: ResponseHead, method: str) -> None:
        if method == "HEAD" or head.status in _WITHOUT_BODY:
            self._body, self._left = _Body.LENGTH, 0
        elif head.chunked:
            self._body = _Body.CHUNKED
        elif head.length is not None:
            self._body, self._left = _Body.LENGTH, head.length
        else:
            self._body = _Body.UNTIL_CLOSED

    def _next_plain(self) -> bytes:
        if self._body is _Body.UNTIL_CLOSED:
            self._complete = self._closed
            return self._taken(len(self._buffer))
        piece = self._taken(self._left)
        self._left -= len(piece)
        self._complete = not self._left
        return piece

    def _next_chunk(self) -> bytes:
        while not self._complete:
            if self._chunk is _Chunk.DATA:
                piece = self._taken(self._left)
                self._left -= len(piece)
                self._chunk = _Chunk.DATA if self._left else _Chunk.END
                return piece
            line = self._chunk_line()
            if line is None:
                return b""
            self._read_chunk_line(line)
        return b""

    def _read_chunk_line(self, line: bytes) -> None:
        if self._chunk is _Chunk.TRAILERS:
            # Trailers are not passed on: no browser acts on them.
            self._trailers += len(line) + 1
            self._complete = not line
            if self._trailers > _MOST_TRAILERS:
                raise UnreadableResponse("the trailers are too long")
        elif self._chunk is _Chunk.END:
            if line:
                raise UnreadableResponse("a chunk has no end")
            self._chunk = _Chunk.SIZE
        else:
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise UnreadableResponse("a chunk has no size")
            self._left = int(size[1], 16)
            self._chunk = _Chunk.DATA if self._left else _Chunk.TRAILERS

    def _chunk_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", 0, _LONGEST_CHUNK_LINE)
        if end < 0:
            if len(self._buffer) >= _LONGEST_CHUNK_LINE:
                raise UnreadableResponse("a chunk's line is too long")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def _taken(self, most: int) -> bytes:
        piece = bytes(self._buffer[:most])
        del self._buffer[:most]
        return piece


def parse_head(text: bytes) -> ResponseHead | None:
    """Return what a head says; None for an informational one (100, 102, 103).

    Args:
        text: from the first byte to the empty line.

    Raises:
        UnreadableResponse: it is not HTTP, changes the protocol (101), or can be read in two ways.
    """
    start = _start_of_head(text)
    if start is None:
        raise UnreadableResponse("no status line")
    # A NUL is no part of any line; a CR alone ends one, as an LF alone does.
    status_line, *lines = _LINE_BREAKS.split(text[start:].replace(b"\0", b""))
    is_current, status, reason = _status(status_line)
    if 100 <= status < 200 and status != 101:
        return None
    if not 200 <= status <= 999:
        raise UnreadableResponse("the status is none that a request like this is answered with")
    fields = _fields(_unfolded(lines))
    # A server that speaks HTTP/1.0 cannot mean it: Chromium takes the bytes as they are.
    chunked = is_current and any(each.lower() == b"chunked" for each in _listed(fields, b"transfer-encoding"))
    length = _length(fields, chunked=chunked) if status != _RESET_CONTENT else 0
    for name in _ONLY_ONCE:
        if len({value for key, value in fields if key.lower() == name}) > 1:
            raise UnreadableResponse(f"two different fields {name.decode()}")
    return ResponseHead(status=status, reason=reason, fields=_strict(fields), length=length, chunked=chunked)


def _start_of_head(text: bytes | bytearray) -> int | None:
    start = text[: _SLOP + 4].lower().find(b"http")
    return None if start < 0 else start


def _status(line: bytes) -> tuple[bool, int, bytes]:
    """Return whether the line names HTTP/1.1 or later, the status (200 where there is none), and the reason."""
    version = _VERSION.match(line)
    # `HTTP/2` without a minor version cannot be read, and counts as 1.0.
    is_current = version is not None and (int(version[1]), int(version[2])) >= (1, 1)
    rest = line.partition(b" ")[2].lstrip(b" ")
    digits = re.match(rb"[0-9]*", rest)
    number = digits[0] if digits is not None else b""
    reason = rest[len(number) :].strip(_BLANK)
    status = int(number[:9]) if number else 200
    return is_current, status, reason if number and _PRINTABLE.fullmatch(reason) else b""


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """Join lines that go on in the next one, which begins with a blank."""
    # Pieces are joined at the end: a field of a thousand lines must not be copied a thousand times.
    joined: list[list[bytes]] = []
    can_go_on = False
    for line in lines:
        if can_go_on and line[:1] in (b" ", b"\t"):
            joined[-1].append(line.strip(_BLANK))
        elif line:
            joined.append([line])
            can_go_on = line[:1] not in (b" ", b"\t", b":") and b":" in line
    return [b" ".join(pieces) for pieces in joined]


def _fields(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the fields of lines that are one; others are passed over, as browsers do."""
    found = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and name[:1] not in (b" ", b"\t") and _TOKEN.fullmatch(name.strip(_BLANK)):
            found.append((name.strip(_BLANK), value.strip(_BLANK)))
    return found


def _listed(fields: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """Return the values of a field that takes a list, from all of its lines."""
    return [each.strip(_BLANK) for key, value in fields if key.lower() == name for each in value.split(b",")]


def _length(fields: list[tuple[bytes, bytes]], *, chunked: bool) -> int | None:
    said = _listed(fields, b"content-length")
    if chunked or not said:
        return None
    if len(set(said)) > 1:
        raise UnreadableResponse("two different fields content-length")
    # What is no number says nothing, for example `+5` or an empty value: the body ends with the connection.
    if not said[0].isdigit() or len(said[0].lstrip(b"0")) > len(str(_LARGEST_LENGTH)):
        return None
    length = int(said[0])
    return length if length <= _LARGEST_LENGTH else None


def _strict(fields: list[tuple[bytes, bytes]]) -> Fields:
    """Return the fields that can be passed on: printable, without framing, and once where only one may be."""
    framing = (b"content-length", b"transfer-encoding")
    kept: list[tuple[bytes, bytes]] = []
    seen: set[bytes] = set()
    for name, value in fields:
        key = name.lower()
        if key in framing or key in seen or not _PRINTABLE.fullmatch(value):
            continue
        if key in _ONLY_ONCE:
            seen.add(key)
        kept.append((name, value))
    return tuple(kept)
