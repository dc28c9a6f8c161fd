"""What Larkspur's portal shows of a request that it has: its receipt, its status, the plan's messages."""

import re
from datetime import date, datetime
from urllib.parse import quote

from playwright.async_api import Page

from priorauth.channels.contract import ChannelFault, EvidenceMismatch, Job, Pending
from priorauth.channels.portals.evidence import ShownRequest, compared
from priorauth.channels.portals.larkspur.documents import DOCUMENTS, shown_documents
from priorauth.channels.portals.larkspur.wording import Wording
from priorauth.channels.portals.pages import (
    described,
    heading,
    list_items,
    portal_faults,
    require_heading,
    table_rows,
    visit,
    visit_if_there,
)
from priorauth.domain.replies import Inquiry
from priorauth.domain.submissions import Decision, DenialReason, Outcome, PayerReceipt

_OUTCOMES = {
    "Approved": Outcome.APPROVED,
    "Partially approved": Outcome.MODIFIED,
    "Denied": Outcome.DENIED,
    "No authorization required": Outcome.NOT_REQUIRED,
}


def request_address(base_url: str, reference_number: str) -> str:
    """Return where a request is."""
    return f"{base_url}/requests/{quote(reference_number, safe='')}"


async def open_request(page: Page, *, base_url: str, reference_number: str) -> dict[str, str]:
    """Open a request and return what its page says."""
    await visit(page, request_address(base_url, reference_number))
    await require_heading(page, f"Request {reference_number}")
    return await described(page, "dl.request")


async def read_status(
    page: Page, *, base_url: str, job: Job, reference_number: str
) -> Decision | Inquiry | Pending | EvidenceMismatch:
    """Open the job's request and read what the plan has decided, or asks for."""
    fields = await open_request(page, base_url=base_url, reference_number=reference_number)
    require_own(fields, job)
    named = await named_by(page, fields, job)
    if isinstance(named, EvidenceMismatch):
        return named
    status = fields.get("Status", "")
    if status == "Under review":
        return Pending()
    if status == "Information needed":
        return await _open_inquiry(page, base_url=base_url, job=job, reference_number=reference_number)
    if status not in _OUTCOMES:
        raise ChannelFault("unknown_status", "The portal shows a status that the service does not know.")
    return _decision(_OUTCOMES[status], fields)


async def open_message(
    page: Page, *, base_url: str, job: Job, reference_number: str, number: str, query: str = ""
) -> dict[str, str]:
    """Open a message of the plan about the job's request and return what its page says."""
    await visit(page, f"{request_address(base_url, reference_number)}/messages/{quote(number, safe='')}{query}")
    await require_heading(page, f"Message {number}")
    fields = await described(page, "dl.message")
    require_own(fields, job, reference_number=reference_number)
    return fields


def is_answered(message: dict[str, str]) -> bool:
    """Say whether a message has an answer. Raises ChannelFault when its page does not say so plainly."""
    status = message.get("Status")
    if status not in ("Open", "Answered"):
        raise ChannelFault("unknown_status", "The portal shows a message's status that the service does not know.")
    return status == "Answered"


async def receipt_at(page: Page, address: str, job: Job) -> PayerReceipt | EvidenceMismatch | None:
    """Open an address and return what it shows of this very case: “Request received”, or a request; else None."""
    if not await visit_if_there(page, address):
        return None
    title = await heading(page)
    if title != "Request received" and not title.startswith("Request "):
        return None
    async with portal_faults():
        if not await page.locator("dl.request").count():
            return None
    fields = await described(page, "dl.request")
    return await named_by(page, fields, job) if fields.get("Your reference") == job.case_reference else None


async def named_by(page: Page, fields: dict[str, str], job: Job) -> PayerReceipt | EvidenceMismatch:
    """Return the receipt of the open page, which says `fields`, if it names what was sent."""
    async with portal_faults():
        has_documents = await page.locator(DOCUMENTS).count() > 0
    shown = ShownRequest(receipt_of(fields), fields, await shown_documents(page) if has_documents else None)
    return compared(job, shown, package_of=lambda sent: Wording(sent).package())


def receipt_of(fields: dict[str, str]) -> PayerReceipt:
    """Return the receipt that a page's fields tell."""
    return PayerReceipt(fields["Reference number"], datetime.fromisoformat(fields["Received"]), "portal")


def require_own(fields: dict[str, str], job: Job, *, reference_number: str | None = None) -> None:
    """Raise ChannelFault unless the page that says `fields` is about this very case."""
    same_request = reference_number is None or fields.get("Reference number") == reference_number
    if fields.get("Your reference") != job.case_reference or not same_request:
        raise ChannelFault("evidence_of_another_case", "The payer's page belongs to another case.")


async def _open_inquiry(page: Page, *, base_url: str, job: Job, reference_number: str) -> Inquiry | Pending:
    await visit(page, f"{request_address(base_url, reference_number)}/messages")
    await require_heading(page, "Messages")
    number = next((row[0] for row in await table_rows(page, "table.messages") if row[3] == "Open"), None)
    if number is None:
        return Pending()
    said = await open_message(page, base_url=base_url, job=job, reference_number=reference_number, number=number)
    codes = {kind.display: kind.code for kind in job.portal.document_types}
    return Inquiry(
        number=number,
        subject=said["Subject"],
        text=said["Message"],
        documents=tuple(codes.get(wanted, "other") for wanted in await list_items(page, "ul.wanted")),
        asked_at=datetime.fromisoformat(said["Sent"]),
    )


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
