"""Sends reads and writes to the portal, and keeps writes back while a draft must not change.

Promises: no write is sent again; a repeatable read is, a few times over fresh connections, where the portal breaks off
before its answer or fails at it. A write counts as under way until the portal has answered it whole, even where the
browser has gone away. Must not depend on rules or permits.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import h11

from priorauth.channels.portals.gate_wire import ClientGone, ClientWire, Limits, Message, UpstreamWire
from priorauth.channels.portals.outgoing import Url
from priorauth.channels.portals.submit_guard.boundary import PASSIVE_DESTINATIONS, StartRule
from priorauth.channels.portals.submit_guard.cookies import PortalCookies
from priorauth.channels.portals.submit_guard.drafts import ANSWER_LIMIT, started_draft
from priorauth.channels.portals.upstream.connecting import Way
from priorauth.channels.portals.upstream.failures import Cause, UpstreamFailed

# What a portal's front says when there is nothing behind it.
_DOWN: Final = frozenset({502, 503, 504})
# Not the last word on a read: it may be asked again.
_FAILED: Final = frozenset({500, *_DOWN})


class WritesUnderWay(Exception):
    """Writes that were under way have not ended in time. Writes stay refused."""


@dataclass(frozen=True)
class Learning:
    """A write whose answer names the draft that it has started.

    Attributes:
        rule: says where the answer names the draft.
        url: the write's address.
        learned: called with the draft's id, before the browser has the whole answer.
    """

    rule: StartRule
    url: Url
    learned: Callable[[str], None]

    def read(self, head: h11.Response, body: bytes) -> None:
        """Tell of the draft that the answer names, if it names one."""
        draft_id = started_draft(self.rule, self.url, head, body)
        if draft_id is not None:
            self.learned(draft_id)


class Forwarding:
    """The way of reads and writes to the portal, for one session."""

    def __init__(self, *, limits: Limits, way: Way, cookies: PortalCookies) -> None:
        self._cookies = cookies
        self._limits = limits
        self._way = way
        self._failure: UpstreamFailed | None = None
        self._unanswered = 0
        self._frozen = False
        self._writing = 0
        self._written = asyncio.Event()

    @property
    def outage(self) -> UpstreamFailed | None:
        """Why the portal was down, since `forget_outage`, for something that a page cannot do without."""
        if self._failure is None and self._unanswered:
            return UpstreamFailed(Cause.ANSWER_TIMEOUT)
        return self._failure

    def forget_outage(self) -> None:
        """Clear the outage flag. Call after a page loaded as expected."""
        self._failure = None

    def failed(self, message: Message, failure: UpstreamFailed) -> None:
        """Note why the portal gave no answer to a request."""
        if _matters(message):
            self._failure = failure

    @property
    def is_frozen(self) -> bool:
        """Whether writes are kept back."""
        return self._frozen

    async def freeze(self) -> None:
        """Keep writes back and wait for those under way. Raises WritesUnderWay."""
        self._frozen = True
        try:
            async with asyncio.timeout(self._limits.freeze):
                while self._writing:
                    self._written.clear()
                    await self._written.wait()
        except TimeoutError:
            raise WritesUnderWay from None

    def thaw(self) -> None:
        """Let writes pass again."""
        self._frozen = False

    async def connect(self, url: Url) -> UpstreamWire:
        """Open a connection to the portal. Raises UpstreamFailed."""
        return await UpstreamWire.connect(url, way=self._way, limits=self._limits)

    async def read(
        self, client: ClientWire, message: Message, url: Url, *, repeatable: bool, declared: Iterable[str]
    ) -> None:
        """Send a read and hand its answer on. Raises UpstreamFailed, ClientGone."""
        repeats = self._limits.repeats if repeatable else ()
        upstream, head = await self._asked(message, url, repeats=repeats, declared=declared)
        try:
            await client.send(head)
            while (data := await upstream.data()) is not None:
                await client.send(data)
            await client.send(h11.EndOfMessage())
        finally:
            upstream.close()

    async def write(
        self,
        client: ClientWire,
        message: Message,
        url: Url,
        *,
        declared: Iterable[str],
        learning: Learning | None = None,
    ) -> None:
        """Send a write and hand its answer on, with the draft that it names learned. Raises UpstreamFailed, ClientGone.

        The browser may write to the draft as soon as it has the answer, so the draft is learned before the last piece.
        """
        async with self._under_way():
            upstream, head = await self._asked(message, url, repeats=(), declared=declared)
            gone: ClientGone | None = None
            try:
                events = self._answer(upstream, head, learning)
                async for event in events:
                    if gone is None:
                        try:
                            await client.send(event)
                        except ClientGone as error:
                            # The portal is still at it: the write has ended when its answer has.
                            gone = error
            finally:
                upstream.close()
            if gone is not None:
                raise gone

    @asynccontextmanager
    async def _under_way(self) -> AsyncIterator[None]:
        self._writing += 1
        try:
            yield
        finally:
            self._writing -= 1
            self._written.set()

    async def _answer(
        self, upstream: UpstreamWire, head: h11.Response, learning: Learning | None
    ) -> AsyncIterator[h11.Event]:
        by_head = learning is not None and learning.rule.location is not None
        if learning is not None and by_head:
            learning.read(head, b"")
        yield head
        body = bytearray()
        last: h11.Data | None = None
        while (data := await upstream.data()) is not None:
            if learning is None or by_head:
                yield data
                continue
            if len(body) <= ANSWER_LIMIT:
                body += data.data
            if last is not None:
                yield last
            last = data
        if learning is not None and not by_head:
            learning.read(head, bytes(body))
        if last is not None:
            yield last
        yield h11.EndOfMessage()

    async def _asked(
        self, message: Message, url: Url, *, repeats: tuple[float, ...], declared: Iterable[str]
    ) -> tuple[UpstreamWire, h11.Response]:
        """Send a request and wait for the head of its answer; again after each of `repeats`, until it is a good one."""
        page = message.header_values(b"sec-fetch-dest") in ([b"document"], [b"iframe"])
        self._unanswered += page
        try:
            for pause in repeats:
                with suppress(UpstreamFailed):
                    upstream, head = await self._asked_once(message, url, declared)
                    if head.status_code not in _FAILED:
                        return upstream, head
                    upstream.close()
                await asyncio.sleep(pause)
            upstream, head = await self._asked_once(message, url, declared)
        finally:
            self._unanswered -= page
        if head.status_code in _DOWN:
            self.failed(message, UpstreamFailed(Cause.SERVER_ERROR, f"HTTP {head.status_code}"))
        return upstream, head

    async def _asked_once(
        self, message: Message, url: Url, declared: Iterable[str]
    ) -> tuple[UpstreamWire, h11.Response]:
        upstream = await self.connect(url)
        try:
            upstream.send(message, url=url, declared=declared)
            head = await upstream.head()
            self._cookies.note(url, head.headers.raw_items())
            return upstream, head
        except BaseException:
            upstream.close()
            raise


def _matters(message: Message) -> bool:
    """Return whether a page cannot do without the request: scripts count, ornaments do not."""
    ornaments = PASSIVE_DESTINATIONS - {"script"}
    return not ornaments.intersection(value.decode("latin-1") for value in message.header_values(b"sec-fetch-dest"))
