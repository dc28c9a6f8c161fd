"""What the tests of the simulated portals share."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stopping() -> AsyncIterator[list[asyncio.Task[None]]]:
    """Servers take a while to stop: each test has its own, and they end together."""
    tasks: list[asyncio.Task[None]] = []
    yield tasks
    await asyncio.gather(*tasks)
