"""What no frame shows, lists, dates, dialogs, files and popups, a person sees and answers in the viewer."""

import pytest
from playwright.async_api import FilePayload

from priorauth.domain.live.views import Picker
from tests.factories.live import READ_ONLY
from tests.portals.live_world import LETTER, LOCKED, World, click, place, until_colour

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


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


async def test_suggestions_of_a_field_are_shown_while_the_person_types(world: World) -> None:
    await world.session.page.evaluate(
        """() => { document.body.insertAdjacentHTML('beforeend', `<datalist id=plans><option value=Alder>
        <option value=Birch><option value=Ash>Fraxinus</option></datalist>`);
        const name = document.getElementById('name'); name.setAttribute('list', 'plans');
        name.onchange = () => name.dataset.changed = name.value }"""
    )
    viewer = await world.act_in("name")
    options = viewer.locator("#overlays option")
    await options.nth(2).wait_for()

    await viewer.keyboard.type("a")
    await viewer.keyboard.type("s")
    await viewer.locator("#overlays option:only-child", has_text="Ash (Fraxinus)").wait_for()
    await viewer.keyboard.press("ArrowDown")
    await viewer.keyboard.press("Enter")

    await world.portal_has("document.getElementById('name').dataset.changed === 'Ash'")
    await viewer.locator("#overlays select").wait_for(state="detached")


async def test_a_picker_that_a_script_opens_is_answered_in_the_viewer(world: World) -> None:
    script = "document.getElementById('ask').onclick = () => document.getElementById('day').showPicker()"
    await world.session.page.evaluate(f"() => {{ {script} }}")
    viewer = await world.act_in("ask")

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


async def test_a_prompt_takes_what_the_person_writes(world: World) -> None:
    ask = "document.getElementById('ask').onclick = () => { window.answer = prompt('Which?', 'one') }"
    await world.session.page.evaluate(f"() => {{ {ask} }}")
    viewer = await world.act_in("ask")

    await viewer.locator("#overlays input").select_text()
    await viewer.keyboard.type("two")
    await viewer.keyboard.press("Enter")

    await world.portal_has("answer === 'two'")


async def test_leaving_a_page_with_unsaved_entries_is_asked_for(world: World) -> None:
    await world.session.page.evaluate(
        """() => { addEventListener('beforeunload', event => event.preventDefault());
        document.getElementById('ask').onclick = () => location.href = '/popup' }"""
    )
    viewer = await world.act_in("ask")

    await viewer.get_by_role("heading", name="Leave this page?").wait_for()
    await viewer.get_by_role("button", name="Leave", exact=True).click()

    await world.session.page.wait_for_url("**/popup")


async def test_a_portal_that_asks_by_http_authentication_gets_what_the_person_enters(world: World) -> None:
    go = "document.getElementById('ask').onclick = () => { location.href = '/locked' }"
    await world.session.page.evaluate(f"() => {{ {go} }}")
    viewer = await world.act_in("ask")
    user, password = viewer.get_by_label("User name"), viewer.get_by_label("Password")
    sign_in = viewer.get_by_role("button", name="Sign in")

    await user.fill("nora.alder")
    await password.fill("wrong")
    first = await user.element_handle()
    assert first is not None
    await sign_in.click()
    await first.wait_for_element_state("hidden")
    # Asked again, with empty fields and the focus in the first.
    await user.wait_for()
    for text in ("nora.alder", LOCKED["/locked"].password):
        await viewer.keyboard.type(text)
        await viewer.keyboard.press("Enter")

    await world.session.page.wait_for_function("document.title === 'Members'")
    await password.wait_for(state="detached")
    origin, locked = world.session.page.url[: -len("/locked")], world.session.page.url[-len("/locked") :]
    wanted = {"username": "nora.alder", "password": LOCKED[locked].password}
    assert world.session.screen.credentials == {**wanted, "origin": origin}
    assert "alder" not in origin


async def test_a_page_without_a_title_does_not_show_its_address(world: World) -> None:
    open_it = "document.getElementById('open').onclick = () => { window.open('/untitled/member%2042') }"
    await world.session.page.evaluate(f"() => {{ {open_it} }}")
    viewer = await world.act_in("open")

    await viewer.get_by_role("tab", selected=True, name="Untitled page").wait_for()
    assert "member" not in await viewer.content()


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


