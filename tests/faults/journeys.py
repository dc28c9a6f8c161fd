"""The ways of a case on which every fault point lies: what is told to the payer, what the customer does, how it ends.

A journey's `story` is its timeline without notes and without what came to nothing on the way.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

_APPROVED = {"outcome": "approved", "afterSeconds": 0, "units": 1, "validDays": 90, "message": "Approved."}
_SENT = ("submission_intended", "receipt_proven", "decision_observed")
_REVIEWED = ("approval_required", "submission_approved", *_SENT)
_HANDED = ("human_needed", "handoff_created", "handoff_closed", "reconciled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One way from the creation of a case to its end.

    `standing` is armed beside what a run arms. `detaches` takes the first document off again; `loses` lets the browser
    die once while a human is needed in it; the case is canceled as soon as `cancels` says so of its events.
    """

    scenario: str
    story: tuple[str, ...]
    status: str = "completed"
    outcome: str | None = "approved"
    counted: int = 1
    replies: int = 0
    behaviour: dict[str, Any] | None = field(default_factory=lambda: {"decision": _APPROVED})
    standing: tuple[str, ...] = ()
    detaches: bool = False
    loses: bool = False
    cancels: Callable[[list[str]], bool] | None = None

    @property
    def is_automatic(self) -> bool:
        """Whether the service submits without an approval."""
        return "approval_required" not in self.story

    @property
    def has_humans(self) -> bool:
        """Whether somebody acts in the session, which the protocol's model leaves out."""
        return "human_needed" in self.story


JOURNEYS = {
    "automatic": Journey(scenario="approved_automatic", story=("created", "advance_confirmed", *_SENT)),
    "at juniper": Journey(
        scenario="juniper_submit_response_lost",
        story=("created", "document_attached", "advance_confirmed", *_SENT),
        behaviour={"decision": _APPROVED, "faults": []},
    ),
    "decided late": Journey(
        scenario="approved_automatic",
        story=("created", "advance_confirmed", *_SENT),
        behaviour={"decision": {**_APPROVED, "afterSeconds": 6}},
    ),
    "signed out": Journey(
        scenario="approved_automatic",
        story=("created", "advance_confirmed", *_SENT),
        behaviour={"decision": _APPROVED, "faults": [{"at": "member_search", "kind": "signed_out", "times": 1}]},
    ),
    "out of reach": Journey(
        scenario="approved_automatic",
        story=("created", "advance_confirmed", *_SENT),
        behaviour={"decision": _APPROVED, "faults": [{"at": "service", "kind": "reset", "times": 1}]},
    ),
    "answer lost": Journey(
        scenario="submit_response_lost",
        story=("created", "advance_confirmed", *_SENT),
        behaviour={"decision": _APPROVED, "faults": [{"at": "submit_response", "kind": "reset", "times": 1}]},
    ),
    "not taken": Journey(
        scenario="approved_automatic",
        story=("created", "advance_confirmed", *_SENT),
        behaviour={"decision": _APPROVED, "faults": [{"at": "submit", "kind": "error", "times": 1}]},
    ),
    "not sent": Journey(
        scenario="approved_automatic",
        story=("created", "advance_confirmed", *_SENT),
        standing=("final_click:before:error",),
    ),
    "gathered": Journey(
        scenario="quickstart_receipt",
        story=("created", "answers_changed", "document_attached", "advance_confirmed", *_SENT),
    ),
    "attached twice": Journey(
        scenario="approved_after_review",
        story=(
            "created",
            "document_attached",
            "document_detached",
            "document_attached",
            "advance_confirmed",
            *_REVIEWED,
        ),
        detaches=True,
    ),
    "reviewed": Journey(
        scenario="approved_after_review",
        story=("created", "document_attached", "advance_confirmed", *_REVIEWED),
    ),
    "rejected value": Journey(
        scenario="portal_validation_error",
        story=(
            "created",
            "advance_confirmed",
            "more_information_needed",
            "answers_changed",
            "advance_confirmed",
            *_SENT,
        ),
    ),
    "asked more": Journey(
        scenario="discovery_adds_questions",
        story=(
            *("created", "advance_confirmed", "questions_discovered", "answers_changed", "advance_confirmed"),
            *_REVIEWED,
        ),
    ),
    "not required": Journey(
        scenario="not_required",
        story=("created", "advance_confirmed", "authorization_not_required"),
        outcome="not_required",
        counted=0,
        behaviour={},
    ),
    "unknown member": Journey(
        scenario="payer_rejects_member",
        story=("created", "advance_confirmed", "failed"),
        outcome="failed",
        counted=0,
        behaviour=None,
    ),
    "replied": Journey(
        scenario="more_information_needed",
        story=(
            *("created", "document_attached", "advance_confirmed", "approval_required", "submission_approved"),
            *("submission_intended", "receipt_proven", "inquiry_received", "document_attached", "advance_confirmed"),
            *("approval_required", "submission_approved", "reply_intended", "inquiry_answered", "decision_observed"),
        ),
        replies=1,
        behaviour={},
    ),
    "canceled": Journey(
        scenario="approved_automatic",
        story=("created", "canceled"),
        status="canceled",
        outcome=None,
        counted=0,
        cancels=lambda events: "created" in events,
    ),
    "canceled and unresolved": Journey(
        scenario="submit_response_lost",
        story=("created", "advance_confirmed", "submission_intended", "canceled", "submission_unresolved"),
        status="canceled",
        outcome=None,
        behaviour={
            "decision": None,
            "faults": [{"at": "submit_response", "kind": "reset", "times": 1}],
            "searchUnavailable": True,
        },
        standing=("settle:before:delay=3",),
        cancels=lambda events: "submission_intended" in events,
    ),
    "helped by a human": Journey(
        scenario="handoff_mfa",
        story=("created", "document_attached", "advance_confirmed", *_HANDED, *_REVIEWED),
    ),
    "lost before a human came": Journey(
        scenario="handoff_mfa",
        story=("created", "document_attached", "advance_confirmed", *_HANDED, *_REVIEWED),
        loses=True,
    ),
}

# Notes change nothing in a case, and a repeated step may leave them twice.
_NOTES = {
    *("portal_page", "channel_fault", "submit_refused", "request_refused", "session_ended"),
    *("payer_out_of_reach", "payer_reached"),
}
_NOTES_OF_VIEWS = re.compile(r"(access_grant|live_view|live_input)_\w+")
# An attempt has one end before another begins; a human's turn in a session that was lost comes again.
_INTENT = r"(submission|reply)_intended "
_IN_VAIN = (
    (rf"{_INTENT}(submission_not_found )?(submission_absent|submission_not_sent) ", ""),
    (rf"({_INTENT})submission_not_found ", r"\1"),
    (r"human_needed (handoff_created )?interaction_lost (reconciled )?", ""),
    (r"human_needed handoff_created handoff_closed reconciled (?=human_needed)", ""),
)


def story_of(events: Iterable[str]) -> tuple[str, ...]:
    """Return the events of a timeline without notes, and without what came to nothing."""
    told = "".join(f"{each} " for each in events if each not in _NOTES and not _NOTES_OF_VIEWS.fullmatch(each))
    for pattern, left in _IN_VAIN:
        told = re.sub(pattern, left, told)
    return tuple(told.split())
