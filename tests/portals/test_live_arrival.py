"""A person arrives in a session: nothing that they press by accident reaches the portal, whatever has the focus."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, Route

from priorauth.channels.portals.guard import judge
from priorauth.domain.errors import ManualHandoffNotActive
from priorauth.domain.handoffs import HandoffResult, OfferReason, Report, ReportedOutcome, UnableReason
from priorauth.domain.live.statuses import Farewell, Phase, ViewStatus
from priorauth.domain.live.views import View
from tests.factories.boundaries import BOUNDARY, SUBMIT, request
from tests.factories.live import INTERACTIVE, READ_ONLY, within
from tests.portals.live_world import World, click, in_control, place

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

# A portal that gives the focus to its last button, and does so again and again.
_FOCUSES = """() => {
    window.submitted = 0;
    document.body.style.height = '3000px';
    const last = document.createElement('button');
    last.id = 'last';
    last.textContent = 'Submit';
    last.style = 'top:1200px';
    last.onclick = () => { window.submitted += 1 };
    document.body.append(last);
    last.focus();
    setInterval(() => requestAnimationFrame(() => last.focus()), 20);
}"""
STATUS = ViewStatus(
    phase=Phase.PERSON_ACTS,
    headline="A person is acting",
    external_id="MRN-4711",
    service_title="Imaging of the spine",
    service_code="CPT 72148",
    reason_code=OfferReason.FINAL_SUBMIT,
    reason="A person has to press the button.",
    final_submit_capable=True,
    reference_number=None,
    may_report=True,
)


async def arrived(world: World, **how: object) -> Page:
    """Open an interactive view, and let the browser follow."""
    viewer = await world.view(INTERACTIVE, **how)  # type: ignore[arg-type]
    await viewer.get_by_role("button", name="Start").wait_for()
    await world.session.screen.settled()
    return viewer


async def test_on_arrival_nothing_has_the_focus_and_the_page_is_at_its_top(world: World) -> None:
    await world.session.page.evaluate(_FOCUSES)
    assert await world.session.page.evaluate("document.activeElement.id") == "last"

    await arrived(world)

    await world.portal_has("document.activeElement === document.body && scrollY === 0")


async def test_keys_and_taps_on_arrival_reach_nothing(world: World) -> None:
    await world.session.page.evaluate(_FOCUSES)
    viewer = await arrived(world)

    for key in ("Enter", "Space", "Enter"):
        await viewer.keyboard.press(key)
    await click(viewer, 60, 216)
    await click(viewer, 640, 100)
    await viewer.keyboard.press("Enter")
    # Whatever was on its way has arrived once this has.
    await world.session.screen.settled()
    await world.portal_has("submitted === 0 && keys.length === 0")
    assert world.session.screen.scene().overlays == ()


async def test_after_the_start_keys_wait_for_a_click_and_then_press(world: World) -> None:
    await world.session.page.evaluate(_FOCUSES)
    viewer = await arrived(world)

    await viewer.get_by_role("button", name="Start").click()
    await viewer.keyboard.press("Enter")
    await viewer.keyboard.press("Space")
    assert await viewer.locator("#keys").is_disabled()
    await click(viewer, 60, 56)
    await viewer.keyboard.type("typed")

    await world.portal_has("keys.length > 0")
    assert await world.session.page.evaluate("keys[0][0]") == "t"


async def test_a_page_shown_without_loading_does_not_keep_the_focus_it_takes(world: World) -> None:
    viewer = await world.act_in("name")
    await viewer.keyboard.type("before")
    await world.portal_has("document.activeElement.id === 'name'")

    await world.session.page.evaluate("() => { history.pushState({}, '', '/review') }")
    # The field in which the person types keeps the focus; what the page focuses from now on does not get it.
    assert await world.session.page.evaluate("document.activeElement.id") == "name"
    await world.portal_has("(document.getElementById('ask').focus(), document.activeElement === document.body)")


async def test_a_finger_on_arrival_reaches_nothing(world: World) -> None:
    viewer = await arrived(world, has_touch=True, viewport={"width": 390, "height": 700})

    await viewer.touchscreen.tap(*await place(viewer, 100, 595))

    await world.session.screen.settled()
    assert await world.session.page.evaluate("document.body.style.background") == ""


# --- the bar ---------------------------------------------------------------------------------------------------------


async def shown(world: World, view_status: ViewStatus = STATUS, *, starts: bool = True) -> tuple[Page, View]:
    """Open an interactive view that shows a status."""
    viewer = await arrived(world)
    view = next(reversed(world.server.views.by_ticket.values()))
    view.show_status(view_status)
    await viewer.locator("#which", has_text="MRN-4711").wait_for()
    if starts:
        await in_control(viewer)
    return viewer, view


async def test_the_bar_says_which_authorization_and_what_is_wanted(world: World) -> None:
    viewer, _ = await shown(world, starts=False)

    card = await viewer.locator("#arrival").inner_text()

    for words in (
        "Imaging of the spine (CPT 72148) · your number MRN-4711",
        "What is wanted: A person has to press the button.",
        "You can submit this to the payer here, once.",
    ):
        assert words in card
        assert words in await viewer.locator(".bar").inner_text()


async def test_done_asks_first_and_says_what_came_of_it(world: World) -> None:
    viewer, _ = await shown(world)
    world.server.views.last_words = [
        Farewell(code="checking", headline="The service is checking", detail="Wait.", is_settled=False),
        Farewell(code="submitted", headline="Submitted", detail="The payer has it.", reference_number="LHP-1"),
    ]

    await viewer.get_by_role("button", name="Done").click()
    # The focus is on no button: a key that was meant for the portal confirms nothing.
    await viewer.keyboard.press("Enter")
    await viewer.keyboard.press("Space")
    assert world.server.views.reports == []
    await viewer.get_by_role("button", name="Yes, I am done").click()
    await viewer.get_by_text("Choose what you did, or saw.").wait_for()
    await viewer.get_by_role("radio", name="I submitted the request").check()
    await viewer.get_by_label("Reference number").fill("LHP-1")
    await viewer.get_by_role("button", name="Yes, I am done").click()

    await viewer.get_by_role("heading", name="Submitted").wait_for()
    assert "Receipt LHP-1" in await viewer.locator("#dark").inner_text()
    assert world.server.views.reports == [
        Report(result=HandoffResult.COMPLETED_REPORTED, outcome=ReportedOutcome.SUBMITTED, reference_number="LHP-1")
    ]


async def test_could_not_finish_wants_a_reason(world: World) -> None:
    viewer, _ = await shown(world)

    await viewer.get_by_role("button", name="Could not finish").click()
    await viewer.get_by_role("button", name="Yes, give it back").click()
    await viewer.get_by_text("Choose a reason.").wait_for()
    await viewer.get_by_label("Why not?").select_option("The portal is down")
    await viewer.get_by_role("button", name="Yes, give it back").click()

    await viewer.get_by_role("heading", name="Your access was closed").wait_for()
    assert world.server.views.reports == [
        Report(result=HandoffResult.UNABLE_TO_COMPLETE, unable=UnableReason.CHANNEL_OUTAGE)
    ]


async def test_a_report_that_is_refused_is_explained_and_can_be_given_again(world: World) -> None:
    viewer, _ = await shown(world)
    world.server.views.fault = ManualHandoffNotActive("The handoff was closed meanwhile.")

    await viewer.get_by_role("button", name="Could not finish").click()
    await viewer.get_by_label("Why not?").select_option("Another reason")
    await viewer.get_by_role("button", name="Yes, give it back").click()

    await viewer.get_by_text("The handoff was closed meanwhile.").wait_for()
    assert await viewer.get_by_role("button", name="Yes, give it back").is_enabled()


async def test_more_time_moves_the_end_of_access(world: World) -> None:
    viewer, view = await shown(world)
    view.extend(datetime.now(UTC) + timedelta(seconds=30))
    await viewer.locator("#until", has_text="Access ends in 0:2").wait_for()

    await viewer.get_by_role("button", name="More time").click()

    await viewer.locator("#until", has_text="Access ends in 14:5").wait_for()
    assert world.server.views.reports == [None]


async def test_a_refused_request_is_explained_in_the_bar(world: World) -> None:
    viewer, _ = await shown(world)
    await click(viewer, 60, 56)

    explain(world, "https://elsewhere.example/x", method="POST")

    notice = viewer.locator("#notice-text", has_text="it leads out of the payer's portal")
    await notice.wait_for()
    await viewer.locator("#notice").get_by_role("button", name="Close").click()
    await notice.wait_for(state="hidden")


async def test_what_the_page_asks_for_by_itself_is_not_explained(world: World) -> None:
    viewer, _ = await shown(world)

    # Before any input, and then a read that opens no page.
    explain(world, "https://elsewhere.example/x", method="POST")
    await click(viewer, 60, 56)
    await viewer.keyboard.type("typed")
    await world.portal_has("document.getElementById('name').value === 'typed'")
    explain(world, "https://elsewhere.example/pixel", method="GET")
    world.session.screen.tell("The end.", "end")

    await viewer.locator("#notice-text", has_text="The end.").wait_for()


async def test_a_link_that_leads_out_of_the_portal_is_explained(world: World) -> None:
    async def refuse(route: Route) -> None:
        explain(world, route.request.url.partition("?")[0], method="GET")
        await route.fulfill(status=403)

    await world.session.page.route("**/elsewhere*", refuse)
    await world.session.page.evaluate("document.getElementById('get').href = '/elsewhere?x=1'")
    await world.session.page.evaluate("document.getElementById('get').removeAttribute('download')")
    viewer, _ = await shown(world)

    await click(viewer, 45, 538)

    await viewer.locator("#notice-text", has_text="it leads out of the payer's portal").wait_for()


def explain(world: World, address: str, *, method: str) -> None:
    """Let the session refuse a request."""
    world.session.screen.explain_refusal(reason="foreign_host", method=method, address=address, final=False)


async def test_the_bar_says_that_it_was_submitted(world: World) -> None:
    viewer, _ = await shown(world)
    final = judge(BOUNDARY, request(path="/cases/1/submit")).request
    assert final is not None
    assert world.session.guard.begin_held(SUBMIT, final)
    await click(viewer, 60, 595)

    await viewer.locator("#submit", has_text="Submitted. Press “Done…”").wait_for()


async def test_who_watches_reads_how_far_it_is(world: World) -> None:
    viewer = await world.view(READ_ONLY)
    view = next(reversed(world.server.views.by_ticket.values()))

    view.show_status(
        ViewStatus(
            phase=Phase.WAITING_FOR_APPROVAL,
            headline="Waiting for your approval",
            external_id=None,
            service_title="Imaging of the spine",
            service_code="CPT 72148",
            reason_code=None,
            reason=None,
            final_submit_capable=False,
            reference_number=None,
        )
    )

    await viewer.locator("#who", has_text="Waiting for your approval").wait_for()
    for name in ("Done", "Could not finish", "More time", "Ask for control", "Start"):
        assert await viewer.get_by_role("button", name=name).count() == 0


async def test_who_is_asked_for_control_can_keep_it(world: World) -> None:
    first = await world.act_in("name")
    second = await world.view(INTERACTIVE)
    await first.locator("#others", has_text="1 other person can act").wait_for()

    await second.get_by_role("button", name="Ask for control").click()
    await first.get_by_text("Another person asks to act here.").wait_for()
    await first.keyboard.type("still typing")
    await first.get_by_role("button", name="Keep control").click()

    await second.get_by_text("The person in control keeps it for now.").wait_for()
    await world.portal_has("document.getElementById('name').value === 'still typing'")


async def test_a_page_that_fights_for_the_focus_does_not_hang(world: World) -> None:
    await world.session.page.evaluate(
        "() => { const field = document.getElementById('name'); field.onblur = () => field.focus(); field.focus() }"
    )

    await arrived(world)

    await within(5, world.session.page.evaluate("1 + 1"))
