"""Portals that fail by chance: as often as told, the same way for the same seed, before or after they have acted."""

from collections import Counter

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from priorauth.sandbox.failures import FailingPortal, Failures


class Portal:
    """Counts what it has done. Where the real one breaks the connection, the transport of this one says so."""

    def __init__(self) -> None:
        self.done = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        self.done += 1
        await PlainTextResponse("done")(scope, receive, send)


async def unhurried(_seconds: float) -> None:
    """No wait."""


async def asked(portal: Portal, failures: Failures, *, times: int, path: str = "/") -> list[int]:
    """Ask the portal so often; 0 stands for a connection that broke."""
    transport = httpx.ASGITransport(FailingPortal(portal, failures, sleep=unhurried), raise_app_exceptions=True)
    answers = []
    async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
        for _ in range(times):
            try:
                answers.append((await client.post(path, content=b"x")).status_code)
            except KeyError:
                # No transport to break: only the server of the package has one.
                answers.append(0)
    return answers


async def test_the_rate_is_kept_and_the_seed_decides() -> None:
    first = await asked(Portal(), Failures(0.2, seed=7), times=1000)
    assert first == await asked(Portal(), Failures(0.2, seed=7), times=1000)
    assert first != await asked(Portal(), Failures(0.2, seed=8), times=1000)
    # A slow answer is an answer like any other.
    assert 0.1 < sum(status != 200 for status in first) / 1000 < 0.25


async def test_some_failures_come_after_the_portal_has_acted() -> None:
    portal = Portal()
    answers = Counter(await asked(portal, Failures(1.0, seed=7), times=600))
    assert answers[200] < portal.done < 600
    assert set(answers) == {0, 200, 500}


async def test_what_counts_and_steers_never_fails() -> None:
    assert set(await asked(Portal(), Failures(1.0), times=20, path="/sandbox/submissions")) == {200}


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_a_rate_is_from_nothing_to_everything(rate: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Failures(rate)
