"""Juniper's adapter beyond what every channel promises: signing in, a person's button, what a view shows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from priorauth.channels.contract import ChannelFault, Discovered, HumanNeeded, Job, NotRequired, Refused, Rejected
from priorauth.channels.portals.adapter import DraftPage
from priorauth.channels.portals.juniper.portal import JuniperPortal
from priorauth.channels.portals.juniper.requests import RequestForm
from priorauth.channels.portals.one_time_codes import OneTimeCodes
from priorauth.domain.catalog import RequestType
from priorauth.domain.credentials import Credential
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.questionnaires import ItemType
from priorauth.domain.submissions import PayerReceipt
from priorauth.sandbox import catalog
from tests.factories.channels import PortalWorld, portal_world
from tests.factories.jobs import Documents, job_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SCENARIO = "juniper_approved_after_review"
BMI = "joint.bodyMassIndex"


def credential(world: PortalWorld, user_name: str = "cedar-hollow", **changes: str) -> Credential:
    """How a user of the portal signs in."""
    world.accounts.use(user_name, **changes)
    assert world.accounts.credential is not None
    return world.accounts.credential


class Waits(list[float]):
    """Takes the place of sleeping, and remembers for how long."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path_factory.mktemp("portal"), portal="juniper") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def page(world: PortalWorld, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A page behind its gate, with nobody signed in; the payer as its scenario has it."""
    await world.tell(SCENARIO)
    job = job_of(SCENARIO, case=request.node.name)
    session = await world.host.open(job, boundary=JuniperPortal().boundary(world.base_url))
    yield session.page
    await world.host.close(request.node.name)


@pytest.fixture
def job(request: pytest.FixtureRequest) -> Job:
    return job_of(SCENARIO, case=request.node.name)


@pytest.fixture
def form(world: PortalWorld, job: Job) -> RequestForm:
    return JuniperPortal().form(job, base_url=world.base_url)


async def signed_in(world: PortalWorld, page: Page) -> None:
    assert await JuniperPortal().sign_in(page, base_url=world.base_url, credential=credential(world)) is None


async def fill(form: RequestForm, page: Page) -> Any:
    async def step(_name: str) -> None:
        pass

    return await form.fill(page, documents=Documents(), step=step)


async def submit(world: PortalWorld, form: RequestForm, page: Page, case: str) -> PayerReceipt:
    """Cross the boundary as a channel would."""
    await signed_in(world, page)
    assert await fill(form, page) is None
    session = world.session(case)
    draft_id = JuniperPortal().draft_of(page.url)
    assert draft_id is not None
    session.release(JuniperPortal().final_request(world.base_url, draft_id))
    await form.press(page)
    async with session.clean_page() as clean:
        receipt = await form.evidence_at(clean, page.url)
    assert isinstance(receipt, PayerReceipt)
    return receipt


async def read(world: PortalWorld, form: RequestForm, page: Page, case: str) -> DraftPage:
    """Read the draft whose review is open, as a channel would."""
    draft_id = JuniperPortal().draft_of(page.url)
    assert draft_id is not None
    async with world.session(case).clean_page() as clean:
        return await form.read_draft(clean, draft_id)


async def test_a_password_that_is_wrong_is_a_fault(world: PortalWorld, page: Page) -> None:
    with pytest.raises(ChannelFault) as fault:
        await JuniperPortal().sign_in(page, base_url=world.base_url, credential=credential(world, password="wrong"))
    assert fault.value.code == "sign_in_refused"
    assert not await JuniperPortal().is_signed_in(page)


async def test_an_authenticators_code_is_made_and_taken_once(world: PortalWorld, page: Page) -> None:
    waits, moment = Waits(), datetime.now(UTC)
    portal = JuniperPortal(OneTimeCodes(clock=lambda: moment, sleep=waits))
    assert await portal.sign_in(page, base_url=world.base_url, credential=credential(world, "cedar-hollow-app")) is None
    assert await portal.is_signed_in(page)

    # The service's clock stands still while it waits, so that its second try is the code that was used, too.
    await page.context.clear_cookies()
    needed = await portal.sign_in(page, base_url=world.base_url, credential=credential(world, "cedar-hollow-app"))
    assert isinstance(needed, HumanNeeded)
    assert len(waits) == 1
    assert 1 <= waits[0] <= 31


async def test_a_code_that_only_a_human_has_is_no_fault(world: PortalWorld, page: Page) -> None:
    needed = await JuniperPortal().sign_in(
        page, base_url=world.base_url, credential=credential(world, "cedar-hollow-phone")
    )

    assert isinstance(needed, HumanNeeded)
    assert needed.reason is OfferReason.SIGN_IN
    assert not await JuniperPortal().is_signed_in(page)
    await page.get_by_label("Verification code").fill(catalog.PORTAL_ACCOUNTS["juniper"][2].message_code or "")
    await page.get_by_role("button", name="Confirm").click()
    await page.get_by_role("heading", name="Home", exact=True).wait_for()
    assert await JuniperPortal().is_signed_in(page)


async def test_the_sign_in_is_open_for_a_customer(world: PortalWorld, page: Page) -> None:
    await JuniperPortal().open_sign_in(page, base_url=world.base_url)

    assert await page.get_by_label("Password").is_visible()
    assert not await JuniperPortal().is_signed_in(page)


