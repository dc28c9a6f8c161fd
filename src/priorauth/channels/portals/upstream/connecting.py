"""Opens a connection to a portal's server: name, address, TLS, each with its own cause of failure.

All addresses of a name are tried, the next one soon after the one before: a clinic's network often announces IPv6 and
does not carry it. Must not depend on HTTP, rules or permits.

Source: RFC 8305 (Happy Eyeballs).
"""

import asyncio
import socket
import ssl
from typing import Final

import aiohappyeyeballs

from priorauth.channels.portals.outgoing import Url
from priorauth.channels.portals.upstream.failures import Cause, UpstreamFailed, connecting_failed

_NEXT_ADDRESS_AFTER: Final = 0.25
_MOST_ADDRESSES: Final = 16

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def open_streams(url: Url, *, tls: ssl.SSLContext, seconds: float) -> Streams:
    """Connect to the server of `url`. Nothing of a request has left yet.

    Args:
        url: names host, port and whether TLS is spoken.
        tls: how the server's certificate is verified.
        seconds: for name, connection and TLS together.

    Raises:
        UpstreamFailed: with the cause, and for time with the phase that has taken it.
    """
    host, late = url.host.strip("[]"), Cause.NAME_TIMEOUT
    try:
        async with asyncio.timeout(seconds):
            addresses = await asyncio.get_running_loop().getaddrinfo(host, url.port, type=socket.SOCK_STREAM)
            late = Cause.CONNECT_TIMEOUT
            connection = await aiohappyeyeballs.start_connection(
                addresses[:_MOST_ADDRESSES], happy_eyeballs_delay=_NEXT_ADDRESS_AFTER, interleave=1
            )
            if url.scheme != "https":
                return await asyncio.open_connection(sock=connection)
            late = Cause.TLS_TIMEOUT
            return await asyncio.open_connection(sock=connection, ssl=tls, server_hostname=host)
    except TimeoutError:
        raise UpstreamFailed(late) from None
    except OSError as error:
        raise connecting_failed(error) from None
