"""The requests that the plan has: found by either side's number, with their status and, once decided, the decision."""

from datetime import datetime

from starlette.responses import Response
from starlette.routing import Route

from priorauth.sandbox.control import utc
from priorauth.sandbox.entities import Submission
from priorauth.sandbox.juniper.api import Visit, answer, signed_in

_STATUS_TEXTS = {
    None: "In review",
    "approved": "Approved",
    "modified": "Approved with changes",
    "denied": "Not approved",
    "not_required": "No authorization needed",
}


async def search_requests(visit: Visit) -> Response:
    """List requests: the latest, or those that a search hits."""
    text = visit.request.query_params.get("q", "").strip()
    found = visit.portal.records.search(text)
    if text:
        for member_id, case_reference in dict.fromkeys((each.member_id, each.case_reference) for each in found):
            member = visit.portal.records.member(member_id)
            if member is not None:
                await visit.meet("requests", member=member, case_reference=case_reference)
    return answer({"query": text, "requests": [as_json(each, now=visit.portal.clock()) for each in found]})


async def read_request(visit: Visit) -> Response:
    """Tell a request's status and, once decided, the decision."""
    submission = visit.portal.records.shown_submission(visit.request.path_params["number"])
    if submission is None:
        raise visit.missing()
    member = visit.portal.records.member(submission.member_id)
    if member is not None:
        await visit.meet("status", member=member, case_reference=submission.case_reference)
    return answer({"request": as_json(submission, now=visit.portal.clock())})


def as_json(submission: Submission, *, now: datetime) -> dict[str, object]:
    """A request as the page shows it: `rows` and `documents` are what was sent, as the review showed it."""
    decision = submission.decision(now)
    told = decision and {
        "decidedAt": utc(decision.decided_at),
        "authorizationNumber": decision.authorization_number,
        "validFrom": decision.effective_from,
        "validThrough": decision.effective_to,
        "quantityApproved": decision.units,
        "reasonCode": decision.reason_code,
        "reason": decision.reason,
        "note": decision.message,
    }
    return {
        "number": submission.reference,
        "reference": submission.case_reference,
        "memberId": submission.member_id,
        "patient": submission.value_of("Patient"),
        "service": submission.service,
        "receivedAt": utc(submission.received_at),
        "status": _STATUS_TEXTS[decision.outcome if decision else None],
        "rows": [{"label": label, "value": value} for label, value in submission.rows],
        "documents": [
            {
                "type": each["type"],
                "name": each["fileName"],
                "size": each["sizeBytes"],
                "sha256": each["sha256"],
            }
            for each in submission.documents
        ],
        "decision": told,
    }


ROUTES = [
    Route("/api/requests", signed_in(search_requests), methods=["GET"]),
    Route("/api/requests/{number}", signed_in(read_request), methods=["GET"]),
]
