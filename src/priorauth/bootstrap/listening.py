"""An API that listens: its socket, its address, and a server that is a guest of this process."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import cast

import uvicorn
from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from priorauth.domain.errors import UserFault
from priorauth.http.connections import OpenConnections, RequestsInFlight
from priorauth.http.protocol import BoundedProtocol
from priorauth.live.messages import MESSAGE_LIMIT

_CONNECTIONS = 4096


class CannotListen(UserFault):
    """The address is taken, or not one of this machine."""


def listen(host: str, port: int) -> socket.socket:
    """Bind an address. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, since asyncio switches Nagle's algorithm off only for sockets that name it.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise CannotListen(f"cannot listen on {host} port {port}: {reason}") from None
    return listener


def address_of(host: str, listener: socket.socket) -> str:
    """Return the URL at which a listener is reached from this machine."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - named in order not to be shown
    shown = anywhere.get(host) or (f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{listener.getsockname()[1]}"


class _ApiServer(uvicorn.Server):
    """A guest of this process: it takes no signals, and tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the command line."""
        yield


@asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket, *, trusted_proxies: str = "") -> AsyncIterator[asyncio.Event]:
    """Serve the application; give the event of its unasked end. Trusted proxies tell for whom they ask."""
    stopped = asyncio.Event()
    # uvicorn's own reading of the setting, so that there is one.
    proxies = ProxyHeadersMiddleware(app, trusted_proxies).trusted_hosts  # type: ignore[arg-type]
    connections = OpenConnections(limit=min(_CONNECTIONS, _open_files() // 2), is_proxy=proxies.__contains__)
    server = _ApiServer(
        uvicorn.Config(
            RequestsInFlight(app, is_proxy=proxies.__contains__),
            forwarded_allow_ips=trusted_proxies,
            http=cast("type[asyncio.Protocol]", partial(BoundedProtocol, connections)),
            ws="websockets-sansio",
            ws_max_size=MESSAGE_LIMIT,
            # Pictures are compressed already.
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name="api")
    task.add_done_callback(lambda _: stopped.set())
    await server.listening.wait()
    try:
        yield stopped
    finally:
        server.should_exit = True
        await task


def _open_files() -> int:
    """Let the process open as many files as it may; return how many. A login shell's 1,024 are soon held."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most if most != resource.RLIM_INFINITY else 2 * _CONNECTIONS
