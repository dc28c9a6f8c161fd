"""What a viewer sees of a session: the right pixels, the last ones, and nothing for nobody."""

import asyncio

import pytest

from tests.factories.live import READ_ONLY, RawViewer
from tests.portals.live_world import World, until_colour

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_a_viewer_sees_what_the_portal_shows(world: World) -> None:
    viewer = await world.view(READ_ONLY)

    await until_colour(viewer, (0xC0, 0x20, 0x40))
    assert await viewer.evaluate("location.hash") == ""
    assert await viewer.text_content("#who") == "You are watching"


async def test_watching_changes_nothing_for_the_automation(world: World) -> None:
    page = world.session.page
    await page.locator("#name").focus()
    look = "[innerWidth, innerHeight, devicePixelRatio, document.hasFocus(), document.activeElement.id]"
    before = await page.evaluate(look)

    await world.view(READ_ONLY)

    assert await page.evaluate(look) == before
    assert await page.evaluate("confirm('Sure?')") is False
    async with page.expect_download() as refused:
        await page.locator("#get").click()
    assert await (await refused.value).failure() is not None


async def test_who_comes_later_is_shown_the_last_frame_at_once(world: World) -> None:
    await world.view(READ_ONLY)

    async with world.server.connect(world.server.views.open(READ_ONLY)) as carrier:
        viewer = RawViewer(carrier)
        await viewer.until(lambda: viewer.frames)

    assert (viewer.frames[0].width, viewer.frames[0].height) == (1280, 800)


async def test_the_last_frame_of_a_change_is_never_lost(world: World) -> None:
    viewer = await world.view(READ_ONLY)

    # A storm of paints that outruns the pace, and ends with a colour.
    await world.session.page.evaluate(
        """new Promise(done => { let left = 40; const step = () => {
            document.body.style.background = left ? `rgb(${left * 6}, 0, 0)` : '#104080';
            left-- ? requestAnimationFrame(step) : done() }; step() })"""
    )

    await until_colour(viewer, (0x10, 0x40, 0x80))


async def test_a_viewer_that_paints_nothing_holds_nobody_up(world: World) -> None:
    stuck, quick = world.server.views.open(READ_ONLY), world.server.views.open(READ_ONLY)
    async with world.server.connect(stuck) as first, world.server.connect(quick) as second:
        slow, fast = RawViewer(first), RawViewer(second)
        await slow.until(lambda: slow.frames, ack=False)
        await fast.until(lambda: fast.frames)
        for number in range(5):
            await world.session.page.evaluate("n => document.body.style.background = `rgb(${n * 40}, 0, 0)`", number)
            seen = len(fast.frames)
            await fast.until(lambda seen=seen: len(fast.frames) > seen)  # type: ignore[misc]
        await slow.send(type="ack", frame=slow.frames[0].sequence)
        await slow.until(lambda: len(slow.frames) == 2)

    # It missed what was painted meanwhile, and is up to date.
    assert slow.frames[1].sequence == fast.frames[-1].sequence


async def test_a_session_that_nobody_watches_draws_nothing(world: World) -> None:
    page = world.session.page
    devtools = await world.session.context.new_cdp_session(page)
    async with world.server.connect(world.server.views.open(READ_ONLY)) as carrier:
        viewer = RawViewer(carrier)
        await viewer.until(lambda: viewer.frames)

    # Its server has let the viewer out as soon as it lets the next one in.
    async with asyncio.timeout(10):
        while world.session.screen.is_drawn:
            await devtools.send("Runtime.evaluate", {"expression": "1"})
