"""The other side of this plan: beside what every portal has there, its replies, and what it can be told."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from priorauth.sandbox import control
from priorauth.sandbox.control import loopback_only, utc
from priorauth.sandbox.faults import CRASH, KINDS
from priorauth.sandbox.larkspur.inquiries import check_inquiries
from priorauth.sandbox.larkspur.pages import portal_of
from priorauth.sandbox.larkspur.verification import check_verification

POINTS = (
    "member_search",
    "start",
    "service",
    "clinical",
    "documents",
    "upload",
    "review",
    "submit",
    "submit_response",
    "requests",
    "status",
    "message",
    "reply",
    "reply_response",
)


async def replies(request: Request) -> Response:
    """Report every reply to a message of the plan, in the order of acceptance."""
    records = portal_of(request).records
    data = [
        {
            "memberId": submission.member_id,
            "caseReference": submission.case_reference,
            "referenceNumber": submission.reference,
            "message": each.number,
            "receivedAt": utc(each.received_at),
            "documents": each.documents,
        }
        for each in records.replies()
        if (submission := records.submission(each.reference)) is not None
    ]
    return JSONResponse({"data": data})


def check_portal(told: object) -> str | None:
    """What is wrong with the `portal` part of a scenario of this plan, if anything."""
    keys = ("inquiries", "searchUnavailable", "verification")
    problem = control.check_told(told, points=POINTS, kinds=(*KINDS, CRASH), keys=keys)
    if problem is not None or not isinstance(told, dict):
        return problem
    behaviour = told["behaviour"]
    if not isinstance(behaviour.get("searchUnavailable", False), bool):
        return "behaviour.searchUnavailable must be true or false"
    verification = check_verification(behaviour["verification"]) if "verification" in behaviour else None
    return verification or check_inquiries(behaviour.get("inquiries", []))


ROUTES = [*control.routes(check_portal), Route("/sandbox/replies", loopback_only(replies), methods=["GET"])]