async def test_the_review_says_when_a_person_has_to_press_the_button(
    world: PortalWorld, page: Page, form: RequestForm, job: Job
) -> None:
    await world.tell(SCENARIO, personRequired=True)
    await signed_in(world, page)
    assert await fill(form, page) is None

    assert "person has to submit" in ((await read(world, form, page, job.authorization_id)).person_required or "")
    await world.tell(SCENARIO)
    draft = await read(world, form, page, job.authorization_id)
    assert draft.person_required is None
    assert form.package().differences(draft.package) == ()


async def test_what_a_view_shows_of_the_very_case(world: PortalWorld, page: Page, form: RequestForm, job: Job) -> None:
    receipt = await submit(world, form, page, job.authorization_id)
    other = JuniperPortal().form(replace(job, case_reference="another"), base_url=world.base_url)

    request = f"{world.base_url}/requests/{receipt.reference_number}"
    async with world.session(job.authorization_id).clean_page() as clean:
        for address in (f"{request}/confirmation", request):
            assert await form.evidence_at(clean, address) == receipt
            assert await other.evidence_at(clean, address) is None
        for elsewhere in (f"{world.base_url}/patients", f"http://portal.test/requests/{receipt.reference_number}"):
            assert await form.evidence_at(clean, elsewhere) is None


async def test_a_reference_that_a_human_reported_is_opened(
    world: PortalWorld, page: Page, form: RequestForm, job: Job
) -> None:
    receipt = await submit(world, form, page, job.authorization_id)
    portal, known = JuniperPortal(), {"base_url": world.base_url, "reference_number": receipt.reference_number}

    async with world.session(job.authorization_id).clean_page() as clean:
        assert await portal.open_reference(clean, job=job, **known) == receipt
        assert await portal.open_reference(clean, job=replace(job, case_reference="another"), **known) is None
        for unknown in ("JR20260000001", "no/such?number"):
            found = await portal.open_reference(clean, base_url=world.base_url, job=job, reference_number=unknown)
            assert found is None


async def test_a_service_that_needs_no_authorization_is_told(
    world: PortalWorld, page: Page, form: RequestForm, job: Job
) -> None:
    await world.tell(SCENARIO, notRequired="No review for this plan.")
    await signed_in(world, page)

    assert await fill(form, page) == NotRequired("No review for this plan.")
    draft_id = JuniperPortal().draft_of(page.url)
    assert draft_id is not None
    other = JuniperPortal().form(replace(job, case_reference="another"), base_url=world.base_url)
    async with world.session(job.authorization_id).clean_page() as clean:
        assert await form.not_required(clean, draft_id) == NotRequired("No review for this plan.")
        assert await other.not_required(clean, draft_id) is None
        await world.tell(SCENARIO)
        assert await form.not_required(clean, draft_id) is None


async def test_what_the_frame_asks_though_nobody_told_is_discovered(
    world: PortalWorld, page: Page, form: RequestForm
) -> None:
    questions = [
        {"label": "Smoker", "kind": "radio", "options": [["y", "Yes"], ["n", "No"]]},
        {"label": "Prior surgery", "kind": "select", "options": [["none", "None"], ["same", "Same joint"]]},
        {"label": "Surgeon's note", "kind": "textarea", "required": False},
    ]
    await world.tell(SCENARIO, questions=questions)
    await signed_in(world, page)

    asked = await fill(form, page)
    assert isinstance(asked, Discovered)
    assert {item.link_id: item.type for item in asked.items} == {
        "payer.smoker": ItemType.BOOLEAN,
        "payer.prior-surgery": ItemType.CHOICE,
    }


@pytest.mark.parametrize("refused", [("Quantity", "1", "service.units"), ("Body mass index", "29.4", BMI)])
async def test_what_the_plan_does_not_take_is_an_issue_on_its_answer(
    world: PortalWorld, page: Page, form: RequestForm, refused: tuple[str, str, str]
) -> None:
    label, value, field = refused
    await world.tell(SCENARIO, rejects=[{"label": label, "values": [value], "message": "Not covered."}])
    await signed_in(world, page)

    rejected = await fill(form, page)
    assert isinstance(rejected, Rejected)
    assert [(issue.field, issue.message) for issue in rejected.issues] == [(field, "Not covered.")]


async def test_a_document_that_is_refused_is_missing_at_the_review(world: PortalWorld, page: Page, job: Job) -> None:
    class Broken(Documents):
        async def get(self, name: str) -> bytes:
            return b"MZ" if name == "notes" else await super().get(name)

    async def step(_name: str) -> None:
        pass

    form = JuniperPortal().form(job, base_url=world.base_url)
    await signed_in(world, page)
    assert await form.fill(page, documents=Broken(), step=step) is None
    draft = await read(world, form, page, job.authorization_id)
    assert [each.field for each in form.package().differences(draft.package)] == ["Documents"]


async def test_a_drug_is_refused_before_anything_is_opened(world: PortalWorld, page: Page, job: Job) -> None:
    drug = replace(job, request=replace(job.request, request_type=RequestType.DRUG))
    refused = await fill(JuniperPortal().form(drug, base_url=world.base_url), page)

    assert isinstance(refused, Refused)
    assert refused.code == "service_not_offered"
