"""The submit gate: the only road out of one session's browser, a forward proxy inside this process.

Promises: every request of the browser is read whole, judged, and then sent by the gate itself on a connection of its
own, or refused and reported; none is held. The final request goes over the wire at most once: the permit is taken
before its first byte, and a browser that sends it again by itself meets a spent permit. No write is sent again here; a
read (GET, HEAD) is, a few times over fresh connections, where the portal breaks off before its answer or fails at it.
When the gate or its process ends, the browser has no road at all.

The gate is the only road only for a browser started with it as proxy for everything, loopback included, and with its
roads beside proxies (QUIC, WebRTC's UDP) closed. Close the browser before its gate.

May not know: cases, approvals, pages. It logs neither query strings nor bodies nor headers.
"""

import asyncio
import platform
import secrets
import socket
import ssl
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import h11
import structlog
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from priorauth import faultpoints
from priorauth.channels.portals.gate_tls import EphemeralCertificates
from priorauth.channels.portals.gate_wire import (
    BadRequest,
    ClientGone,
    ClientWire,
    Limits,
    Message,
    UpstreamFailed,
    UpstreamWire,
)
from priorauth.channels.portals.guard import Kind, PermitState, RefusalReason, SubmitGuard, Verdict, judge_tunnel
from priorauth.channels.portals.outgoing import MalformedUrl, OutgoingRequest, Url, without_parameters
from priorauth.faultpoints import Phase, Point
from priorauth.telemetry import traces

_log = structlog.get_logger(__name__)

# What a portal's front says when there is nothing behind it.
_DOWN: Final = frozenset({502, 503, 504})
# Not the last word on a read: it may be asked again.
_FAILED: Final = frozenset({500, *_DOWN})
# A page can do without.
_ORNAMENTS: Final = frozenset({"image", "style", "font", "audio", "video", "track", "manifest"})


@dataclass(frozen=True)
class Refusal:
    """What did not leave, without what a patient's data may be in: no query string, no path parameters, no body.

    `path` is empty for a refused tunnel: what was to be said inside is not known.
    """

    method: str
    origin: str
    path: str
    reason: RefusalReason
    final: bool


@dataclass(frozen=True)
class _Answer:
    head: h11.Response
    body: bytes


class _Cut(Exception):
    """Part of an answer is out and the rest will not come: only breaking the connection says so."""


