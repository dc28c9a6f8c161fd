"""A human's turn in a session of the portal channel: where it is wanted, what is left alone, what is read afterwards.

The human of these tests acts in the session's own browser, as the live view lets a real one do.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from priorauth.channels.contract import AtBoundary, HumanNeeded, Job, NothingFound, NotRequired, Pending, Unresolved
from priorauth.channels.portals.guard import PermitState
from priorauth.channels.portals.larkspur.portal import LarkspurPortal
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.live_sessions import BoundaryState
from priorauth.domain.submissions import Decision, Outcome, PayerReceipt
from tests.factories.channels import PortalWorld, portal_world, taken_by_a_person
from tests.factories.jobs import Documents, job_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PLAIN, PROTECTED, BY_PERSON, CUSTOMERS = (
    "approved_after_review",
    "handoff_mfa",
    "handoff_review_backed",
    "customer_login",
)
# A press is held for twenty seconds at most, until its draft was read and compared.
HOLD_MILLISECONDS = 30_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path_factory.mktemp("portal")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def case(world: PortalWorld, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A case of the test's own, whose session ends with it."""
    world.ledger.forget()
    name = f"auth_{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    yield name
    await world.channel.let_go(name)


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def enter_code(page: Page, code: str) -> None:
    await page.get_by_label("One-time code").fill(code)
    await page.get_by_role("button", name="Verify").click()
    await page.wait_for_load_state()


async def submit(page: Page) -> None:
    async with page.expect_navigation(timeout=HOLD_MILLISECONDS):
        await page.get_by_role("button", name="Submit request").click(no_wait_after=True)


async def prepared_for_a_person(world: PortalWorld, case: str) -> Job:
    """The portal's review page is open, and the portal wants a person to press its button."""
    job = job_of(BY_PERSON, case=case)
    needed = await world.channel.prepare(job)
    assert isinstance(needed, HumanNeeded)
    assert needed.reason is OfferReason.FINAL_SUBMIT
    assert "a person" in needed.message
    return job


async def found_after(world: PortalWorld, job: Job, *, reported: str | None = None) -> object:
    return await world.channel.reconcile(job, reference_number=reported)


async def test_a_code_that_only_a_human_has_is_entered_by_one_and_the_case_goes_on_from_there(
    world: PortalWorld, case: str
) -> None:
    job = job_of(PROTECTED, case=case)
    needed = await world.channel.prepare(job)
    assert isinstance(needed, HumanNeeded)
    assert needed.reason is OfferReason.SIGN_IN
    session = world.session(case)
    await enter_code(session.page, "482913")

    found = await found_after(world, job)

    assert found == NothingFound(searched=True, unsent=False)
    assert world.session(case) is session, "the service goes on in the human's browser"
    assert isinstance(await world.channel.prepare(replace(job, run=2)), AtBoundary)
    assert world.session(case) is session


async def test_a_code_that_nobody_entered_is_asked_for_again(world: PortalWorld, case: str) -> None:
    job = job_of(PROTECTED, case=case)
    assert isinstance(await world.channel.prepare(job), HumanNeeded)

    found = await found_after(world, job)
    assert found == NothingFound(searched=True, unsent=False), "nobody has acted in this very session"

    again = await world.channel.prepare(replace(job, run=2))
    assert isinstance(again, HumanNeeded)
    assert again.reason is OfferReason.SIGN_IN


async def test_a_session_that_waits_for_a_human_is_not_touched(world: PortalWorld, case: str) -> None:
    await prepared_for_a_person(world, case)
    session = world.session(case)

    assert session.held_until is not None
    assert session.claim.boundary is BoundaryState.AT_BOUNDARY
    await submit(session.page)

    assert await world.counted(case) == 0, "nothing was released"


async def test_a_humans_submission_is_found_whatever_is_reported(world: PortalWorld, case: str) -> None:
    job = await prepared_for_a_person(world, case)
    session = world.session(case)
    await taken_by_a_person(session)
    await submit(session.page)

    found = await found_after(world, job, reported="LK-INVENTED-1")

    assert isinstance(found, PayerReceipt)
    assert await world.counted(case) == 1


