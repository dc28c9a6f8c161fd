"""Opens a connection to a portal's server: name, address, TLS, each with its own cause of failure.

All addresses of a name are tried, the next one soon after the one before: a clinic's network often announces IPv6 and
does not carry it. Must not depend on HTTP, rules or permits.

Source: RFC 8305 (Happy Eyeballs).
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Final

import aiohappyeyeballs

from priorauth.channels.portals.outgoing import Url
from priorauth.channels.portals.upstream.egress import EgressProxy
from priorauth.channels.portals.upstream.failures import Cause, UpstreamFailed, connecting_failed

_NEXT_ADDRESS_AFTER: Final = 0.25
_MOST_ADDRESSES: Final = 16

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Way:
    """How portals are reached: `tls` verifies their certificates; `egress` is the outgoing proxy, None without one."""

    tls: ssl.SSLContext
    egress: EgressProxy | None = None


async def open_streams(url: Url, *, way: Way, seconds: float) -> Streams:
    """Connect to the server of `url`. Nothing of a request has left yet.

    Args:
        url: names host, port and whether TLS is spoken.
        way: through which proxy, and how the server's certificate is verified.
        seconds: for name, connection and TLS together.

    Raises:
        UpstreamFailed: with the cause, and for time with the phase that has taken it.
    """
    host, phase = url.host.strip("[]"), _Phase()
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(seconds):
            if way.egress is not None and way.egress.serves(host):
                reader, writer = await _through(way.egress, host, url.port, phase)
            else:
                reader, writer = await _connected(host, url.port, phase)
            if url.scheme == "https":
                phase.late = Cause.TLS_TIMEOUT
                await writer.start_tls(way.tls, server_hostname=host)
            return reader, writer
    except BaseException as error:
        if writer is not None:
            writer.transport.abort()
        if isinstance(error, TimeoutError):
            raise UpstreamFailed(phase.late) from None
        if isinstance(error, OSError):
            raise connecting_failed(error) from None
        raise


@dataclass
class _Phase:
    """What a connection that takes too long has been waiting for."""

    late: Cause = Cause.NAME_TIMEOUT


async def _connected(host: str, port: int, phase: _Phase) -> Streams:
    addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    phase.late = Cause.CONNECT_TIMEOUT
    connection = await aiohappyeyeballs.start_connection(
        addresses[:_MOST_ADDRESSES], happy_eyeballs_delay=_NEXT_ADDRESS_AFTER, interleave=1
    )
    return await asyncio.open_connection(sock=connection)


async def _through(egress: EgressProxy, host: str, port: int, phase: _Phase) -> Streams:
    # Whatever takes long here is the proxy's, not the portal's.
    phase.late = Cause.EGRESS_FAILED
    try:
        reader, writer = await _connected(egress.host, egress.port, _Phase())
        try:
            await egress.ask(reader, writer, host=host, port=port)
        except BaseException:
            writer.transport.abort()
            raise
    except OSError as error:
        raise UpstreamFailed(Cause.EGRESS_FAILED, connecting_failed(error).cause.value.replace("_", " ")) from None
    return reader, writer
