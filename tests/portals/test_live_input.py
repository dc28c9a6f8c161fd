"""What a person types, clicks and pastes in the viewer arrives in the portal exactly."""

import pytest

from tests.factories.live import INTERACTIVE, within
from tests.portals.live_world import World, click, in_control, place, until_colour

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

# Playwright has no clipboard of its own: these are the events that a person's browser raises.
_PASTE = """text => { const data = new DataTransfer(); data.setData('text/plain', text);
    document.getElementById('keys').dispatchEvent(new ClipboardEvent('paste',
        {clipboardData: data, cancelable: true})) }"""
_COPY = """() => { window.copied = ''; const data = new DataTransfer();
    document.getElementById('keys').dispatchEvent(new ClipboardEvent('copy', {clipboardData: data, cancelable: true}));
    window.copied = data.getData('text/plain') }"""
_UNTIL_COPIED = f"""async wanted => {{ const copy = {_COPY};
    for (copy(); window.copied !== wanted; copy()) await new Promise(done => setTimeout(done, 10)) }}"""


async def test_what_is_typed_arrives_exactly(world: World) -> None:
    viewer = await world.act_in("name")

    await viewer.keyboard.type("a.b_c-ü漢")

    await world.portal_has("document.getElementById('name').value === 'a.b_c-ü漢'")
    pressed = await world.session.page.evaluate("keys.map(key => key.slice(0, 2))")
    assert [".", 190] in pressed
    assert ["_", 189] in pressed
    # The page's scripts see nothing of what watches it.
    assert await world.session.page.evaluate("Object.keys(window).filter(name => /priorauth/i.test(name))") == []


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


async def test_text_is_pasted_as_a_browser_does_it_and_what_follows_comes_after(world: World) -> None:
    await world.session.page.evaluate(
        """() => { window.pastes = [];
        document.getElementById('name').maxLength = 6;
        addEventListener('paste', event => pastes.push([event.isTrusted, event.clipboardData.getData('text'),
            event.clipboardData.types.join()])) }"""
    )
    viewer = await world.act_in("name")

    await viewer.evaluate(_PASTE, "493")
    await viewer.evaluate(_PASTE, "81")
    await viewer.keyboard.type("7")

    await world.portal_has("document.getElementById('name').value === '493817'")
    assert await world.session.page.evaluate("pastes") == [[True, "493", "text/plain"], [True, "81", "text/plain"]]


@pytest.mark.parametrize(
    "copies",
    [
        pytest.param("navigator.clipboard.writeText('R-1').then(() => window.done = true)", id="clipboard"),
        pytest.param(
            "navigator.clipboard.write([new ClipboardItem({'text/plain': new Blob(['R-1'], {type: 'text/plain'})})])"
            ".then(() => window.done = true)",
            id="clipboard-item",
        ),
        pytest.param(
            "const t = document.createElement('textarea'); t.value = 'R-1'; document.body.append(t); t.select();"
            "window.done = document.execCommand('copy'); t.remove()",
            id="command",
        ),
    ],
)
async def test_what_a_button_of_the_portal_copies_is_offered_to_the_person(world: World, copies: str) -> None:
    await world.session.page.evaluate(f"() => {{ document.getElementById('ask').onclick = () => {{ {copies} }} }}")
    viewer = await world.act_in("ask")

    await viewer.get_by_text("The portal has copied “R-1”.").wait_for()
    assert await world.session.page.evaluate("done") is True
    await within(10, viewer.evaluate(_UNTIL_COPIED, "R-1"))


async def test_a_page_copies_nothing_unless_a_person_has_acted(world: World) -> None:
    viewer = await world.view(INTERACTIVE)
    await in_control(viewer)
    await world.session.screen.settled()

    # Not by Playwright's own way, for which the page takes a person to have acted.
    devtools = await world.session.context.new_cdp_session(world.session.page)
    copy = "navigator.clipboard.writeText('R-1').then(() => '', error => error.name)"
    told = await devtools.send("Runtime.evaluate", {"expression": copy, "awaitPromise": True})

    assert told["result"]["value"] == "NotAllowedError"
    assert await viewer.locator("#copied").is_hidden()


@pytest.mark.parametrize(("kind", "value"), [("email", "a@b.example"), ("number", "12345")])
async def test_what_is_selected_in_fields_without_places_is_copied(world: World, kind: str, value: str) -> None:
    fill = "([kind, value]) => { const name = document.getElementById('name'); name.type = kind; name.value = value }"
    await world.session.page.evaluate(fill, [kind, value])
    viewer = await world.act_in("name")

    await viewer.keyboard.press("Control+a")

    await within(10, viewer.evaluate(_UNTIL_COPIED, value))


async def test_only_what_the_person_selected_is_copied(world: World) -> None:
    viewer = await world.act_in("name")
    await viewer.evaluate(_COPY)
    assert await viewer.evaluate("copied") == ""

    await viewer.keyboard.type("member 42")
    await viewer.keyboard.press("Control+a")
    await within(10, viewer.evaluate(_UNTIL_COPIED, "member 42"))


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


async def test_a_thing_that_can_be_dragged_is_dropped_where_the_person_drops_it(world: World) -> None:
    await world.session.page.evaluate(
        """() => {
        document.body.insertAdjacentHTML('beforeend', '<div id=card draggable=true></div><div id=bin></div>');
        const [card, bin] = ['card', 'bin'].map(id => document.getElementById(id));
        card.style = 'position:absolute;left:600px;top:60px;width:80px;height:40px;background:#fff';
        bin.style = 'position:absolute;left:800px;top:300px;width:200px;height:200px;background:#ccc';
        card.ondragstart = event => event.dataTransfer.setData('text/plain', 'card');
        bin.ondragover = event => event.preventDefault();
        bin.ondrop = event => bin.dataset.got = event.dataTransfer.getData('text/plain') }"""
    )
    viewer = await world.act_in("name")

    await viewer.mouse.move(*await place(viewer, 640, 80))
    await viewer.mouse.down()
    await viewer.mouse.move(*await place(viewer, 700, 200), steps=5)
    await viewer.mouse.move(*await place(viewer, 900, 400), steps=5)
    await viewer.mouse.up()

    await world.portal_has("document.getElementById('bin').dataset.got === 'card'")


async def test_a_finger_taps_and_scrolls(world: World) -> None:
    await world.session.page.evaluate("document.body.style.height = '3000px'")
    viewer = await world.view(INTERACTIVE, has_touch=True, viewport={"width": 390, "height": 700})
    await in_control(viewer)
    await world.session.screen.settled()

    x, y = await place(viewer, 100, 595)
    await viewer.touchscreen.tap(x, y)
    await until_colour(viewer, (0x20, 0x60, 0xC0))

    devtools = await viewer.context.new_cdp_session(viewer)
    for kind, at in (("touchStart", y), ("touchMove", y - 40), ("touchMove", y - 90), ("touchEnd", None)):
        points = [{"x": x, "y": at}] if at is not None else []
        await devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    await world.portal_has("scrollY > 100")


async def test_keys_without_a_keyboard_arrive_too(world: World) -> None:
    viewer = await world.act_in("name")
    devtools = await viewer.context.new_cdp_session(viewer)
    # A phone's keyboard commits text, and deletes in the field that it sees.
    await devtools.send("Input.insertText", {"text": "Müllerr"})
    await world.portal_has("document.getElementById('name').value === 'Müllerr'")

    await viewer.evaluate("document.execCommand('delete')")

    await world.portal_has("document.getElementById('name').value === 'Müller'")