async def test_a_humans_submission_is_found_by_search_when_its_page_was_left(world: PortalWorld, case: str) -> None:
    job = await prepared_for_a_person(world, case)
    session = world.session(case)
    await taken_by_a_person(session)
    await submit(session.page)
    await session.page.goto(f"{world.base_url}/home")

    assert isinstance(await found_after(world, job), PayerReceipt)


async def test_a_report_of_a_submission_that_never_was_finds_nothing(world: PortalWorld, case: str) -> None:
    job = await prepared_for_a_person(world, case)
    await taken_by_a_person(world.session(case))

    found = await found_after(world, job, reported="LK-INVENTED-1")

    assert found == NothingFound(searched=True, unsent=True)
    await submit(world.session(case).page)
    assert await world.counted(case) == 0, "the human's turn is over, and the permit with it"


async def test_a_reported_reference_of_another_case_is_not_adopted(world: PortalWorld, case: str) -> None:
    other = replace(job_of(PLAIN, case=f"{case}_other"), run=1)
    taken = await world.channel.submit(other, allowed=(), intend=yes)
    assert isinstance(taken, PayerReceipt)
    job = await prepared_for_a_person(world, case)

    found = await found_after(world, job, reported=taken.reference_number)

    assert found == NothingFound(searched=True, unsent=False)


async def test_that_another_service_needs_no_authorization_is_not_said_of_this_one(
    world: PortalWorld, case: str
) -> None:
    await world.tell("not_required")
    job = await prepared_for_a_person(world, case)
    other = job_of("not_required", case=case)
    page = world.session(case).page
    form = LarkspurPortal().form(other, base_url=world.base_url)

    async def step(_: str) -> None:
        """Nothing to note."""

    assert isinstance(await form.fill(page, documents=Documents(), step=step), NotRequired)

    assert await found_after(world, job) == NothingFound(searched=True, unsent=False)


INVENTS_NO_NEED = """() => addEventListener('submit', event => {
    if (!location.pathname.endsWith('/service')) return;
    event.preventDefault();
    const values = new FormData(event.target);
    document.body.innerHTML = `<h1>No authorization required</h1><p class="message">Go away.</p><dl class="request">
        <dt>Member ID</dt><dd>MEMBER</dd><dt>Procedure code</dt><dd>${values.get('procedure_code')}</dd>
        <dt>Your reference</dt><dd>${values.get('reference')}</dd></dl>`;
    history.pushState({}, '', location.pathname.replace('service', 'not-required'));
}, true)"""


async def test_a_page_that_invents_that_none_is_needed_ends_no_authorization(world: PortalWorld, case: str) -> None:
    job = job_of(PLAIN, case=case)
    await world.channel.prepare(job)
    session = world.session(case)
    member = dict(LarkspurPortal().form(job, base_url=world.base_url).package().fields)["Member ID"]
    await session.page.context.add_init_script(f"({INVENTS_NO_NEED.replace('MEMBER', member)})()")
    await session.page.goto(session.page.url.replace("review", "service"))
    await session.page.locator("form.box button").last.click(no_wait_after=True)
    await session.page.get_by_text("Go away.").wait_for()

    assert isinstance(await found_after(world, job), NothingFound)
    needed = await world.channel.prepare(replace(job, run=2, faults=2))
    assert isinstance(needed, HumanNeeded)
    assert needed.reason is OfferReason.UNKNOWN_PAGE


async def test_where_the_portal_cannot_be_searched_the_live_page_is_the_evidence(world: PortalWorld, case: str) -> None:
    await world.tell(PLAIN, searchUnavailable=True)
    try:
        job = job_of(PLAIN, case=case)
        assert isinstance(await world.channel.submit(job, allowed=(), intend=yes), PayerReceipt)
        needed = await world.channel.find(job)
        assert isinstance(needed, HumanNeeded)
        assert needed.reason is OfferReason.SUBMISSION_UNRESOLVED

        assert await found_after(world, job) == NothingFound(searched=False, unsent=False)
        session = world.session(case)
        await session.page.goto(f"{world.base_url}/requests")
        await session.page.locator("tr", has_text=case).get_by_role("link").click()
        await session.page.wait_for_load_state()
        assert isinstance(await found_after(world, job), PayerReceipt)
    finally:
        await world.tell(PLAIN)


