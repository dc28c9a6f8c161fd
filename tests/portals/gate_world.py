"""A proxy spoken to over bare sockets, with a portal behind it that counts."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from priorauth.channels.portals.gate import Gate
from priorauth.channels.portals.gate_wire import Limits
from priorauth.channels.portals.guard import (
    Boundary,
    FinalRule,
    Parameter,
    PermittedRequest,
    ReadRule,
    Rule,
    SubmitGuard,
)
from tests.portals.counting_portal import CountingPortal, Refusals, Watch

GET, POST = frozenset({"GET"}), frozenset({"POST"})
FORM = "Content-Type: application/x-www-form-urlencoded"
FAST = Limits(
    idle=0.3,
    request=0.3,
    connect=2.0,
    silence=0.3,
    answering=0.6,
    closing=0.2,
    body=1000,
    final_answer=5000,
    hold=0.3,
    freeze=0.3,
)


def boundary_at(origin: str) -> Boundary:
    """A portal with a few pages, a form that saves, and forms that submit drafts."""
    return Boundary(
        origins=(origin,),
        reads=(
            ReadRule("/|/a|/b", (Parameter("q", "[0-9]*"),)),
            ReadRule("/error|/down|/missing|/reset|/page", repeatable=True),
        ),
        writes=(Rule(POST, "/save|/error|/down"), Rule(GET, "/discard")),
        final=(FinalRule(POST, "/final(?:-[0-9]+)?", variable=frozenset({"token"})),),
        static=("/static/[a-z.]+",),
        headers=("x-csrf-token",),
        path_parameters=("jsessionid",),
    )


@dataclass
class World:
    """One proxy and one portal."""

    portal: CountingPortal
    guard: SubmitGuard
    gate: Gate
    refusals: Refusals
    foreign: Refusals
    host: str
    port: int

    def release(self, path: str = "/final") -> None:
        """Release the permit of a final request."""
        self.guard.release(self.permitted(path))

    def permitted(self, path: str = "/final") -> PermittedRequest:
        """The final request at this path."""
        return PermittedRequest(self.portal.url(""), "POST", path, variable=frozenset({"token"}))

    @property
    def authorization(self) -> str:
        """The header by which the session's browser is known."""
        return "Proxy-Authorization: Basic " + base64.b64encode(":".join(self.gate.credentials).encode()).decode()

    async def say(self, *pieces: bytes, end: bool = True) -> bytes:
        """Send this over one connection and read until the proxy closes it."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if end:
            writer.write_eof()
        try:
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()

    async def once(self, piece: bytes) -> bytes:
        """Send one request and read its whole answer, as a browser does that keeps its connection open."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(piece)
        try:
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(v) for k, _, v in map(_header, head.split(b"\r\n")) if k == b"content-length")
                return head + await reader.readexactly(length)
        finally:
            writer.close()

    def ask(self, method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
        """A request of the session's browser."""
        lines = [f"{method} {self.portal.url(path)} HTTP/1.1", "Host: x", self.authorization, *headers]
        if body and not any(line.lower().startswith("content-type") for line in headers):
            lines.append(FORM)
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body


def _header(line: bytes) -> tuple[bytes, bytes, bytes]:
    name, colon, value = line.partition(b":")
    return name.strip().lower(), colon, value.strip()


@asynccontextmanager
async def a_world(limits: Limits | None = None) -> AsyncIterator[World]:
    """Open a proxy to a portal."""
    watch = Watch()
    refusals, foreign = Refusals(watch), Refusals(watch)
    async with CountingPortal(watch) as portal:
        guard = SubmitGuard(boundary_at(portal.url("")))
        gate = Gate(guard, on_refused=refusals.add, on_foreign=foreign.add, limits=limits)
        host, port = (await gate.start()).removeprefix("http://").split(":")
        try:
            yield World(portal, guard, gate, refusals, foreign, host, int(port))
        finally:
            await gate.close()
