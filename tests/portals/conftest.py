"""What the tests of the simulated portals share."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.factories.live import Session, launch, live_server, portal
from tests.portals.live_world import LETTER, LOCKED, PAGES, World


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stopping() -> AsyncIterator[list[asyncio.Task[None]]]:
    """Servers take a while to stop: each test has its own, and they end together."""
    tasks: list[asyncio.Task[None]] = []
    yield tasks
    await asyncio.gather(*tasks)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browsers() -> AsyncIterator[tuple[Browser, Browser]]:
    async with async_playwright() as driver:
        # Frames of other sites get processes of their own: so does a desktop's Chromium, the headless shell does not.
        both = await launch(driver, "--site-per-process"), await launch(driver)
        yield both
        for each in both:
            await each.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal_url() -> AsyncIterator[str]:
    async with portal(PAGES, files={"/letter.pdf": LETTER}, locked=LOCKED) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def world(browsers: tuple[Browser, Browser], portal_url: str) -> AsyncIterator[World]:
    session = await Session.open(browsers[0], portal_url)
    async with live_server() as server:
        server.sessions.current = session.screen
        world = World(server, session, browsers[1], [])
        yield world
        for page in world.pages:
            await page.context.close()
    await session.close()
