"""What Juniper's portal shows of a request that it has: its receipt, its status, the decision."""

import re
from datetime import date, datetime
from urllib.parse import quote

from playwright.async_api import Page

from priorauth.channels.contract import ChannelFault, Job, Pending
from priorauth.channels.portals.juniper.views import open_view, require_view
from priorauth.channels.portals.pages import described, heading
from priorauth.domain.submissions import Decision, DenialReason, Outcome, PayerReceipt

_OUTCOMES = {
    "Approved": Outcome.APPROVED,
    "Approved with changes": Outcome.MODIFIED,
    "Not approved": Outcome.DENIED,
    "No authorization needed": Outcome.NOT_REQUIRED,
}
_FACTS, _DECISION = "dl.facts.request", "dl.facts.decision"


async def read_status(page: Page, *, base_url: str, job: Job, reference_number: str) -> Decision | Pending:
    """Open the job's request and read what the plan has decided."""
    facts = await open_request(page, base_url=base_url, reference_number=reference_number)
    if not is_own(facts, job):
        raise ChannelFault("evidence_of_another_case", "The payer's page belongs to another case.")
    status = facts.get("Status", "")
    if status == "In review":
        return Pending()
    if status not in _OUTCOMES:
        raise ChannelFault("unknown_status", "The portal shows a status that the service does not know.")
    return _decision(_OUTCOMES[status], await described(page, _DECISION))


async def open_reference(page: Page, *, base_url: str, job: Job, reference_number: str) -> PayerReceipt | None:
    """Open a request; None when there is none, or it is of another case."""
    await open_view(page, _address(base_url, reference_number))
    if await heading(page) == "Not found":
        return None
    await require_view(page, f"Request {reference_number}")
    facts = await described(page, _FACTS)
    return receipt_of(facts) if is_own(facts, job) else None


async def open_request(page: Page, *, base_url: str, reference_number: str) -> dict[str, str]:
    """Open a request and return what its view says."""
    await open_view(page, _address(base_url, reference_number))
    await require_view(page, f"Request {reference_number}")
    return await described(page, _FACTS)


async def shown_facts(page: Page) -> dict[str, str]:
    """Return what the open view says of a request that the plan has, or needs none of."""
    return await described(page, _FACTS)


def is_own(facts: dict[str, str], job: Job) -> bool:
    """Say whether the view that says `facts` is about this very case."""
    return facts.get("Your reference") == job.case_reference


def receipt_of(facts: dict[str, str]) -> PayerReceipt:
    """Return the receipt that a view shows."""
    return PayerReceipt(facts["Request number"], datetime.fromisoformat(facts["Received"]), "portal")


def _address(base_url: str, reference_number: str) -> str:
    return f"{base_url}/requests/{quote(reference_number, safe='')}"


def _decision(outcome: Outcome, facts: dict[str, str]) -> Decision:
    quantity, reason = facts.get("Quantity approved", ""), facts.get("Reason")
    return Decision(
        outcome=outcome,
        decided_at=datetime.fromisoformat(facts["Decided"]),
        authorization_number=facts.get("Authorization number"),
        effective_from=_date(facts.get("Valid from")),
        effective_to=_date(facts.get("Valid through")),
        approved_units=int(quantity) if re.fullmatch(r"\d+", quantity) else None,
        denial_reason=DenialReason(facts.get("Reason code"), reason) if reason else None,
        message=facts.get("Note"),
    )


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
