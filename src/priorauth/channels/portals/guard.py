"""Decides what may leave the browser, and holds the permit for the one request that submits a case.

Promises: `judge` is a pure function of what an adapter declared and of one complete request. A `SubmitGuard` lets at
most one final request pass in its whole life, whatever the order in which its methods are called. What cannot be read
with certainty counts as final or is refused.

May not know: sockets, event loops, browsers, cases or approvals. It is used from one event loop and takes no locks;
its methods never wait, so that checking the permit and taking it is one step.
"""

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from priorauth.channels.portals.outgoing import (
    OutgoingRequest,
    Url,
    methods_of,
    path_spellings,
    plain_path,
    spelled_ambiguously,
)

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class GuardError(Exception):
    """Anything the guard refuses to do for its own caller."""


class NotArmed(GuardError):
    """A permit was asked for, but one is out already or has been used."""

    def __init__(self, state: "PermitState") -> None:
        super().__init__(f"the guard is {state.value}, not armed")
        self.state = state


class NotSending(GuardError):
    """The end of a final request was reported, but none is under way."""


@dataclass(frozen=True)
class Rule:
    """Requests of a kind: any of the methods, to a path, and where a portal posts every page to one address, a body.

    `path` is matched in full against the path, percent-decoded once and without parameters (`;jsessionid=...`). `body`
    is searched in the body as sent and as decoded from a form (multipart too: name=value&name=value); for a final rule
    in the query string as well. Final rules match without regard to case.
    """

    methods: frozenset[str]
    path: str
    body: str | None = None

    def __post_init__(self) -> None:
        if not self.methods or any(method != method.upper() for method in self.methods):
            raise ValueError("a rule names its methods, in capitals")
        re.compile(self.path)
        re.compile((self.body or "").encode())

    def covers(self, *, method: str, path: str, texts: tuple[bytes, ...], flags: re.RegexFlag = re.NOFLAG) -> bool:
        """Say whether the rule speaks of a request with this method, path and any of these texts."""
        if method not in self.methods or re.fullmatch(self.path, path, flags) is None:
            return False
        if self.body is None:
            return True
        pattern = self.body.encode()
        return any(re.search(pattern, text, flags) for text in texts)


@dataclass(frozen=True)
class Boundary:
    """What a portal's adapter declares: where the portal lives, what may be written, and what submits the case.

    An origin is scheme://host:port. A write rule on a path that a final rule shares must name the bodies that it
    allows: the final rule wins where both match, but what only the portal can read as final would pass as a write.
    """

    origins: tuple[str, ...]
    writes: tuple[Rule, ...]
    final: tuple[Rule, ...]

    def __post_init__(self) -> None:
        for origin in self.origins:
            if Url.parse(origin).origin != origin:
                raise ValueError(f"an origin is scheme://host:port in lower case, not {origin!r}")


class Kind(enum.Enum):
    """What a request is to the payer."""

    READ = "read"
    WRITE = "write"
    FINAL = "final"
    REFUSED = "refused"


class RefusalReason(enum.Enum):
    """Why a request does not leave."""

    FOREIGN_HOST = "foreign_host"
    UNDECLARED_WRITE = "undeclared_write"
    UPGRADE = "upgrade"
    FINAL_NOT_RELEASED = "final_not_released"
    AMBIGUOUS_WRITE = "ambiguous_write"
    """Declared by its looks, but spelled so that the portal may read something else: coded body, twice encoded path."""
    TOO_LARGE = "too_large"
    """Larger than what the gate reads: nobody looked at it."""


@dataclass(frozen=True)
class Verdict:
    """`final`: a final rule speaks of the request, also where it is refused for another reason."""

    kind: Kind
    reason: RefusalReason | None = None
    final: bool = False


def judge(boundary: Boundary, request: OutgoingRequest) -> Verdict:
    """Say what a request is, the permit left aside. Final rules are looked at first, whatever the method."""
    if request.url.origin not in boundary.origins:
        return Verdict(Kind.REFUSED, RefusalReason.FOREIGN_HOST)
    methods = methods_of(request)
    final = _is_final(boundary, request, methods=methods)
    if request.upgrade:
        return Verdict(Kind.REFUSED, RefusalReason.UPGRADE, final=final)
    if final:
        return Verdict(Kind.FINAL, final=True)
    if methods <= READS:
        return Verdict(Kind.READ)
    if not _is_write(boundary, request, methods=methods - READS):
        return Verdict(Kind.REFUSED, RefusalReason.UNDECLARED_WRITE)
    if spelled_ambiguously(request):
        return Verdict(Kind.REFUSED, RefusalReason.AMBIGUOUS_WRITE)
    return Verdict(Kind.WRITE)


