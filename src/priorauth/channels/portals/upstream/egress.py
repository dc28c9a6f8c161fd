"""An organization's outgoing proxy: where it is, and how a connection through it is asked for.

The proxy resolves the portal's name. It sees host and port; TLS with the portal goes through it unread. Must not depend
on rules or permits.

Source: RFC 9110, section 9.3.6 (CONNECT).
"""

import asyncio
import base64
import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote

from priorauth.channels.portals.upstream.failures import Cause, UpstreamFailed
from priorauth.channels.portals.upstream.responses import UnreadableResponse, parse_head

_HOST: Final = r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)"
_URL: Final = re.compile(rf"http://(?:([^:@/\s]*):([^@/\s]*)@)?{_HOST}:(\d{{1,5}})/?")
_CREDENTIALS_WANTED: Final = 407


class MalformedEgress(ValueError):
    """The text is not the address of an outgoing proxy."""


@dataclass(frozen=True, slots=True)
class EgressProxy:
    """The proxy through which connections to portals leave. `authorization`: its header's value, empty for none."""

    host: str
    port: int
    authorization: bytes = b""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `http://[USER:PASSWORD@]HOST:PORT`; user and password percent-encoded.

        Raises:
            MalformedEgress: it is something else. The text is not quoted: it may hold a password.
        """
        match = _URL.fullmatch(text.strip())
        if match is None or not 0 < int(match[4]) < 65536:
            raise MalformedEgress("expected http://[USER:PASSWORD@]HOST:PORT")
        pair = f"{unquote(match[1])}:{unquote(match[2])}".encode() if match[1] is not None else b""
        return cls(match[3].strip("[]"), int(match[4]), b"Basic " + base64.b64encode(pair) if pair else b"")

    def serves(self, host: str) -> bool:
        """Return whether connections to `host` go through the proxy. Those of this machine, as the sandbox, do not."""
        if host == "localhost" or host.endswith(".localhost"):
            return False
        try:
            return not ipaddress.ip_address(host).is_loopback
        except ValueError:
            return True

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, host: str, port: int) -> None:
        """Have the proxy connect to the portal. `reader` and `writer` then lead there.

        Raises:
            UpstreamFailed: it does not.
            OSError: the connection to the proxy broke.
        """
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {authority} HTTP/1.1".encode(), f"Host: {authority}".encode()]
        if self.authorization:
            lines.append(b"Proxy-Authorization: " + self.authorization)
        writer.write(b"\r\n".join([*lines, b"", b""]))
        try:
            # Not a byte more is taken: what follows is the portal's.
            head = parse_head(await reader.readuntil(b"\r\n\r\n"))
        except (UnreadableResponse, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise UpstreamFailed(Cause.EGRESS_FAILED, "its answer cannot be read") from None
        if head is None:
            raise UpstreamFailed(Cause.EGRESS_FAILED, "its answer cannot be read")
        if head.status == _CREDENTIALS_WANTED:
            raise UpstreamFailed(Cause.EGRESS_REFUSED, "it wants other credentials")
        if head.status >= 300:
            raise UpstreamFailed(Cause.EGRESS_REFUSED, f"HTTP {head.status}")
