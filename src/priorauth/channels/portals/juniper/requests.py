"""The way of a request through Juniper's portal, view by view: patient, service, clinical questions, documents."""

from functools import partial
from urllib.parse import quote

from playwright.async_api import Dialog, Frame, Page

from priorauth.channels.contract import (
    ChannelFault,
    Discovered,
    DocumentSource,
    Job,
    NotRequired,
    Obstacle,
    Refused,
    Rejected,
)
from priorauth.channels.portals.adapter import FINAL_PATIENCE_SECONDS, Step, final_click
from priorauth.channels.portals.forms import enter, unknown_questions
from priorauth.channels.portals.juniper.documents import shown_documents, upload
from priorauth.channels.portals.juniper.status import is_own, open_request, receipt_of, shown_facts
from priorauth.channels.portals.juniper.views import (
    again_from_here,
    clinical_frame,
    open_view,
    press,
    require_view,
    settled,
)
from priorauth.channels.portals.juniper.wording import Wording
from priorauth.channels.portals.pages import described, heading, persistently, portal_faults, table_rows
from priorauth.domain.errors import Issue
from priorauth.domain.reviews import Package
from priorauth.domain.submissions import PayerReceipt

_SERVICE, _CLINICAL, _DOCUMENTS, _REVIEW = "Service", "Clinical questions", "Documents", "Review"
_WHOSE = ("Member ID", "Service code", "Your reference")
_NOT_NEEDED, _RECEIVED = "No authorization needed", "Request received"


