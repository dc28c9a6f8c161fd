"""What Chromium reads in an answer is read, in one way only, however the bytes arrive."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from priorauth.channels.portals.upstream.responses import (
    BrokenOff,
    ResponseHead,
    ResponseReader,
    UnreadableResponse,
    parse_head,
)

BODY = b"<h1>Request received</h1>"
LIMIT = 4096


def page(front: bytes = b"HTTP/1.1 200 OK", line: bytes = b"") -> bytes:
    """An answer with one odd line, as the portals' servers send it."""
    length = b"" if b"Length" in line or b"Transfer" in line else b"Content-Length: %d\r\n" % len(BODY)
    return front + b"\r\n" + line + b"Content-Type: text/html\r\n" + length + b"\r\n"


def read(text: bytes, *, method: str = "GET", piece: int | None = None) -> tuple[ResponseHead, bytes]:
    """Read a whole answer, `piece` bytes at a time."""
    reader = ResponseReader(limit=LIMIT)
    size = piece or len(text) or 1
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    left = iter([*pieces, b""])
    while (head := reader.next_head(method)) is None:
        reader.receive(next(left))
    body = bytearray()
    while data := _data(reader, left):
        body += data
    return head, bytes(body)


def _data(reader: ResponseReader, left: Iterator[bytes]) -> bytes:
    while (data := reader.next_data()) is None:
        reader.receive(next(left))
    return data


TOLERATED = {
    "name with a space": page(line=b"pool member 3: up\r\n"),
    "space before the colon": page(line=b"X-Powered : app\r\n"),
    "no colon": page(line=b"cached\r\n"),
    "empty name": page(line=b": x\r\n"),
    "carriage return in a value": page(line=b"X-A: a\rb\r\n"),
    "length without a value": page(line=b"Content-Length:\r\n"),
    "length with a plus": page(line=b"Content-Length: +24\r\n"),
    "the same length twice": page(line=b"Content-Length: 25\r\nContent-Length: 25\r\n"),
    "first line folded": page(line=b" X-A: y\r\n"),
    "folded line": page(line=b"X-A: y\r\n\t z\r\n"),
    "NUL in a value": page(line=b"X-A: a\0b\r\n"),
    "control character in a value": page(line=b"X-A: a\x01b\r\n"),
    "empty line before the status": page(front=b"\r\nHTTP/1.1 200 OK"),
    "mark before the status": page(front=b"\xef\xbb\xbfHTTP/1.1 200 OK"),
    "lower case version": page(front=b"http/1.1 200 OK"),
    "two spaces": page(front=b"HTTP/1.1  200 OK"),
    "version without minor": page(front=b"HTTP/2 200 OK"),
    "no reason": page(front=b"HTTP/1.1 200"),
    "no status": page(front=b"HTTP/1.1"),
    "identity": page(line=b"Transfer-Encoding: identity\r\n"),
    "lines that end in LF": page().replace(b"\r\n", b"\n"),
}
CHUNKS = {
    "chunks": b"19\r\n" + BODY + b"\r\n0\r\n\r\n",
    "lines that end in LF": b"19\n" + BODY + b"\n0\n\n",
    "size with spaces, zeros and an extension": b"0000000000000000019  \r\n" + BODY + b"\r\n0;a=b\r\nX: y\r\n\r\n",
    "two": b"4\r\n" + BODY[:4] + b"\r\n15;\r\n" + BODY[4:] + b"\r\n0\r\n\r\n",
}


PARTS = [
    *(b"\r\n", b"\n", b"\r", b":", b" ", b"\0", b"\xff", b"\x01", b"a", b"0", b"2"),
    *(b"HTTP/1.1 200 OK", b"Content-Length: 2", b"Transfer-Encoding: chunked"),
]


@pytest.mark.parametrize("name", TOLERATED)
@pytest.mark.parametrize("piece", [None, 1, 7])
def test_what_browsers_pass_over_is_passed_over(name: str, piece: int | None) -> None:
    head, body = read(TOLERATED[name] + BODY, piece=piece)
    assert (head.status, body) == (200, BODY)
    assert (b"Content-Type", b"text/html") in head.fields


