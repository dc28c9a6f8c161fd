"""The way of a request through Larkspur's portal, page by page: member, service, clinical information, documents."""

import re
from functools import partial
from urllib.parse import quote, urlsplit

from playwright.async_api import Page

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
from priorauth.channels.portals.larkspur.documents import shown_documents, upload
from priorauth.channels.portals.larkspur.status import named_by, open_request, receipt_at, require_own
from priorauth.channels.portals.larkspur.verification import asks_for_code
from priorauth.channels.portals.larkspur.wording import Wording
from priorauth.channels.portals.one_time_codes import CODE_NEEDED
from priorauth.channels.portals.pages import (
    again_from_here,
    described,
    fill_field,
    heading,
    persistently,
    portal_faults,
    press,
    require_heading,
    table_rows,
    visit,
    visit_if_there,
)
from priorauth.channels.portals.wording import Entry
from priorauth.domain.errors import Issue
from priorauth.domain.reviews import Package
from priorauth.domain.submissions import PayerReceipt

_SERVICE, _CLINICAL, _REVIEW = "Service", "Clinical information", "Review and submit"
_REQUEST_PAGE = re.compile(r"/requests/[A-Za-z0-9\-]+(?:/confirmation)?")
_NOT_REQUIRED = "No authorization required"
_REFERENCE = "Your reference"
_WHOSE = ("Member ID", "Procedure code", _REFERENCE)
_NO_SEARCH = "The search of requests is not available at the moment."


class RequestForm:
    """The wizard in which one request is made."""

    def __init__(self, job: Job, *, base_url: str) -> None:
        self._job = job
        self._base_url = base_url
        self._wording = Wording(job)

    async def fill(self, page: Page, *, documents: DocumentSource, step: Step) -> Obstacle | None:
        """Search the member, start a request and fill its pages up to the review."""
        wording = self._wording
        # Saving a draft's page twice saves the same; a second draft of a request is left behind, and nobody sees it.
        obstacle = await persistently(lambda: self._start_request(page))
        if obstacle is not None:
            return obstacle
        await step("member found")
        for title, entries in ((_SERVICE, wording.service_page()), (_CLINICAL, wording.clinical_page())):
            obstacle = await again_from_here(page, partial(self._fill_page, page, title, entries, step))
            if obstacle is not None:
                return obstacle
        await upload(page, title="Documents", entries=wording.documents(), documents=documents)
        await step("documents")
        await again_from_here(page, lambda: press(page, "Save and continue"))
        await self.require_review(page)
        await step("review")
        return None

    def own_draft(self) -> None:
        """Return None: the portal starts a draft for each request."""

    def package(self) -> Package:
        """Return what the review page should show."""
        return self._wording.package()

    async def obstacle(self, page: Page) -> None:
        """Nothing stands in the way of a request before it is begun."""

    async def require_review(self, page: Page) -> None:
        """Require “Review and submit”."""
        await require_heading(page, _REVIEW)

    async def read_draft(self, page: Page, draft_id: str) -> DraftPage:
        """Read the review page: the definition list, the table of documents, the notice above the button."""
        await visit(page, f"{self._base_url}/drafts/{draft_id}/review")
        await require_heading(page, _REVIEW)
        fields = await described(page, "dl.review")
        async with portal_faults():
            notice = page.locator("p.person-required")
            wanted = (await notice.inner_text()).strip() if await notice.count() else None
        return DraftPage(
            Package(tuple(fields.items()), await shown_documents(page, required=True)), fields.get(_REFERENCE), wanted
        )

    async def press(self, page: Page) -> None:
        """Press “Submit request”."""
        async with final_click():
            await press(page, "Submit request", patience_seconds=FINAL_PATIENCE_SECONDS)

    async def evidence_at(self, page: Page, url: str) -> PayerReceipt | EvidenceMismatch | None:
        """Read “Request received”, or a request's own page, if it is about this case."""
        path = urlsplit(url).path
        if not url.startswith(f"{self._base_url}/") or not _REQUEST_PAGE.fullmatch(path):
            return None
        return await receipt_at(page, f"{self._base_url}{path}", self._job)

    async def find(self, page: Page) -> PayerReceipt | EvidenceMismatch | None:
        """Search by our own reference and open what is found."""
        case_reference = self._job.case_reference
        await visit(page, f"{self._base_url}/requests?q={quote(case_reference, safe='')}")
        await require_heading(page, "Requests")
        async with portal_faults():
            if await page.get_by_text(_NO_SEARCH, exact=True).count():
                raise ChannelFault("search_unavailable", "The payer's portal cannot be searched for the case.")
        references = [row[0] for row in await table_rows(page, "table.requests") if row[1] == case_reference]
        if not references:
            await _require_empty_list(page)
            return None
        # The oldest one: were there ever two, the first is the submission and the second the accident.
        fields = await open_request(page, base_url=self._base_url, reference_number=references[-1])
        require_own(fields, self._job)
        return await named_by(page, fields, self._job)

    async def not_required(self, page: Page, draft_id: str) -> NotRequired | None:
        """Read “No authorization required” of a draft, if it is about this case."""
        if not await visit_if_there(page, f"{self._base_url}/drafts/{draft_id}/not-required"):
            return None
        if await heading(page) != _NOT_REQUIRED:
            return None
        # A reference alone is typed in quickly, for whatever member and service.
        own = self.package().is_named_by(await described(page, "dl.request"), _WHOSE)
        return NotRequired(await _message(page)) if own else None

    async def _fill_page(self, page: Page, title: str, entries: tuple[Entry, ...], step: Step) -> Obstacle | None:
        await require_heading(page, title)
        asked = await unknown_questions(page, known=self._wording.labels()) if title == _CLINICAL else ()
        if asked:
            return Discovered(asked)
        await enter(page, entries)
        await step(title.lower())
        await press(page, "Save and continue")
        reached = await heading(page)
        if reached == title:
            return Rejected(await _field_errors(page, self._wording))
        return NotRequired(await _message(page)) if reached == _NOT_REQUIRED else None

    async def _start_request(self, page: Page) -> Obstacle | None:
        member_id, birth_date = self._wording.member()
        # Each search for a protected member asks for a code anew: whom a human has found is not searched again.
        if not await _shows_member(page, member_id, birth_date):
            await visit(page, f"{self._base_url}/members")
            await require_heading(page, "Member search")
            async with portal_faults():
                await fill_field(page, "Member ID", member_id)
                await fill_field(page, "Date of birth", birth_date)
            await press(page, "Search")
            if await asks_for_code(page):
                return CODE_NEEDED
            await require_heading(page, "Member search")
            async with portal_faults():
                found = await page.get_by_role("button", name="Start a request", exact=True).count()
            if not found:
                return Refused("member_not_found", "The payer does not know a member with this ID and date of birth.")
        await press(page, "Start a request")
        return None


