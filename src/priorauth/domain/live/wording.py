"""What a viewer reads beside the picture: how far the authorization is, what is wanted of a person, and how it ends.

Pure words over one authorization. Of the patient nothing is said; an interactive view also gets the differences that
its person has to decide about.
"""

from collections.abc import Callable

from priorauth.domain.authorizations import ActionType, Authorization
from priorauth.domain.handoffs import HandoffResult, HandoffState, ManualHandoff
from priorauth.domain.lifecycle import Status
from priorauth.domain.live.statuses import Farewell, Phase, ViewStatus
from priorauth.domain.live.views import Ending

# A client writes its own number of the authorization here.
_EXTERNAL_ID = "externalCaseId"

HEADLINES = {
    Phase.FILLING: "The service is filling the form",
    Phase.SUBMITTING: "The service is submitting what was approved",
    Phase.CHECKING: "The service is checking with the payer",
    Phase.WAITING_FOR_ANSWERS: "Waiting for your answers",
    Phase.WAITING_TO_BEGIN: "Waiting for you to let the service begin",
    Phase.WAITING_FOR_APPROVAL: "Waiting for your approval",
    Phase.PERSON_NEEDED: "Waiting for a person to act",
    Phase.PERSON_ACTS: "A person is acting",
    Phase.WITH_THE_PAYER: "The payer has it and has not decided",
    Phase.COMPLETED: "The authorization is completed",
    Phase.CANCELED: "The authorization was canceled",
}


def status_of(authorization: Authorization, *, service_title: str, may_report: bool) -> ViewStatus:
    """Return what a viewer reads about the authorization.

    Args:
        authorization: As it is now.
        service_title: What the payer's rules call the service.
        may_report: Whether this view's person can close the handoff and ask for more time.
    """
    phase, handoff, action = phase_of(authorization), authorization.journal.open_handoff, authorization.next_action
    reason = action.reason if action is not None else None
    receipt = authorization.submission.payer_receipt
    code = authorization.request.service_code
    return ViewStatus(
        phase=phase,
        headline=HEADLINES[phase],
        external_id=authorization.metadata.get(_EXTERNAL_ID),
        service_title=service_title,
        service_code=f"{code.system.value.upper()} {code.code}",
        reason_code=reason.code if reason else None,
        reason=reason.message if reason else None,
        final_submit_capable=handoff is not None and handoff.final_submit_capable,
        reference_number=receipt.reference_number if receipt else None,
        may_report=may_report,
        mismatch=authorization.submission.mismatch if may_report else None,
    )


def phase_of(authorization: Authorization) -> Phase:
    """Return who acts on the authorization now."""
    journal, action = authorization.journal, authorization.next_action
    match authorization.status:
        case Status.PROCESSING if journal.open_handoff is not None:
            return Phase.CHECKING
        case Status.PROCESSING if journal.approval is not None:
            return Phase.SUBMITTING
        case Status.PROCESSING:
            return Phase.CHECKING if journal.open_attempt is not None else Phase.FILLING
        case Status.REQUIRES_ACTION:
            active = journal.open_handoff is not None and journal.open_handoff.state is HandoffState.ACTIVE
            return Phase.PERSON_ACTS if active else Phase.PERSON_NEEDED
        case Status.REQUIRES_CONFIRMATION:
            approves = action is not None and action.type is ActionType.APPROVE_SUBMISSION
            return Phase.WAITING_FOR_APPROVAL if approves else Phase.WAITING_TO_BEGIN
        case status:
            return _PHASES[status]


