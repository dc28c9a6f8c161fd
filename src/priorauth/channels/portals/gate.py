"""The proxy of one browser session: the only way out of its browser.

Promises: every request of the browser is read whole, judged, and then sent by the proxy itself on a connection of its
own, or refused and reported. Only who presents the session's credentials is served. The final request goes over the
wire at most once: the permit is taken before its first byte, and a browser that sends it again by itself meets a spent
permit. A final request other than the permitted or the held one ends all permits of the session. When the proxy or its
process ends, the browser has no way out at all.

That holds only for a browser started with it as proxy for everything, loopback included, and with its ways beside
proxies (QUIC, WebRTC's UDP) closed. Close the browser before its proxy.

Must not depend on authorizations, approvals or pages. It logs neither query strings nor bodies nor headers.
"""

import asyncio
import base64
import platform
import secrets
import socket
import ssl
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import h11
import structlog
from opentelemetry.context import Context

from priorauth.channels.portals.gate_tls import EphemeralCertificates
from priorauth.channels.portals.gate_wire import (
    REFUSED_HEADER,
    BadRequest,
    BodyBudget,
    ClientGone,
    ClientWire,
    Limits,
    Message,
)
from priorauth.channels.portals.guard import (
    HoldRefusal,
    Kind,
    PermitState,
    RefusalReason,
    SubmitGuard,
    Verdict,
    judge_tunnel,
)
from priorauth.channels.portals.outgoing import MalformedUrl, OutgoingRequest, Url, without_parameters
from priorauth.channels.portals.submit_guard.cookies import PortalCookies
from priorauth.channels.portals.submit_guard.drafts import start_rule
from priorauth.channels.portals.submit_guard.finals import (
    Answer,
    Finals,
    ForeignFinal,
    HeldRefused,
    HoldJudge,
    NotPermitted,
)
from priorauth.channels.portals.submit_guard.forwarding import Forwarding, Learning
from priorauth.channels.portals.submit_guard.threads import judged_aside
from priorauth.channels.portals.upstream.connecting import Way
from priorauth.channels.portals.upstream.egress import EgressProxy
from priorauth.channels.portals.upstream.failures import UpstreamFailed

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Refusal:
    """What did not leave, without what a patient's data may be in: no query string, no path parameters, no body.

    `path` is empty for a refused tunnel: what was to be said inside is not known. `code` and `words` say why a held
    request was not sent. `foreign`: it was final, and another one than the permitted or the held one.
    """

    method: str
    origin: str
    path: str
    reason: RefusalReason
    final: bool
    code: str = ""
    words: str = ""
    foreign: bool = False


class _Cut(Exception):
    """Part of an answer is out and the rest will not come: only breaking the connection says so."""


