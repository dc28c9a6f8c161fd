"""Reading bodies and headers: JSON that is strict, canonical and safe to store, and the conditions of a request."""

import hashlib
import json
import re
from decimal import Decimal
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from priorauth.domain.errors import BadRequest, Issue, PayloadTooLarge, UnsupportedMediaType

Shape = TypeVar("Shape", bound=BaseModel)

BODY_LIMIT = 1024 * 1024
_DEPTH_LIMIT = 60

_PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")
_STRONG_VERSION = re.compile(r'"(0|[1-9][0-9]{0,17})"')
_CODES = {"missing": "required", "extra_forbidden": "unknown_field"}


async def read_body(request: Request) -> bytes:
    """Return the body. Raises UnsupportedMediaType or PayloadTooLarge, the latter before all of it was read."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > BODY_LIMIT:
        raise PayloadTooLarge
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise PayloadTooLarge
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type != "application/json":
        raise UnsupportedMediaType
    return body


def parse(shape: type[Shape], body: bytes) -> Shape:
    """Return the body as `shape`; no body at all is an empty object. Raises BadRequest, one issue a fault."""
    try:
        canonical(body)
    except ValueError as fault:
        raise BadRequest(f"The body is not JSON that this server takes: {fault}.") from None
    try:
        return shape.model_validate_json(body or b"{}")
    except ValidationError as error:
        _refuse(error)


def parse_query(shape: type[Shape], request: Request) -> Shape:
    """Return the query parameters as `shape`. Raises BadRequest, one issue a fault."""
    names = [name for name, _ in request.query_params.multi_items()]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        issues = tuple(Issue("repeated_parameter", "Send the parameter once.", name) for name in sorted(repeated))
        raise BadRequest("A query parameter is repeated.", issues=issues)
    try:
        return shape.model_validate(dict(request.query_params))
    except ValidationError as error:
        _refuse(error)


def fingerprint(body: bytes) -> str:
    """Return what two bodies share when they are the same JSON; a body that is no JSON is its bytes."""
    try:
        text = canonical(body).encode()
    except ValueError:
        text = body
    return hashlib.sha256(text).hexdigest()


def canonical(body: bytes) -> str:
    """Return the body as canonical JSON. Raises ValueError, in words for a client, when it is no acceptable JSON."""
    try:
        value = json.loads(body or b"{}", parse_constant=_no_constant, parse_float=Decimal, object_pairs_hook=_unique)
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
        text.encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeError:
        raise ValueError("it is not valid UTF-8 text") from None
    except json.JSONDecodeError as fault:
        raise ValueError(f"{fault.msg.lower()} at line {fault.lineno}, column {fault.colno}") from None
    if "\\u0000" in text:
        raise ValueError("a text contains the character NUL")
    if _depth(value) > _DEPTH_LIMIT:
        raise ValueError("it is nested too deeply")
    return text


def expected_version(request: Request, *, required: bool) -> int | None:
    """Return the version in If-Match. Raises BadRequest when it is malformed, or missing though required."""
    values = request.headers.getlist("if-match")
    if not values:
        if not required:
            return None
        raise BadRequest('Send If-Match with the version that you have read, as in If-Match: "17".')
    match = _STRONG_VERSION.fullmatch(values[0].strip()) if len(values) == 1 else None
    if match is None:
        raise BadRequest('If-Match takes one strong version, quoted, as in If-Match: "17".')
    return int(match[1])


def idempotency_key(request: Request) -> str | None:
    """Return the Idempotency-Key. Raises BadRequest when it is malformed."""
    values = request.headers.getlist("idempotency-key")
    if not values:
        return None
    if len(values) > 1 or _PRINTABLE.fullmatch(values[0]) is None:
        raise BadRequest("Idempotency-Key takes 1 to 255 printable ASCII characters.")
    return values[0]


def _refuse(error: ValidationError) -> NoReturn:
    issues = tuple(
        Issue(
            _CODES.get(fault["type"], "invalid_value"),
            fault["msg"].removeprefix("Value error, "),
            ".".join(str(part) for part in fault["loc"]) or None,
        )
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )
    raise BadRequest("The request does not have the shape that this operation takes. Each issue names a fault.", issues=issues)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a field twice")
    return found


def _depth(value: object) -> int:
    deepest, pending = 0, [(value, 1)]
    while pending:
        current, depth = pending.pop()
        deepest = max(deepest, depth)
        children = current.values() if isinstance(current, dict) else current if isinstance(current, list) else ()
        pending.extend((child, depth + 1) for child in children)
    return deepest
