"""The live view from end to end: one real browser shows a portal, through another one a person looks at it and acts."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Page, async_playwright

from priorauth.channels.portals.guard import PermitState
from priorauth.domain.live_inputs import Text
from priorauth.domain.live_views import Ending, Picker
from tests.factories.live import (
    INTERACTIVE,
    READ_ONLY,
    LiveServer,
    RawViewer,
    Session,
    launch,
    live_server,
    portal,
    within,
)

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

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
<script>window.keys=[];addEventListener('keydown',e=>keys.push([e.key,e.keyCode,e.ctrlKey,e.shiftKey]));
window.world=Object.keys(window).filter(name=>/priorauth/i.test(name))</script>"""
LETTER = b"%PDF-1.4 letter" * 20_000
FRAMED = "<body style='margin:0'><select style='position:absolute;left:20px;top:30px'><option>x<option>y</select>"
PAGES = {"/": FORM, "/framed": FRAMED, "/popup": "<title>Help</title><body style='margin:0;background:#20a040'>help"}


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
        # Frames of other sites get processes of their own: so does a desktop's Chromium, the headless shell does not.
        both = await launch(driver, "--site-per-process"), await launch(driver)
        yield both
        for each in both:
            await each.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal_url() -> AsyncIterator[str]:
    async with portal(PAGES, files={"/letter.pdf": LETTER}) as url:
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


# Playwright has no clipboard of its own: these are the events that a person's browser raises.
_PASTE = """text => { const data = new DataTransfer(); data.setData('text/plain', text);
    document.getElementById('keys').dispatchEvent(new ClipboardEvent('paste',
        {clipboardData: data, cancelable: true})) }"""
_COPY = """() => { window.copied = ''; const data = new DataTransfer();
    document.getElementById('keys').dispatchEvent(new ClipboardEvent('copy', {clipboardData: data, cancelable: true}));
    window.copied = data.getData('text/plain') }"""
_UNTIL_COPIED = f"""async wanted => {{ const copy = {_COPY};
    for (copy(); window.copied !== wanted; copy()) await new Promise(done => setTimeout(done, 10)) }}"""


async def in_control(page: Page) -> None:
    await page.locator("body[data-holder=you]").wait_for()


async def test_a_viewer_sees_what_the_portal_shows(world: World) -> None:
    viewer = await world.view(READ_ONLY)

    await until_colour(viewer, (0xC0, 0x20, 0x40))
    assert await viewer.evaluate("location.hash") == ""
    assert await viewer.text_content("#who") == "The service is working; you are watching"


# --- keyboard and text -----------------------------------------------------------------------------------------------


async def test_what_is_typed_arrives_exactly(world: World) -> None:
    viewer = await world.act_in("name")

    await viewer.keyboard.type("a.b_c-ü漢")

    await world.portal_has("document.getElementById('name').value === 'a.b_c-ü漢'")
    pressed = await world.session.page.evaluate("keys.map(key => key.slice(0, 2))")
    assert [".", 190] in pressed
    assert ["_", 189] in pressed
    assert await world.session.page.evaluate("world") == []


async def test_shortcuts_and_editing_keys_work(world: World) -> None:
    viewer = await world.act_in("name")
    await viewer.keyboard.type("wrong")

    await viewer.keyboard.press("Control+a")
    await viewer.keyboard.type("rigght")
    await viewer.keyboard.press("ArrowLeft")
    await viewer.keyboard.press("ArrowLeft")
    await viewer.keyboard.press("Backspace")

    await world.portal_has("document.getElementById('name').value === 'right'")


async def test_composed_text_is_shown_while_it_is_composed_and_arrives_once(world: World) -> None:
    viewer = await world.act_in("name")
    devtools = await viewer.context.new_cdp_session(viewer)
    # What an input method does in the person's own browser.
    for text in ("ㅎ", "하", "한"):
        await devtools.send("Input.imeSetComposition", {"text": text, "selectionStart": 1, "selectionEnd": 1})
    await world.portal_has("document.getElementById('name').value === '한'")

    await devtools.send("Input.insertText", {"text": "한"})
    await viewer.keyboard.type("!")

    await world.portal_has("document.getElementById('name').value === '한!'")


async def test_a_long_note_with_line_breaks_is_pasted_whole(world: World) -> None:
    note = "\n".join(f"line {number}: shoulder, 3.5 cm; 120° → ü" for number in range(200))[:5000]
    assert len(note) == 5000
    viewer = await world.act_in("note")

    await viewer.evaluate(_PASTE, note)

    await world.portal_has("document.getElementById('note').value.length >= 5000")
    assert await world.session.page.evaluate("document.getElementById('note').value") == note


async def test_only_what_the_person_selected_is_copied(world: World) -> None:
    viewer = await world.act_in("name")
    await viewer.evaluate(_COPY)
    assert await viewer.evaluate("copied") == ""

    await viewer.keyboard.type("member 42")
    await viewer.keyboard.press("Control+a")
    await within(10, viewer.evaluate(_UNTIL_COPIED, "member 42"))


