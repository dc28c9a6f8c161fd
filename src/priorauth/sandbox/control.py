"""The other side of a simulated payer, for tests and for whoever wants to count: loopback only, without sign-in.

It reports every submission that the plan has accepted and is told how a member's case shall go.
"""

import ipaddress
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from priorauth.sandbox.decisions import check_decision
from priorauth.sandbox.faults import KINDS, read_fault
from priorauth.sandbox.fields import added_questions, rejected
from priorauth.sandbox.hostile.kinds import check_kinds, read_hostility
from priorauth.sandbox.records import PlanRecords

_BEHAVIOUR_KEYS = ("decision", "faults", "hostile", "notRequired", "personRequired", "questions", "rejects")
_MEMBER_FIELDS = ("memberId", "firstName", "lastName", "birthDate", "plan", "state", "effectiveFrom")


class ControlledPortal(Protocol):
    """What is behind `app.state.portal`, whichever portal it is."""

    @property
    def records(self) -> PlanRecords: ...

    @property
    def clock(self) -> Callable[[], datetime]: ...


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
            "receivedAt": utc(each.received_at),
            "documents": each.documents,
        }
        for each in _portal_of(request).records.submissions()
    ]
    return JSONResponse({"data": data})


async def package(request: Request) -> Response:
    """Report what one submission says: the rows and documents that its review showed."""
    taken = _portal_of(request).records.submission(request.path_params["reference"])
    if taken is None:
        return _error(404, code="not_found", message="The plan has no submission of this reference number.")
    rows = [{"label": label, "value": value} for label, value in taken.rows]
    return JSONResponse({"data": {"draft": taken.draft_id, "rows": rows, "documents": taken.documents}})


async def sign_ins(request: Request) -> Response:
    """Report every password that was offered to the portal, in order; never the password."""
    data = [
        {"userName": user_name, "accepted": accepted, "triedAt": utc(tried_at)}
        for user_name, accepted, tried_at in _portal_of(request).records.sign_ins()
    ]
    return JSONResponse({"data": data})


async def drafts(request: Request) -> Response:
    """Report the drafts that could be submitted and were not, newest first."""
    return JSONResponse({"data": _portal_of(request).records.ready_drafts()})


async def put_draft(request: Request) -> Response:
    """Change a draft as another user of the account would: entries of its service, or whose it is."""
    records, draft_id = _portal_of(request).records, request.path_params["draft_id"]
    try:
        body = json.loads(await request.body())
        service, member_id = dict(body.get("service", {})), body.get("memberId")
    except (ValueError, TypeError, AttributeError):
        return _error(400, code="bad_request", message="An object with service or memberId is expected.")
    if not records.rewrite_draft(draft_id, service):
        return _error(404, code="not_found", message="The plan has no draft of this number.")
    if member_id is not None:
        records.move_draft(draft_id, member_id)
    return JSONResponse({"data": body})


async def put_hostility(request: Request) -> Response:
    """Make the whole portal hostile in the ways named, and in no other; an empty list ends it."""
    try:
        told = json.loads(await request.body())
        _portal_of(request).records.put_hostility(read_hostility(told))
    except ValueError as error:
        return _error(400, code="bad_request", message=str(error))
    return JSONResponse({"data": told})


def _portal_of(request: Request) -> ControlledPortal:
    portal: ControlledPortal = request.app.state.portal
    return portal


def utc(moment: datetime) -> str:
    """A moment as the addresses of this file write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def routes(check: Callable[[object], str | None]) -> list[Route]:
    """The addresses that every portal has. `check` says what is wrong with what a portal is told, if anything."""

    async def put_member(request: Request) -> Response:
        """Create or replace a member and what the plan does with the member's cases."""
        try:
            body = json.loads(await request.body())
        except ValueError:
            return _error(400, code="bad_request", message="The body is not JSON.")
        problem = check(body)
        if problem is None and body["member"]["memberId"] != request.path_params["member_id"]:
            problem = "member.memberId is not the member of the address"
        if problem is not None:
            return _error(400, code="bad_request", message=problem)
        portal = _portal_of(request)
        portal.records.put_member(body["member"], body["behaviour"], now=portal.clock())
        return JSONResponse({"data": body})

    return [
        Route("/sandbox/submissions", loopback_only(submissions), methods=["GET"]),
        Route("/sandbox/submissions/{reference}", loopback_only(package), methods=["GET"]),
        Route("/sandbox/sign-ins", loopback_only(sign_ins), methods=["GET"]),
        Route("/sandbox/drafts", loopback_only(drafts), methods=["GET"]),
        Route("/sandbox/drafts/{draft_id:int}", loopback_only(put_draft), methods=["PUT"]),
        Route("/sandbox/hostility", loopback_only(put_hostility), methods=["PUT"]),
        Route("/sandbox/members/{member_id}", loopback_only(put_member), methods=["PUT"]),
    ]


def check_told(
    told: object, *, points: tuple[str, ...], kinds: tuple[str, ...] = KINDS, keys: Iterable[str] = ()
) -> str | None:
    """What is wrong with the `portal` part of a scenario, if anything.

    `points` are where the portal fails, `kinds` in what ways; `keys` are what this one alone can be told.
    """
    if not isinstance(told, dict) or told.keys() != {"member", "behaviour"}:
        return "an object with member and behaviour is expected"
    member, behaviour = told["member"], told["behaviour"]
    if not isinstance(member, dict) or not isinstance(behaviour, dict):
        return "member and behaviour must be objects"
    return (
        _check_member(member)
        or _check_behaviour(behaviour, keys={*_BEHAVIOUR_KEYS, *keys})
        or _check_faults(behaviour.get("faults", []), points=points, kinds=kinds)
        or check_decision(behaviour.get("decision"))
        or check_kinds(behaviour.get("hostile", []), name="behaviour.hostile")
    )


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


def _check_behaviour(behaviour: Mapping[str, Any], *, keys: set[str]) -> str | None:
    if not behaviour.keys() <= keys:
        return f"behaviour has {', '.join(sorted(keys))} only"
    if not isinstance(behaviour.get("personRequired", False), bool):
        return "behaviour.personRequired must be true or false"
    if not isinstance(behaviour.get("notRequired", ""), str):
        return "behaviour.notRequired must be a sentence"
    try:
        rejected(added_questions(behaviour), {}, behaviour)
    except (KeyError, TypeError, ValueError, AttributeError):
        return (
            "behaviour.questions must be objects with label and kind (and options where one is chosen), "
            "behaviour.rejects objects with label, values and message"
        )
    return None


def _check_faults(faults: object, *, points: tuple[str, ...], kinds: tuple[str, ...]) -> str | None:
    if not isinstance(faults, list) or not all(isinstance(fault, dict) for fault in faults):
        return "behaviour.faults must be a list of objects"
    for fault in faults:
        try:
            read_fault(fault, points=points, kinds=kinds)
        except ValueError as error:
            return str(error)
    return None