_DROP = """([x, y]) => { const data = new DataTransfer();
    data.items.add(new File(['scanned'], 'scan.txt', {type: 'text/plain'}));
    const how = {dataTransfer: data, clientX: x, clientY: y, bubbles: true, cancelable: true};
    document.getElementById('screen').dispatchEvent(new DragEvent('drop', how)) }"""


async def test_a_file_is_dropped_where_the_page_takes_files(world: World) -> None:
    await world.session.page.evaluate(
        """() => { document.body.insertAdjacentHTML('beforeend', '<div id=zone><b>Drop here</b></div>');
        const zone = document.getElementById('zone'); window.dropped = [];
        zone.style = 'position:absolute;left:600px;top:60px;width:300px;height:200px;background:#fff';
        zone.ondragover = event => event.preventDefault();
        zone.ondrop = async event => { event.preventDefault(); const [file] = event.dataTransfer.files;
            dropped.push([file.name, file.type, await file.text()]) } }"""
    )
    viewer = await world.act_in("name")

    await viewer.evaluate(_DROP, [*await place(viewer, 620, 70)])
    await world.portal_has("dropped.length === 1")
    assert await world.session.page.evaluate("dropped") == [["scan.txt", "text/plain", "scanned"]]
    # A field for files takes them without a script.
    await viewer.evaluate(_DROP, [*await place(viewer, 60, 446)])
    await world.portal_has("document.getElementById('file').files[0]?.name === 'scan.txt'")
    await viewer.evaluate(_DROP, [*await place(viewer, 1000, 700)])
    await viewer.get_by_text("The page takes no files at this place.").wait_for()


async def test_a_file_of_the_portal_can_be_taken_along(world: World) -> None:
    viewer = await world.act_in("get")

    await viewer.get_by_text("letter.pdf").wait_for()
    async with viewer.expect_download() as saving:
        await viewer.get_by_role("button", name="Save").click()

    download = await saving.value
    assert download.suggested_filename == "letter.pdf"
    assert (await download.path()).read_bytes() == LETTER
    await viewer.get_by_text("letter.pdf").wait_for(state="detached")


_OPENS = {
    "link": "const a = document.createElement('a'); a.href = '/letter.pdf'; a.target = '_blank'; a.click()",
    "window": "window.open('/letter.pdf')",
    "blob": "window.open(URL.createObjectURL(new Blob(['%PDF-1.4 blob'], {type: 'application/pdf'})))",
}


@pytest.mark.parametrize("opens", _OPENS)
async def test_a_file_that_the_portal_opens_in_a_new_tab_is_offered_and_leaves_no_tab(world: World, opens: str) -> None:
    script = f"() => {{ document.getElementById('ask').onclick = () => {{ {_OPENS[opens]} }} }}"
    await world.session.page.evaluate(script)
    viewer = await world.act_in("ask")

    async with viewer.expect_download() as saving:
        await viewer.get_by_role("button", name="Save").click()

    content = (await (await saving.value).path()).read_bytes()
    assert content == (b"%PDF-1.4 blob" if opens == "blob" else LETTER)
    await viewer.locator("#tabs").wait_for(state="hidden")
    assert len(world.session.context.pages) == 1


async def test_a_popup_is_followed_and_its_end_leads_back(world: World) -> None:
    viewer = await world.act_in("open")

    await until_colour(viewer, (0x20, 0xA0, 0x40))
    assert await viewer.get_by_role("tab", selected=True).text_content() == "Help"
    popup = world.session.context.pages[1]
    await world.session.screen.settled()
    await click(viewer, 40, 12)
    await viewer.keyboard.type("found")
    await popup.wait_for_function("document.getElementById('q').value === 'found'")
    await popup.evaluate("() => addEventListener('beforeunload', event => event.preventDefault())")
    await viewer.get_by_role("button", name="Close Help").click()
    await viewer.get_by_role("button", name="Leave", exact=True).click()

    await until_colour(viewer, (0xC0, 0x20, 0x40))
    await viewer.locator("#tabs").wait_for(state="hidden")


async def test_a_portal_that_opens_pages_without_end_is_stopped(world: World) -> None:
    opens = "document.getElementById('open').onclick = () => { for (let i = 0; i < 13; i++) window.open('/popup') }"
    await world.session.page.evaluate(f"() => {{ {opens} }}")
    viewer = await world.act_in("open")

    await viewer.get_by_text("The portal opens more pages than the service shows.").wait_for()
    # The last one that the browser told of is closed after those before it.
    while len(world.session.context.pages) != len(world.session.screen.scene().tabs):
        await world.session.page.evaluate("1")
    assert len(world.session.context.pages) == 10