async def _shows_member(page: Page, member_id: str, birth_date: str) -> bool:
    """Say whether the open page is the search that has found this very member."""
    if await heading(page) != "Member search":
        return False
    async with portal_faults():
        if not await page.get_by_role("button", name="Start a request", exact=True).count():
            return False
        searched = [await page.get_by_label(label).input_value() for label in ("Member ID", "Date of birth")]
    return searched == [member_id, birth_date]


async def _require_empty_list(page: Page) -> None:
    # A table that is not there, or rows of others, prove nothing about ours.
    async with portal_faults():
        said = await page.get_by_text("No requests found.", exact=True).count()
    if not said or await table_rows(page, "table.requests"):
        raise ChannelFault("unexpected_page", "The portal's search did not say whether it knows the case.")


async def _message(page: Page) -> str:
    async with portal_faults():
        return (await page.locator("p.message").first.inner_text()).strip()


async def _field_errors(page: Page, wording: Wording) -> tuple[Issue, ...]:
    script = """notes => notes.map(note => {
        const id = note.id.replace(/-error$/, ''), label = document.querySelector(`label[for="${id}"]`);
        const legend = note.closest('fieldset')?.querySelector('legend');
        return [(legend ?? label)?.textContent.trim() ?? '', note.textContent.trim()];
    })"""
    async with portal_faults():
        notes: list[tuple[str, str]] = await page.locator(".field-error").evaluate_all(script)
    if not notes:
        raise ChannelFault("unexpected_page", "The portal kept its page and gave no reason.")
    return tuple(Issue("rejected_by_payer", message, wording.link_of(label)) for label, message in notes)
