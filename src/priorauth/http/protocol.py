"""The outermost net: heads of requests within bounds of time and size, and what is no request at all refused in the
one envelope too.

uvicorn takes heads of any size, and waits for the rest of a head or of an unread body for as long as a byte arrives
now and then. Whoever has no key could hold memory and connections that way.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from priorauth.domain.errors import BadRequest, PriorAuthError, RequestHeadTooLarge, RequestTimeout
from priorauth.http.answers import error_response
from priorauth.http.connections import OpenConnections
from priorauth.store.ids import new_id

HEAD_BYTES = 64 * 1024
"""The request line and all header lines of one request."""
HEADER_LINES = 100
HEAD_SECONDS = 10.0
"""From the first byte of a head, or from the connection's begin, to its end."""
UNREAD_SECONDS = 2.0
"""For what a client still sends when its request was answered without it: time to read the answer first."""
UNSENT_SECONDS = 60.0
"""For a client that does not read what it asked for."""
_PIPELINED = 16
_DISCARDED_BYTES = 1024 * 1024
# Lengths of chunks, extensions and trailers are read and thrown away; a body of single bytes has six of them for each.
_FRAMING_BYTES, _FRAMING_OF_A_BYTE = 64 * 1024, 8

_NOT_HTTP = (
    "This is no HTTP/1.1 request that this server takes. Check the request line for spaces and characters that must be "
    "encoded, and the headers that say how long the body is."
)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, within bounds; `connections` are those of its listener."""

    def __init__(self, connections: OpenConnections, **uvicorns: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**uvicorns)
        self._connections = connections
        self._deadline: asyncio.TimerHandle | None = None
        self._unsent: asyncio.TimerHandle | None = None
        self._refusal: PriorAuthError | None = None
        self._framing = 0
        # Bytes that arrived since the refusal; None before one.
        self._discarded: int | None = None
        self._expect_head()

    @property
    def address(self) -> str:
        """The address at the connection's other end."""
        return self.client[0] if self.client else ""

    @property
    def _is_answered(self) -> bool:
        """Whether no answer is under way."""
        latest: RequestResponseCycle | None = self.cycle
        return latest is None or latest.response_complete

    @property
    def _reads(self) -> bool:
        """Whether what arrives is still read as requests by this protocol."""
        is_ours = not self.transport.is_closing() and self.transport.get_protocol() is self
        return is_ours and self._discarded is None

    def drop(self) -> None:
        """End the connection at once."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, if there is room."""
        super().connection_made(transport)
        if not self._connections.admit(self):
            transport.abort()
            return
        self._connections.waits(self)
        self._set_deadline(HEAD_SECONDS, self._end_late_head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._connections.leave(self)
        self._clear_deadline()
        if self._unsent is not None:
            self._unsent.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, as far as the bounds go."""
        if self._discarded is not None:
            # The refusal is on its way: closing now, with bytes unread, would take it from the client.
            self._discarded += len(data)
            if self._discarded > _DISCARDED_BYTES:
                self.transport.abort()
            return
        while data and self._reads:
            piece = data
            if self._awaits_head:
                piece = data[: HEAD_BYTES - self._head_bytes]
                if not piece:
                    self._refuse(RequestHeadTooLarge())
                    return
                if self._deadline is None:
                    self._set_deadline(HEAD_SECONDS, self._end_late_head)
                self._head_bytes += len(piece)
            else:
                self._framing += len(piece)
            data = data[len(piece) :]
            super().data_received(piece)
            if self._framing > _FRAMING_BYTES:
                self._refuse(
                    BadRequest("The body's chunks are mostly framing. Send larger chunks, without extensions.")
                )

    def handle_websocket_upgrade(self) -> None:
        """Give the connection to the web socket's protocol."""
        self._connections.leave(self)
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._begun = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header line, or a trailer's."""
        self._lines += 1
        if self._lines > HEADER_LINES:
            self._stop(RequestHeadTooLarge())
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End the head: the request begins."""
        hosts = sum(name == b"host" for name, _ in self.headers)
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1") or hosts > 1 or (hosts == 0 and version == "1.1"):
            self._stop(BadRequest("Send an HTTP/1.1 request with one Host header."))
        if len(self.pipeline) >= _PIPELINED:
            self._stop(BadRequest(f"More than {_PIPELINED} requests wait on this connection. Read the answers first."))
        self._awaits_head = False
        self._clear_deadline()
        self._connections.asks(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._framing = max(self._framing - len(body) * _FRAMING_OF_A_BYTE, 0)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; the next one may follow."""
        super().on_message_complete()
        self._expect_head()
        self._clear_deadline()
        if self._is_answered:
            self._connections.waits(self)
            self._set_deadline(HEAD_SECONDS, self._end_late_head)

    def on_response_complete(self) -> None:
        """End an answer; what its request still sends is thrown away, for a moment."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._give_up_unsent()
        elif self._awaits_head and self._is_answered:
            self._connections.waits(self)
        elif not self.pipeline:
            self._set_deadline(UNREAD_SECONDS, self._close)

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that nobody uses."""
        super().timeout_keep_alive_handler()
        self._give_up_unsent()

    def pause_writing(self) -> None:
        """Wait for a client that does not read, but not for ever."""
        super().pause_writing()
        self._give_up_unsent()

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if self._unsent is not None and not self.transport.is_closing():
            self._unsent.cancel()
            self._unsent = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's words help nobody
        """Refuse what cannot be read."""
        self._refuse(self._refusal or BadRequest(_NOT_HTTP))

    def _expect_head(self) -> None:
        self._awaits_head, self._begun = True, False
        self._head_bytes = self._lines = self._framing = 0

    def _end_late_head(self) -> None:
        self._deadline = None
        if not self._is_answered:
            # The answer before it is under way.
            self._set_deadline(HEAD_SECONDS, self._end_late_head)
        elif self._begun or self._head_bytes:
            self._refuse(RequestTimeout("The head of the request took too long. Send it at once."))
        elif self.timeout_keep_alive_task is None:
            self._close()

    def _stop(self, refusal: PriorAuthError) -> None:
        """Leave the parser, which then refuses what it reads."""
        self._refusal = refusal
        raise refusal

    def _refuse(self, error: PriorAuthError) -> None:
        """Refuse, and close: where another request would begin is not known any more."""
        if self.transport.is_closing() or self._discarded is not None:
            return
        request_id = new_id("req")
        headers = {"Request-Id": request_id, "Cache-Control": "no-store", "Connection": "close"}
        response = error_response(error, request_id=request_id, headers=headers)
        status = f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}".encode()
        lines = [status, *(b": ".join(pair) for pair in response.raw_headers), b"", b""]
        self.transport.write(b"\r\n".join(lines) + bytes(response.body))
        if not self._is_answered:
            self._close()
            return
        self._discarded = 0
        self.transport.write_eof()
        self._set_deadline(UNREAD_SECONDS, self._close)

    def _close(self) -> None:
        self.transport.close()
        self._give_up_unsent()

    def _give_up_unsent(self) -> None:
        if self._unsent is None:
            self._unsent = self.loop.call_later(UNSENT_SECONDS, self.transport.abort)

    def _set_deadline(self, seconds: float, end: Callable[[], None]) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(seconds, end)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
