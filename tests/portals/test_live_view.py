"""The live view from end to end: a real browser shows a portal, and a person looks at it and acts through another one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.factories.live import INTERACTIVE, READ_ONLY, LiveServer, Session, launch, live_server, portal, within

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

FORM = """<title>Request form</title><style>body{margin:0;background:#c02040;font:16px sans-serif}
input,textarea,select,button{position:absolute;left:40px;width:400px;height:32px;margin:0}</style>
<input id=name style="top:40px"><textarea id=note style="top:90px;height:80px"></textarea>
<button id=ask style="top:200px" onclick="window.answer=confirm('Really send?')">Ask</button>
<select id=plan style="top:250px" onchange="this.dataset.changed=this.value"><option value=a>Alder<option value=b>Birch
<optgroup label=Conifers><option value=f>Fir</optgroup></select>
<select id=many multiple style="top:300px;height:60px"><option value=1>One<option value=2>Two<option value=3>Three</select>
<input id=day type=date style="top:380px" onchange="this.dataset.changed=this.value">
<input id=file type=file style="top:430px"><button id=open style="top:480px" onclick="open('/popup')">Open</button>
<a id=get href=/letter.pdf download style="position:absolute;left:40px;top:530px">Letter</a>
<button id=paint style="top:580px" onclick="document.body.style.background='#2060c0'">Paint</button>
<script>window.keys=[];addEventListener('keydown',e=>keys.push([e.key,e.keyCode,e.ctrlKey,e.shiftKey]));
window.world=Object.keys(window).filter(name=>/priorauth/i.test(name))</script>"""
PAGES = {"/": FORM, "/popup": "<title>Help</title><body style='margin:0;background:#20a040'>help"}


@dataclass
class World:
    server: LiveServer
    session: Session
    viewers: Browser
    pages: list[Page]

    async def view(self, mode: Any = INTERACTIVE, **how: Any) -> Page:
        """Open the viewer's page as a person does."""
        view = self.server.views.open(mode, **how)
        page = await (await self.viewers.new_context()).new_page()
        self.pages.append(page)
        page.on("console", lambda message: print("viewer:", message.text))
        page.on("pageerror", lambda error: print("viewer:", error))
        await page.goto(self.server.page_url(view))
        await page.locator("#screen[data-frame]").wait_for()
        return page


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browsers() -> AsyncIterator[tuple[Browser, Browser]]:
    async with async_playwright() as driver:
        both = await launch(driver), await launch(driver)
        yield both
        for each in both:
            await each.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal_url() -> AsyncIterator[str]:
    async with portal(PAGES, files={"/letter.pdf": b"%PDF-1.4 letter" * 20_000}) as url:
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


async def until_colour(page: Page, wanted: tuple[int, int, int]) -> None:
    # Not wait_for_function: it evaluates strings, which the page's policy forbids.
    script = """async wanted => {
        const canvas = document.getElementById('screen').getContext('2d');
        const differs = seen => wanted.some((part, index) => Math.abs(part - seen[index]) > 8);
        while (differs(canvas.getImageData(900, 700, 1, 1).data)) await new Promise(done => setTimeout(done, 10));
    }"""
    await within(10, page.evaluate(script, list(wanted)))


async def click(page: Page, x: float, y: float, **how: Any) -> None:
    """Click where the portal's page has these coordinates."""
    box = await page.locator("#screen").bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] + x * box["width"] / 1280, box["y"] + y * box["height"] / 800, **how)


async def in_control(page: Page) -> None:
    await page.locator("body[data-holder=you]").wait_for()


async def test_a_viewer_sees_what_the_portal_shows(world: World) -> None:
    viewer = await world.view(READ_ONLY)

    await until_colour(viewer, (0xC0, 0x20, 0x40))
    assert await viewer.evaluate("location.hash") == ""
    assert await viewer.text_content("#who") == "The service is working; you are watching"


async def test_what_is_typed_arrives_exactly(world: World) -> None:
    viewer = await world.view()
    await in_control(viewer)
    await click(viewer, 100, 56)

    await viewer.keyboard.type("a.b_c-ü漢")
    await world.session.page.wait_for_function("document.getElementById('name').value === 'a.b_c-ü漢'")
