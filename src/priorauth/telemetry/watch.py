"""What happens in this node, counted, logged and put on the trace, as the rooms tell of it.

Of a timeline's entry only its type and its codes go on: the reasons, results and names of pages that `details` holds.
"""

from collections.abc import Mapping
from typing import Final

import structlog
from opentelemetry import trace

from priorauth.domain.events import Observer, Occurrence
from priorauth.telemetry import families, traces
from priorauth.telemetry.metrics import Metrics

_log = structlog.get_logger("priorauth")

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SUBMISSIONS: Final = {
    "submission_intended": "intended",
    "reply_intended": "reply_intended",
    "receipt_proven": "received",
    "inquiry_answered": "answered",
    "submission_not_sent": "not_sent",
    "submission_not_found": "not_found",
    "submission_absent": "absent",
    "submission_unresolved": "unresolved",
    "submit_refused": "refused",
    "foreign_submission_refused": "foreign_refused",
    "held_submission_refused": "held_refused",
    "handoff_submission_intended": "handoff_intended",
    "evidence_mismatch": "mismatch",
}
# What an operator may have to look at.
_NOTEWORTHY: Final = frozenset(
    {
        "channel_fault",
        "submit_refused",
        "request_refused",
        "foreign_submission_refused",
        "held_submission_refused",
        "session_ended",
        "sign_in_awaited",
    }
)
_LOOKED_UP: Final = "case searched"


class Watch(Observer):
    """The observer of one node."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def answered(self, *, method: str, route: str, status: int, seconds: float, ids: Mapping[str, str]) -> None:
        """Count a request and write its line."""
        # A method may be any word that a client likes.
        method = method if method in _METHODS else "other"
        self._metrics.count(families.REQUESTS, route, method, str(status))
        self._metrics.took(families.REQUEST_SECONDS, seconds, route, method)
        _log.info("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1), **ids)

    def wrote(self, seconds: float) -> None:
        """Count a write."""
        self._metrics.took(families.WRITE_SECONDS, seconds)

    def recorded(self, occurrence: Occurrence) -> None:
        """Count what happened to a case; write a line where it changed, or where something stood in its way."""
        entry = occurrence.entry
        self._count(occurrence)
        span = trace.get_current_span()
        # What a browser does by itself is noted when the work that opened it may be over.
        if span.is_recording():
            span.add_event(entry.type, {traces.CASE: occurrence.authorization_id})
        if occurrence.after is not None:
            _log.info(
                "case_changed",
                authorization_id=occurrence.authorization_id,
                change=entry.type,
                from_status=occurrence.before,
                to_status=occurrence.after,
                version=entry.to_version,
            )
        elif entry.type in _NOTEWORTHY:
            _log.warning(entry.type, authorization_id=occurrence.authorization_id, **entry.details)

    def stepped(self, *, step: str, authorization_id: str, verdict: str, seconds: float) -> None:
        """Count a step and write its line."""
        self._metrics.count(families.STEPS, step, verdict)
        self._metrics.took(families.STEP_SECONDS, seconds, step)
        _log.info(
            "step",
            step=step,
            authorization_id=authorization_id,
            verdict=verdict,
            milliseconds=round(seconds * 1000, 1),
        )

    def _count(self, occurrence: Occurrence) -> None:
        entry, metrics = occurrence.entry, self._metrics
        # One entry may be of many that happened.
        times = int(entry.details.get("times", "1"))
        metrics.count(families.CASE_EVENTS, entry.type)
        match entry.type:
            case "human_needed":
                metrics.count(families.HANDOFFS_OFFERED, entry.details["reason"])
            case "handoff_created" if occurrence.since is not None:
                metrics.took(families.HANDOFF_WAIT, (entry.occurred_at - occurrence.since).total_seconds())
            case "handoff_closed":
                metrics.count(families.HANDOFFS_CLOSED, entry.details["result"])
            case "interaction_lost":
                metrics.count(families.HANDOFFS_CLOSED, "interaction_lost")
            case "channel_fault":
                metrics.count(families.CHANNEL_FAULTS, entry.details["code"])
            case "portal_page" if entry.details["page"] == _LOOKED_UP:
                metrics.count(families.SUBMISSIONS, "looked_up")
            case kind if kind in _SUBMISSIONS:
                metrics.count(families.SUBMISSIONS, _SUBMISSIONS[kind], times=times)
