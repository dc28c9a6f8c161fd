"""Reading bodies and query parameters: JSON that is strict, canonical and safe to store, faults named one by one."""

import asyncio
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from priorauth.domain.errors import BadRequest, Issue, PayloadTooLarge, RequestTimeout, UnsupportedMediaType
from priorauth.formats.faults import sentence

Shape = TypeVar("Shape", bound=BaseModel)

FHIR_JSON = "application/fhir+json"
BODY_LIMIT = 1024 * 1024
SMALL_BODY = 16 * 1024
BODY_SECONDS = 30.0
"""For all of a body, however it arrives."""
_DEPTH_LIMIT = 60
_VALUES_LIMIT = 20_000
_SEPARATORS = (b",", b"[", b"{")
# It matches at every quote, a text without an end too: else each quote of that would be tried up to the body's end.
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_DIGITS_LIMIT = 400
_ISSUES_LIMIT = 100
_TOO_DEEP = f"it is nested too deeply; {_DEPTH_LIMIT} levels are the limit"
_FIELD_LIMIT = 200

_CODES = {"missing": "required", "extra_forbidden": "unknown_field"}


async def read_body(request: Request) -> bytes:
    """Return the body. Raises PayloadTooLarge before all of it was read, UnsupportedMediaType or RequestTimeout."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_LIMIT:
                    raise PayloadTooLarge
    except TimeoutError:
        raise RequestTimeout from None
    if body and not _is_taken(request):
        raise UnsupportedMediaType
    return bytes(body)


def judge_declared(request: Request) -> None:
    """Judge what the headers say of the body. Raises PayloadTooLarge or UnsupportedMediaType."""
    size = declared_size(request)
    if size > BODY_LIMIT:
        raise PayloadTooLarge
    if size and not _is_taken(request):
        raise UnsupportedMediaType


def is_large(request: Request) -> bool:
    """Say whether the body may be a large one: a chunked one may."""
    return "transfer-encoding" in request.headers or declared_size(request) > SMALL_BODY


def declared_size(request: Request) -> int:
    """Return the Content-Length; 0 when there is none to rely on."""
    declared = request.headers.get("content-length", "")
    return int(declared[:20]) if declared.isascii() and declared.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class Understood(Generic[Shape]):
    """A body that was read as a shape, or why it could not be. Its `fingerprint` is shared by all spellings of it."""

    fingerprint: str
    outcome: Shape | BadRequest

    @property
    def value(self) -> Shape:
        """What the body says. Raises BadRequest, one issue a fault."""
        if isinstance(self.outcome, BadRequest):
            raise self.outcome
        return self.outcome


def understand(shape: type[Shape], body: bytes) -> Understood[Shape]:
    """Read a body as `shape`; no body at all is an empty object."""
    try:
        # A number is its value: 1.0 is the integer 1.
        text = canonical(body)
    except ValueError as fault:
        refusal = BadRequest(f"The body is not JSON that this server takes: {fault}.")
        return Understood(hashlib.sha256(body).hexdigest(), refusal)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    try:
        return Understood(fingerprint, shape.model_validate_json(text))
    except ValidationError as error:
        return Understood(fingerprint, _refusal(error))


def parse_query(shape: type[Shape], request: Request) -> Shape:
    """Return the query parameters as `shape`. Raises BadRequest, one issue a fault."""
    named = Counter(name for name, _ in request.query_params.multi_items())
    repeated = sorted(name for name, times in named.items() if times > 1)
    if repeated:
        issues = tuple(
            Issue("repeated_parameter", "Send the parameter once.", name[:_FIELD_LIMIT])
            for name in repeated[:_ISSUES_LIMIT]
        )
        raise BadRequest("A query parameter is repeated. Each issue names one.", issues=issues)
    try:
        return shape.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise _refusal(error) from None


def canonical(body: bytes) -> str:
    """Return the body as canonical JSON: fields sorted, no spaces, numbers by their value.

    Raises ValueError, in words for a client, when it is no JSON that can be taken and stored.
    """
    if _values(body) > _VALUES_LIMIT:
        raise ValueError(f"it holds more than {_VALUES_LIMIT:,} values; send less at a time")
    try:
        value = json.loads(
            body.decode() or "{}",
            parse_constant=_no_constant,
            parse_float=_number,
            parse_int=_number,
            object_pairs_hook=_unique,
        )
        if _depth(value) > _DEPTH_LIMIT:
            raise ValueError(_TOO_DEEP)
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        text.encode()
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except UnicodeError:
        raise ValueError("it is not valid UTF-8 text; encode it as UTF-8") from None
    except json.JSONDecodeError as fault:
        raise ValueError(f"{fault.msg.lower()} at line {fault.lineno}, column {fault.colno}") from None
    return text


def _is_taken(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type == FHIR_JSON and request.url.path.endswith(".fhir"))


def _refusal(error: ValidationError) -> BadRequest:
    faults = error.errors(include_url=False, include_input=False)[:_ISSUES_LIMIT]
    issues = tuple(
        Issue(
            _CODES.get(fault["type"], "invalid_value"),
            sentence(fault),
            ".".join(str(part) for part in fault["loc"])[:_FIELD_LIMIT] or None,
        )
        for fault in faults
    )
    return BadRequest(
        "The request does not have the shape that this operation takes. Correct what each issue names.", issues=issues
    )


def _values(body: bytes) -> int:
    """Return about how many values there are: at most so many, if it is JSON at all."""
    counted = sum(map(body.count, _SEPARATORS))
    # Texts hold commas too: they are left out only where it matters.
    return counted if counted <= _VALUES_LIMIT else sum(map(_TEXTS.sub(b"", body).count, _SEPARATORS))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; send null, or leave the field out")


def _number(text: str) -> int | float:
    """Return a number by its value, so that 1 and 1.0 are one. A fraction that a double would round is refused."""
    if len(text) > _DIGITS_LIMIT or not math.isfinite(value := float(text)):
        raise ValueError("a number is too large to be kept; send it as a text where the field takes one")
    if text.lstrip("-").isdecimal():
        return int(text)
    try:
        kept = Decimal(text) == Decimal(repr(value))
    except ArithmeticError:
        kept = False
    if not kept:
        raise ValueError("a number has more digits than are kept; round it to 15 of them")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a field twice; name it once")
    return found


def _depth(value: object) -> int:
    """Return how deep the value is nested. Raises ValueError for a text that no database stores."""
    deepest, pending = 0, [(value, 1)]
    while pending:
        current, depth = pending.pop()
        deepest = max(deepest, depth)
        if isinstance(current, str) and "\0" in current:
            raise ValueError("a text contains the character NUL; leave it out")
        pending.extend((child, depth + 1) for child in _children(current))
    return deepest


def _children(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value