class Gate:
    """The proxy of one browser session. `start` it before the browser, `close` it after."""

    def __init__(
        self,
        guard: SubmitGuard,
        *,
        on_refused: Callable[[Refusal], None],
        on_foreign: Callable[[Refusal], None] | None = None,
        on_answered: Callable[[], Awaitable[None]] | None = None,
        limits: Limits | None = None,
        upstream_tls: ssl.SSLContext | None = None,
        egress: EgressProxy | None = None,
        cookies: PortalCookies | None = None,
    ) -> None:
        """Make a proxy that is closed yet.

        Args:
            guard: whose verdicts it carries out.
            on_refused: called with each refusal, on the event loop; it must not block.
            on_foreign: called in addition with the refusal of a foreign final request, after the guard was barred.
            on_answered: awaited when the portal begins to answer the final request, before the browser sees any of it.
                It must not raise.
            limits: sizes and times.
            upstream_tls: how portals are verified; by default against the system's trust store.
            egress: the outgoing proxy through which portals are reached; None without one.
            cookies: where the cookies of the portal's answers are remembered.
        """
        self._guard = guard
        self._on_refused = on_refused
        self._on_foreign = on_foreign
        self._limits = limits or Limits()
        way = Way(upstream_tls or ssl.create_default_context(), egress)
        self.cookies = cookies or PortalCookies()
        self._forwarding = Forwarding(limits=self._limits, way=way, cookies=self.cookies)
        self._finals = Finals(guard, limits=self._limits, way=way, cookies=self.cookies, on_answered=on_answered)
        guard.on_withdrawn = self._finals.drop
        self._user, self._password = "browser", secrets.token_urlsafe(32)
        self._budget = BodyBudget(self._limits.bodies)
        self._certificates = EphemeralCertificates()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def credentials(self) -> tuple[str, str]:
        """User and password that the browser must present; anything else is answered 407."""
        return self._user, self._password

    @property
    def outage(self) -> UpstreamFailed | None:
        """Why the portal was down, since `forget_outage`, for something that a page cannot do without; None: it was up.

        It could not be reached, broke off, said that it is down, or has not answered a page yet.
        """
        return self._forwarding.outage

    def forget_outage(self) -> None:
        """Clear the outage flag. Call after a page loaded as expected."""
        self._forwarding.forget_outage()

    @property
    def spki_pins(self) -> tuple[str, ...]:
        """For the browser's `--ignore-certificate-errors-spki-list`: it trusts this proxy, and nothing else more."""
        return (self._certificates.spki_pin,)

    @property
    def final_within(self) -> Context | None:
        """Where in a trace the next final request belongs."""
        return self._finals.within

    @final_within.setter
    def final_within(self, context: Context | None) -> None:
        self._finals.within = context

    async def freeze_writes(self) -> None:
        """Refuse every write from now on and return when those under way have ended. Raises WritesUnderWay."""
        await self._forwarding.freeze()

    def thaw_writes(self) -> None:
        """Let declared writes pass again; where a final request was sent, only after the portal has answered it."""
        self._finals.when_ended(self._thaw_answered)

    def _thaw_answered(self) -> None:
        # Until the portal has answered it may not have read the draft yet. Where the answer was lost it never will.
        if self._guard.state is not PermitState.LOST:
            self._forwarding.thaw()

    def when_final_ended(self, follow: Callable[[], None]) -> None:
        """Call `follow` now or, while a final request is being sent, as soon as it was answered or lost."""
        self._finals.when_ended(follow)

    def hold_finals(self, judge: HoldJudge | None) -> None:
        """Hold each final request before its first byte and let `judge` compare it; None: hold no more.

        Args:
            judge: called once for a held request; an identical second press joins. Returns the permit of the very
                request, or why it is not sent. It may take `Limits.hold` seconds and is cancelled where the hold ends.
        """
        self._finals.hold(judge)

    def drop_held(self) -> None:
        """Refuse the final request that is held, if one is."""
        self._finals.drop()

    async def start(self, listener: socket.socket | None = None) -> str:
        """Open the proxy.

        Args:
            listener: a bound, listening socket, for example one of another network namespace.

        Returns:
            The proxy's URL, without credentials.

        Raises:
            OSError: no loopback address can be had.
        """
        if listener is not None:
            self._server = await asyncio.start_server(self._serve, sock=listener)
        else:
            self._server = await self._on_loopback()
        name, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{name}:{port}"

    async def _on_loopback(self) -> asyncio.Server:
        # An address of its own, not only a port: a browser that outlived its proxy must never find another session's
        # behind an address that the kernel gave out again.
        host = ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])
        try:
            return await asyncio.start_server(self._serve, host, 0)
        except OSError:
            if platform.system() == "Linux":
                raise
            # Elsewhere there is one loopback address.
            return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        """Close the proxy. A final request under way gets a moment for its answer, then it is LOST."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        await self._finals.close()
        ending = list(self._connections)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        # Aborted sockets are closed on the loop's next turn, and the loop may be about to end.
        await asyncio.sleep(0)
        if self._server is not None:
            await self._server.wait_closed()

    async def settled(self) -> PermitState:
        """Wait until a final request was sent and its end is known. Returns ANSWERED or LOST."""
        return await self._finals.settled()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        # Accepted just before the proxy was closed, and run after: `close` did not see it.
        if task is None or self._closed:
            writer.transport.abort()
            return
        self._connections.add(task)
        basic = base64.b64encode(f"{self._user}:{self._password}".encode())
        wire = ClientWire(
            reader=reader,
            writer=writer,
            limits=self._limits,
            budget=self._budget,
            authorization=b"Basic " + basic,
        )
        try:
            await self._converse(wire, tunnel=None)
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
                if message.unknown:
                    challenge = ("Proxy-Authenticate", 'Basic realm="priorauth"')
                    await client.reply(407, "This proxy serves one browser session alone.", challenge)
                elif message.method == "CONNECT" and tunnel is None:
                    if await self._tunnel(client, message):
                        return
                else:
                    await self._handle(client, message, tunnel=tunnel)
                client.forget_body()
                if not client.next_cycle():
                    return
        except BadRequest:
            if not client.can_reply:
                raise _Cut from None
            await client.reply(400, "The proxy could not read this request.")
        finally:
            client.forget_body()

    async def _tunnel(self, client: ClientWire, message: Message) -> bool:
        """Answer a CONNECT; True: there was a tunnel and it has ended."""
        try:
            place = Url.parse(f"https://{message.target}")
        except MalformedUrl:
            raise BadRequest from None
        if "/" in message.target or "?" in message.target:
            raise BadRequest
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
        verdict = await self._judged(message, request)
        declared = self._guard.boundary.headers
        try:
            if verdict.request is not None and await self._sent_as_final(client, message, request, verdict):
                return
            if verdict.reason is not None:
                await self._refuse_request(client, request, verdict)
            elif verdict.kind is Kind.WRITE:
                rule = start_rule(self._guard.base, request)
                learning = Learning(rule, request.url, self._guard.own) if rule is not None else None
                await self._forwarding.write(client, message, request.url, declared=declared, learning=learning)
            else:
                repeatable = verdict.repeatable
                await self._forwarding.read(client, message, request.url, repeatable=repeatable, declared=declared)
        except UpstreamFailed as failed:
            self._forwarding.failed(message, failed)
            _log.warning(
                "gate_upstream_failed",
                origin=request.url.origin,
                final=verdict.final,
                cause=failed.cause.value,
                detail=failed.detail,
            )
            await self._bad_gateway(client, failed.words)
        except (ClientGone, _Cut):
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, the browser gets an answer and no other way out
            _log_fault("gate_fault", fault)
            await self._bad_gateway(client)

    async def _judged(self, message: Message, request: OutgoingRequest) -> Verdict:
        """Return the verdict. Nothing waits between looking at permit, freeze and hold and acting on the verdict."""
        verdict = await judged_aside(lambda: self._guard.boundary, request, limits=self._limits)
        if message.too_large:
            # Its body was not looked at: where bodies tell final requests from others, it may be one.
            final = verdict.final or any(rule.body is not None for rule in self._guard.boundary.final)
            verdict = Verdict(Kind.REFUSED, verdict.reason or RefusalReason.TOO_LARGE, final=final)
        if verdict.kind is Kind.WRITE and self._forwarding.is_frozen:
            return Verdict(Kind.REFUSED, RefusalReason.WRITES_FROZEN)
        return self._guard.weigh(verdict, path=request.url.path)

    async def _sent_as_final(
        self, client: ClientWire, message: Message, request: OutgoingRequest, verdict: Verdict
    ) -> bool:
        """Send a final request that was permitted, or hold one. False: it is refused like others."""
        if verdict.request is None:
            return False
        declared = self._guard.boundary.headers
        may_be_held = self._finals.is_holding and not (self._guard.is_barred or self._guard.is_spent)
        joins = self._finals.is_under_way(verdict.request)
        try:
            if verdict.kind is Kind.FINAL:
                answer = await self._finals.send(message, request.url, verdict.request, declared=declared)
            elif verdict.reason is RefusalReason.FINAL_NOT_RELEASED and (may_be_held or joins):
                answer = await self._finals.send_held(client, message, request, verdict.request, declared=declared)
            else:
                return False
        except NotPermitted:
            await self._refuse(client, _refusal(request, RefusalReason.FINAL_NOT_RELEASED, final=True))
        except ForeignFinal:
            await self._refuse_foreign(client, _refusal(request, RefusalReason.FOREIGN_FINAL, final=True))
        except HeldRefused as held:
            await self._refuse(client, _held(request, held.refusal))
        else:
            await _hand_over(client, answer)
        return True

    async def _bad_gateway(self, client: ClientWire, words: str = "The portal did not answer.") -> None:
        if not client.can_reply:
            raise _Cut
        await client.reply(502, words)

    async def _refuse_request(self, client: ClientWire, request: OutgoingRequest, verdict: Verdict) -> None:
        reason = verdict.reason or RefusalReason.NOT_JUDGED
        permit_is_out = self._guard.state is PermitState.RELEASED
        is_foreign = verdict.final and (permit_is_out or self._finals.has_held)
        if is_foreign and reason is RefusalReason.FOREIGN_DRAFT:
            reason = RefusalReason.FOREIGN_FINAL
        refusal = _refusal(request, reason, final=verdict.final)
        if is_foreign:
            await self._refuse_foreign(client, refusal)
        else:
            await self._refuse(client, refusal)

    async def _refuse_foreign(self, client: ClientWire, refusal: Refusal) -> None:
        """Refuse what is final and not the permitted or held request. First of all, no permit is left."""
        self._guard.bar()
        refusal = replace(refusal, foreign=True)
        _log.error("gate_foreign_final", method=refusal.method, origin=refusal.origin, reason=refusal.reason.value)
        if self._on_foreign is not None:
            _report(self._on_foreign, refusal)
        await self._refuse(client, refusal)

    async def _refuse(self, client: ClientWire, refusal: Refusal) -> None:
        # A page can be refused as often as it likes: how often is on the timeline and in the metrics.
        _log.debug("gate_refused", method=refusal.method, origin=refusal.origin, reason=refusal.reason.value)
        _report(self._on_refused, refusal)
        why = (REFUSED_HEADER, refusal.reason.value)
        await client.reply(403, refusal.words or f"Refused by the submit guard: {refusal.reason.value}.", why)


def _report(told: Callable[[Refusal], None], refusal: Refusal) -> None:
    try:
        told(refusal)
    except Exception as fault:  # noqa: BLE001 - the callback may fail; the request stays refused
        _log_fault("gate_refusal_not_reported", fault)


async def _hand_over(client: ClientWire, answer: Answer) -> None:
    """Write an answer that is complete, so that nobody looks at a receipt while the guard is SENDING."""
    await client.send(answer.head)
    if answer.body:
        await client.send(h11.Data(answer.body))
    await client.send(h11.EndOfMessage())


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


def _refusal(request: OutgoingRequest, reason: RefusalReason, *, final: bool) -> Refusal:
    path = without_parameters(request.url.path)
    return Refusal(method=request.method, origin=request.url.origin, path=path, reason=reason, final=final)


def _held(request: OutgoingRequest, why: HoldRefusal) -> Refusal:
    return Refusal(
        method=request.method,
        origin=request.url.origin,
        path=without_parameters(request.url.path),
        reason=RefusalReason.HELD_REFUSED,
        final=True,
        code=why.code,
        words=why.words,
    )


def _log_fault(event: str, fault: Exception) -> None:
    """Log what broke and where, but not the exception's text: it may quote what a page was sending."""
    place = traceback.extract_tb(fault.__traceback__)[-1:]
    where = [f"{frame.filename}:{frame.lineno}" for frame in place]
    _log.error(event, fault=type(fault).__name__, where=where)
