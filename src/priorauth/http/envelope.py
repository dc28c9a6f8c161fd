"""What surrounds every request: its id, headers that keep patients' data out of caches, and the net for faults."""

import time
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from priorauth.domain.errors import InternalError
from priorauth.http.answers import error_response
from priorauth.store.ids import new_id

_log = structlog.get_logger(__name__)


class RequestEnvelope:
    """ASGI middleware. An unforeseen fault is logged by its type and place, never by what it says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def sent(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message, request_id)
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)[-6:]
            _log.error(
                "request_fault",
                request_id=request_id,
                error=type(error).__name__,
                frames=[f"{frame.name}:{frame.lineno}" for frame in frames],
                milliseconds=round((time.perf_counter() - began) * 1000),
            )
            if not started:
                await error_response(InternalError(), request_id=request_id)(scope, receive, sent)


def _add_headers(message: MutableMapping[str, Any], request_id: str) -> None:
    headers = list(message.get("headers", []))
    headers += [
        (b"request-id", request_id.encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    message["headers"] = headers
