"""The submit guard: what may leave one browser session, and the permit for the one request that submits.

Promises: a `SubmitGuard` lets at most one final request pass in its whole life, the one that its permit names, whatever
the order in which its methods are called. Once a foreign final request was met it never gives a permit again.

Must not depend on sockets, event loops, browsers, authorizations or approvals. It is used from one event loop and takes
no locks; its methods never wait, so that comparing a request with the permit and taking the permit is one step.
"""

import enum
import re
from collections.abc import Callable
from dataclasses import replace

from priorauth.channels.portals.outgoing import MalformedUrl, OutgoingRequest, Url
from priorauth.channels.portals.submit_guard.boundary import (
    Boundary,
    Content,
    FinalRule,
    Format,
    Parameter,
    ReadRule,
    Rule,
    StartRule,
)
from priorauth.channels.portals.submit_guard.drafts import drafts_named
from priorauth.channels.portals.submit_guard.judging import Kind, RefusalReason, Verdict, judge, judge_tunnel
from priorauth.channels.portals.submit_guard.permits import FinalRequest, HoldRefusal, PermittedRequest
from priorauth.channels.portals.submit_guard.readings import Unreadable, read_path
from priorauth.channels.portals.submit_guard.start_pages import start_page_reads

__all__ = [
    "Barred",
    "Boundary",
    "Content",
    "FinalRequest",
    "FinalRule",
    "Format",
    "GuardError",
    "HoldRefusal",
    "Kind",
    "NotArmed",
    "NotPermittable",
    "NotSending",
    "Parameter",
    "PermitState",
    "PermittedRequest",
    "ReadRule",
    "RefusalReason",
    "Rule",
    "StartRule",
    "SubmitGuard",
    "Verdict",
    "judge",
    "judge_tunnel",
]


class GuardError(Exception):
    """Anything the guard refuses to do for its own caller."""


class NotArmed(GuardError):
    """A permit was asked for, but one is out already or has been used."""

    def __init__(self, state: "PermitState") -> None:
        super().__init__(f"the guard is {state.value}, not armed")
        self.state = state


class Barred(GuardError):
    """A permit was asked for after a foreign final request was met in this session."""


class NotPermittable(GuardError):
    """A permit was asked for a request that no final rule of the boundary allows to be permitted."""


