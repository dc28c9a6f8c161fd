"""Which drafts a session has started, as the portal itself says it, and which draft a request is about.

Promises: a draft is named by the portal's answer to the request that started it, never by an address or by anything
else that a page's script can choose. An answer that cannot be read names none. Must not depend on sockets or permits.
"""

import json
import re
from typing import Final
from urllib.parse import urljoin, urlsplit

import h11

from priorauth.channels.portals.outgoing import MalformedUrl, OutgoingRequest, Url
from priorauth.channels.portals.submit_guard.boundary import DRAFT_GROUP, Boundary, StartRule
from priorauth.channels.portals.submit_guard.readings import Unreadable, read_path

ANSWER_LIMIT: Final = 64 << 10
"""Bytes of the JSON answer in which a draft's id is looked for."""

_ID: Final = re.compile(r"[A-Za-z0-9._~\-]{1,100}")


def start_rule(boundary: Boundary, request: OutgoingRequest) -> StartRule | None:
    """Return the rule of the request, if it makes the portal start a draft."""
    path = _path_of(boundary, request.url.path)
    if path is None:
        return None
    return next((rule for rule in boundary.starts if request.method in rule.methods and rule.covers_path(path)), None)


def started_draft(rule: StartRule, url: Url, head: h11.Response, body: bytes) -> str | None:
    """Return the id of the draft that the portal's answer says it has started.

    Args:
        rule: the rule of the request.
        url: the request's address.
        head: the status and headers of the answer.
        body: the whole body; empty where the rule does not look at it.
    """
    if rule.location is not None:
        return _named_by_location(rule.location, url, head) if 300 <= head.status_code < 400 else None
    return _named_by_json(rule.json_field, body) if 200 <= head.status_code < 300 else None


def location_of(url: Url, head: h11.Response) -> Url | None:
    """Return where at the portal an answer leads; None where it leads nowhere, elsewhere, or to two addresses.

    Args:
        url: the request's address.
        head: the status and headers of the answer.
    """
    given = [value.decode("latin-1") for name, value in head.headers if name.lower() == b"location"]
    if len(given) != 1:
        return None
    try:
        led_to = Url.parse(urljoin(url.origin + url.path, given[0]))
    except (MalformedUrl, ValueError):
        return None
    return led_to if led_to.origin == url.origin else None


def drafts_named(boundary: Boundary, path: str) -> frozenset[str] | None:
    """Return the drafts that the boundary's writes and final requests name at a path; None: it cannot be read."""
    read = _path_of(boundary, path)
    if read is None:
        return None
    found = (re.fullmatch(rule.path, read, re.ASCII) for rule in (*boundary.writes, *boundary.final))
    return frozenset(
        match[DRAFT_GROUP] or "" for match in found if match is not None and DRAFT_GROUP in match.re.groupindex
    )


def _path_of(boundary: Boundary, path: str) -> str | None:
    try:
        return read_path(path, parameters=boundary.path_parameters)
    except Unreadable:
        return None


def _named_by_location(pattern: str, url: Url, head: h11.Response) -> str | None:
    led_to = location_of(url, head)
    match = re.fullmatch(pattern, urlsplit(led_to.path).path, re.ASCII) if led_to is not None else None
    return match[DRAFT_GROUP] if match is not None else None


def _named_by_json(field: str | None, body: bytes) -> str | None:
    if len(body) > ANSWER_LIMIT:
        return None
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    named = answer.get(field) if isinstance(answer, dict) else None
    text = str(named) if isinstance(named, int | str) and not isinstance(named, bool) else ""
    return text if _ID.fullmatch(text) else None
