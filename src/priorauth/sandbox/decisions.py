"""What a plan decides, and when: told per member as `behaviour.decision`, fixed for each submission once it is due.

Pure: the time is an argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

OUTCOMES = ("approved", "modified", "denied", "not_required")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision that has been taken; dates are ISO dates, texts are the plan's."""

    outcome: str
    decided_at: datetime
    authorization_number: str | None = None
    effective_from: str | None = None
    effective_to: str | None = None
    units: str | None = None
    reason_code: str | None = None
    reason: str | None = None
    message: str | None = None


def due_at(told: Mapping[str, Any] | None, *, received_at: datetime) -> datetime | None:
    """When a request received then is decided; never, where nothing is told."""
    return None if told is None else received_at + timedelta(seconds=float(told.get("afterSeconds", 0)))


def decide(told: Mapping[str, Any], *, decided_at: datetime, start_date: str, number: str) -> Decision:
    """The decision as told, with the dates that the plan adds, and with `number` where it authorizes anything."""
    decision = Decision(
        outcome=told["outcome"],
        decided_at=decided_at,
        reason_code=told.get("reasonCode"),
        reason=told.get("reason"),
        message=told.get("message"),
    )
    if decision.outcome not in ("approved", "modified"):
        return decision
    start = date.fromisoformat(start_date)
    end = start + timedelta(days=int(told.get("validDays", 90)))
    return Decision(
        outcome=decision.outcome,
        decided_at=decided_at,
        authorization_number=number,
        effective_from=start.isoformat(),
        effective_to=end.isoformat(),
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
    if told.get("outcome") not in OUTCOMES:
        return f"behaviour.decision.outcome must be one of {', '.join(OUTCOMES)}"
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
