"""Cases as an operator sees them: ids, codes and times. No patient's data and no answers leave from here."""

from dataclasses import dataclass
from datetime import UTC, datetime

from priorauth.domain.authorizations import Authorization
from priorauth.domain.events import TimelineEntry
from priorauth.store.transaction import Transaction
from priorauth.store.work import Work, WorkState

_FAULTS = ("channel_fault", "payer_out_of_reach", "sign_in_awaited")
_LOOKED_THROUGH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a case is, what its work does, and what kept it up last; times are aware."""

    case: Authorization
    work: str
    begins_at: datetime | None
    last_fault: str | None
    last_fault_at: datetime | None


def standing(tx: Transaction, case: Authorization, work: Work | None, state: WorkState, runner: str | None) -> Standing:
    """Return how a case is doing. Of its faults the last 200 entries of its timeline are looked through.

    Args:
        tx: A transaction.
        case: The case.
        work: The work that it must have, if any.
        state: What the engine's tables say of that work.
        runner: The worker that took it up last.
    """
    due = tx.work.due_at(work.id) if work is not None else None
    entries = tx.timeline.page(case.id, before=None, limit=_LOOKED_THROUGH)
    fault = next((each for each in entries if each.type in _FAULTS), None)
    return Standing(
        case=case,
        work="none" if work is None else f"{state} {runner}" if state is WorkState.RUNNING else state.value,
        begins_at=datetime.fromtimestamp(due, UTC) if due is not None else None,
        last_fault=_code(fault) if fault is not None else None,
        last_fault_at=fault.occurred_at if fault is not None else None,
    )


def _code(fault: TimelineEntry) -> str:
    return fault.details.get("code", fault.type)