class NotSending(GuardError):
    """The end of a final request was reported, but none is under way."""


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
    """The boundary of one browser session and its one-shot permit."""

    def __init__(self, boundary: Boundary, *, stands: Callable[[], bool] = lambda: True) -> None:
        """Make a guard that is armed.

        Args:
            boundary: what the adapter declares.
            stands: returns whether the permit's owner may still act, for example while a worker's lease is valid.
        """
        self._base = boundary
        self._boundary = boundary
        self._stands = stands
        self._state = PermitState.ARMED
        self._permit: PermittedRequest | None = None
        self._barred = False
        self._answer_status: int | None = None
        self._answer_address: Url | None = None
        self._own: set[str] = set()
        self.on_withdrawn: Callable[[], None] | None = None
        """Called after `withdraw` and `bar`; the proxy drops what it holds."""

    @property
    def boundary(self) -> Boundary:
        """What may leave now."""
        return self._boundary

    @property
    def base(self) -> Boundary:
        """What the adapter declares, whatever a person's turn has narrowed."""
        return self._base

    @property
    def state(self) -> PermitState:
        """Where the one final request is."""
        return self._state

    @property
    def is_spent(self) -> bool:
        """Whether the one final request has left, or may have: no other one will."""
        return self._state not in (PermitState.ARMED, PermitState.RELEASED)

    @property
    def is_barred(self) -> bool:
        """Whether a foreign final request was met: this guard gives no permit again."""
        return self._barred

    @property
    def answer_status(self) -> int | None:
        """The HTTP status of the final request's answer, once there is one."""
        return self._answer_status

    @property
    def answer_address(self) -> str | None:
        """The address that the final request's answer leads to; None where it leads nowhere at the portal."""
        return self._answer_address.address if self._answer_address is not None else None

    @property
    def is_answered_well(self) -> bool:
        """Whether the portal answered the final request with a success, as if it has taken it.

        A success is a status of 2xx or 3xx; a redirect to the sign-in page is none.
        """
        if self._answer_status is None or not 200 <= self._answer_status < 400:
            return False
        sign_in, led_to = self._base.sign_in, self._answer_address
        return sign_in is None or led_to is None or re.fullmatch(sign_in, led_to.path, re.ASCII) is None

    def narrow(self, boundary: Boundary) -> None:
        """Put another boundary in place of the adapter's, for a person's turn.

        Requests that are final by the adapter's boundary stay final, without a permit unless `boundary` lists them.
        Where the portal's answer to the final request leads stays open: that is this submission's own page.
        """
        self._boundary = self._with_answer(boundary.within(self._base))

    def widen(self) -> None:
        """Go back to the adapter's boundary."""
        self._boundary = self._base

    def own(self, draft_id: str) -> None:
        """Let the session write to this draft: it has started it, or its job names it. Stays for the guard's life."""
        self._own.add(draft_id)

    def is_own(self, draft_id: str) -> bool:
        """Return whether the session may write to this draft."""
        return draft_id in self._own

    def is_read(self, address: str) -> bool:
        """Return whether a page that is opened at the address is a read that the adapter declares."""
        try:
            url = Url.parse(address.partition("#")[0])
        except MalformedUrl:
            return False
        opened = OutgoingRequest("GET", url, headers=(("sec-fetch-dest", "document"),))
        return judge(self._base, opened).kind is Kind.READ

    def judge(self, request: OutgoingRequest) -> Verdict:
        """Judge a request with the session's drafts and the permit in view; takes nothing."""
        return self.weigh(judge(self._boundary, request), path=request.url.path)

    def weigh(self, verdict: Verdict, *, path: str) -> Verdict:
        """Put the session's drafts and the permit beside a verdict of the boundary on a request to `path`.

        WRITE and FINAL are left of it only for the session's own drafts, FINAL only for the permitted request.
        """
        if verdict.kind not in (Kind.WRITE, Kind.FINAL):
            return verdict
        permit, final = self._permit, verdict.kind is Kind.FINAL
        if final and permit is not None and (verdict.request is None or not permit.permits(verdict.request)):
            return replace(verdict, kind=Kind.REFUSED, reason=RefusalReason.FOREIGN_FINAL)
        if not self._is_own_path(path):
            return replace(verdict, kind=Kind.REFUSED, reason=RefusalReason.FOREIGN_DRAFT)
        if final and permit is None:
            return replace(verdict, kind=Kind.REFUSED, reason=RefusalReason.FINAL_NOT_RELEASED)
        return verdict

    def release(self, permitted: PermittedRequest) -> None:
        """Let this one final request pass.

        Raises:
            NotArmed: a permit is out or was used.
            Barred: a foreign final request was met.
            NotPermittable: the draft is not the session's own, or no final rule with content covers the request.
        """
        if self._barred:
            raise Barred("a foreign final request was met in this session")
        if self._state is not PermitState.ARMED:
            raise NotArmed(self._state)
        try:
            path = read_path(permitted.path, parameters=self._boundary.path_parameters)
        except Unreadable:
            raise NotPermittable("the path of the request can be read in two ways") from None
        if not any(_may_permit(rule, permitted, path=path) for rule in self._boundary.final):
            raise NotPermittable("no final rule of the boundary has this request and says where its content is")
        if not self._is_own_path(permitted.path):
            raise NotPermittable("the request is about a draft that this session has not started")
        self._permit = permitted
        self._state = PermitState.RELEASED

    def withdraw(self) -> bool:
        """Take an unused permit back. True: no final request has left, nor will; False: one did, or may have."""
        if not self.is_spent:
            self._permit = None
            self._state = PermitState.ARMED
        if self.on_withdrawn is not None:
            self.on_withdrawn()
        return not self.is_spent

    def bar(self) -> None:
        """Give no permit again and take back one that is unused: something foreign tried to use it."""
        self._barred = True
        self.withdraw()

    def begin_sending(self, request: FinalRequest) -> bool:
        """Take the permit, right before the first byte is written. False: there is none for this one, send nothing."""
        if self._permit is None or not self._permit.permits(request) or not self._stands():
            return False
        self._permit = None
        self._state = PermitState.SENDING
        return True

    def begin_held(self, permitted: PermittedRequest, request: FinalRequest) -> bool:
        """Release the permit for a held request and take it, in one step. False: send nothing; no permit is left."""
        try:
            self.release(permitted)
        except GuardError:
            return False
        if self.begin_sending(request):
            return True
        self._permit = None
        self._state = PermitState.ARMED
        return False

    def heard(self, status: int, *, address: Url | None = None) -> None:
        """The answer to the final request has begun, whether or not all of it will come.

        Args:
            status: its HTTP status.
            address: the address of the portal that it leads to, if it leads to one.
        """
        self._answer_status, self._answer_address = status, address
        self._boundary = self._with_answer(self._boundary)

    def answered(self) -> None:
        """The complete answer to the final request has been read. Raises NotSending."""
        self._end(PermitState.ANSWERED)

    def lost(self) -> None:
        """The final request was begun and no complete answer will be read. Raises NotSending."""
        self._end(PermitState.LOST)

    def _with_answer(self, boundary: Boundary) -> Boundary:
        if self._answer_address is None:
            return boundary
        own = start_page_reads(self._base, self._answer_address.address)
        return replace(boundary, reads=(*boundary.reads, *own))

    def _is_own_path(self, path: str) -> bool:
        """Ask the adapter's rules, not those of a person's turn: a narrowed boundary opens no other draft."""
        named = drafts_named(self._base, path)
        # What cannot be read in one way is never sent as a write; what is final is refused for that already.
        return named is None or named <= self._own

    def _end(self, state: PermitState) -> None:
        if self._state is not PermitState.SENDING:
            raise NotSending(f"the guard is {self._state.value}")
        self._state = state


def _may_permit(rule: Rule, permitted: PermittedRequest, *, path: str) -> bool:
    return (
        isinstance(rule, FinalRule)
        and rule.content is not Content.NONE
        and permitted.method in rule.methods
        and rule.covers_path(path)
        and frozenset(name for name, _ in permitted.fields) == rule.fields
        and permitted.variable <= rule.variable
    )
