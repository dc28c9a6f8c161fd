"""The other side of the simulated payer, for tests and for whoever wants to count: loopback only, without sign-in.

It reports every submission and every reply that the plan has accepted and is told how a member's case shall go.
"""

import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from priorauth.sandbox.larkspur import forms
from priorauth.sandbox.larkspur.decisions import check_decision
from priorauth.sandbox.larkspur.faults import read_fault
from priorauth.sandbox.larkspur.inquiries import check_inquiries
from priorauth.sandbox.larkspur.pages import portal_of
from priorauth.sandbox.larkspur.verification import check_verification

_FLAGS = {"personRequired", "searchUnavailable"}
_BEHAVIOUR_KEYS = {
    *("decision", "faults", "inquiries", "notRequired", "questions", "rejects", "verification"),
    *_FLAGS,
}
_MEMBER_FIELDS = ("memberId", "firstName", "lastName", "birthDate", "plan", "state", "effectiveFrom")


def loopback_only(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Refuse peers that are not on this machine."""

    async def endpoint(request: Request) -> Response:
        if not _is_loopback(request.client.host if request.client else ""):
            return _error(403, code="loopback_only", message="This address answers on the loopback interface only.")
        return await handler(request)

    return endpoint


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _error(status: int, *, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


async def submissions(request: Request) -> Response:
    """Report every submission, in the order of acceptance."""
    data = [
        {
            "memberId": each.member_id,
            "caseReference": each.case_reference,
            "referenceNumber": each.reference,
            "receivedAt": _utc(each.received_at),
            "documents": each.documents,
        }
        for each in portal_of(request).records.submissions()
    ]
    return JSONResponse({"data": data})


async def replies(request: Request) -> Response:
    """Report every reply to a message of the plan, in the order of acceptance."""
    records = portal_of(request).records
    data = [
        {
            "memberId": submission.member_id,
            "caseReference": submission.case_reference,
            "referenceNumber": submission.reference,
            "message": each.number,
            "receivedAt": _utc(each.received_at),
            "documents": each.documents,
        }
        for each in records.replies()
        if (submission := records.submission(each.reference)) is not None
    ]
    return JSONResponse({"data": data})


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def put_member(request: Request) -> Response:
    """Create or replace a member and what the plan does with the member's cases."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        return _error(400, code="bad_request", message="The body is not JSON.")
    problem = check_portal(body)
    if problem is None and body["member"]["memberId"] != request.path_params["member_id"]:
        problem = "member.memberId is not the member of the address"
    if problem is not None:
        return _error(400, code="bad_request", message=problem)
    portal = portal_of(request)
    portal.records.put_member(body["member"], body["behaviour"], now=portal.clock())
    return JSONResponse({"data": body})


def check_portal(told: object) -> str | None:
    """What is wrong with the `portal` part of a scenario, if anything."""
    if not isinstance(told, dict) or told.keys() != {"member", "behaviour"}:
        return "an object with member and behaviour is expected"
    member, behaviour = told["member"], told["behaviour"]
    if not isinstance(member, dict) or not isinstance(behaviour, dict):
        return "member and behaviour must be objects"
    return _check_member(member) or _check_behaviour(behaviour)


def _check_member(member: Mapping[str, Any]) -> str | None:
    if set(member) != set(_MEMBER_FIELDS):
        return f"member must have {', '.join(_MEMBER_FIELDS)}"
    if not all(isinstance(value, str) and 0 < len(value) <= 80 for value in member.values()):
        return "every field of member must be a string of 1 to 80 characters"
    try:
        date.fromisoformat(member["birthDate"]), date.fromisoformat(member["effectiveFrom"])
    except ValueError:
        return "member.birthDate and member.effectiveFrom must be dates"
    return None


def _check_behaviour(behaviour: Mapping[str, Any]) -> str | None:
    if not behaviour.keys() <= _BEHAVIOUR_KEYS:
        return f"behaviour has {', '.join(sorted(_BEHAVIOUR_KEYS))} only"
    if not all(isinstance(behaviour.get(flag, False), bool) for flag in _FLAGS):
        return f"{' and '.join(f'behaviour.{flag}' for flag in sorted(_FLAGS))} must be true or false"
    if not isinstance(behaviour.get("notRequired", ""), str):
        return "behaviour.notRequired must be a sentence"
    try:
        forms.rejected(forms.added_questions(behaviour), {}, behaviour)
    except (KeyError, TypeError, ValueError, AttributeError):
        return (
            "behaviour.questions must be objects with label and kind (and options where one is chosen), "
            "behaviour.rejects objects with label, values and message"
        )
    faults = behaviour.get("faults", [])
    if not isinstance(faults, list) or not all(isinstance(fault, dict) for fault in faults):
        return "behaviour.faults must be a list of objects"
    for fault in faults:
        try:
            read_fault(fault)
        except ValueError as error:
            return str(error)
    verification = check_verification(behaviour["verification"]) if "verification" in behaviour else None
    return verification or check_inquiries(behaviour.get("inquiries", [])) or check_decision(behaviour.get("decision"))


ROUTES = [
    Route("/sandbox/submissions", loopback_only(submissions), methods=["GET"]),
    Route("/sandbox/replies", loopback_only(replies), methods=["GET"]),
    Route("/sandbox/members/{member_id}", loopback_only(put_member), methods=["PUT"]),
]
