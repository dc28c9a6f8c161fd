"""The viewers of the live benchmark, in a process of their own, which is given its task as JSON."""

import asyncio
import json
import random
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.live_pages import stamp_of

_SLOW_BYTES_A_SECOND = 1_000_000
_DECODED_AT_MOST = 80


@dataclass
class Seen:
    """What one viewer got: (sequence, when), and the pictures of those that are read afterwards."""

    arrivals: list[tuple[int, float]] = field(default_factory=list)
    pictures: dict[int, bytes] = field(default_factory=dict)


async def watch(url: str, ticket: str, seen: Seen, *, seconds: float, keep: bool) -> None:
    """Take frames for a while, and say so for each."""
    async with connection(url, ticket) as carrier:
        with suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(seconds):
                while True:
                    message = await carrier.recv()
                    if isinstance(message, bytes):
                        now = time.time()
                        (sequence,) = struct.unpack(">I", message[1:5])
                        await carrier.send(json.dumps({"type": "ack", "frame": sequence}))
                        seen.arrivals.append((sequence, now))
                        if keep:
                            seen.pictures[sequence] = message[13:]


async def press(url: str, ticket: str, *, seconds: float) -> list[float]:
    """Press now and then, and wait for the frame that shows it."""
    found: list[float] = []
    async with connection(url, ticket) as carrier:
        await carrier.send(json.dumps({"type": "start"}))
        shown = await rest(carrier, -1)
        over = time.monotonic() + seconds
        while time.monotonic() < over:
            await asyncio.sleep(0.25 + random.random() * 0.2)
            place = {"type": "pointer", "tab": 1, "x": 900, "y": 400, "button": "left", "clicks": 1}
            begun = time.time()
            await carrier.send(json.dumps({**place, "motion": "down", "buttons": 1}))
            await carrier.send(json.dumps({**place, "motion": "up"}))
            shown, at = await next_number(carrier, shown)
            found.append((at - begun) * 1000)
    return found


async def rest(carrier: ClientConnection, shown: int) -> int:
    number, _ = await next_number(carrier, shown)
    return number


async def next_number(carrier: ClientConnection, shown: int) -> tuple[int, float]:
    """Wait for a frame with another number than `shown`."""
    while True:
        message = await carrier.recv()
        if isinstance(message, bytes):
            now = time.time()
            await carrier.send(json.dumps({"type": "ack", "frame": struct.unpack(">I", message[1:5])[0]}))
            number = stamp_of(message[13:])
            if number != shown:
                return number, now


def connection(url: str, ticket: str) -> connect:
    """Connect as the viewer's page does."""
    return connect(
        url,
        subprotocols=["priorauth.live.v1", f"ticket.{ticket}"],
        compression=None,
        max_size=None,  # type: ignore[list-item]
    )


async def slow_way(url: str) -> str:
    """Lead to the same server through a link of 1 MB/s that buffers little."""
    target = urlsplit(url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (target.hostname, target.port))
        behind_reader, behind_writer = await asyncio.open_connection(sock=raw, limit=32 * 1024)
        await asyncio.gather(_pass(reader, behind_writer, None), _pass(behind_reader, writer, _SLOW_BYTES_A_SECOND))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    return target._replace(netloc=f"127.0.0.1:{port}").geturl()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: int | None) -> None:
    with suppress(OSError):
        while piece := await reader.read(16 * 1024):
            writer.write(piece)
            await writer.drain()
            if rate is not None:
                await asyncio.sleep(len(piece) / rate)
    writer.close()


async def run(task: dict[str, Any]) -> dict[str, Any]:
    """Be the viewers; return each one's latencies in milliseconds and its number of frames."""
    addresses, seconds = task["addresses"], task["seconds"]
    if task.get("press"):
        return {"latencies": [await press(*addresses[0], seconds=seconds)], "frames": [0]}
    shared, measure = task.get("shared", True), task.get("measure", True)
    # The slow ones come first, so that the pictures are kept by a quick one.
    slow = task.get("slow", 0)
    ways = [await slow_way(url) if number < slow else url for number, (url, _) in enumerate(addresses)]
    seen = [Seen() for _ in addresses]
    keeping = {len(seen) - 1} if shared else set(range(len(seen)))
    await asyncio.gather(
        *[
            watch(way, ticket, each, seconds=seconds, keep=measure and number in keeping)
            for number, (way, (_, ticket), each) in enumerate(zip(ways, addresses, seen, strict=True))
        ]
    )
    return {
        "latencies": [latencies(each, seen[-1] if shared else each) if measure else [] for each in seen],
        "frames": [len(each.arrivals) for each in seen],
    }


def latencies(seen: Seen, kept: Seen) -> list[float]:
    """Compare when frames arrived with when they were painted; the first ones, of the start, are left out."""
    wanted = [(sequence, at) for sequence, at in seen.arrivals[2:] if sequence in kept.pictures]
    chosen = random.sample(wanted, min(len(wanted), _DECODED_AT_MOST))
    return [at * 1000 - stamp(kept, sequence) for sequence, at in chosen]


_stamps: dict[tuple[int, int], int] = {}


def stamp(kept: Seen, sequence: int) -> int:
    key = (id(kept), sequence)
    if key not in _stamps:
        _stamps[key] = stamp_of(kept.pictures[sequence])
    return _stamps[key]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(json.loads(sys.argv[1])))))