class Gate:
    """The proxy of one browser session. `start` it before the browser, `close` it after."""

    def __init__(
        self,
        guard: SubmitGuard,
        *,
        on_refused: Callable[[Refusal], None],
        limits: Limits | None = None,
        upstream_tls: ssl.SSLContext | None = None,
    ) -> None:
        """Make a gate that is closed yet.

        Args:
            guard: whose verdicts it carries out.
            on_refused: told of each refusal, on the event loop; it must not block.
            limits: sizes and times.
            upstream_tls: how portals are verified; by default against the system's trust store.
        """
        self._guard = guard
        self._on_refused = on_refused
        self._limits = limits or Limits()
        self._upstream_tls = upstream_tls or ssl.create_default_context()
        self._certificates = EphemeralCertificates()
        self._server: asyncio.Server | None = None
        self.credentials = (secrets.token_hex(8), secrets.token_hex(16))
        self._connections: set[asyncio.Task[None]] = set()
        self._finals: set[asyncio.Task[_Answer]] = set()
        self._settled = asyncio.Event()
        self._closed = False
        # Where in a trace the next final request belongs. A connection's own context is of when the gate was opened.
        self.final_within: Context | None = None
        self._was_down = False
        self._unanswered = 0

    @property
    def met_outage(self) -> bool:
        """Whether the portal was not there for something that a page cannot do without, since `forget_outage`.

        It could not be reached, broke off, or said that it is down; or it has not answered yet whoever asks this now.
        """
        return self._was_down or self._unanswered > 0

    def forget_outage(self) -> None:
        """The portal has answered as it should."""
        self._was_down = False

    @property
    def spki_pins(self) -> tuple[str, ...]:
        """For the browser's `--ignore-certificate-errors-spki-list`: it trusts this gate, and nothing else more."""
        return (self._certificates.spki_pin,)

    async def start(self, listener: socket.socket | None = None) -> str:
        """Open the road, on a listening socket if one is given. Returns the proxy's URL. Raises OSError without one."""
        # An address of its own, not only a port: a browser that outlived its gate must never find another session's
        # gate, with another case's permit, behind an address that the kernel gave out again.
        host = ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])
        try:
            self._server = (
                await asyncio.start_server(self._serve, sock=listener)
                if listener is not None
                else await asyncio.start_server(self._serve, host, 0)
            )
        except OSError:
            if platform.system() == "Linux":
                raise
            # Elsewhere there is one loopback address.
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        name, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{name}:{port}"

    async def close(self) -> None:
        """Close the road. A final request under way gets a moment for its answer, then it is LOST."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        if self._finals:
            await asyncio.wait(self._finals, timeout=self._limits.closing)
        ending = [*self._connections, *self._finals]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        # Aborted sockets are closed on the loop's next turn, and the loop may be about to end.
        await asyncio.sleep(0)
        if self._server is not None:
            await self._server.wait_closed()

    async def settled(self) -> PermitState:
        """Wait until a final request was sent and its end is known. Returns ANSWERED or LOST."""
        await self._settled.wait()
        return self._guard.state

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        # Accepted just before the gate was closed, and run after: `close` did not see it.
        if task is None or self._closed:
            writer.transport.abort()
            return
        self._connections.add(task)
        try:
            await self._converse(ClientWire(reader=reader, writer=writer, limits=self._limits), tunnel=None)
            writer.close()
            with suppress(OSError):  # the browser was quicker
                await writer.wait_closed()
        except (ClientGone, _Cut, asyncio.CancelledError):
            pass
        except Exception as fault:  # noqa: BLE001 - the last stop: logged, and the browser gets nothing
            _log_fault("gate_fault", fault)
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    async def _converse(self, client: ClientWire, *, tunnel: Url | None) -> None:
        """Answer request after request. `tunnel`: the origin that this connection leads to."""
        try:
            while (message := await client.receive()) is not None:
                if message.method == "CONNECT" and tunnel is None:
                    if await self._tunnel(client, message):
                        return
                else:
                    await self._handle(client, message, tunnel=tunnel)
                if not client.next_cycle():
                    return
        except BadRequest:
            if not client.can_reply:
                raise _Cut from None
            await client.reply(400, "The gate could not read this request.")

    async def _tunnel(self, client: ClientWire, message: Message) -> bool:
        """Answer a CONNECT; True: there was a tunnel and it has ended."""
        try:
            place = Url.parse(f"https://{message.target}")
        except MalformedUrl:
            raise BadRequest from None
        origin = judge_tunnel(self._guard.boundary, host=place.host, port=place.port)
        if origin is None:
            reason = RefusalReason.FOREIGN_HOST
            refusal = Refusal(method="CONNECT", origin=place.origin, path="", reason=reason, final=False)
            await self._refuse(client, refusal)
            return False
        await client.accept_tunnel()
        # No await in between: the browser's first bytes inside must not be read as bytes outside.
        if origin.scheme == "https":
            inside = await client.start_tls(self._certificates.server_context(origin.host))
        else:
            inside = client.start_plain()
        await self._converse(inside, tunnel=origin)
        return True

    async def _handle(self, client: ClientWire, message: Message, *, tunnel: Url | None) -> None:
        request = _outgoing(message, tunnel=tunnel)
        verdict = self._guard.judge(request)
        if message.too_large:
            verdict = Verdict(Kind.REFUSED, verdict.reason or RefusalReason.TOO_LARGE, final=verdict.final)
        try:
            if verdict.reason is not None:
                await self._refuse(client, _refusal(request, verdict.reason, final=verdict.final))
            elif verdict.kind is Kind.FINAL:
                await self._forward_final(client, message, request)
            else:
                repeats = self._limits.repeats if verdict.kind is Kind.READ else ()
                await self._forward(client, message, request.url, repeats=repeats)
        except UpstreamFailed:
            self._was_down = self._was_down or _matters(message)
            _log.warning("gate_upstream_failed", origin=request.url.origin, final=verdict.final)
            await self._bad_gateway(client)
        except (ClientGone, _Cut):
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, the browser gets an answer and no other road
            _log_fault("gate_fault", fault)
            await self._bad_gateway(client)

    async def _bad_gateway(self, client: ClientWire) -> None:
        if not client.can_reply:
            raise _Cut
        await client.reply(502, "The portal did not answer.")

    async def _refuse(self, client: ClientWire, refusal: Refusal) -> None:
        _log.info("gate_refused", method=refusal.method, origin=refusal.origin, reason=refusal.reason.value)
        try:
            self._on_refused(refusal)
        except Exception as fault:  # noqa: BLE001 - who is told may fail; the request stays refused
            _log_fault("gate_refusal_not_reported", fault)
        await client.reply(403, f"Refused by the submit guard: {refusal.reason.value}.")

    async def _forward(self, client: ClientWire, message: Message, url: Url, *, repeats: tuple[float, ...]) -> None:
        upstream, head = await self._asked(message, url, repeats=repeats)
        try:
            await client.send(head)
            while (data := await upstream.data()) is not None:
                await client.send(data)
            await client.send(h11.EndOfMessage())
        finally:
            upstream.close()

    async def _asked(
        self, message: Message, url: Url, *, repeats: tuple[float, ...]
    ) -> tuple[UpstreamWire, h11.Response]:
        """Send a request and wait for the head of its answer; again after each of `repeats`, until it is a good one."""
        page = message.header_values(b"sec-fetch-dest") in ([b"document"], [b"iframe"])
        self._unanswered += page
        try:
            for pause in repeats:
                with suppress(UpstreamFailed):
                    upstream, head = await self._asked_once(message, url)
                    if head.status_code not in _FAILED:
                        return upstream, head
                    upstream.close()
                await asyncio.sleep(pause)
            upstream, head = await self._asked_once(message, url)
        finally:
            self._unanswered -= page
        if head.status_code in _DOWN and _matters(message):
            self._was_down = True
        return upstream, head

    async def _asked_once(self, message: Message, url: Url) -> tuple[UpstreamWire, h11.Response]:
        upstream = await UpstreamWire.connect(url, tls=self._upstream_tls, limits=self._limits)
        try:
            upstream.send(message, url=url)
            return upstream, await upstream.head()
        except BaseException:
            upstream.close()
            raise

    async def _forward_final(self, client: ClientWire, message: Message, request: OutgoingRequest) -> None:
        await faultpoints.passing(Point.FINAL_REQUEST, Phase.BEFORE_CONNECTION)
        upstream = await UpstreamWire.connect(request.url, tls=self._upstream_tls, limits=self._limits)
        # While connecting, the permit may have been withdrawn, or another final request may have taken it. Until here
        # nothing has left, and a failure leaves the permit as it was; from here on there is no way back.
        if not self._guard.begin_sending():
            upstream.close()
            await self._refuse(client, _refusal(request, RefusalReason.FINAL_NOT_RELEASED, final=True))
            return
        exchange = asyncio.create_task(self._traced_final(upstream, message, request.url))
        self._finals.add(exchange)
        exchange.add_done_callback(self._final_ended)
        # The browser may go away: the answer is still read and the permit's end recorded. The answer is complete before
        # the browser sees any of it, so that nobody can look at a receipt while the guard still says SENDING.
        answer = await asyncio.shield(exchange)
        await client.send(answer.head)
        if answer.body:
            await client.send(h11.Data(answer.body))
        await client.send(h11.EndOfMessage())

    async def _traced_final(self, upstream: UpstreamWire, message: Message, url: Url) -> _Answer:
        known = {"http.request.method": message.method, "server.address": url.host}
        with traces.span("final request", known, kind=SpanKind.CLIENT, within=self.final_within):
            return await self._exchange_final(upstream, message, url)

    async def _exchange_final(self, upstream: UpstreamWire, message: Message, url: Url) -> _Answer:
        body = bytearray()
        try:
            await faultpoints.passing(Point.FINAL_REQUEST, Phase.BEFORE_FIRST_BYTE)
            upstream.send(message, url=url)
            await faultpoints.passing(Point.FINAL_REQUEST, Phase.AFTER_LAST_BYTE)
            head = await upstream.head()
            while (data := await upstream.data()) is not None:
                body += data.data
                if len(body) > self._limits.final_answer:
                    raise UpstreamFailed
            self._guard.answered(head.status_code)
            await faultpoints.passing(Point.FINAL_REQUEST, Phase.AFTER_RESPONSE)
        finally:
            upstream.close()
        return _Answer(head=head, body=bytes(body))

    def _final_ended(self, exchange: asyncio.Task[_Answer]) -> None:
        # In a callback, not in the task: one that is cancelled before its first step never runs a line of its own.
        if self._guard.state is PermitState.SENDING:
            self._guard.lost()
        self._finals.discard(exchange)
        self._settled.set()
        fault = None if exchange.cancelled() else exchange.exception()
        _log.info("gate_final_ended", state=self._guard.state.value, fault=fault and type(fault).__name__)


def _outgoing(message: Message, *, tunnel: Url | None) -> OutgoingRequest:
    """Read the request's URL, from which both the verdict and the connection are made. Raises BadRequest.

    The Host header is not asked: it is written anew from the URL.
    """
    text = message.target
    if tunnel is not None:
        if not text.startswith("/"):
            raise BadRequest
        text = tunnel.origin + text
    with suppress(MalformedUrl, UnicodeDecodeError):
        url = Url.parse(text)
        # Plain text for an https origin would not be what that origin's page meant to send.
        if tunnel is not None or url.scheme == "http":
            return OutgoingRequest(
                method=message.method,
                url=url,
                headers=tuple((name.decode().lower(), value.decode("latin-1")) for name, value in message.headers),
                body=message.body,
                upgrade=bool(message.header_values(b"upgrade")),
            )
    raise BadRequest


def _matters(message: Message) -> bool:
    return not _ORNAMENTS.intersection(value.decode("latin-1") for value in message.header_values(b"sec-fetch-dest"))


def _refusal(request: OutgoingRequest, reason: RefusalReason, *, final: bool) -> Refusal:
    path = without_parameters(request.url.path)
    return Refusal(method=request.method, origin=request.url.origin, path=path, reason=reason, final=final)


def _log_fault(event: str, fault: Exception) -> None:
    """Log what broke and where, but not the exception's text: it may quote what a page was sending."""
    place = traceback.extract_tb(fault.__traceback__)[-1:]
    where = [f"{frame.filename}:{frame.lineno}" for frame in place]
    _log.error(event, fault=type(fault).__name__, where=where)
