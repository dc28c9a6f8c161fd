"""Reads one request in the one way in which every server reads it, or refuses to.

Responsible for paths, query strings and bodies. What two servers could read differently raises `Unreadable`: other
charsets, transfer encodings of parts, escaped names, repeated names, method overrides. Sizes are bounded, so that a
hostile page cannot keep the process busy. Must not depend on rules or permits.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from priorauth.channels.portals.outgoing import OutgoingRequest
from priorauth.channels.portals.submit_guard.boundary import Format

URL_LIMIT: Final = 8 << 10
TEXT_LIMIT: Final = 1 << 20
FIELD_LIMIT: Final = 64 << 10
FIELDS_LIMIT: Final = 1000

# Unreserved characters never need an escape, and these others change what a path means once a server decodes them:
# control characters, space at the end, % " # . / ; ? \ and DEL.
_NEEDLESS_ESCAPE: Final = re.compile(r"%(?:[46][1-9a-f]|[57][0-9a]|3[0-9]|2[de]|5f|7e)", re.IGNORECASE)
_DANGEROUS_ESCAPE: Final = re.compile(r"%(?:[01][0-9a-f]|2[35f]|3[bf]|5c|7f)", re.IGNORECASE)
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@%]*)+")
_DOT_SEGMENT: Final = re.compile(r"/\.{1,2}(?:/|$)")
_PATH_PARAMETER: Final = re.compile(r";([^/;=]*)(?:=([A-Za-z0-9._\-]*))?")
_QUERY: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,=:@/?%]*")
_FORM: Final = re.compile(rb"[A-Za-z0-9*\-._+%=&]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f%\\\"]{1,256}")
# A name that frameworks take for an instruction, however they fold it: `_method`, `.METHOD`, `_charset_`.
_INSTRUCTION: Final = re.compile(
    r"_+(?:method|charset|httpmethod)(?:_.*)?|_*(?:x_)?http_method(?:_override)?_*|_*x?_?method_?override_*"
)
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
_JSON_ESCAPE: Final = re.compile(rb"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_PLAIN_ESCAPES: Final = frozenset(b'"\\bfnrt')
_PART_HEAD: Final = re.compile(
    rb'Content-Disposition: form-data; name="([^"\\\r\n\x00]*)"(?:; filename="([^"\\\r\n\x00]*)")?\r\n'
    rb"(?:Content-Type: ([A-Za-z0-9!#$&^_.+\-]+/[A-Za-z0-9!#$&^_.+\-]+)\r\n)?\r\n"
)
_CONTENT_TYPES: Final = (
    (re.compile(r"application/x-www-form-urlencoded(?:; ?charset=utf-8)?", re.IGNORECASE), Format.FORM),
    (re.compile(r"application/json(?:; ?charset=utf-8)?", re.IGNORECASE), Format.JSON),
    (re.compile(r"multipart/form-data; ?boundary=[A-Za-z0-9'()+_,\-./:=]{1,70}", re.IGNORECASE), Format.MULTIPART),
)

Fields = tuple[tuple[str, str], ...]


class Unreadable(Exception):
    """Two servers may read this differently, or it is too large to be read. Carries no text of the request."""


@dataclass(frozen=True)
class Body:
    """The fields of a body in their order. `files`: names of the parts that are files. JSON values are JSON texts."""

    format: Format
    fields: Fields = ()
    files: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The fields as a form has them, decoded."""
        return "&".join(f"{name}={value}" for name, value in self.fields)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of fields and files."""
        return (*(name for name, _ in self.fields), *self.files)


def is_instruction(name: str) -> bool:
    """Return whether a framework may take a field or header of this name for another method or charset."""
    return _INSTRUCTION.fullmatch(_SEPARATORS.sub("_", name.strip().lower())) is not None


def repeats(names: Iterable[str]) -> frozenset[str]:
    """Return the names that come more than once, letter case aside."""
    seen: set[str] = set()
    twice: set[str] = set()
    for name in names:
        folded = name.casefold()
        if folded in seen:
            twice.add(name)
        seen.add(folded)
    return frozenset(twice)


def read_path(path: str, *, parameters: Iterable[str] = ()) -> str:
    """Decode a path once.

    Args:
        path: as sent.
        parameters: names of path parameters that may be there; they are left out of the result.

    Raises:
        Unreadable: servers differ in what the path means.
    """
    strange = (
        len(path) > URL_LIMIT
        or _PATH.fullmatch(path) is None
        or "//" in path
        or _DOT_SEGMENT.search(path) is not None
        or any(pattern.search(path) for pattern in (_NEEDLESS_ESCAPE, _DANGEROUS_ESCAPE, _BROKEN_ESCAPE))
    )
    if strange:
        raise Unreadable
    allowed = frozenset(parameters)
    if any(match[1] not in allowed for match in _PATH_PARAMETER.finditer(path)):
        raise Unreadable
    text = _decoded(_PATH_PARAMETER.sub("", path).encode())
    if ";" in text or _CONTROL.search(text):
        raise Unreadable
    return text


def read_query(query: str) -> Fields:
    """Return the parameters of a query string, decoded. Raises Unreadable."""
    if len(query) > URL_LIMIT or _QUERY.fullmatch(query) is None:
        raise Unreadable
    return _pairs(query) if query else ()


def read_body(request: OutgoingRequest) -> Body:
    """Return the body's fields.

    Raises:
        Unreadable: the content type is not one of `Format` in UTF-8, or servers differ in what the body means.
    """
    if request.header("content-encoding"):
        raise Unreadable
    given = request.header("content-type")
    if not given and not request.body:
        return Body(Format.NONE)
    format_ = next((format_ for pattern, format_ in _CONTENT_TYPES if pattern.fullmatch(given)), None)
    match format_:
        case Format.FORM:
            body = _form(request.body)
        case Format.JSON:
            body = _json(request.body)
        case Format.MULTIPART:
            body = _multipart(request.body, given.partition("=")[2].encode())
        case _:
            raise Unreadable
    if len(body.names) > FIELDS_LIMIT:
        raise Unreadable
    for name, value in (*body.fields, *((name, "") for name in body.files)):
        if _NAME.fullmatch(name) is None or is_instruction(name) or len(value) > FIELD_LIMIT:
            raise Unreadable
    return body


def _form(body: bytes) -> Body:
    if len(body) > TEXT_LIMIT or _FORM.fullmatch(body) is None:
        raise Unreadable
    return Body(Format.FORM, _pairs(body.decode()) if body else ())


def _pairs(text: str) -> Fields:
    if text.count("&") >= FIELDS_LIMIT or _BROKEN_ESCAPE.search(text):
        raise Unreadable
    pairs: list[tuple[str, str]] = []
    for piece in text.split("&"):
        name, _, value = piece.replace("+", " ").partition("=")
        read = (_decoded(name.encode()), _decoded(value.encode()))
        # Some servers end a text at a null byte.
        if _NAME.fullmatch(read[0]) is None or is_instruction(read[0]) or "\x00" in read[1]:
            raise Unreadable
        pairs.append(read)
    return tuple(pairs)


def _decoded(data: bytes) -> str:
    try:
        return unquote_to_bytes(data).decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable from None


def _json(body: bytes) -> Body:
    if len(body) > TEXT_LIMIT or b"\x00" in body or body.startswith(b"\xef\xbb\xbf"):
        raise Unreadable
    if any(not _plain_escape(match[1]) for match in _JSON_ESCAPE.finditer(body)):
        raise Unreadable
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError):
        raise Unreadable from None
    if not isinstance(found, dict):
        raise Unreadable
    fields = ((name, json.dumps(value, separators=(",", ":"), ensure_ascii=False)) for name, value in found.items())
    return Body(Format.JSON, tuple(fields))


def _plain_escape(escape: bytes) -> bool:
    """What `JSON.stringify` writes: short escapes, and \\u00.. for the control characters that have none."""
    if len(escape) == 1:
        return escape[0] in _PLAIN_ESCAPES
    return 0 < int(escape[1:], 16) < 0x20


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if repeats(names) or any(is_instruction(name) for name in names):
        raise Unreadable
    return dict(pairs)


def _constant(_: str) -> object:
    raise Unreadable


def _multipart(body: bytes, boundary: bytes) -> Body:
    delimiter, end = b"\r\n--" + boundary, b"--\r\n"
    text = b"\r\n" + body
    # A delimiter after a bare line feed, or within a file, is one to some parsers and none to others.
    if text.count(b"--" + boundary) != text.count(delimiter) or text.count(delimiter) > FIELDS_LIMIT:
        raise Unreadable
    before, *parts = text.split(delimiter)
    if before or not parts or parts.pop() != end:
        raise Unreadable
    fields: list[tuple[str, str]] = []
    files: list[str] = []
    for part in parts:
        head = _PART_HEAD.match(part, 2) if part.startswith(b"\r\n") else None
        if head is None:
            raise Unreadable
        name = _text(head[1])
        if head[2] is not None:
            _text(head[2])
            files.append(name)
        elif head[3] is not None or len(part) - head.end() > FIELD_LIMIT:
            raise Unreadable
        else:
            fields.append((name, _text(part[head.end() :])))
    return Body(Format.MULTIPART, tuple(fields), tuple(files))


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable from None
    if "\x00" in text:
        raise Unreadable
    return text
