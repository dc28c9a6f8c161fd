"""What Juniper's portal has of a request: its receipt, its status, the decision. Read as JSON, so that no script helps.

A clean page opens the resources that the portal's own page is drawn from.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from playwright.async_api import Page

from priorauth.channels.contract import ChannelFault, EvidenceMismatch, Job, Pending
from priorauth.channels.portals.evidence import ShownRequest, compared
from priorauth.channels.portals.juniper.wording import Wording, document_line_of
from priorauth.channels.portals.pages import once_each, read_json
from priorauth.domain.submissions import Decision, DenialReason, Outcome, PayerReceipt

_OUTCOMES = {
    "Approved": Outcome.APPROVED,
    "Approved with changes": Outcome.MODIFIED,
    "Not approved": Outcome.DENIED,
    "No authorization needed": Outcome.NOT_REQUIRED,
}
_NUMBER = re.compile(r"[A-Za-z0-9_\-]+")

Request = Mapping[str, Any]


async def read_status(
    page: Page, *, base_url: str, job: Job, reference_number: str
) -> Decision | Pending | EvidenceMismatch:
    """Open the job's request and read what the plan has decided."""
    request = await open_request(page, base_url=base_url, reference_number=reference_number)
    require_own(request, job)
    named = named_by(request, job)
    if isinstance(named, EvidenceMismatch):
        return named
    status = _text(request, "status")
    if status == "In review":
        return Pending()
    decision = request.get("decision")
    if status not in _OUTCOMES or not isinstance(decision, dict):
        raise ChannelFault("unknown_status", "The portal shows a status that the service does not know.")
    return _decision(_OUTCOMES[status], decision)


async def receipt_of(
    page: Page, *, base_url: str, job: Job, reference_number: str
) -> PayerReceipt | EvidenceMismatch | None:
    """Open a request and return its receipt; None when there is none, or it is of another case."""
    if not _NUMBER.fullmatch(reference_number):
        return None
    request = await _opened(page, base_url, reference_number)
    return named_by(request, job) if request is not None and is_own(request, job) else None


async def open_request(page: Page, *, base_url: str, reference_number: str) -> Request:
    """Open a request that the portal has. Raises ChannelFault."""
    request = await _opened(page, base_url, reference_number)
    if request is None:
        raise ChannelFault("unexpected_page", "The portal does not know a request that it had.")
    return request


async def search(page: Page, *, base_url: str, case_reference: str) -> list[Request]:
    """Return the requests that the search for our own reference finds, newest first. Raises ChannelFault."""
    found = await read_json(page, f"{base_url}/api/requests?q={quote(case_reference, safe='')}")
    requests = found.get("requests") if found is not None else None
    said = found is not None and found.get("query") == case_reference
    if not said or not isinstance(requests, list) or not all(isinstance(each, dict) for each in requests):
        raise ChannelFault("unexpected_page", "The portal's search did not say whether it knows the case.")
    return requests


def require_own(request: Request, job: Job) -> None:
    """Raise ChannelFault unless the request is about this very case."""
    if not is_own(request, job):
        raise ChannelFault("evidence_of_another_case", "The payer's page belongs to another case.")


def is_own(request: Request, job: Job) -> bool:
    """Return True if the request carries the reference of this very case."""
    return request.get("reference") == job.case_reference


def named_by(request: Request, job: Job) -> PayerReceipt | EvidenceMismatch:
    """Return the receipt of a request, if it names what was sent."""
    receipt = PayerReceipt(_text(request, "number"), datetime.fromisoformat(_text(request, "receivedAt")), "portal")
    fields = {"Member ID": _text(request, "memberId"), **once_each(labeled(request.get("rows", [])))}
    documents = request.get("documents")
    # A plan that only counts its documents shows none.
    shown = ShownRequest(receipt, fields, document_lines(documents) if isinstance(documents, list) else None)
    return compared(job, shown, package_of=lambda sent: Wording(sent).package())


def labeled(rows: object) -> Iterator[tuple[str, str]]:
    """Yield labels and values of the portal's rows. Raises ChannelFault for what is none."""
    if not isinstance(rows, list):
        raise _unreadable()
    for row in rows:
        if not isinstance(row, dict):
            raise _unreadable()
        yield _text(row, "label"), _text(row, "value")


def document_lines(documents: object) -> tuple[str, ...]:
    """Return documents as the review words them, one line each. Raises ChannelFault for what are none."""
    if not isinstance(documents, list) or not all(isinstance(each, dict) for each in documents):
        raise _unreadable()
    return tuple(
        document_line_of(
            _text(each, "type"), _text(each, "name"), size_bytes=_number(each, "size"), sha256=_text(each, "sha256")
        )
        for each in documents
    )


async def _opened(page: Page, base_url: str, reference_number: str) -> Request | None:
    found = await read_json(page, f"{base_url}/api/requests/{quote(reference_number, safe='')}")
    if found is None:
        return None
    request = found.get("request")
    # An address that the portal reads otherwise leads to something else than that request.
    if not isinstance(request, dict) or request.get("number") != reference_number:
        raise _unreadable()
    return request


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise _unreadable()
    return value


def _number(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    if not isinstance(value, int):
        raise _unreadable()
    return value


def _unreadable() -> ChannelFault:
    return ChannelFault("unexpected_page", "The portal gave no answer that the service can read.")


def _decision(outcome: Outcome, told: Mapping[str, Any]) -> Decision:
    quantity, reason = told.get("quantityApproved"), told.get("reason")
    return Decision(
        outcome=outcome,
        decided_at=datetime.fromisoformat(_text(told, "decidedAt")),
        authorization_number=told.get("authorizationNumber"),
        effective_from=_date(told.get("validFrom")),
        effective_to=_date(told.get("validThrough")),
        approved_units=int(quantity) if isinstance(quantity, str) and re.fullmatch(r"[0-9]+", quantity) else None,
        denial_reason=DenialReason(told.get("reasonCode"), reason) if reason else None,
        message=told.get("note"),
    )


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
