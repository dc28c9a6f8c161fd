"""Says what a request is to the payer, from the boundary alone.

Promises: `judge` is a pure function of what an adapter declared and of one complete request, bounded in time by the
sizes that `readings` accepts. A final rule is looked for in every spelling that some server takes for the same; a read
or a write passes only as the one spelling that all servers read alike. What cannot be read with certainty is refused,
and counts as final where a final rule may be meant.
"""

import enum
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from priorauth.channels.portals.outgoing import OutgoingRequest, Url, path_spellings
from priorauth.channels.portals.submit_guard.boundary import (
    PASSIVE_DESTINATIONS,
    READ_METHODS,
    Boundary,
    FinalRule,
    Parameter,
    Rule,
)
from priorauth.channels.portals.submit_guard.permits import FinalRequest
from priorauth.channels.portals.submit_guard.readings import (
    URL_LIMIT,
    Body,
    Fields,
    Unreadable,
    is_instruction,
    read_body,
    read_path,
    read_query,
    repeats,
)

_STATIC_DESTINATIONS: Final = PASSIVE_DESTINATIONS | {"empty"}
_SAFE_METHODS: Final = READ_METHODS | {"OPTIONS"}
# IIS reads it.
_WIDE_ESCAPE: Final = re.compile(r"%u([0-9a-f]{4})", re.IGNORECASE)
# Patterns of rules are searched in no more than this.
_SEARCHED: Final = 64 << 10


class Kind(enum.Enum):
    """What a request is to the payer."""

    READ = "read"
    WRITE = "write"
    FINAL = "final"
    REFUSED = "refused"


class RefusalReason(enum.Enum):
    """Why a request does not leave."""

    FOREIGN_HOST = "foreign_host"
    UNDECLARED_READ = "undeclared_read"
    UNDECLARED_WRITE = "undeclared_write"
    DECLARED_REFUSED = "declared_refused"
    """A `refuse` rule of the boundary covers it."""
    UPGRADE = "upgrade"
    FINAL_NOT_RELEASED = "final_not_released"
    FOREIGN_FINAL = "foreign_final"
    """It submits something else than what was permitted, or than what is held."""
    FOREIGN_DRAFT = "foreign_draft"
    """It writes to, or submits, a draft that this session has not started."""
    HELD_REFUSED = "held_refused"
    """It was held, compared with what was accepted, and not sent."""
    WRITES_FROZEN = "writes_frozen"
    """A write while the draft that is about to be submitted must not change."""
    AMBIGUOUS = "ambiguous"
    """Declared by its looks, but written so that the portal may read something else."""
    TOO_LARGE = "too_large"
    NOT_JUDGED = "not_judged"
    """Judging took too long."""


@dataclass(frozen=True)
class Verdict:
    """What a request is.

    `final`: a final rule is meant, also where the request is refused for another reason. `request`: a final request
    that can be read with certainty. `repeatable`: a read that may be sent again.
    """

    kind: Kind
    reason: RefusalReason | None = None
    final: bool = False
    request: FinalRequest | None = field(default=None, compare=False)
    repeatable: bool = field(default=False, compare=False)


def judge(boundary: Boundary, request: OutgoingRequest) -> Verdict:
    """Say what a request is, the permit left aside. Final rules are looked at first, whatever the method."""
    if request.url.origin not in boundary.origins:
        return Verdict(Kind.REFUSED, RefusalReason.FOREIGN_HOST)
    if len(request.url.target) > URL_LIMIT:
        meant = any(request.method.upper() in rule.methods for rule in boundary.final)
        return Verdict(Kind.REFUSED, RefusalReason.TOO_LARGE, final=meant)
    judged = _Judged(boundary, request)
    final = judged.means_final()
    if request.upgrade:
        return Verdict(Kind.REFUSED, RefusalReason.UPGRADE, final=final)
    if judged.means(boundary.refuse):
        return Verdict(Kind.REFUSED, RefusalReason.DECLARED_REFUSED, final=final)
    if final:
        return Verdict(Kind.FINAL, final=True, request=judged.final_request())
    return judged.passes()


def judge_tunnel(boundary: Boundary, *, host: str, port: int) -> Url | None:
    """Give the declared origin that a tunnel (CONNECT) would lead to; None: there is no such tunnel.

    Browsers tunnel to https origins and, for a WebSocket, to http ones; each request inside is judged like any other.
    """
    places = (Url.parse(f"{scheme}://{host}:{port}") for scheme in ("https", "http"))
    return next((place for place in places if place.origin in boundary.origins), None)


