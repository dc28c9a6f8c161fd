"""A portal that counts what reaches it, and fails where it is told to.

Sockets alone, so that nothing is sent twice by a library. It reads each request whole before it counts it.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from priorauth.channels.portals.gate import Refusal

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok"
WAIT_LIMIT = 20.0


class Watch:
    """Waits for conditions: whoever changes something says so."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], object], *, limit: float = WAIT_LIMIT) -> None:
        async with asyncio.timeout(limit):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class Refusals(list[Refusal]):
    """What a gate reported."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def add(self, refusal: Refusal) -> None:
        self.append(refusal)
        self._watch.changed()


@dataclass(frozen=True)
class Seen:
    method: str
    target: str
    head: bytes
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass
class CountingPortal:
    """Answers `answers[path]` as it is, bytes of a whole HTTP response; else `OK`.

    `hold`: paths that are read and counted, and answered only after `let_go`. `reset`: paths that are read, counted and
    reset. `reset_unread`: reset at the first byte.
    """

    watch: Watch
    answers: dict[str, bytes] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    hold: set[str] = field(default_factory=set)
    reset: set[str] = field(default_factory=set)
    reset_unread: set[str] = field(default_factory=set)
    tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> Self:
        self._go = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def count(self, path: str) -> int:
        return sum(seen.path == path for seen in self.seen)

    def let_go(self) -> None:
        self._go.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line = await reader.readuntil(b"\r\n")
        method, target, _ = line.decode().split(" ")
        path = target.partition("?")[0]
        if path in self.reset_unread:
            return reset(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(v) for k, _, v in map(_split, head.split(b"\r\n")) if k == b"content-length"), 0)
        body = await reader.readexactly(length)
        self.seen.append(Seen(method=method, target=target, head=head, body=body))
        self.watch.changed()
        if path in self.reset:
            return reset(writer)
        if path in self.hold:
            await self._go.wait()
        answer = self.answers.get(path, OK)
        writer.write(answer)
        await writer.drain()
        return b"\r\nconnection: close" not in b"\r\n" + head.lower()


def _split(line: bytes) -> tuple[bytes, bytes, bytes]:
    name, colon, value = line.partition(b":")
    return name.strip().lower(), colon, value.strip()


def reset(writer: asyncio.StreamWriter) -> bool:
    """Break a connection with a TCP reset, not with an orderly end."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


def html(body: str, *, headers: str = "") -> bytes:
    content = f"<!doctype html><meta charset=utf-8>{body}".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{headers}Content-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def script(text: str) -> bytes:
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nService-Worker-Allowed: /\r\n"
    return f"{head}Content-Length: {len(text.encode())}\r\n\r\n{text}".encode()
