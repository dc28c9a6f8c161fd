"""The way through Larkspur's portal, page by page."""

import re
from datetime import date, datetime
from urllib.parse import quote

from playwright.async_api import Page

from priorauth.channels.contract import (
    ChannelFault,
    Discovered,
    DocumentSource,
    Job,
    NotRequired,
    Obstacle,
    Pending,
    Refused,
    Rejected,
)
from priorauth.channels.portals.adapter import Credential, Package, Step
from priorauth.channels.portals.guard import Boundary, Rule
from priorauth.channels.portals.larkspur.questions import unknown_questions
from priorauth.channels.portals.larkspur.wording import Entry, Wording, document_line
from priorauth.channels.portals.outgoing import Url
from priorauth.channels.portals.pages import (
    described,
    heading,
    portal_faults,
    press,
    require_heading,
    table_rows,
    visit,
)
from priorauth.domain.catalog import Widget
from priorauth.domain.errors import Issue
from priorauth.domain.submissions import Decision, DenialReason, Outcome, PayerReceipt

_SERVICE, _CLINICAL = "Service", "Clinical information"
_POST = frozenset({"POST"})
# Whoever stops waiting for the last answer no longer knows: so this once the slowest portal is waited for.
_FINAL_PATIENCE_SECONDS = 120.0
_OUTCOMES = {
    "Approved": Outcome.APPROVED,
    "Partially approved": Outcome.MODIFIED,
    "Denied": Outcome.DENIED,
    "No authorization required": Outcome.NOT_REQUIRED,
}


class LarkspurPortal:
    """The adapter of Larkspur Provider Connection."""

    id = "larkspur"

    def boundary(self, base_url: str) -> Boundary:
        """Declare the portal's writes: signing in, searching, saving drafts; and the one that submits."""
        return Boundary(
            origins=(Url.parse(base_url).origin,),
            writes=(
                Rule(_POST, r"/(login|logout|members/search|requests/start)"),
                Rule(_POST, r"/drafts/\d+/(service|clinical|documents)"),
            ),
            final=(Rule(_POST, r"/drafts/\d+/submit"),),
        )

    async def sign_in(self, page: Page, *, base_url: str, credential: Credential) -> None:
        """Sign in with user name and password."""
        await visit(page, f"{base_url}/login")
        async with portal_faults():
            await page.get_by_label("User name").fill(credential.user_name)
            await page.get_by_label("Password").fill(credential.password)
        await press(page, "Sign in")
        if await heading(page) != "Welcome":
            raise ChannelFault("sign_in_refused", "The portal did not accept the service's credentials.")

    async def fill(
        self, page: Page, *, base_url: str, job: Job, documents: DocumentSource, step: Step
    ) -> Obstacle | None:
        """Search the member, start a request and fill its pages up to the review."""
        wording = Wording(job)
        if not await self._start_request(page, base_url=base_url, wording=wording):
            return Refused("member_not_found", "The payer does not know a member with this ID and date of birth.")
        await step("member found")
        for title, entries in ((_SERVICE, wording.service_page()), (_CLINICAL, wording.clinical_page())):
            await require_heading(page, title)
            asked = await unknown_questions(page, known=wording.labels()) if title == _CLINICAL else ()
            if asked:
                return Discovered(asked)
            await _enter(page, entries)
            await step(title.lower())
            await press(page, "Save and continue")
            reached = await heading(page)
            if reached == title:
                return Rejected(await _field_errors(page, wording))
            if reached == "No authorization required":
                return NotRequired(await _message(page))
        await self._upload(page, wording=wording, documents=documents)
        await step("documents")
        await press(page, "Save and continue")
        await require_heading(page, "Review and submit")
        await step("review")
        return None

    def package(self, job: Job) -> Package:
        """Return what the review page should show for the job."""
        return Wording(job).package()

    async def read_review(self, page: Page) -> Package:
        """Read the review page: the definition list and the table of documents."""
        await require_heading(page, "Review and submit")
        fields = await described(page, "dl.review")
        rows = await table_rows(page, "table.documents")
        return Package(tuple(fields.items()), tuple(document_line(*row[:4]) for row in rows))

    async def submit(self, page: Page, *, case_reference: str) -> PayerReceipt | None:
        """Press “Submit request” and read “Request received”."""
        await press(page, "Submit request", patience_seconds=_FINAL_PATIENCE_SECONDS)
        await require_heading(page, "Request received")
        return _receipt(await described(page, "dl.request"), case_reference)

    async def find(self, page: Page, *, base_url: str, case_reference: str) -> PayerReceipt | None:
        """Search by our own reference and open what is found."""
        await visit(page, f"{base_url}/requests?q={quote(case_reference, safe='')}")
        await require_heading(page, "Requests")
        references = [row[0] for row in await table_rows(page, "table.requests") if row[1] == case_reference]
        if not references:
            await _require_empty_list(page)
            return None
        # The oldest one: were there ever two, the first is the submission and the second the accident.
        receipt = _receipt(await self._open(page, base_url=base_url, reference_number=references[-1]), case_reference)
        if receipt is None:
            raise ChannelFault("evidence_of_another_case", "The payer's page belongs to another case.")
        return receipt

    async def read_status(
        self, page: Page, *, base_url: str, reference_number: str, case_reference: str
    ) -> Decision | Pending:
        """Open the request and read its status."""
        fields = await self._open(page, base_url=base_url, reference_number=reference_number)
        if fields.get("Your reference") != case_reference:
            raise ChannelFault("evidence_of_another_case", "The payer's page belongs to another case.")
        status = fields.get("Status", "")
        if status == "Under review":
            return Pending()
        if status not in _OUTCOMES:
            raise ChannelFault("unknown_status", "The portal shows a status that the service does not know.")
        return _decision(_OUTCOMES[status], fields)

    async def _start_request(self, page: Page, *, base_url: str, wording: Wording) -> bool:
        member_id, birth_date = wording.member()
        await visit(page, f"{base_url}/members")
        await require_heading(page, "Member search")
        async with portal_faults():
            await page.get_by_label("Member ID").fill(member_id)
            await page.get_by_label("Date of birth").fill(birth_date)
        await press(page, "Search")
        await require_heading(page, "Member search")
        async with portal_faults():
            found = await page.get_by_role("button", name="Start a request", exact=True).count()
        if found:
            await press(page, "Start a request")
        return bool(found)

    async def _upload(self, page: Page, *, wording: Wording, documents: DocumentSource) -> None:
        await require_heading(page, "Documents")
        for kind, document in wording.documents():
            content = await documents.get(document.stored_as)
            payload = {"name": document.file_name, "mimeType": document.content_type, "buffer": content}
            async with portal_faults():
                await page.get_by_label("Document type").select_option(label=kind)
                await page.get_by_label("File", exact=True).set_input_files(payload)  # type: ignore[arg-type]
            await press(page, "Upload")
            await require_heading(page, "Documents")

    async def _open(self, page: Page, *, base_url: str, reference_number: str) -> dict[str, str]:
        await visit(page, f"{base_url}/requests/{quote(reference_number, safe='')}")
        await require_heading(page, f"Request {reference_number}")
        return await described(page, "dl.request")