def farewell_of(authorization: Authorization, ending: Ending, *, handoff_id: str | None) -> Farewell:
    """Return the last words of a view that ends.

    Args:
        authorization: As it is now.
        ending: Why the view ends.
        handoff_id: The handoff that the view's grant belongs to; None for one that only watches.
    """
    receipt = authorization.submission.payer_receipt
    number = receipt.reference_number if receipt else None
    if ending is Ending.EXPIRED:
        return Farewell(
            code="access_expired",
            headline="Your access has run out",
            detail="Open the session again from the application that showed it to you.",
        )
    handoff = next((each for each in authorization.journal.handoffs if each.id == handoff_id), None)
    if handoff is not None and handoff.report is not None:
        return _after(handoff, authorization, number=number)
    phase = HEADLINES[phase_of(authorization)]
    if authorization.status is Status.CANCELED:
        return Farewell(
            code="canceled",
            headline=phase,
            detail="Nothing that you do here reaches the portal any more.",
            reference_number=number,
        )
    if ending is Ending.REVOKED:
        return Farewell(
            code="access_revoked",
            headline="Your access was closed",
            detail="Access was withdrawn. Nothing that you do here reaches the portal any more.",
        )
    return Farewell(
        code="session_ended",
        headline="This session has ended",
        detail=f"The authorization is safe: {phase[0].lower()}{phase[1:]}.",
        reference_number=number,
    )


def _after(handoff: ManualHandoff, authorization: Authorization, *, number: str | None) -> Farewell:
    """Return the last words of a view whose handoff was closed, by whatever closed it."""
    result = handoff.report.result if handoff.report else None
    if result in _CLOSED_BY_OTHERS:
        code, headline, detail = _CLOSED_BY_OTHERS[result]
        return Farewell(code=code, headline=headline, detail=detail, reference_number=number)
    if handoff.state is HandoffState.CLOSING:
        return Farewell(
            code="checking",
            headline="The service is now checking with the payer",
            detail="Your turn is over. You can close this page: the result is in your application.",
            is_settled=False,
        )
    code, headline, detail = _FOUND[authorization.status](authorization)
    return Farewell(code=code, headline=headline, detail=detail, reference_number=number)


def _decided(authorization: Authorization) -> tuple[str, str, str]:
    outcome = authorization.outcome.value.replace("_", " ") if authorization.outcome else "completed"
    reason = authorization.status_reason
    return "completed", f"Completed: {outcome}", reason.message if reason else "The payer's decision is recorded."


def _needed_again(authorization: Authorization) -> tuple[str, str, str]:
    action = authorization.next_action
    why = action.reason.message if action is not None and action.reason is not None else ""
    return "person_needed", "A person is needed again", why or "Open the authorization in your application."


_PHASES = {
    Status.REQUIRES_INPUT: Phase.WAITING_FOR_ANSWERS,
    Status.WAITING_ON_PAYER: Phase.WITH_THE_PAYER,
    Status.COMPLETED: Phase.COMPLETED,
    Status.CANCELED: Phase.CANCELED,
}
_CLOSED_BY_OTHERS = {
    HandoffResult.REVOKED: (
        "handoff_revoked",
        "Your turn was ended",
        "The session was taken back. Nothing that you do here reaches the portal any more.",
    ),
    HandoffResult.EXPIRED: (
        "handoff_expired",
        "Your turn has run out",
        "Access was not renewed for too long. The service goes on.",
    ),
    HandoffResult.INTERACTION_LOST_UNRECOVERABLE: (
        "session_ended",
        "This session has ended",
        "The portal session was lost. The service looks for what you did at the payer, and goes on.",
    ),
    HandoffResult.CANCELED: (
        "canceled",
        HEADLINES[Phase.CANCELED],
        "Nothing that you do here reaches the portal any more.",
    ),
}
# What the service found after a person's turn, by the status that the authorization has then.
_FOUND: dict[Status, Callable[[Authorization], tuple[str, str, str]]] = {
    Status.WAITING_ON_PAYER: lambda _: ("submitted", "Submitted", "The payer has the authorization."),
    Status.COMPLETED: _decided,
    Status.CANCELED: lambda _: ("canceled", HEADLINES[Phase.CANCELED], "The service has taken note of what you did."),
    Status.PROCESSING: lambda _: ("goes_on", "Thank you. The service goes on", "Nothing more is needed from you now."),
    Status.REQUIRES_ACTION: _needed_again,
    Status.REQUIRES_CONFIRMATION: lambda _: (
        "waits",
        "Thank you. The service went on",
        "It now waits for an approval in your application.",
    ),
    Status.REQUIRES_INPUT: lambda _: (
        "waits",
        "The payer wants more information",
        "Open the authorization in your application and answer what is asked.",
    ),
}