async def test_a_permit_ends_with_its_humans_turn_before_anybody_has_read_what_is_true(
    world: PortalWorld, case: str
) -> None:
    await prepared_for_a_person(world, case)
    session = world.session(case)
    await taken_by_a_person(session)

    world.channel.take_back(case)
    await submit(session.page)

    assert await world.counted(case) == 0
    assert world.session(case) is session, "what is open there is still to be read"


async def test_held_request_of_a_changed_draft_is_refused_with_its_labels(world: PortalWorld, case: str) -> None:
    await prepared_for_a_person(world, case)
    twist = {"at": "review", "kind": "change_value", "times": 9, "field": "Units requested", "value": "7"}
    await world.tell(BY_PERSON, faults=[twist])
    try:
        session = world.session(case)
        await taken_by_a_person(session)
        await submit(session.page)
        said = await session.page.locator("body").inner_text()
        (noted,) = await world.ledger.until_noted("held_submission_refused")
    finally:
        await world.tell(BY_PERSON)

    assert await world.counted(case) == 0
    assert "Units requested" in said
    assert "7" not in said, "values are a patient's data"
    assert noted["reason"] == "draft_differs"
    assert world.ledger.intended == [], "nothing was about to leave"


async def test_person_whose_press_was_refused_may_press_again(world: PortalWorld, case: str) -> None:
    await prepared_for_a_person(world, case)
    twist = {"at": "review", "kind": "change_value", "times": 1, "field": "Units requested", "value": "7"}
    await world.tell(BY_PERSON, faults=[twist])
    try:
        session = world.session(case)
        await taken_by_a_person(session)
        await submit(session.page)
        await session.page.go_back()
        await submit(session.page)
    finally:
        await world.tell(BY_PERSON)

    assert world.ledger.intended == [case]
    assert await world.counted(case) == 1


async def test_held_request_that_the_record_forbids_is_not_sent(world: PortalWorld, case: str) -> None:
    await prepared_for_a_person(world, case)
    world.ledger.forget()
    world.ledger.allows_person = False
    session = world.session(case)
    await taken_by_a_person(session)

    await submit(session.page)

    assert await world.counted(case) == 0
    (noted,) = await world.ledger.until_noted("held_submission_refused")
    assert noted["reason"] == "not_allowed"


async def test_person_in_a_final_submit_reaches_no_other_page(world: PortalWorld, case: str) -> None:
    await prepared_for_a_person(world, case)
    session = world.session(case)
    await taken_by_a_person(session)

    answer = await session.page.goto(f"{world.base_url}/members")

    assert answer is not None
    assert answer.status == 403


async def test_only_a_human_is_sent_away_and_not_automation_with_its_own_permit(world: PortalWorld, case: str) -> None:
    await prepared_for_a_person(world, case)
    session = world.session(case)
    draft_id = LarkspurPortal().draft_of(session.page.url)
    assert draft_id is not None
    session.guard.release(LarkspurPortal().final_request(world.base_url, draft_id))

    world.channel.take_back(case)

    assert session.guard.state is PermitState.RELEASED


async def test_what_a_human_sent_before_a_cancel_is_read_where_the_portal_cannot_be_searched(
    world: PortalWorld, case: str
) -> None:
    await world.tell(BY_PERSON, searchUnavailable=True)
    try:
        job = await prepared_for_a_person(world, case)
        session = world.session(case)
        await taken_by_a_person(session)
        await submit(session.page)

        found = await world.channel.find(job)
    finally:
        await world.tell(BY_PERSON)

    assert isinstance(found, PayerReceipt)
    assert await world.counted(case) == 1


