"""Who may act in a live session, for how long, and what is left when the turn is over."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import async_playwright

from priorauth.channels.portals.guard import PermitState
from priorauth.domain.live.inputs import Text
from priorauth.domain.live.views import Ending
from tests.factories.live import INTERACTIVE, READ_ONLY, RawViewer, Session, launch, portal, within
from tests.portals.live_world import World, click, in_control, place

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


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

    await second.get_by_role("button", name="Ask for control").click()
    await first.get_by_role("button", name="Let them act").click()

    await in_control(second)
    await first.locator("#who", has_text="Another person is in control").wait_for()
    await click(second, 60, 56)
    await second.keyboard.type("second")
    await world.portal_has("document.getElementById('name').value === 'second'")


async def test_what_one_person_holds_down_is_not_done_when_another_takes_control(world: World) -> None:
    first = await world.act_in("name")
    second = await world.view(INTERACTIVE)
    # Held: the left button on a button of the portal.
    await first.mouse.move(*await place(first, 60, 216))
    await first.mouse.down()
    await world.portal_has("document.querySelector('#ask:active')")

    await second.get_by_role("button", name="Ask for control").click()
    await first.get_by_role("button", name="Let them act").dispatch_event("click")

    await world.portal_has("!document.querySelector('#ask:active')")
    await world.session.screen.settled()
    assert world.session.screen.scene().overlays == ()


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


async def test_screen_handed_over_gives_no_permit_in_advance(world: World) -> None:
    screen, guard = world.session.screen, world.session.guard
    screen.hand_over(may_submit=False)
    screen.hand_over(may_submit=True)
    screen.hand_over(may_submit=True)

    assert guard.state is PermitState.ARMED, "a press is held and compared first"
    assert screen.take_back() is True


async def test_a_lost_session_ends_its_views(world: World) -> None:
    viewer = await world.view(READ_ONLY)

    await world.session.page.close()

    await viewer.get_by_role("heading", name="This session has ended").wait_for()


async def test_a_browser_that_dies_ends_its_views(world: World) -> None:
    async with async_playwright() as driver:
        dying = await launch(driver)
        session = await Session.open(dying)
        world.server.sessions.current = session.screen
        view = world.server.views.open(READ_ONLY)
        async with world.server.connect(view) as carrier:
            await RawViewer(carrier).next()
            devtools = await dying.new_browser_cdp_session()
            with suppress(PlaywrightError):
                await devtools.send("Browser.crash")
            await within(5, carrier.wait_closed())

        assert (carrier.close_code, view.ending) == (4003, Ending.SESSION_LOST)
        await session.screen.close()


async def test_a_broken_connection_comes_back_by_itself(world: World) -> None:
    viewer = await world.act_in("name")
    await viewer.keyboard.type("one")
    await world.portal_has("document.getElementById('name').value === 'one'")

    await world.server.restart()
    await viewer.locator("#who", has_text="Connecting…").wait_for()

    # The server that is there again has not seen this person arrive.
    await in_control(viewer)
    await click(viewer, 60, 56)
    await viewer.keyboard.press("End")
    await viewer.keyboard.type(" two")
    await world.portal_has("document.getElementById('name').value === 'one two'")


async def test_a_view_goes_dark_when_its_time_is_over(world: World) -> None:
    viewer = await world.view(READ_ONLY, expires_at=datetime.now(UTC) + timedelta(seconds=1.5))
    await viewer.locator("#until", has_text="Access ends in 0:0").wait_for()

    await viewer.get_by_role("heading", name="Your access has run out").wait_for(timeout=4000)

    assert world.session.screen.scene().in_hand is False


async def test_the_embedding_page_hands_over_a_fresh_grant_without_a_reload(world: World) -> None:
    view = world.server.views.open(READ_ONLY)
    embedding = f"<iframe id=live src='{world.server.page_url(view)}' width=900 height=600></iframe>"
    post = "message => document.getElementById('live').contentWindow.postMessage(message, '*')"
    async with portal({"/": embedding}) as url:
        page = await (await world.viewers.new_context()).new_page()
        world.pages.append(page)
        await page.add_init_script("window.heard = []; addEventListener('message', event => heard.push(event.data))")
        await page.goto(url.replace("127.0.0.1", "localhost"))
        await page.wait_for_function("heard.length === 1")

        # Only an address of the server itself is asked for its ticket.
        grants = [f"{url}/elsewhere", f"{world.server.url}/runtime/access/fresh"]
        for grant in grants:
            await page.evaluate(post, {"type": "priorauth.grant", "url": grant})
        await within(5, world.server.views.heard.wait())
        view.end(Ending.REVOKED)
        await page.wait_for_function("heard.length === 2")

        # Where access has ended already, the fresh grant opens the view again.
        world.server.views.open(READ_ONLY, ticket="fresh-ticket")
        await page.evaluate(post, {"type": "priorauth.grant", "url": grants[1]})
        await page.wait_for_function("heard.length === 3")

        assert world.server.views.renewed == [(view.id, "fresh-ticket")]
        assert await page.evaluate("heard") == [
            {"type": "priorauth.view", "state": "live", "reason": "connected"},
            {"type": "priorauth.view", "state": "dark", "reason": "revoked"},
            {"type": "priorauth.view", "state": "live", "reason": "connected"},
        ]


async def test_a_person_goes_back_and_forward_and_reloads_by_key_mouse_and_button(world: World) -> None:
    page, first = world.session.page, world.session.page.url
    await page.goto(f"{first}popup")
    await page.goto(f"{first}framed")
    viewer = await world.view(INTERACTIVE)
    await in_control(viewer)
    await world.session.screen.settled()
    await click(viewer, 600, 600)

    await viewer.keyboard.press("Alt+ArrowLeft")
    await page.wait_for_url("**/popup")
    await viewer.mouse.move(*await place(viewer, 600, 600))
    devtools = await viewer.context.new_cdp_session(viewer)
    for kind, held in (("mousePressed", 8), ("mouseReleased", 0)):
        x, y = await place(viewer, 600, 600)
        event = {"type": kind, "x": x, "y": y, "button": "back", "buttons": held, "clickCount": 1}
        await devtools.send("Input.dispatchMouseEvent", event)
    await page.wait_for_url(first)
    await viewer.get_by_role("button", name="Back").click()
    await viewer.get_by_text("There is no page before this one.").wait_for()
    await viewer.get_by_role("button", name="Forward").click()
    await page.wait_for_url("**/popup")
    await page.evaluate("addEventListener('keydown', event => event.key === 'F5' && event.preventDefault())")
    await page.evaluate("window.kept = true")
    await click(viewer, 600, 600)
    # A page that has another use for the key keeps it.
    for key in ("F5", "x"):
        await viewer.keyboard.press(key)
    assert await page.evaluate("window.kept") is True
    await viewer.keyboard.press("Control+r")
    await page.wait_for_function("window.kept === undefined")


async def test_a_page_that_was_sent_with_a_form_is_asked_about_before_it_is_sent_again(world: World) -> None:
    posts: list[str] = []
    world.session.page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    form = """() => { document.body.innerHTML = '<form method=post action=/popup><button id=send>';
        document.getElementById('send').click() }"""
    await world.session.page.evaluate(form)
    await world.session.page.wait_for_url("**/popup")
    viewer = await world.view(INTERACTIVE)
    await in_control(viewer)
    await world.session.screen.settled()

    await viewer.get_by_role("button", name="Reload").click()
    await viewer.get_by_role("button", name="Cancel").click()
    await viewer.get_by_role("button", name="Reload").click()
    await viewer.get_by_role("button", name="Send again").wait_for()

    assert len(posts) == 1
    async with world.session.page.expect_request(lambda request: request.method == "POST"):
        await viewer.get_by_role("button", name="Send again").click()


async def test_the_next_page_is_watched_like_the_first(world: World) -> None:
    viewer = await world.act_in("name")
    await world.session.page.goto(world.session.page.url + "framed")

    await click(viewer, 30, 40)
    await viewer.locator("#overlays select").select_option("y")
    await viewer.get_by_role("button", name="Choose").click()

    await world.portal_has("document.querySelector('select').value === 'y'")


async def test_the_keyboard_can_leave_the_portal(world: World) -> None:
    viewer = await world.act_in("name")
    assert await viewer.evaluate("document.activeElement.id") == "keys"

    await viewer.keyboard.press("Control+Alt+Escape")

    assert await viewer.evaluate("document.activeElement.id") == "who"
