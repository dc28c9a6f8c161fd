"""Sends the one final request, at once under a permit or after it was held and compared.

Promises: the permit is taken before the first byte, in the same step of the event loop in which it is compared with
the request; a final request goes over the wire at most once; its answer is read whole, also where the browser goes
away, and before the browser sees any of it. A held request is sent only where its judge says so in time, and is dropped
where all who pressed have gone away.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import h11
import structlog
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from priorauth import faultpoints
from priorauth.channels.portals.gate_wire import ClientGone, ClientWire, Limits, Message, UpstreamWire
from priorauth.channels.portals.guard import PermitState, SubmitGuard
from priorauth.channels.portals.outgoing import OutgoingRequest, Url
from priorauth.channels.portals.submit_guard.cookies import PortalCookies
from priorauth.channels.portals.submit_guard.drafts import location_of
from priorauth.channels.portals.submit_guard.permits import FinalRequest, HoldRefusal, PermittedRequest
from priorauth.channels.portals.upstream.connecting import Way
from priorauth.channels.portals.upstream.failures import Cause, UpstreamFailed
from priorauth.faultpoints import Phase, Point
from priorauth.telemetry import traces

_log = structlog.get_logger(__name__)

HoldJudge = Callable[[OutgoingRequest], Awaitable[PermittedRequest | HoldRefusal]]

_EXPIRED = HoldRefusal("hold_expired", "The request could not be compared with what was accepted in time. Try again.")
_DROPPED = HoldRefusal("hold_dropped", "The request was not sent: this session may not submit any more.")
_NOT_THE_ONE = HoldRefusal("permit_not_matching", "The request is not the one that was accepted. Nothing was sent.")


class NotPermitted(Exception):
    """The permit was withdrawn, or taken, before the first byte. Nothing was sent."""


class ForeignFinal(Exception):
    """Another final request came while one is held. Neither is sent."""


class HeldRefused(Exception):
    """The held request was not sent."""

    def __init__(self, refusal: HoldRefusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


@dataclass(frozen=True)
class Answer:
    """What the portal said to a final request."""

    head: h11.Response
    body: bytes


@dataclass
class _Press:
    """One held request, and how many connections wait for it."""

    request: FinalRequest
    task: "asyncio.Task[Answer]"
    waiting: int = 0
    is_dropped: bool = False
    is_sending: bool = False

    def drop(self) -> None:
        """End the hold; what is being sent goes on."""
        if not self.is_sending:
            self.is_dropped = True
            self.task.cancel()


class Finals:
    """Final requests of one session."""

    def __init__(
        self,
        guard: SubmitGuard,
        *,
        limits: Limits,
        way: Way,
        cookies: PortalCookies,
        on_answered: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._guard = guard
        self._on_answered = on_answered
        self._cookies = cookies
        self._limits = limits
        self._way = way
        self._judge: HoldJudge | None = None
        self._press: _Press | None = None
        self._exchanges: set[asyncio.Task[Answer]] = set()
        self._settled = asyncio.Event()
        self._when_ended: list[Callable[[], None]] = []
        # Where in a trace the next final request belongs. A connection's own context is of when the proxy was opened.
        self.within: Context | None = None

    @property
    def is_holding(self) -> bool:
        """Whether final requests are held and judged."""
        return self._judge is not None

    @property
    def has_held(self) -> bool:
        """Whether one is held now."""
        return self._press is not None and not self._press.is_sending

    def is_under_way(self, request: FinalRequest) -> bool:
        """Return whether the same request is held or being sent now, so that a second press can join it."""
        return self._press is not None and self._press.request.is_same_as(request)

    def hold(self, judge: HoldJudge | None) -> None:
        """Hold final requests from now on and ask `judge`; None: no more."""
        self._judge = judge
        if judge is None:
            self.drop()

    def drop(self) -> None:
        """Refuse what is held. What is being sent cannot be dropped."""
        if self._press is not None:
            self._press.drop()

    def when_ended(self, follow: Callable[[], None]) -> None:
        """Call `follow` now or, while a final request is being sent, as soon as it was answered or lost."""
        if self._guard.state is PermitState.SENDING:
            self._when_ended.append(follow)
        else:
            follow()

    async def settled(self) -> PermitState:
        """Wait until a final request was sent and its end is known. Returns ANSWERED or LOST."""
        await self._settled.wait()
        return self._guard.state

    async def close(self) -> None:
        """Drop what is held. A final request under way gets a moment for its answer, then it is LOST."""
        self.drop()
        if self._exchanges:
            await asyncio.wait(self._exchanges, timeout=self._limits.closing)
        for task in self._exchanges:
            task.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)

    async def send(self, message: Message, url: Url, request: FinalRequest, *, declared: tuple[str, ...]) -> Answer:
        """Send the permitted request. Raises NotPermitted, UpstreamFailed."""
        await faultpoints.passing(Point.FINAL_REQUEST, Phase.BEFORE_CONNECTION)
        upstream = await self._connect(url)
        # While connecting, the permit may have been withdrawn, or another request may have taken it. Until here nothing
        # has left, and a failure leaves the permit as it was; from here on there is no way back.
        if not self._guard.begin_sending(request):
            upstream.close()
            raise NotPermitted
        exchange = self._tracked(self._exchange(upstream, message, url, declared=declared))
        return await asyncio.shield(exchange)

    async def send_held(
        self, client: ClientWire, message: Message, outgoing: OutgoingRequest, request: FinalRequest,
        *, declared: tuple[str, ...],
    ) -> Answer:  # fmt: skip
        """Hold the request until it was judged, or join one that is the same and held or being sent.

        Raises:
            ForeignFinal: another one is held; it was dropped.
            HeldRefused: it was not sent.
            ClientGone: the browser has gone away.
            UpstreamFailed: the portal cannot be reached, or did not answer.
        """
        press = self._press
        if press is None:
            press = self._begin(message, outgoing, request, declared=declared)
        elif not press.request.is_same_as(request):
            self.drop()
            raise ForeignFinal
        press.waiting += 1
        gone = asyncio.create_task(client.gone())
        try:
            await asyncio.wait({press.task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not press.task.done():
                raise ClientGone
            if press.task.cancelled():
                raise HeldRefused(_DROPPED)
            return press.task.result()
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            press.waiting -= 1
            if press.waiting == 0:
                press.drop()

    def _begin(
        self, message: Message, outgoing: OutgoingRequest, request: FinalRequest, *, declared: tuple[str, ...]
    ) -> _Press:
        task = self._tracked(self._held(message, outgoing, request, declared=declared))
        self._press = _Press(request, task)
        return self._press

    async def _held(
        self, message: Message, outgoing: OutgoingRequest, request: FinalRequest, *, declared: tuple[str, ...]
    ) -> Answer:
        press, judge = self._press, self._judge
        if press is None or judge is None:
            raise HeldRefused(_DROPPED)
        try:
            async with asyncio.timeout(self._limits.hold):
                upstream, found = await self._connected_and_judged(outgoing, judge)
        except TimeoutError:
            raise HeldRefused(_EXPIRED) from None
        if isinstance(found, HoldRefusal):
            upstream.close()
            raise HeldRefused(found)
        # One step from the release to the taking: no other request comes between.
        if press.is_dropped or not self._guard.begin_held(found, request):
            upstream.close()
            raise HeldRefused(_DROPPED if press.is_dropped else _NOT_THE_ONE)
        press.is_sending = True
        return await self._exchange(upstream, message, outgoing.url, declared=declared)

    async def _connected_and_judged(
        self, outgoing: OutgoingRequest, judge: HoldJudge
    ) -> tuple[UpstreamWire, PermittedRequest | HoldRefusal]:
        """Connect, then judge: the judge uses the press up, and a portal that is not there must not cost one."""
        upstream = await self._connect(outgoing.url)
        try:
            found = await judge(outgoing)
            if isinstance(found, HoldRefusal):
                return upstream, found
            await faultpoints.passing(Point.FINAL_REQUEST, Phase.BEFORE_CONNECTION)
            if upstream.has_ended:
                # Portals drop connections that are silent for long, and judging reads pages.
                upstream.close()
                upstream = await self._connect(outgoing.url)
        except BaseException:
            upstream.close()
            raise
        return upstream, found

    def _tracked(self, work: "asyncio._CoroutineLike[Answer]") -> "asyncio.Task[Answer]":
        task = asyncio.create_task(work)
        self._exchanges.add(task)
        task.add_done_callback(self._ended)
        return task

    async def _connect(self, url: Url) -> UpstreamWire:
        return await UpstreamWire.connect(url, way=self._way, limits=self._limits)

    async def _exchange(
        self, upstream: UpstreamWire, message: Message, url: Url, *, declared: tuple[str, ...]
    ) -> Answer:
        known = {"http.request.method": message.method, "server.address": url.host}
        with traces.span("final request", known, kind=SpanKind.CLIENT, within=self.within):
            return await self._sent(upstream, message, url, declared=declared)

    async def _sent(self, upstream: UpstreamWire, message: Message, url: Url, *, declared: tuple[str, ...]) -> Answer:
        try:
            await faultpoints.passing(Point.FINAL_REQUEST, Phase.BEFORE_FIRST_BYTE)
            upstream.send(message, url=url, declared=declared)
            await faultpoints.passing(Point.FINAL_REQUEST, Phase.AFTER_LAST_BYTE)
            head = await upstream.head()
            self._cookies.note(url, head.headers.raw_items())
            self._guard.heard(head.status_code, address=location_of(url, head))
            if self._on_answered is not None:
                await self._on_answered()
            body = await self._whole_body(upstream)
            self._guard.answered()
            await faultpoints.passing(Point.FINAL_REQUEST, Phase.AFTER_RESPONSE)
        finally:
            upstream.close()
        return Answer(head=head, body=body)

    async def _whole_body(self, upstream: UpstreamWire) -> bytes:
        body = bytearray()
        try:
            # A trickle would keep the session, and its authorization, from ever being reconciled.
            async with asyncio.timeout(self._limits.answering):
                while (data := await upstream.data()) is not None:
                    body += data.data
                    if len(body) > self._limits.final_answer:
                        raise UpstreamFailed(Cause.ANSWER_TOO_LARGE)
        except TimeoutError:
            raise UpstreamFailed(Cause.ANSWER_TIMEOUT) from None
        return bytes(body)

    def _ended(self, exchange: "asyncio.Task[Answer]") -> None:
        # In a callback, not in the task: one that is cancelled before its first step never runs a line of its own.
        self._exchanges.discard(exchange)
        if self._press is not None and self._press.task is exchange:
            self._press = None
        if self._guard.state is PermitState.SENDING:
            self._guard.lost()
        following, self._when_ended = self._when_ended, []
        for follow in following:
            follow()
        fault = None if exchange.cancelled() else exchange.exception()
        if self._guard.is_spent:
            self._settled.set()
        known = {"cause": fault.cause.value, "detail": fault.detail} if isinstance(fault, UpstreamFailed) else {}
        _log.info("gate_final_ended", state=self._guard.state.value, fault=fault and type(fault).__name__, **known)
