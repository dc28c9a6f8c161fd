"""What the plan decides, and when: told per member as `behaviour.decision`, fixed for each submission once it is due.

Pure: the time is an argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

UNDER_REVIEW = "Under review"
STATUS_TEXTS = {
    "approved": "Approved",
    "modified": "Partially approved",
    "denied": "Denied",
    "not_required": "No authorization required",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision that has been taken; times and dates are still values, texts are the plan's."""

    outcome: str
    decided_at: datetime
    authorization_number: str | None = None
    effective_from: str | None = None
    effective_to: str | None = None
    units: str | None = None
    reason_code: str | None = None
    reason: str | None = None
    message: str | None = None

    @property
    def status(self) -> str:
        return STATUS_TEXTS[self.outcome]


def due_at(told: Mapping[str, Any] | None, *, received_at: datetime) -> datetime | None:
    """When a request received then is decided; never, where nothing is told."""
    return None if told is None else received_at + timedelta(seconds=float(told.get("afterSeconds", 0)))


def decide(told: Mapping[str, Any], *, decided_at: datetime, start_date: str, sequence: int) -> Decision:
    """The decision as told, with the numbers and dates that the plan adds."""
    decision = Decision(
        outcome=told["outcome"],
        decided_at=decided_at,
        reason_code=told.get("reasonCode"),
        reason=told.get("reason"),
        message=told.get("message"),
    )
    if decision.outcome not in ("approved", "modified"):
        return decision
    start = datetime.fromisoformat(start_date)
    end = start + timedelta(days=int(told.get("validDays", 90)))
    return Decision(
        outcome=decision.outcome,
        decided_at=decided_at,
        authorization_number=f"LA{decided_at:%y}-{sequence:07d}",
        effective_from=f"{start:%m/%d/%Y}",
        effective_to=f"{end:%m/%d/%Y}",
        units=str(told.get("units", 1)),
        reason_code=decision.reason_code,
        reason=decision.reason,
        message=decision.message,
    )


def check_decision(told: object) -> str | None:
    """What is wrong with a decision that the plan is told to take, if anything."""
    if told is None:
        return None
    if not isinstance(told, dict):
        return "behaviour.decision must be an object or null"
    if told.get("outcome") not in STATUS_TEXTS:
        return f"behaviour.decision.outcome must be one of {', '.join(STATUS_TEXTS)}"
    after = told.get("afterSeconds", 0)
    if isinstance(after, bool) or not isinstance(after, int | float) or not 0 <= after <= 10**8:
        return "behaviour.decision.afterSeconds must be a number of seconds"
    for name in ("units", "validDays"):
        number = told.get(name, 1)
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 10_000:
            return f"behaviour.decision.{name} must be a whole number"
    for name in ("reasonCode", "reason", "message"):
        if not isinstance(told.get(name, ""), str):
            return f"behaviour.decision.{name} must be a string"
    return None
