"""Holds what a real run passed against the model: the fault points that it went by must be a path of the model.

The labels of the model that a run can show are those below. What happens beyond the protocol (the way to the review
page, the payer's decision) is left out, and so is what comes after the first receipt: a reply crosses by itself.
"""

from collections.abc import Iterable
from functools import cache

from tests.protocol.model import Protocol, State
from tests.protocol.search import Graph, accepts, explore

_PLACES = {
    "guard_release:after": "guard_release",
    "final_request:before_first_byte": "final_request",
    "confirmation_read:after": "confirmation_read",
    "page_case_searched:reached": "case_searched",
    **{
        f"{event}:after_commit": event
        for event in (
            "approval_required",
            "submission_approved",
            "more_information_needed",
            "submission_intended",
            "submission_not_sent",
            "submission_not_found",
            "submission_absent",
            "submission_unresolved",
            "receipt_proven",
        )
    },
}
_LABELS = frozenset(_PLACES.values())
_END = "receipt_proven"


def trace_of(passed: Iterable[str]) -> tuple[str, ...]:
    """Return what a run has passed, by the labels of the model, up to the receipt."""
    labels = [_PLACES[place] for place in passed if place in _PLACES]
    return tuple(labels[: labels.index(_END) + 1]) if _END in labels else tuple(labels)


def first_stray(trace: tuple[str, ...], *, automatic: bool, searchable: bool = True) -> str | None:
    """Return how far the model goes along a trace, and what it cannot follow; None where it follows all of it."""
    graph = _graph(automatic=automatic, searchable=searchable)
    followed = accepts(graph, trace, labels=_LABELS.__contains__)
    if followed == len(trace):
        return None
    return f"after {' '.join(trace[:followed]) or 'nothing'} the model has no {trace[followed]}"


@cache
def _graph(*, automatic: bool, searchable: bool) -> Graph[State]:
    # A fault more than the model is proven with: a run may have one of its journey's and one of its own.
    return explore(Protocol(automatic=automatic, searchable=searchable, tries=3))
