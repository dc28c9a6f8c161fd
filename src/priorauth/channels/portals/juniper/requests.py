"""The way of a request through Juniper's portal, view by view: patient, service, clinical questions, documents."""

import re
from functools import partial
from urllib.parse import urlsplit

from playwright.async_api import Dialog, Frame, Page

from priorauth.channels.contract import (
    ChannelFault,
    Discovered,
    DocumentSource,
    EvidenceMismatch,
    Job,
    NotRequired,
    Obstacle,
    Refused,
    Rejected,
)
from priorauth.channels.portals.adapter import FINAL_PATIENCE_SECONDS, DraftPage, Step, final_click
from priorauth.channels.portals.forms import enter, unknown_questions
from priorauth.channels.portals.juniper.documents import upload
from priorauth.channels.portals.juniper.status import (
    document_lines,
    is_own,
    labeled,
    named_by,
    open_request,
    receipt_of,
    require_own,
    search,
)
from priorauth.channels.portals.juniper.views import (
    again_from_here,
    clinical_frame,
    open_view,
    press,
    require_view,
    settled,
)
from priorauth.channels.portals.juniper.wording import Wording
from priorauth.channels.portals.pages import (
    fill_field,
    heading,
    once_each,
    persistently,
    portal_faults,
    read_json,
)
from priorauth.domain.errors import Issue
from priorauth.domain.reviews import Package
from priorauth.domain.submissions import PayerReceipt

_SERVICE, _CLINICAL, _DOCUMENTS, _REVIEW = "Service", "Clinical questions", "Documents", "Review"
_REFERENCE = "Your reference"
_WHOSE = ("Member ID", "Service code", _REFERENCE)
_NOT_NEEDED = "No authorization needed"
_REQUEST_VIEW = re.compile(r"/requests/([A-Za-z0-9_\-]+)(?:/confirmation)?")
_PERSON_REQUIRED = "A person has to submit this request. Automated submission is not accepted for this patient's plan."


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

    def own_draft(self) -> None:
        """Return None: the portal starts a draft for each request."""

    def package(self) -> Package:
        """Return what the review should show."""
        return self._wording.package()

    async def obstacle(self, page: Page) -> None:
        """Nothing stands in the way of a request before it is begun."""

    async def require_review(self, page: Page) -> None:
        """Require the view “Review”."""
        await require_view(page, _REVIEW)

    async def read_draft(self, page: Page, draft_id: str) -> DraftPage:
        """Read the review of a draft: its rows and documents, and whether a person has to submit it."""
        review = await read_json(page, f"{self._base_url}/api/drafts/{draft_id}/review")
        if review is None:
            raise ChannelFault("unexpected_page", "The portal does not know a draft that it had.")
        fields = once_each(labeled(review.get("rows")))
        package = Package(tuple(fields.items()), document_lines(review.get("documents")))
        wanted = _PERSON_REQUIRED if review.get("personRequired") is True else None
        return DraftPage(package, fields.get(_REFERENCE), wanted)

    async def press(self, page: Page) -> None:
        """Attest, press “Submit request”, and say yes to the question whether to."""
        page.on("dialog", _accept)
        try:
            async with portal_faults():
                await page.get_by_role("checkbox").check()
            async with final_click():
                await press(page, "Submit request", patience_seconds=FINAL_PATIENCE_SECONDS)
        finally:
            page.remove_listener("dialog", _accept)

    async def evidence_at(self, page: Page, url: str) -> PayerReceipt | EvidenceMismatch | None:
        """Read the request whose view is at the address, if it is about this case."""
        match = _REQUEST_VIEW.fullmatch(urlsplit(url).path)
        if match is None or not url.startswith(f"{self._base_url}/"):
            return None
        return await receipt_of(page, base_url=self._base_url, job=self._job, reference_number=match[1])

    async def find(self, page: Page) -> PayerReceipt | EvidenceMismatch | None:
        """Search by our own reference and open what is found."""
        found = await search(page, base_url=self._base_url, case_reference=self._job.case_reference)
        numbers = [str(each.get("number")) for each in found if is_own(each, self._job)]
        if not numbers:
            if found:
                # What is of others proves nothing about ours.
                raise ChannelFault("unexpected_page", "The portal's search did not say whether it knows the case.")
            return None
        # The oldest one: were there ever two, the first is the submission and the second the accident.
        request = await open_request(page, base_url=self._base_url, reference_number=numbers[-1])
        require_own(request, self._job)
        return named_by(request, self._job)

    async def not_required(self, page: Page, draft_id: str) -> NotRequired | None:
        """Return what the portal says of a draft, if it is that this very case needs no authorization."""
        draft = await read_json(page, f"{self._base_url}/api/drafts/{draft_id}") or {}
        said, member, service = draft.get("notRequired"), draft.get("member"), draft.get("service")
        if not isinstance(said, str) or not isinstance(member, dict) or not isinstance(service, dict):
            return None
        # A reference alone is typed in quickly, for whatever patient and service.
        named = (member.get("memberId"), service.get("code"), service.get("reference"))
        own = self.package().is_named_by(dict(zip(_WHOSE, map(str, named), strict=True)), _WHOSE)
        return NotRequired(said.strip()) if own else None

    async def _start_request(self, page: Page) -> bool:
        member_id, birth_date = self._wording.patient()
        await open_view(page, f"{self._base_url}/patients")
        await require_view(page, "Find a patient")
        async with portal_faults():
            await fill_field(page, "Member ID", member_id)
            await fill_field(page, "Date of birth", birth_date)
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
