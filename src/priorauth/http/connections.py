"""How many connections and requests there may be at a time: of all clients together, and of one address.

A proxy in front asks for many clients. Its own address is not counted; the addresses for which it asks are.
"""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from priorauth.domain.errors import RateLimited
from priorauth.http.answers import error_response
from priorauth.store.ids import new_id

IsProxy = Callable[[str], bool]

CONNECTIONS_OF_AN_ADDRESS = 256
REQUESTS_OF_AN_ADDRESS = 256


class Connection(Protocol):
    """One open connection."""

    @property
    def address(self) -> str:
        """The address at its other end."""
        ...

    def drop(self) -> None:
        """End it at once."""
        ...


class OpenConnections:
    """The connections of one listener, `limit` at most.

    When there are as many, the one that waits longest for a request's head makes room: a client that only holds
    connections open keeps nobody out.
    """

    def __init__(self, *, limit: int, is_proxy: IsProxy) -> None:
        self._limit = limit
        self._is_proxy = is_proxy
        self._open: set[Connection] = set()
        self._of = Counter[str]()
        # In the order in which they began to wait.
        self._waiting: dict[Connection, None] = {}

    def admit(self, connection: Connection) -> bool:
        """Count a new connection; False when it has to be dropped."""
        address = connection.address
        if self._of[address] >= CONNECTIONS_OF_AN_ADDRESS and not self._is_proxy(address):
            return False
        if len(self._open) >= self._limit and not self._made_room():
            return False
        self._open.add(connection)
        self._of[address] += 1
        return True

    def waits(self, connection: Connection) -> None:
        """Note that a connection waits for a request's head."""
        self._waiting[connection] = None

    def asks(self, connection: Connection) -> None:
        """Note that a connection's request has begun."""
        self._waiting.pop(connection, None)

    def leave(self, connection: Connection) -> None:
        """Forget a connection that has ended, or was never admitted."""
        self._waiting.pop(connection, None)
        if connection not in self._open:
            return
        self._open.discard(connection)
        self._of[connection.address] -= 1
        if not self._of[connection.address]:
            del self._of[connection.address]

    def _made_room(self) -> bool:
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.drop()
        return True


class RequestsInFlight:
    """ASGI middleware: so many requests of one address at a time, as trusted proxies report it."""

    def __init__(self, app: ASGIApp, *, is_proxy: IsProxy) -> None:
        self._app = app
        self._is_proxy = is_proxy
        self._of = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if scope["type"] == "lifespan" or client is None or self._is_proxy(client[0]):
            await self._app(scope, receive, send)
            return
        address = client[0]
        if self._of[address] >= REQUESTS_OF_AN_ADDRESS:
            await _refuse(scope, receive, send)
            return
        self._of[address] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._of[address] -= 1
            if not self._of[address]:
                del self._of[address]


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013, "reason": ""})
        return
    error = RateLimited(
        f"{REQUESTS_OF_AN_ADDRESS} requests of this address are under way. Wait for the answer of one of them.",
        details={"retryAfterSeconds": 1, "limit": REQUESTS_OF_AN_ADDRESS},
    )
    request_id = new_id("req")
    headers = {"Request-Id": request_id, "Cache-Control": "no-store", "Retry-After": "1"}
    await error_response(error, request_id=request_id, headers=headers)(scope, receive, send)