@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b"chunked\r\nTransfer-Encoding: chunked", b"gzip, chunked"])
@pytest.mark.parametrize("name", CHUNKS)
@pytest.mark.parametrize("piece", [None, 1])
def test_chunks_are_read_as_browsers_read_them(name: str, coding: bytes, piece: int | None) -> None:
    line = b"Transfer-Encoding: " + coding + b"\r\nContent-Length: 3\r\n"
    head, body = read(page(line=line) + CHUNKS[name] + b"HTTP/1.1 200 OK\r\n\r\n", piece=piece)
    assert (head.chunked, head.length, body) == (True, None, BODY)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (b"X-Powered : app", ((b"X-Powered", b"app"),)),
        (b"X-A: y\r\n  z", ((b"X-A", b"y z"),)),
        (b"X-A: a\rX-B: b", ((b"X-A", b"a"), (b"X-B", b"b"))),
        (b"X-A: a\0b", ((b"X-A", b"ab"),)),
        (b"X-A: a\x01b", ()),
        (b"Location: /a\r\nLocation: /a", ((b"Location", b"/a"),)),
        (b"Set-Cookie: a=1\r\nSet-Cookie: a=2", ((b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"a=2"))),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 1", ()),
    ],
)
def test_the_browser_gets_clean_fields(line: bytes, fields: tuple[tuple[bytes, bytes], ...]) -> None:
    head = parse_head(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n")
    assert head is not None
    assert head.fields == fields


def test_a_chunked_answer_of_an_old_server_is_taken_as_it_is() -> None:
    head, body = read(page(front=b"HTTP/1.0 200 OK", line=b"Transfer-Encoding: chunked\r\n") + CHUNKS["chunks"])
    assert (head.chunked, body) == (False, CHUNKS["chunks"])


@pytest.mark.parametrize("status", [b"204 No Content", b"205 Reset Content", b"304 Not Modified"])
def test_an_answer_without_body_has_none(status: bytes) -> None:
    assert read(page(front=b"HTTP/1.1 " + status) + BODY)[1] == b""
    assert read(page() + BODY, method="HEAD")[1] == b""


def test_nothing_after_an_answer_is_part_of_it() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert read(early + page() + BODY + page(front=b"HTTP/1.1 500 No"))[0].status == 200
    assert read(page() + BODY + page())[1] == BODY


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-x\r\n",
        b"     HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 099 X\r\n\r\n",
        b"HTTP/1.1 2000 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabcd",
        b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n",
        page(line=b"Transfer-Encoding: chunked\r\n") + b"0x4\r\nabcd\r\n0\r\n\r\n",
        page(line=b"Transfer-Encoding: chunked\r\n") + b"4\r\nabcdX\r\n0\r\n\r\n",
        page(line=b"Transfer-Encoding: chunked\r\n") + b"-1\r\n",
        page(line=b"Transfer-Encoding: chunked\r\n") + b"\r\n",
        page(line=b"Transfer-Encoding: chunked\r\n") + b"1" * (17 << 10),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * LIMIT,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200 + page(),
    ],
)
def test_what_has_two_meanings_or_none_is_refused(text: bytes) -> None:
    with pytest.raises(UnreadableResponse) as refused:
        read(text)
    assert "abcd" not in refused.value.fault


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"HTT",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        page() + BODY[:-1],
        page(line=b"Transfer-Encoding: chunked\r\n") + b"4\r\nabcd\r\n",
        page(line=b"Transfer-Encoding: chunked\r\n") + b"4\r\nab",
        page(line=b"Transfer-Encoding: chunked\r\n") + b"0\r\n",
    ],
)
def test_an_answer_that_ends_early_is_no_answer(text: bytes) -> None:
    with pytest.raises(BrokenOff):
        read(text)


@given(st.lists(st.sampled_from(PARTS), max_size=30))
def test_any_bytes_have_one_reading_however_they_arrive(parts: list[bytes]) -> None:
    text = b"HTTP/1.1 200 OK\r\n" + b"".join(parts)
    assert _outcome(text, None) == _outcome(text, 1)


def _outcome(text: bytes, piece: int | None) -> object:
    try:
        return read(text, piece=piece)
    except (UnreadableResponse, BrokenOff) as error:
        return type(error)