# --- mouse -----------------------------------------------------------------------------------------------------------


async def test_a_double_click_selects_a_word(world: World) -> None:
    viewer = await world.act_in("name")
    await viewer.keyboard.type("alpha omega")

    await click(viewer, 60, 56, click_count=2)
    await viewer.keyboard.type("beta ")

    await world.portal_has("/^beta +omega$/.test(document.getElementById('name').value)")


async def test_the_wheel_scrolls(world: World) -> None:
    await world.session.page.evaluate("document.body.style.height = '3000px'")
    viewer = await world.act_in("name")

    await viewer.mouse.move(640, 500)
    await viewer.mouse.wheel(0, 300)

    await world.portal_has("scrollY > 100")


# --- overlays --------------------------------------------------------------------------------------------------------


async def test_a_list_is_chosen_from_in_the_viewer(world: World) -> None:
    viewer = await world.act_in("plan")

    await viewer.locator("#overlays select").select_option("Fir")
    await viewer.get_by_role("button", name="Choose").click()

    await world.portal_has("document.getElementById('plan').dataset.changed === 'f'")
    await viewer.locator("#overlays select").wait_for(state="detached")


async def test_several_options_are_chosen_at_once(world: World) -> None:
    viewer = await world.act_in("many")

    await viewer.locator("#overlays select").select_option(["One", "Three"])
    await viewer.get_by_role("button", name="Choose").click()

    await world.portal_has("[...document.getElementById('many').selectedOptions].map(one => one.value) == '1,3'")


async def test_a_date_is_chosen_in_the_viewer(world: World) -> None:
    viewer = await world.act_in("day")

    await viewer.locator("#overlays input[type=date]").fill("2031-02-28")
    await viewer.get_by_role("button", name="Choose").click()

    await world.portal_has("document.getElementById('day').dataset.changed === '2031-02-28'")


async def test_a_list_in_a_frame_is_placed_where_it_is(world: World) -> None:
    await world.session.page.evaluate(
        """document.body.insertAdjacentHTML('beforeend', `<iframe style="position:absolute;left:600px;top:100px;
        border:0" srcdoc="<body style='margin:0'><select style='position:absolute;left:20px;top:30px'>
        <option>x<option>y"></iframe>`)"""
    )
    viewer = await world.act_in("name")
    await click(viewer, 630, 140)
    await viewer.locator("#overlays select").select_option("y")

    (picker,) = world.session.screen.scene().overlays
    assert isinstance(picker, Picker)
    assert (round(picker.box.x), round(picker.box.y)) == (620, 130)
    await viewer.get_by_role("button", name="Choose").click()
    await world.portal_has("frames[0].document.querySelector('select').value === 'y'")


async def test_a_list_in_a_frame_of_another_site_is_placed_where_it_is_too(world: World) -> None:
    elsewhere = world.session.page.url.replace("127.0.0.1", "localhost") + "framed"
    await world.session.page.evaluate(
        """source => new Promise(done => { const frame = document.createElement('iframe'); frame.onload = done;
        frame.style = 'position:absolute;left:600px;top:100px;border:0'; frame.src = source;
        document.body.append(frame) })""",
        elsewhere,
    )
    viewer = await world.act_in("name")
    await click(viewer, 630, 140)
    await viewer.locator("#overlays select").select_option("y")

    (picker,) = world.session.screen.scene().overlays
    assert isinstance(picker, Picker)
    assert (round(picker.box.x), round(picker.box.y)) == (620, 130)
    await viewer.get_by_role("button", name="Choose").click()
    await world.session.page.frames[1].wait_for_function("document.querySelector('select').value === 'y'")


async def test_a_dialog_waits_for_the_person_and_gets_the_answer(world: World) -> None:
    viewer = await world.act_in("ask")
    watcher = await world.view(READ_ONLY)

    await watcher.get_by_text("Really send?").wait_for()
    assert await watcher.get_by_role("button", name="OK").is_disabled()
    await viewer.get_by_role("button", name="OK").click()

    await world.portal_has("answer === true")
    await watcher.get_by_text("Really send?").wait_for(state="detached")


async def test_a_file_of_the_person_reaches_the_portal(world: World) -> None:
    viewer = await world.act_in("file")
    content = bytes(range(256)) * 1024

    picked: FilePayload = {"name": "scan.png", "mimeType": "image/png", "buffer": content}
    await viewer.locator("#overlays input[type=file]").set_input_files(picked)
    await viewer.get_by_role("button", name="Send to the portal").click()

    await world.portal_has("document.getElementById('file').files.length === 1")
    read = "(async () => { const f = document.getElementById('file').files[0]; return [f.name, f.type, f.size,"
    read += " [...new Uint8Array(await f.arrayBuffer())].every((byte, at) => byte === at % 256)] })()"
    assert await world.session.page.evaluate(read) == ["scan.png", "image/png", len(content), True]