def judge_tunnel(boundary: Boundary, *, host: str, port: int) -> Url | None:
    """Give the declared origin that a tunnel (CONNECT) would lead to; None: there is no such tunnel.

    Browsers tunnel to https origins and, for a WebSocket, to http ones; each request inside is judged like any other.
    """
    places = (Url.parse(f"{scheme}://{host}:{port}") for scheme in ("https", "http"))
    return next((place for place in places if place.origin in boundary.origins), None)


def _is_final(boundary: Boundary, request: OutgoingRequest, *, methods: frozenset[str]) -> bool:
    """Match in every spelling that some server takes for the same: a false alarm is harmless, a miss is not."""
    paths = set(path_spellings(request.url.path))
    texts = (*request.body_readings, *request.query_readings)
    return any(
        rule.covers(method=method, path=path, texts=texts, flags=re.IGNORECASE)
        for rule in boundary.final
        for method in methods
        for path in paths
    )


def _is_write(boundary: Boundary, request: OutgoingRequest, *, methods: frozenset[str]) -> bool:
    """Every method that the portal may take the request for has to be declared."""
    path, texts = plain_path(request.url.path), request.body_readings
    return all(
        any(rule.covers(method=method, path=path, texts=texts) for rule in boundary.writes) for method in methods
    )


class PermitState(enum.Enum):
    """Where the one final request of a session is. The last two are the end."""

    ARMED = "armed"
    RELEASED = "released"
    SENDING = "sending"
    """The first byte may have left."""
    ANSWERED = "answered"
    LOST = "lost"
    """Sent, and no complete answer: only the portal knows."""


class SubmitGuard:
    """The boundary of one browser session and its one-shot permit.

    `stands` says whether whoever released the permit may still act; a worker whose lease has ended may not.
    """

    def __init__(self, boundary: Boundary, *, stands: Callable[[], bool] = lambda: True) -> None:
        self.boundary: Final = boundary
        self._stands = stands
        self._state = PermitState.ARMED
        self._answer_status: int | None = None

    @property
    def state(self) -> PermitState:
        return self._state

    @property
    def is_spent(self) -> bool:
        """Whether the one final request has left, or may have: no other one will."""
        return self._state not in (PermitState.ARMED, PermitState.RELEASED)

    @property
    def answer_status(self) -> int | None:
        """The HTTP status of the final request's answer, once there is one."""
        return self._answer_status

    def judge(self, request: OutgoingRequest) -> Verdict:
        """Judge a request with the permit in view; takes nothing. FINAL only while the permit is released."""
        verdict = judge(self.boundary, request)
        if verdict.kind is Kind.FINAL and self._state is not PermitState.RELEASED:
            return Verdict(Kind.REFUSED, RefusalReason.FINAL_NOT_RELEASED, final=True)
        return verdict

    def release(self) -> None:
        """Let one final request pass. Raises NotArmed when a permit is out or was used."""
        if self._state is not PermitState.ARMED:
            raise NotArmed(self._state)
        self._state = PermitState.RELEASED

    def withdraw(self) -> bool:
        """Take an unused permit back. True: no final request has left, nor will; False: one did, or may have."""
        if self.is_spent:
            return False
        self._state = PermitState.ARMED
        return True

    def begin_sending(self) -> bool:
        """Take the permit, to be called right before the first byte is written. False: there is none, send nothing."""
        if self._state is not PermitState.RELEASED or not self._stands():
            return False
        self._state = PermitState.SENDING
        return True

    def answered(self, status: int) -> None:
        """The complete answer to the final request has been read. Raises NotSending."""
        self._end(PermitState.ANSWERED)
        self._answer_status = status

    def lost(self) -> None:
        """The final request was begun and no complete answer will be read. Raises NotSending."""
        self._end(PermitState.LOST)

    def _end(self, state: PermitState) -> None:
        if self._state is not PermitState.SENDING:
            raise NotSending(f"the guard is {self._state.value}")
        self._state = state
