"""What surrounds every request: its id, headers that keep patients' data out of caches, the net for faults, and word of
it to whoever watches: what it was and how long it took, as log line, metric and span.

Nothing here writes an address down, but for its route's template: some addresses are secrets.
"""

import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from priorauth.domain.errors import InternalError, whereabouts
from priorauth.domain.events import Observer
from priorauth.http.answers import error_response
from priorauth.http.edge import PREFIX, SECOND_PREFIX
from priorauth.store.ids import new_id
from priorauth.telemetry import traces

_log = structlog.get_logger(__name__)

_NOBODY = Observer()
_UNMATCHED = "unmatched"
_CLIENT_GONE = 499


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
        began = time.perf_counter()
        request_id = new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        scope["state"]["bodyless"] = scope["method"] == "HEAD"
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        with traces.span(scope["method"], kind=SpanKind.SERVER, within=_client_trace(scope)) as span:
            status = await self._answer(inner, receive, send)
            route = _template(inner)
            span.update_name(f"{scope['method']} {route}")
            span.set_attributes(
                {"http.request.method": scope["method"], "http.route": route, "priorauth.request_id": request_id}
            )
            span.set_attribute("http.response.status_code", status)
            seconds = time.perf_counter() - began
            _observer(scope).answered(
                method=scope["method"], route=route, status=status, seconds=seconds, ids=_ids(scope["state"])
            )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Have the request answered; return the status that its client got, or would have got had it stayed."""
        state, status = scope["state"], _CLIENT_GONE

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, {"Request-Id": state["request_id"], **state.get("headers", {})})
            elif state["bodyless"]:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an envelope and no trace of it
            _log.error("request_fault", request_id=state["request_id"], route=_template(scope), **whereabouts(error))
            if status == _CLIENT_GONE:
                await error_response(InternalError(), request_id=state["request_id"])(scope, receive, sent)
        return status

    async def _connection(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a web socket; a fault ends it, and what it says stays out of the log."""
        began = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - as above
            _log.error("connection_fault", **whereabouts(error))
            with suppress(Exception):
                await send({"type": "websocket.close", "code": 1011, "reason": ""})
        if scope["type"] == "websocket":
            _log.info("connection", route=_template(scope), milliseconds=round((time.perf_counter() - began) * 1000))


def _observer(scope: Scope) -> Observer:
    services = getattr(scope["app"].state, "services", None)
    return services.database.observer if services is not None else _NOBODY


def _client_trace(scope: Scope) -> Context | None:
    """Return the trace that the client goes on with, if it says so."""
    if not traces.is_on():
        return None
    given = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
    return traces.brought(given.decode("latin-1")) if given is not None else Context()


def _template(scope: Scope) -> str:
    """Return the template of the route that took the request. What a client wrote into its path is no part of it."""
    route = scope.get("route")
    if route is None:
        return _UNMATCHED
    path: str = scope["path"]
    if route.path_regex.match(path) is None:
        # Of a router that is mounted below a prefix the route knows its own part alone.
        prefix = SECOND_PREFIX if path.startswith(SECOND_PREFIX) else PREFIX
        return f"{prefix}{route.path}"
    return str(route.path)


def _ids(state: Mapping[str, Any]) -> dict[str, str]:
    """Return whose request it was, by ids."""
    ids = {"request_id": state["request_id"]}
    caller = state.get("caller")
    if caller is not None:
        ids |= {"key_id": caller.key_id, "organization_id": caller.organization_id}
    return ids


def _add_headers(message: MutableMapping[str, Any], more: Mapping[str, str]) -> None:
    headers = list(message.get("headers", []))
    headers += [(name.lower().encode(), value.encode()) for name, value in more.items()]
    headers += [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    message["headers"] = headers