class RequestForm:
    """The steps in which one request is made."""

    def __init__(self, job: Job, *, base_url: str) -> None:
        self._job = job
        self._base_url = base_url
        self._wording = Wording(job)

    async def fill(self, page: Page, *, documents: DocumentSource, step: Step) -> Obstacle | None:
        """Find the patient, start a request and fill its views up to the review."""
        if not self._wording.is_offered:
            return Refused("service_not_offered", "The payer's portal takes no requests of this kind.")
        # Saving a draft's view twice saves the same; a second draft of a request is left behind, and nobody sees it.
        if not await persistently(lambda: self._start_request(page)):
            return Refused("member_not_found", "The payer does not know a member with this ID and date of birth.")
        await step("member found")
        for fill in (self._fill_service, self._fill_clinical):
            obstacle = await again_from_here(page, partial(fill, page, step))
            if obstacle is not None:
                return obstacle
        await upload(page, entries=self._wording.documents(), documents=documents)
        await step("documents")
        await again_from_here(page, lambda: press(page, "Continue"))
        await require_view(page, _REVIEW)
        await step("review")
        return None

    def package(self) -> Package:
        """Return what the review should show."""
        return self._wording.package()

    async def read_review(self, page: Page) -> Package:
        """Read the review: the list of facts and the table of documents."""
        await require_view(page, _REVIEW)
        fields = await described(page, "dl.facts.review")
        return Package(tuple(fields.items()), await shown_documents(page))

    async def person_required(self, page: Page) -> str | None:
        """Return the portal's words, when the open review says that a person has to submit."""
        await require_view(page, _REVIEW)
        async with portal_faults():
            notice = page.get_by_role("note")
            return (await notice.first.inner_text()).strip() if await notice.count() else None

    async def submit(self, page: Page) -> PayerReceipt:
        """Attest, press “Submit request”, say yes to the question whether to, and read “Request received”."""
        page.on("dialog", _accept)
        try:
            async with portal_faults():
                await page.get_by_role("checkbox").check()
            async with final_click():
                await press(page, "Submit request", patience_seconds=FINAL_PATIENCE_SECONDS)
        finally:
            page.remove_listener("dialog", _accept)
        await require_view(page, _RECEIVED)
        return self._receipt(await shown_facts(page))

    async def find(self, page: Page) -> PayerReceipt | None:
        """Search by our own reference and open what is found."""
        case_reference = self._job.case_reference
        await open_view(page, f"{self._base_url}/requests?q={quote(case_reference, safe='')}")
        await require_view(page, "Requests")
        rows = await table_rows(page, "table.requests")
        numbers = [row[0] for row in rows if row[1] == case_reference]
        if numbers:
            # The oldest one: were there ever two, the first is the submission and the second the accident.
            return self._receipt(await open_request(page, base_url=self._base_url, reference_number=numbers[-1]))
        async with portal_faults():
            said = await page.get_by_text(f"No request matches “{case_reference}”.", exact=True).count()
        # A table that is not there, or rows of others, prove nothing about ours.
        if not said or rows:
            raise ChannelFault("unexpected_page", "The portal's search did not say whether it knows the case.")
        return None

    async def shown(self, page: Page) -> PayerReceipt | NotRequired | None:
        """Return what the open view shows of this very case: its receipt, or that it needs no authorization."""
        await settled(page)
        title = await heading(page)
        if title not in (_NOT_NEEDED, _RECEIVED) and not title.startswith("Request "):
            return None
        facts = await shown_facts(page)
        if title == _NOT_NEEDED:
            # A reference alone is typed in quickly, for whatever patient and service.
            return await _not_required(page) if self.package().is_named_by(facts, _WHOSE) else None
        return receipt_of(facts) if is_own(facts, self._job) else None

    async def _start_request(self, page: Page) -> bool:
        member_id, birth_date = self._wording.patient()
        await open_view(page, f"{self._base_url}/patients")
        await require_view(page, "Find a patient")
        async with portal_faults():
            await page.get_by_label("Member ID").fill(member_id)
            await page.get_by_label("Date of birth").fill(birth_date)
        await press(page, "Find patient")
        async with portal_faults():
            found = await page.get_by_role("button", name="New request", exact=True).count()
            unknown = await page.get_by_text("No patient matches these details.", exact=True).count()
        if not found and not unknown:
            raise ChannelFault("unexpected_page", "The portal's search did not say whether it knows the patient.")
        if found:
            await press(page, "New request")
        return bool(found)

    async def _fill_service(self, page: Page, step: Step) -> Obstacle | None:
        await require_view(page, _SERVICE)
        await enter(page, self._wording.service())
        await step("service")
        await press(page, "Continue")
        reached = await heading(page)
        if reached == _SERVICE:
            return Rejected(await self._remarks(page))
        if reached == _NOT_NEEDED:
            return await _not_required(page)
        await require_view(page, _CLINICAL)
        return None

    async def _fill_clinical(self, page: Page, step: Step) -> Obstacle | None:
        frame = await clinical_frame(page)
        asked = await unknown_questions(frame, known=self._wording.labels())
        if asked:
            return Discovered(asked)
        await enter(frame, self._wording.clinical())
        await step("clinical information")
        async with portal_faults():
            await frame.get_by_role("button", name="Save answers", exact=True).click()
            # Either the frame has something to say, or the page has heard from it and goes on.
            await page.wait_for_function(_FRAME_IS_DONE, arg=_DOCUMENTS)
        await settled(page)
        if await heading(page) != _CLINICAL:
            await require_view(page, _DOCUMENTS)
            return None
        return Rejected(await self._remarks(await clinical_frame(page)))

    async def _remarks(self, page: Page | Frame) -> tuple[Issue, ...]:
        script = """notes => notes.map(note => {
            const field = note.closest('[data-field]'), label = field.querySelector('legend, label');
            return [label.textContent.trim(), note.textContent.trim()];
        })"""
        async with portal_faults():
            notes: list[tuple[str, str]] = await page.locator(".problem:not(:empty)").evaluate_all(script)
        if not notes:
            raise ChannelFault("unexpected_page", "The portal kept its page and gave no reason.")
        return tuple(Issue("rejected_by_payer", message, self._wording.link_of(label)) for label, message in notes)

    def _receipt(self, facts: dict[str, str]) -> PayerReceipt:
        if not is_own(facts, self._job):
            raise ChannelFault("evidence_of_another_case", "The payer's page belongs to another case.")
        return receipt_of(facts)


_FRAME_IS_DONE = """title => {
    if (document.querySelector('h1')?.textContent === title) return true;
    const frame = document.querySelector('iframe')?.contentDocument;
    if (!frame) return document.querySelector('h1')?.textContent !== 'Clinical questions';
    const done = frame.querySelector('main[aria-busy=false]');
    return Boolean(done?.querySelector('.problem:not(:empty), [role=alert]:not([hidden])'));
}"""


async def _accept(dialog: Dialog) -> None:
    await dialog.accept()


async def _not_required(page: Page) -> NotRequired:
    async with portal_faults():
        return NotRequired((await page.locator("p.message").first.inner_text()).strip())
