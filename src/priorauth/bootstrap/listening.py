"""An API that listens: its socket, its address, and a server that is a guest of this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from priorauth.domain.errors import UserFault
from priorauth.http.protocol import EnvelopingProtocol
from priorauth.live.messages import MESSAGE_LIMIT


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
    server = _ApiServer(
        uvicorn.Config(
            app,
            forwarded_allow_ips=trusted_proxies,
            http=EnvelopingProtocol,
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
