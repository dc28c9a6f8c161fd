"""HTTP/1.1 over two pairs of streams: the browser's side, and one fresh connection to the portal for each request.

Promises: a request is read completely, within bounds, before anyone sees it; what belongs to one connection (hop-by-hop
headers, proxy headers, protocol upgrades) never crosses to the other; of a request's headers only those cross that
browsers send by themselves or the adapter declares; a connection sends one request, once. Errors
carry no text of their cause: parsers quote what they choke on, and that may be a patient's data or a session's cookie.

May not know: rules, permits, verdicts.
"""

import asyncio
import hmac
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Self

import h11

from priorauth.channels.portals.outgoing import Url
from priorauth.channels.portals.upstream.connecting import Way, open_streams
from priorauth.channels.portals.upstream.failures import Cause, UpstreamFailed
from priorauth.channels.portals.upstream.responses import BrokenOff, ResponseHead, ResponseReader, UnreadableResponse

REFUSED_HEADER: Final = "X-Priorauth-Refused"
"""In an answer of the proxy's own: why the submit guard refused the request. No portal's answer has it."""

_CHUNK: Final = 1 << 16
_HOP_BY_HOP: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        # Said anew for each connection.
        *(b"host", b"content-length", b"expect"),
        # An invitation to a road that does not lead through here.
        b"alt-svc",
        # Nobody but this proxy says it.
        b"x-priorauth-refused",
    }
)


# What Chromium sends by itself, beside `Sec-…`, which scripts cannot set. Scripts can set few of these, and no server
# takes any of them for another method, path or host. Whatever else a script invents does not cross, for example
# `X-HTTP-Method-Override`, `X-Original-URL` and `Authorization`. `Range` does not cross either: part of a page is no
# page.
_BROWSERS_OWN: Final = frozenset(
    {
        *(b"accept", b"accept-language", b"accept-encoding", b"content-type", b"cookie", b"origin", b"referer"),
        *(b"user-agent", b"upgrade-insecure-requests", b"cache-control", b"pragma"),
        *(b"if-none-match", b"if-modified-since"),
        *(b"access-control-request-method", b"access-control-request-headers"),
    }
)
_BROWSERS_ALONE: Final = b"sec-"


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds.

    Attributes:
        body: of one request.
        bodies: of all requests of a session that are under way.
        silence: for how long a portal may neither take nor say anything.
        answering: for how long the head of an answer may take from its first byte on, and so the body of the answer to
            a final request.
        repeats: the pauses after which a repeatable read is sent again that the portal failed at.
        hold: for how long a final request is held before its first byte.
        freeze: for how long `freeze_writes` waits for writes under way.
        judging: how long judging one request may take.
        inline: bodies up to this size are judged on the event loop, larger ones in a thread.
    """

    head: int = 256 << 10
    body: int = 40 << 20
    bodies: int = 160 << 20
    final_answer: int = 64 << 20
    idle: float = 300.0
    request: float = 120.0
    connect: float = 15.0
    silence: float = 180.0
    answering: float = 600.0
    closing: float = 5.0
    repeats: tuple[float, ...] = (0.2, 1.0)
    hold: float = 20.0
    freeze: float = 60.0
    judging: float = 5.0
    inline: int = 16 << 10


class WireError(Exception):
    """A conversation that cannot go on."""


class ClientGone(WireError):
    """The browser closed its connection, or keeps it without using it."""


class BadRequest(WireError):
    """What came from the browser is not HTTP/1.1 for a proxy."""


@dataclass(frozen=True)
class Message:
    """A complete request as it came. `body` is empty where it was `too_large` to be read, or `unknown` sent it."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""
    framed: bool = False
    too_large: bool = False
    unknown: bool = False
    """Without the session's proxy credentials."""

    def header_values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name]


class BodyBudget:
    """How many bytes of bodies all connections of one session may keep in memory together."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def take(self, size: int) -> bool:
        """Take so many bytes; False: there are not so many left."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        self._left += size