async def _require_empty_list(page: Page) -> None:
    # A table that is not there, or rows of others, prove nothing about ours.
    async with portal_faults():
        said = await page.get_by_text("No requests found.", exact=True).count()
    if not said or await table_rows(page, "table.requests"):
        raise ChannelFault("unexpected_page", "The portal's search did not say whether it knows the case.")


async def _enter(page: Page, entries: tuple[Entry, ...]) -> None:
    async with portal_faults():
        for entry in entries:
            if entry.widget is Widget.RADIO:
                group = page.get_by_role("group", name=entry.label, exact=True)
                await group.get_by_label(entry.entered, exact=True).check()
            elif entry.widget is Widget.SELECT:
                await page.get_by_label(entry.label, exact=True).select_option(label=entry.entered)
            else:
                await page.get_by_label(entry.label, exact=True).fill(entry.entered)


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


def _receipt(fields: dict[str, str], case_reference: str) -> PayerReceipt | None:
    if fields.get("Your reference") != case_reference:
        return None
    return PayerReceipt(fields["Reference number"], datetime.fromisoformat(fields["Received"]), "portal")


def _decision(outcome: Outcome, fields: dict[str, str]) -> Decision:
    units = fields.get("Approved units", "")
    reason = fields.get("Denial reason")
    return Decision(
        outcome=outcome,
        decided_at=datetime.fromisoformat(fields["Decided"]),
        authorization_number=fields.get("Authorization number"),
        effective_from=_date(fields.get("Effective from")),
        effective_to=_date(fields.get("Effective to")),
        approved_units=int(units) if re.fullmatch(r"\d+", units) else None,
        denial_reason=DenialReason(fields.get("Denial code"), reason) if reason else None,
        message=fields.get("Message from the plan"),
    )


def _date(text: str | None) -> date | None:
    return datetime.strptime(text, "%m/%d/%Y").date() if text else None  # noqa: DTZ007 - a calendar date
