"""A portal in one real browser, and a person who looks at it and acts through another one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from playwright.async_api import Browser, Page

from priorauth.domain.live_sessions import AccessMode
from tests.factories.live import INTERACTIVE, BasicAuth, LiveServer, Session, within

FORM = """<title>Request form</title><style>body{margin:0;background:#c02040;font:16px sans-serif}
input,textarea,select,button{position:absolute;left:40px;width:400px;height:32px;margin:0}</style>
<input id=name style="top:40px"><textarea id=note style="top:90px;height:80px"></textarea>
<button id=ask style="top:200px" onclick="window.answer=confirm('Really send?')">Ask</button>
<select id=plan style="top:250px" onchange="this.dataset.changed=this.value"><option value=a>Alder
<option value=b>Birch
<optgroup label=Conifers><option value=f>Fir</optgroup></select>
<select id=many multiple style="top:300px;height:60px"><option value=1>One
<option value=2>Two<option value=3>Three</select>
<input id=day type=date style="top:380px" onchange="this.dataset.changed=this.value">
<input id=file type=file style="top:430px">
<button id=open style="top:480px" onclick="window.open('/popup')">Open</button>
<a id=get href=/letter.pdf download style="position:absolute;left:40px;top:530px">Letter</a>
<button id=paint style="top:580px" onclick="document.body.style.background='#2060c0'">Paint</button>
<script>window.keys=[];addEventListener('keydown',e=>keys.push([e.key,e.keyCode,e.ctrlKey,e.shiftKey]));</script>"""
LETTER = b"%PDF-1.4 letter" * 20_000
LOCKED = {"/locked": BasicAuth("nora.alder", "pass:wörd")}
FRAMED = "<body style='margin:0'><select style='position:absolute;left:20px;top:30px'><option>x<option>y</select>"
PAGES = {
    "/": FORM,
    "/framed": FRAMED,
    "/popup": "<title>Help</title><body style='margin:0;background:#20a040'><input id=q style='width:300px'>",
    "/locked": "<title>Members</title><body style='background:#20a040'>Welcome",
    "/untitled/member%2042": "<body>nothing",
}


@dataclass
class World:
    server: LiveServer
    session: Session
    viewers: Browser
    pages: list[Page]

    async def act_in(self, element: str) -> Page:
        """Open an interactive view and click on an element of the portal."""
        viewer = await self.view(INTERACTIVE)
        await in_control(viewer)
        await self.session.screen.settled()
        box = await self.session.page.locator(f"#{element}").bounding_box()
        assert box is not None
        await click(viewer, box["x"] + 20, box["y"] + box["height"] / 2)
        return viewer

    async def portal_has(self, condition: str) -> None:
        """Wait until a condition holds in the portal's page."""
        await self.session.page.wait_for_function(condition, timeout=10_000)

    async def view(self, mode: AccessMode, *, expires_at: datetime | None = None, **how: Any) -> Page:
        """Open the viewer's page as a person does, in a window of this kind."""
        view = self.server.views.open(mode, expires_at=expires_at)
        page = await (await self.viewers.new_context(**how)).new_page()
        self.pages.append(page)
        page.on("console", lambda message: print("viewer:", message.text))
        page.on("pageerror", lambda error: print("viewer:", error))
        await page.goto(self.server.page_url(view))
        await page.locator("#screen[data-frame]").wait_for()
        return page


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
    await page.mouse.click(*await place(page, x, y), **how)


async def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return where in the viewer these coordinates of the portal's page are."""
    box = await page.locator("#screen").bounding_box()
    assert box is not None
    return box["x"] + x * box["width"] / 1280, box["y"] + y * box["height"] / 800


async def in_control(page: Page) -> None:
    """Wait for control, and start."""
    await page.locator("body[data-holder=you]").wait_for()
    await page.get_by_role("button", name="Start").click()
    await page.locator("body[data-holder=you]:not([data-reach=start])").wait_for()
