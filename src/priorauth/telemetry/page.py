"""The page of metrics: a route that any node mounts, at the API's address or at one of its own.

It shows numbers about the service: no patient, no case, no key. With a token it is shown to whoever has that.
"""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from priorauth.domain.errors import whereabouts
from priorauth.telemetry import families
from priorauth.telemetry.metrics import Metrics, Readings

_log = structlog.get_logger(__name__)

# Whoever looks more often than this, from however many places, costs the database nothing more.
_FRESH_SECONDS = 5.0
_REFUSED = "Send the token of PRIORAUTH_METRICS_TOKEN as Authorization: Bearer <token>.\n"

Take = Callable[[], Awaitable[Readings]]


class MetricsPage:
    """Answers with the metrics. `take` reads what the database knows; `token`, if given, is asked for."""

    def __init__(self, metrics: Metrics, *, take: Take, token: str | None = None) -> None:
        self._metrics = metrics
        self._take = take
        self._token = token
        self._taking = asyncio.Lock()
        self._taken_at = float("-inf")
        self._readings: Readings = {}

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        if not self._may_read(request.headers.get("authorization", "")):
            return PlainTextResponse(_REFUSED, 401, {"WWW-Authenticate": "Bearer"})
        # One at a time: the readings that are shown are those that this request has taken.
        async with self._taking:
            await self._take_again()
            content = await asyncio.to_thread(self._metrics.page, self._readings)
        return Response(content, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def _may_read(self, authorization: str) -> bool:
        if self._token is None:
            return True
        scheme, _, presented = authorization.partition(" ")
        matches = hmac.compare_digest(presented.strip().encode(), self._token.encode())
        return scheme.lower() == "bearer" and matches

    async def _take_again(self) -> None:
        """Read the database, if the last reading has aged; what cannot be read is left out, and said to be."""
        if time.monotonic() - self._taken_at < _FRESH_SECONDS:
            return
        try:
            self._readings = {**await self._take(), families.DATABASE_UP: {(): 1.0}}
        except Exception as error:  # noqa: BLE001 - this page is looked at most when something is wrong
            _log.error("metrics_not_read", **whereabouts(error))
            self._readings = {families.DATABASE_UP: {(): 0.0}}
        self._taken_at = time.monotonic()
