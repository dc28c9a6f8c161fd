"""The way of a reply through Larkspur's portal: the plan's message, the documents that it wants, the review."""

from playwright.async_api import Page

from priorauth.channels.contract import Answered, DocumentSource, EvidenceMismatch, Job, Obstacle, ReplyTo
from priorauth.channels.portals.adapter import FINAL_PATIENCE_SECONDS, DraftPage, Step, final_click
from priorauth.channels.portals.larkspur.documents import shown_documents, upload
from priorauth.channels.portals.larkspur.status import is_answered, open_message, read_status, request_address
from priorauth.channels.portals.larkspur.wording import Wording
from priorauth.channels.portals.pages import (
    again_from_here,
    described,
    fill_field,
    portal_faults,
    press,
    require_heading,
    visit,
)
from priorauth.domain.reviews import Package
from priorauth.domain.submissions import Decision

_REPLY, _REVIEW = "Reply", "Review reply"


class ReplyForm:
    """The form in which one message is answered."""

    def __init__(self, job: Job, reply: ReplyTo, *, base_url: str) -> None:
        self._job = job
        self._reply = reply
        self._base_url = base_url
        self._wording = Wording(job)

    async def fill(self, page: Page, *, documents: DocumentSource, step: Step) -> Obstacle | None:
        """Open the message and fill it up to the review."""
        # What an earlier try left in the draft of the reply goes.
        if is_answered(await self._message(page, query="?fresh=1")):
            return Answered()
        await step("message")
        title = f"Message {self._reply.inquiry}"
        await upload(page, title=title, entries=self._wording.documents(), documents=documents)
        await again_from_here(page, lambda: self._write(page))
        await self.require_review(page)
        await step("review")
        return None

    def own_draft(self) -> str:
        """Return the path of the message that the job answers."""
        address = f"{request_address(self._base_url, self._reply.reference_number)}/messages/{self._reply.inquiry}"
        return address.removeprefix(self._base_url)

    def package(self) -> Package:
        """Return what the review page should show."""
        fields = [
            ("Reference number", self._reply.reference_number),
            ("Your reference", self._job.case_reference),
            ("Subject", self._reply.subject),
        ]
        if self._reply.text:
            fields.append((_REPLY, self._reply.text))
        return Package(tuple(fields), self._wording.document_lines())

    async def obstacle(self, page: Page) -> Obstacle | None:
        """Read what the plan has decided meanwhile, and whether the message has an answer."""
        status = await read_status(
            page, base_url=self._base_url, job=self._job, reference_number=self._reply.reference_number
        )
        if isinstance(status, Decision | EvidenceMismatch):
            return status
        return await self.find(page)

    async def require_review(self, page: Page) -> None:
        """Require “Review reply”."""
        await require_heading(page, _REVIEW)

    async def read_draft(self, page: Page, draft_id: str) -> DraftPage:
        """Read “Review reply” of the message that the draft answers."""
        await visit(page, f"{self._base_url}{draft_id}/reply")
        await require_heading(page, _REVIEW)
        fields = await described(page, "dl.review")
        return DraftPage(
            Package(tuple(fields.items()), await shown_documents(page, required=True)), fields.get("Your reference")
        )

    async def press(self, page: Page) -> None:
        """Press “Send reply”."""
        async with final_click():
            await press(page, "Send reply", patience_seconds=FINAL_PATIENCE_SECONDS)

    async def evidence_at(self, page: Page, url: str) -> Answered | None:
        """Open the message, if the address is one of its pages, and see whether it has an answer."""
        message = f"{request_address(self._base_url, self._reply.reference_number)}/messages/{self._reply.inquiry}"
        return await self.find(page) if url.partition("?")[0].removesuffix("/received") == message else None

    async def find(self, page: Page) -> Answered | None:
        """Open the message and see whether it has an answer."""
        return Answered() if is_answered(await self._message(page)) else None

    async def not_required(self, page: Page, draft_id: str) -> None:
        """A message says nothing of whether its request was needed."""

    async def _write(self, page: Page) -> None:
        async with portal_faults():
            await fill_field(page, _REPLY, self._reply.text, exact=True)
        await press(page, "Review reply")

    async def _message(self, page: Page, *, query: str = "") -> dict[str, str]:
        return await open_message(
            page,
            base_url=self._base_url,
            job=self._job,
            reference_number=self._reply.reference_number,
            number=self._reply.inquiry,
            query=query,
        )
