"""What surrounds every request: its id, headers that keep patients' data out of caches, and the net for faults.

Nothing here writes an address down: some of them are secrets.
"""

import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from priorauth.domain.errors import InternalError, whereabouts
from priorauth.http.answers import error_response
from priorauth.store.ids import new_id

_log = structlog.get_logger(__name__)


class RequestEnvelope:
    """ASGI middleware. HEAD is answered as GET without its body; `state.bodyless` says so to whom it matters.

    An unforeseen fault is logged by its type and place, never by what it says.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._connection(scope, receive, send)
            return
        request_id = new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        bodyless = scope["state"]["bodyless"] = scope["method"] == "HEAD"
        started = False

        async def sent(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message, {"Request-Id": request_id, **scope["state"].get("headers", {})})
            elif bodyless:
                message = {**message, "body": b""}
            await send(message)

        began = time.perf_counter()
        inner = {**scope, "method": "GET"} if bodyless else scope
        try:
            await self._app(inner, receive, sent)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an envelope and no trace of it
            milliseconds = round((time.perf_counter() - began) * 1000)
            _log.error("request_fault", request_id=request_id, milliseconds=milliseconds, **whereabouts(error))
            if not started:
                await error_response(InternalError(), request_id=request_id)(inner, receive, sent)

    async def _connection(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a web socket; a fault ends it, and what it says stays out of the log."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - as above
            _log.error("connection_fault", **whereabouts(error))
            with suppress(Exception):
                await send({"type": "websocket.close", "code": 1011, "reason": ""})


def _add_headers(message: MutableMapping[str, Any], more: Mapping[str, str]) -> None:
    headers = list(message.get("headers", []))
    headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
    headers += [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    message["headers"] = headers
