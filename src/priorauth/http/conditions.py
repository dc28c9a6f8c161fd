"""The conditions of a request: If-Match, If-None-Match and Idempotency-Key."""

import re

from starlette.requests import Request

from priorauth.domain.errors import BadRequest

_PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")
# A proxy that compresses answers makes a weak tag of ours, and the client sends back what it got.
_VERSION = re.compile(r'(?:W/)?"(0|[1-9][0-9]{0,17})"')


def expected_version(request: Request, *, required: bool) -> int | None:
    """Return the version in If-Match. Raises BadRequest when it is malformed, or missing though required."""
    values = request.headers.getlist("if-match")
    if not values:
        if not required:
            return None
        raise BadRequest('Send If-Match with the version that you have read, as in If-Match: "17".')
    match = _VERSION.fullmatch(values[0].strip()) if len(values) == 1 else None
    if match is None:
        raise BadRequest('If-Match takes one version, quoted, as in If-Match: "17".')
    return int(match[1])


def is_known(request: Request, *, version: int) -> bool:
    """Say whether If-None-Match names this version. As HTTP wants it, a weak tag matches and so does `*`."""
    tags = ",".join(request.headers.getlist("if-none-match")).split(",")
    return any(tag.strip().removeprefix("W/") in (f'"{version}"', "*") for tag in tags)


def idempotency_key(request: Request) -> str | None:
    """Return the Idempotency-Key. Raises BadRequest when it is malformed."""
    values = request.headers.getlist("idempotency-key")
    if not values:
        return None
    if len(values) > 1 or _PRINTABLE.fullmatch(values[0]) is None:
        raise BadRequest("Send one Idempotency-Key of 1 to 255 printable ASCII characters.")
    return values[0]
