"""Attending viewers from a node that holds no sessions: each is led to the worker that does, message by message.

A ticket says which session it is for; the worker judges it and attends the view as it would by itself. Nothing is
decided here, and nothing kept: when this node dies, its viewers come back by any other one.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from priorauth.domain.live_sessions import SessionClaim
from priorauth.http.live_views import PROTOCOL, ticket_among
from priorauth.queries.access_grants import worker_of
from priorauth.store.database import Database

_PATH = "/runtime/live/socket"
_RECONNECT = 4000
# What the library says of a connection that ended without a goodbye; it is never sent.
_ABNORMAL = {1005, 1006}

_log = structlog.get_logger(__name__)


class LiveRelay:
    """The way from an API node to the workers. `proof_for` proves to a worker that one of the installation asks."""

    def __init__(
        self,
        *,
        database: Database,
        proof_for: Callable[[str], str],
        viewer_file: Callable[[str], tuple[bytes, str] | None],
    ) -> None:
        self.viewer_file = viewer_file
        self._database = database
        self._proof_for = proof_for
        self._stopping = asyncio.Event()
        self._attending: set[asyncio.Task[None]] = set()

    def shows(self, claim: SessionClaim) -> bool:
        """Say yes: a claim that stands is all that can be known from here."""
        del claim
        return True

    async def attend(self, socket: WebSocket) -> None:
        """Lead a viewer to the worker that holds the session of its ticket, until one of the three goes."""
        subprotocols: list[str] = socket.scope["subprotocols"]
        ticket = ticket_among(subprotocols)
        found = await self._database.read(lambda tx: worker_of(tx, ticket)) if ticket is not None else None
        if found is None:
            await socket.close()
            return
        worker, url = found
        address = f"{url.replace('http', 'ws', 1)}{_PATH}"
        proof = {"Authorization": f"Bearer {self._proof_for(worker)}"}
        offered = [Subprotocol(each) for each in subprotocols]
        try:
            async with connect(
                address, subprotocols=offered, additional_headers=proof, compression=None, max_size=None, proxy=None
            ) as upstream:
                await socket.accept(subprotocol=PROTOCOL)
                await self._lead(socket, upstream)
        except (OSError, InvalidHandshake) as error:
            _log.info("worker_refused_viewer", worker=worker, fault=type(error).__name__)
            await socket.close()

    async def close(self) -> None:
        """Send all viewers away to come back: the server stops."""
        self._stopping.set()
        if self._attending:
            await asyncio.wait(self._attending)

    async def _lead(self, socket: WebSocket, upstream: ClientConnection) -> None:
        here = asyncio.current_task()
        if here is not None:
            self._attending.add(here)
            here.add_done_callback(self._attending.discard)
        tasks = {
            asyncio.create_task(_to_worker(socket, upstream), name="relay-to-worker"),
            asyncio.create_task(_to_viewer(socket, upstream), name="relay-to-viewer"),
            asyncio.create_task(self._stopping.wait(), name="relay-stopping"),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await upstream.close()
        code = upstream.close_code
        if self._stopping.is_set() or code is None or code in _ABNORMAL or code < _RECONNECT:
            # The worker is gone, or this node goes: whoever comes back learns how things stand.
            code, reason = (code, "") if code == 1008 else (_RECONNECT, "reconnect")
        else:
            reason = upstream.close_reason or ""
        with suppress(WebSocketDisconnect, RuntimeError, OSError):
            await socket.close(code, reason)


async def _to_worker(socket: WebSocket, upstream: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        while (message := await socket.receive())["type"] != "websocket.disconnect":
            text: str | None = message.get("text")
            await upstream.send(text if text is not None else bytes(message["bytes"]))


async def _to_viewer(socket: WebSocket, upstream: ClientConnection) -> None:
    with suppress(WebSocketDisconnect, RuntimeError, OSError, ConnectionClosed):
        async for message in upstream:
            if isinstance(message, str):
                await socket.send_text(message)
            else:
                await socket.send_bytes(message)