class _Judged:
    """One request under one boundary, read once."""

    def __init__(self, boundary: Boundary, request: OutgoingRequest) -> None:
        self._boundary = boundary
        self._request = request
        self._spellings = frozenset(_folded(path_spellings(request.url.path)))
        self._asks_otherwise = any(is_instruction(name) for name, _ in request.headers)
        self._path: str | None = None
        self._query: Fields | None = None
        self._body: Body | None = None
        try:
            self._path = read_path(request.url.path, parameters=boundary.path_parameters)
            self._query = read_query(request.url.query)
            self._body = read_body(request)
        except Unreadable:
            pass

    def means_final(self) -> bool:
        """Return whether some server may take the request for a final one."""
        return self.means(self._boundary.final)

    def means(self, rules: tuple[Rule, ...]) -> bool:
        """Match in every spelling: a false alarm is harmless, a miss is not."""
        return any(
            any(re.fullmatch(rule.path, path, re.IGNORECASE) for path in self._spellings)
            and self._may_have_method(rule)
            and self._may_have_body(rule)
            for rule in rules
        )

    def _may_have_method(self, rule: Rule) -> bool:
        return self._request.method.upper() in rule.methods or self._asks_otherwise or self._is_unreadable

    @property
    def _is_unreadable(self) -> bool:
        # The body or the query string may ask for another method.
        return self._query is None or (self._path is not None and self._body is None)

    def _may_have_body(self, rule: Rule) -> bool:
        if rule.body is None:
            return True
        texts = [self._request.url.query, unquote(self._request.url.query.replace("+", " "))]
        if self._body is not None:
            texts += [self._body.text, unquote(self._body.text)]
        else:
            texts.append(unquote(self._request.body[:_SEARCHED].decode("latin-1")))
        if self._body is None or any(len(text) > _SEARCHED for text in texts):
            return True
        return any(re.search(rule.body, text, re.IGNORECASE) for text in texts)

    def final_request(self) -> FinalRequest | None:
        """Return the request as a permit can be compared with it; None where it cannot be read with certainty."""
        if self._path is None or self._query is None or self._body is None or self._asks_otherwise:
            return None
        if self._body.files or repeats(self._body.names):
            return None
        url = self._request.url
        for rule in self._boundary.final:
            strict = isinstance(rule, FinalRule) and self._covered(rule, path=self._path, body=self._body)
            if isinstance(rule, FinalRule) and strict:
                return FinalRequest(
                    origin=url.origin,
                    method=self._request.method,
                    path=url.path,
                    query=url.query,
                    format=self._body.format,
                    fields=self._body.fields,
                    variable=rule.variable,
                )
        return None

    def passes(self) -> Verdict:
        """Return the verdict on what is not final: a write, a read, or refused."""
        return self._as_write() or self._as_read() or self._undeclared()

    def _as_write(self) -> Verdict | None:
        if self._path is None or self._query is None or self._body is None or self._asks_otherwise:
            return None
        for rule in self._boundary.writes:
            if not (self._covered(rule, path=self._path, body=self._body) and _is_query(rule.query, self._query)):
                continue
            if repeats(name for name in self._body.names if name not in rule.repeated):
                return Verdict(Kind.REFUSED, RefusalReason.AMBIGUOUS)
            return Verdict(Kind.WRITE)
        return None

    def _as_read(self) -> Verdict | None:
        path, query = self._path, self._query
        if path is None or query is None or self._request.body or self._asks_otherwise:
            return None
        destination = self._request.header("sec-fetch-dest")
        for rule in self._boundary.reads:
            covers = self._request.method in rule.methods and rule.covers_path(path) and _is_query(rule.query, query)
            if covers and (not destination or destination in rule.destinations):
                return Verdict(Kind.READ, repeatable=rule.repeatable)
        return Verdict(Kind.READ, repeatable=True) if self._is_static(path, destination) else None

    def _undeclared(self) -> Verdict:
        if self._request.method in _SAFE_METHODS:
            return Verdict(Kind.REFUSED, RefusalReason.UNDECLARED_READ)
        known = any(
            self._request.method in rule.methods and any(rule.covers_path(path) for path in self._spellings)
            for rule in self._boundary.writes
        )
        is_plain = self._path is not None and self._body is not None and not self._asks_otherwise
        ambiguous = known and not is_plain
        return Verdict(Kind.REFUSED, RefusalReason.AMBIGUOUS if ambiguous else RefusalReason.UNDECLARED_WRITE)

    def _covered(self, rule: Rule, *, path: str, body: Body) -> bool:
        if self._request.method not in rule.methods or not rule.covers_path(path) or body.format not in rule.formats:
            return False
        if rule.body is None:
            return True
        text = body.text
        return len(text) <= _SEARCHED and re.search(rule.body, text, re.ASCII) is not None

    def _is_static(self, path: str, destination: str) -> bool:
        return (
            self._request.method in READ_METHODS
            and not self._request.url.query
            and (not destination or destination in _STATIC_DESTINATIONS)
            and any(re.fullmatch(pattern, path, re.ASCII) for pattern in self._boundary.static)
        )


def _folded(paths: Iterable[str]) -> set[str]:
    """Add what servers that fold letters or drop trailing marks would read."""
    found: set[str] = set()
    for spelled in paths:
        path = _WIDE_ESCAPE.sub(lambda match: chr(int(match[1], 16)), spelled)
        digits = "".join(str(unicodedata.decimal(sign, sign)) for sign in unicodedata.normalize("NFKC", path))
        found |= {path, digits, path.rstrip(" .\x00/"), path.partition("\x00")[0]}
    return found


def _is_query(declared: tuple[Parameter, ...], given: Fields) -> bool:
    """Return whether the whole query string is one that was declared."""
    known = {parameter.name: parameter for parameter in declared}
    values = dict(given)
    if len(values) != len(given) or repeats(values):
        return False
    if any(name not in known or not re.fullmatch(known[name].pattern, value, re.ASCII) for name, value in given):
        return False
    return all(parameter.name in values for parameter in declared if parameter.required)