async def test_who_pressed_in_vain_gets_a_browser_in_which_the_button_works_again(
    world: PortalWorld, case: str
) -> None:
    await world.tell(BY_PERSON, faults=[{"at": "submit", "kind": "error", "times": 1}])
    try:
        job = await prepared_for_a_person(world, case)
        await taken_by_a_person(world.session(case))
        await submit(world.session(case).page)
        assert await found_after(world, job) == NothingFound(searched=True, unsent=False)

        again = await world.channel.prepare(replace(job, run=2))

        assert isinstance(again, HumanNeeded)
        assert again.reason is OfferReason.FINAL_SUBMIT
        await taken_by_a_person(world.session(case))
        await submit(world.session(case).page)
        assert await world.counted(case) == 1
    finally:
        await world.tell(BY_PERSON)


async def test_a_customers_session_whose_request_came_to_nothing_is_not_submitted_in_again(
    world: PortalWorld, case: str
) -> None:
    await world.tell(CUSTOMERS, faults=[{"at": "submit", "kind": "error", "times": 1}])
    try:
        job = replace(job_of(CUSTOMERS, case=case), portal_auth_mode=PortalAuthMode.CUSTOMER_LOGIN, credential_id=None)
        await world.channel.prepare(job)
        await enter_code(world.session(case).page, "604218")
        await found_after(world, job)
        assert isinstance(await world.channel.submit(replace(job, run=2), allowed=(), intend=yes), Unresolved)

        again = await world.channel.submit(replace(job, run=3), allowed=(), intend=no)
    finally:
        await world.tell(CUSTOMERS)

    assert isinstance(again, HumanNeeded)
    assert again.reason is OfferReason.SIGN_IN


async def test_the_customer_signs_in_once_and_the_service_goes_on_to_the_decision(
    world: PortalWorld, case: str
) -> None:
    job = replace(job_of(CUSTOMERS, case=case), portal_auth_mode=PortalAuthMode.CUSTOMER_LOGIN, credential_id=None)
    needed = await world.channel.prepare(job)
    assert isinstance(needed, HumanNeeded)
    assert needed.reason is OfferReason.SIGN_IN
    session = world.session(case)
    await enter_code(session.page, "604218")
    assert await found_after(world, job) == NothingFound(searched=True, unsent=False)

    assert isinstance(await world.channel.prepare(replace(job, run=2)), AtBoundary)
    receipt = await world.channel.submit(replace(job, run=3), allowed=(), intend=yes)
    assert isinstance(receipt, PayerReceipt)
    status: object = Pending()
    while isinstance(status, Pending):
        status = await world.channel.read_status(replace(job, run=3), reference_number=receipt.reference_number)
        assert not isinstance(status, Unresolved)

    assert isinstance(status, Decision)
    assert status.outcome is Outcome.APPROVED
    assert await world.counted(case) == 1


async def test_a_page_that_nobody_knows_is_tried_again_and_then_shown_to_a_human(world: PortalWorld, case: str) -> None:
    await world.tell(PLAIN, faults=[{"at": "clinical", "kind": "signed_out", "times": 99}])
    try:
        job = job_of(PLAIN, case=case)
        needed = await world.channel.prepare(replace(job, faults=2))
    finally:
        await world.tell(PLAIN)

    assert isinstance(needed, HumanNeeded)
    assert needed.reason is OfferReason.UNKNOWN_PAGE
    assert world.session(case).held_until is not None


async def test_the_end_of_a_browser_that_waits_for_a_human_is_told_at_once(world: PortalWorld, case: str) -> None:
    await prepared_for_a_person(world, case)
    session = world.session(case)
    assert case in world.ledger.claims

    await session.page.context.browser.close()  # type: ignore[union-attr]

    await world.ledger.until_released(case)
    assert case not in world.channel.sessions()


async def test_the_crash_of_a_page_that_waits_for_a_human_is_told_at_once(world: PortalWorld, case: str) -> None:
    await prepared_for_a_person(world, case)

    with suppress(PlaywrightError):
        await world.session(case).page.goto("chrome://crash")

    await world.ledger.until_released(case)
    assert case not in world.channel.sessions()