async def test_a_file_of_the_portal_can_be_taken_along(world: World) -> None:
    viewer = await world.act_in("get")

    await viewer.get_by_text("letter.pdf").wait_for()
    async with viewer.expect_download() as saving:
        await viewer.get_by_role("button", name="Save").click()

    download = await saving.value
    assert download.suggested_filename == "letter.pdf"
    assert (await download.path()).read_bytes() == LETTER
    await viewer.get_by_text("letter.pdf").wait_for(state="detached")


async def test_a_popup_is_followed_and_its_end_leads_back(world: World) -> None:
    viewer = await world.act_in("open")

    await until_colour(viewer, (0x20, 0xA0, 0x40))
    assert await viewer.get_by_role("tab", selected=True).text_content() == "Help"
    await viewer.get_by_role("button", name="Close Help").click()

    await until_colour(viewer, (0xC0, 0x20, 0x40))
    await viewer.locator("#tabs").wait_for(state="hidden")


# --- control ---------------------------------------------------------------------------------------------------------


async def test_input_of_a_read_only_view_is_refused_at_the_server(world: World) -> None:
    view = world.server.views.open(READ_ONLY)
    async with world.server.connect(view) as carrier:
        viewer = RawViewer(carrier)
        await viewer.until(lambda: viewer.frames)
        for character in "abc":
            await viewer.send(type="text", text=character)
        await viewer.send(type="control")
        await within(5, world.server.views.heard.wait())

    assert world.server.views.refused == [(view.id, "text")]
    assert await world.session.page.evaluate("document.getElementById('name').value") == ""


async def test_control_is_one_persons_and_can_be_taken(world: World) -> None:
    first = await world.act_in("name")
    second = await world.view(INTERACTIVE)
    await second.locator("#who", has_text="Another person is in control").wait_for()
    assert await second.locator("#keys").is_disabled()

    await second.get_by_role("button", name="Take control").click()

    await in_control(second)
    await first.locator("#who", has_text="Another person is in control").wait_for()
    await second.keyboard.press("Tab")
    await second.locator("#keys").focus()
    await second.keyboard.type("second")
    await world.portal_has("document.getElementById('name').value === 'second'")


async def test_an_ended_view_goes_dark_at_once_and_its_input_is_dead(world: World) -> None:
    viewer = await world.act_in("name")
    view = world.server.views.by_ticket["ticket-1"]
    await viewer.keyboard.type("before")
    await world.portal_has("document.getElementById('name').value === 'before'")

    view.end(Ending.REVOKED)
    await viewer.keyboard.type("after")
    await viewer.get_by_role("heading", name="Your access was closed").wait_for(timeout=1000)

    await world.session.screen.settled()
    assert await world.session.page.evaluate("document.getElementById('name').value") == "before"
    assert await viewer.locator("#dark").is_visible()


async def test_after_the_turn_automation_finds_the_browser_as_it_was(world: World) -> None:
    viewer = await world.act_in("ask")
    await viewer.get_by_text("Really send?").wait_for()

    assert world.session.screen.take_back() is True

    # The dialog that was open is answered, and the next one by Playwright itself.
    await world.portal_has("answer === false")
    await world.session.screen.settled()
    page = world.session.page
    assert await page.evaluate("confirm('again?')") is False
    await page.locator("#plan").click()
    await page.locator("#plan").select_option("b")
    async with page.expect_download() as refused:
        await page.locator("#get").click()
    assert await (await refused.value).failure() is not None
    assert world.session.screen.scene().overlays == ()
    assert world.session.screen.act(Text(text="late")) is False


async def test_a_screen_is_handed_over_with_its_permit_and_taken_back_with_it(world: World) -> None:
    screen, guard = world.session.screen, world.session.guard
    screen.hand_over(may_submit=False)
    states = [guard.state]
    screen.hand_over(may_submit=True)
    screen.hand_over(may_submit=True)
    states.append(guard.state)
    guard.begin_sending()

    assert states == [PermitState.ARMED, PermitState.RELEASED]
    assert screen.take_back() is False


async def test_a_lost_session_ends_its_views(world: World) -> None:
    viewer = await world.view(READ_ONLY)

    await world.session.page.close()

    await viewer.get_by_role("heading", name="The session has ended").wait_for()


async def test_a_broken_connection_comes_back_by_itself(world: World) -> None:
    viewer = await world.act_in("name")
    await viewer.keyboard.type("one")

    await world.server.restart()
    await viewer.locator("#who", has_text="Connecting…").wait_for()

    await in_control(viewer)
    await viewer.locator("#keys").focus()
    await viewer.keyboard.type(" two")
    await world.portal_has("document.getElementById('name').value === 'one two'")


# --- frames ----------------------------------------------------------------------------------------------------------


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
