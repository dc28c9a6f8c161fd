"""The way of a reply through Larkspur's portal: the plan's message, the documents that it wants, the review."""

from playwright.async_api import Page

from priorauth.channels.contract import Answered, DocumentSource, Job, Obstacle, ReplyTo
from priorauth.channels.portals.adapter import FINAL_PATIENCE_SECONDS, Step, final_click
from priorauth.channels.portals.larkspur.documents import shown_documents, upload
from priorauth.channels.portals.larkspur.status import is_answered, open_message, read_status, require_own
from priorauth.channels.portals.larkspur.wording import Wording
from priorauth.channels.portals.pages import again_from_here, described, heading, portal_faults, press, require_heading
from priorauth.domain.reviews import Package
from priorauth.domain.submissions import Decision

_REPLY = "Reply"


class ReplyForm:
    """The form in which one message is answered."""

    def __init__(self, job: Job, reply: ReplyTo, *, base_url: str) -> None:
        self._job = job
        self._reply = reply
        self._base_url = base_url
        self._wording = Wording(job)

    async def fill(self, page: Page, *, documents: DocumentSource, step: Step) -> Obstacle | None:
        """Open the message, unless the plan has decided or has an answer, and fill it up to the review."""
        status = await read_status(
            page, base_url=self._base_url, job=self._job, reference_number=self._reply.reference_number
        )
        if isinstance(status, Decision):
            return status
        # What an earlier try left in the draft of the reply goes.
        if is_answered(await self._message(page, query="?fresh=1")):
            return Answered()
        await step("message")
        title = f"Message {self._reply.inquiry}"
        await upload(page, title=title, entries=self._wording.documents(), documents=documents)
        await again_from_here(page, lambda: self._write(page))
        await require_heading(page, "Review reply")
        await step("review")
        return None

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

    async def read_review(self, page: Page) -> Package:
        """Read “Review reply”."""
        await require_heading(page, "Review reply")
        fields = await described(page, "dl.review")
        return Package(tuple(fields.items()), await shown_documents(page))

    async def person_required(self, page: Page) -> str | None:  # noqa: ARG002 - of requests alone
        """Replies are the service's to send."""
        return None

    async def submit(self, page: Page) -> Answered:
        """Press “Send reply” and read “Reply received”."""
        async with final_click():
            await press(page, "Send reply", patience_seconds=FINAL_PATIENCE_SECONDS)
        await require_heading(page, "Reply received")
        require_own(await described(page, "dl.request"), self._job, reference_number=self._reply.reference_number)
        return Answered()

    async def find(self, page: Page) -> Answered | None:
        """Open the message and see whether it has an answer."""
        return Answered() if is_answered(await self._message(page)) else None

    async def shown(self, page: Page) -> Answered | None:
        """Read “Reply received”, if it is about this case."""
        if await heading(page) != "Reply received":
            return None
        fields = await described(page, "dl.request")
        return Answered() if fields.get("Your reference") == self._job.case_reference else None

    async def _write(self, page: Page) -> None:
        async with portal_faults():
            await page.get_by_label(_REPLY, exact=True).fill(self._reply.text)
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
