"""Portals that fail at any request, by chance: at a rate and by a seed that whoever starts them has given.

Beside the faults that members are told to meet, and unlike them: pages and their parts, searches, drafts and the final
request alike. The addresses under `/sandbox/` never fail.
"""

import random
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from priorauth.sandbox.faults import DroppedConnection

BEFORE, AFTER = ("error", "reset"), ("error_after", "reset_after")
KINDS: Final = (*BEFORE, *AFTER, "slow", "time_out")
"""`_after`: the portal has done what was asked. After a time-out it has done nothing."""
_SLOW_SECONDS = 2.0
_TIME_OUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Failures:
    """How often any request fails, from 0 to 1, and what the chances are drawn from."""

    rate: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError("a failure rate is from 0 to 1")


class FailingPortal:
    """A portal behind its failures."""

    def __init__(self, app: ASGIApp, failures: Failures, *, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._app = app
        self._rate = failures.rate
        self._random = random.Random(failures.seed)  # noqa: S311 - no secret: the same seed shall draw the same
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        spared = scope["type"] != "http" or scope["path"].startswith("/sandbox/")
        if spared or self._random.random() >= self._rate:
            await self._app(scope, receive, send)
            return
        kind = self._random.choice(KINDS)
        if kind == "slow":
            await self._sleep(_SLOW_SECONDS)
            await self._app(scope, receive, send)
            return
        if kind in AFTER:
            await self._app(scope, receive, _unheard)
        elif kind == "time_out":
            await self._sleep(_TIME_OUT_SECONDS)
        if kind.startswith("error"):
            answer = PlainTextResponse("Internal Server Error", status_code=500)
            await answer(scope, receive, send)
        else:
            await DroppedConnection(reset=kind != "time_out")(scope, receive, send)


async def _unheard(_message: MutableMapping[str, Any]) -> None:
    """Nobody hears the answer."""