class ClientWire:
    """The browser's connection: any number of requests, one at a time."""

    def __init__(
        self,
        *,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limits: Limits,
        budget: BodyBudget | None = None,
        authorization: bytes | None = None,
    ) -> None:
        """Make a wire. `authorization`: the only accepted value of `Proxy-Authorization`; None within tunnels."""
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._authorization = authorization
        self._budget = budget or BodyBudget(limits.bodies)
        self._kept = 0
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head)

    async def receive(self) -> Message | None:
        """Read the next request whole. None: the browser is done. Raises ClientGone, BadRequest."""
        try:
            if not self._http.trailing_data[0]:
                async with asyncio.timeout(self._limits.idle):
                    self._http.receive_data(await self._reader.read(_CHUNK))
            # From the first byte on there is one deadline for all of it: a trickle does not renew it.
            async with asyncio.timeout(self._limits.request):
                head = await self._event()
                return await self._message(head) if isinstance(head, h11.Request) else None
        except h11.RemoteProtocolError:
            raise BadRequest from None
        except OSError:  # TimeoutError is one
            raise ClientGone from None

    async def _message(self, head: h11.Request) -> Message:
        headers = tuple(head.headers.raw_items())
        names = {name.lower() for name, _ in headers}
        # Browsers never send both, and servers differ in which of them ends the body.
        if names >= {b"content-length", b"transfer-encoding"}:
            raise BadRequest
        message = Message(
            method=head.method.decode("ascii"),
            target=head.target.decode("ascii"),
            headers=headers,
            framed=bool(names & {b"content-length", b"transfer-encoding"}),
        )
        message = replace(message, unknown=not self._is_known(message))
        body, length = bytearray(), 0
        while isinstance(event := await self._event(), h11.Data):
            length += len(event.data)
            if length > self._limits.body:
                return replace(message, framed=False, too_large=True)
            # What a stranger sends is read, so that the answer can be read, and not kept.
            if message.unknown:
                continue
            if not self._budget.take(len(event.data)):
                return replace(message, framed=False, too_large=True)
            self._kept += len(event.data)
            body += event.data
        return replace(message, body=bytes(body))

    def _is_known(self, message: Message) -> bool:
        if self._authorization is None:
            return True
        given = b",".join(message.header_values(b"proxy-authorization"))
        return hmac.compare_digest(given, self._authorization)

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            if self._http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._reader.read(_CHUNK))

    def forget_body(self) -> None:
        """The last request is done: its body is not in memory any more."""
        self._budget.give_back(self._kept)
        self._kept = 0

    async def send(self, *events: h11.Event) -> None:
        """Write parts of an answer. Raises ClientGone."""
        try:
            for event in events:
                self._writer.write(self._http.send(event) or b"")
            async with asyncio.timeout(self._limits.silence):
                await self._writer.drain()
        except OSError:
            raise ClientGone from None

    async def gone(self) -> None:
        """Return when the browser has closed the connection. Bytes that it sends meanwhile are kept for `receive`."""
        kept = 0
        while kept <= self._limits.head:
            try:
                data = await self._reader.read(_CHUNK)
            except OSError:
                return
            if not data:
                return
            kept += len(data)
            self._http.receive_data(data)

    async def reply(self, status: int, text: str, *more: tuple[str, str]) -> None:
        """Write a whole answer of the proxy's own. `more`: headers. Raises ClientGone."""
        body = text.encode()
        headers = [
            *more,
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        await self.send(h11.Response(status_code=status, headers=headers), h11.Data(body), h11.EndOfMessage())

    async def accept_tunnel(self) -> None:
        """Say that there is a tunnel now. Raises ClientGone."""
        await self.send(h11.Response(status_code=200, headers=[]))

    async def start_tls(self, context: ssl.SSLContext) -> Self:
        """Speak TLS from here on, as the server. Returns the wire inside. Raises ClientGone."""
        try:
            await self._writer.start_tls(context, ssl_handshake_timeout=self._limits.connect)
        except OSError:
            raise ClientGone from None
        return self.start_plain()

    def start_plain(self) -> Self:
        """Speak HTTP anew from here on. Returns the wire inside."""
        return type(self)(reader=self._reader, writer=self._writer, limits=self._limits, budget=self._budget)

    @property
    def can_reply(self) -> bool:
        """No part of an answer to the current request has been written."""
        return self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE)

    def next_cycle(self) -> bool:
        """Get ready for another request; False: this connection is to be closed."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False


class UpstreamWire:
    """One connection to a portal, for one request and its answer."""

    def __init__(self, *, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._http = h11.Connection(h11.CLIENT)
        self._method = ""
        self._answer = ResponseReader(limit=limits.head)

    @classmethod
    async def connect(cls, url: Url, *, way: Way, limits: Limits) -> Self:
        """Open a connection; nothing of a request has left yet. Raises UpstreamFailed."""
        reader, writer = await open_streams(url, way=way, seconds=limits.connect)
        return cls(reader=reader, writer=writer, limits=limits)

    @property
    def has_ended(self) -> bool:
        """Whether the portal has closed the connection, or broken it."""
        return self._reader.at_eof() or self._reader.exception() is not None or self._writer.is_closing()

    def send(self, message: Message, *, url: Url, declared: Iterable[str] = ()) -> None:
        """Hand the whole request to the socket, without waiting for it to leave. `declared`: the adapter's headers."""
        allowed = _BROWSERS_OWN.union(name.encode() for name in declared)
        own = [
            (name, value)
            for name, value in _crossing(message.headers)
            if name.lower() in allowed or name.lower().startswith(_BROWSERS_ALONE)
        ]
        headers = [(b"Host", url.authority.encode()), *own, (b"Connection", b"close")]
        if message.framed:
            headers.append((b"Content-Length", str(len(message.body)).encode()))
        request = h11.Request(method=message.method, target=url.target, headers=headers)
        self._method = message.method
        data = self._http.send(request) or b""
        if message.body:
            data += self._http.send(h11.Data(message.body)) or b""
        self._writer.write(data + (self._http.send(h11.EndOfMessage()) or b""))

    async def head(self) -> h11.Response:
        """Wait for the answer's head, in a form that the browser's side can send on. Raises UpstreamFailed."""
        with _failures():
            self._answer.receive(await self._read())
            # From its first byte on there is one deadline for all of it: a trickle does not renew it.
            async with asyncio.timeout(self._limits.answering):
                while (head := self._answer.next_head(self._method)) is None:
                    self._answer.receive(await self._read())
        return h11.Response(status_code=head.status, headers=_answered(head), reason=head.reason)

    async def data(self) -> h11.Data | None:
        """The answer's next piece; None: it is complete. Raises UpstreamFailed."""
        with _failures():
            while (piece := self._answer.next_data()) is None:
                self._answer.receive(await self._read())
        return h11.Data(data=piece) if piece else None

    async def _read(self) -> bytes:
        while True:
            waiting = self._writer.transport.get_write_buffer_size()
            try:
                async with asyncio.timeout(self._limits.silence):
                    return await self._reader.read(_CHUNK)
            except TimeoutError:
                # A portal on a thin line that is still taking the upload is not silent.
                left = self._writer.transport.get_write_buffer_size()
                if not 0 < left < waiting:
                    raise UpstreamFailed(Cause.REQUEST_TIMEOUT if left else Cause.ANSWER_TIMEOUT) from None

    def close(self) -> None:
        """Drop the connection at once: its one answer has been read or given up."""
        self._writer.transport.abort()


@contextmanager
def _failures() -> Iterator[None]:
    """Tell why an answer cannot be read."""
    try:
        yield
    except UnreadableResponse as error:
        raise UpstreamFailed(Cause.NOT_HTTP, error.fault) from None
    except TimeoutError:
        raise UpstreamFailed(Cause.ANSWER_TIMEOUT) from None
    except (BrokenOff, OSError):
        raise UpstreamFailed(Cause.CONNECTION_LOST) from None


def _answered(head: ResponseHead) -> list[tuple[bytes, bytes]]:
    """Return the fields that the browser gets: those of the portal that cross, and a length in one form."""
    headers = _crossing(head.fields)
    if head.length is not None:
        headers.append((b"Content-Length", str(head.length).encode()))
    return headers


def _crossing(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that concern the other end and not this connection."""
    items = list(headers)
    named = {
        token.strip().lower() for name, value in items if name.lower() == b"connection" for token in value.split(b",")
    }
    dropped = _HOP_BY_HOP | named
    return [item for item in items if item[0].lower() not in dropped and not item[0].lower().startswith(b"proxy-")]
