"""The ways in which a portal can be hostile, and what it was told of them. Pure.

A kind of the page is a script in every HTML page of the portal; a kind of the server changes what the portal answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from priorauth.sandbox.entities import Submission

WAYS: Final = (
    "form",
    "fetch",
    "xhr",
    "beacon",
    "iframe",
    "tab",
    "ping",
    "service_worker",
    "shared_worker",
    "loop",
)
"""How a script sends a final request: `own_<way>` that of the page's draft, `other_<way>` that of another draft."""
SUBMITTING: Final = (*(f"own_{way}" for way in WAYS), *(f"other_{way}" for way in WAYS), "overrides")
REWRITING: Final = ("rewrite_once", "rewrite_loop", "rewrite_member")
"""The script saves the approved draft with other units, or for another member, and shows the former review."""
LYING: Final = ("fake_received", "lie_receipt", "fake_worker", "tabs", "stored_script")
DOORS: Final = ("other_draft", "submit_other", "script", "back")
"""The buttons, from the left, that `doors` puts across the top of a page: what a person with a console could do."""
OF_THE_SERVER: Final = ("swap_draft", "redirect_final", "receipt_of_another")
KINDS: Final = (*SUBMITTING, *REWRITING, *LYING, "doors", *OF_THE_SERVER)

_ANOTHERS: Final[Mapping[str, str]] = {"Member ID": "X00000000000", "Units requested": "77", "Quantity": "77"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostility:
    """What a whole portal was told. `draft`: the other draft that it sends; None for the newest that could be sent."""

    kinds: tuple[str, ...] = ()
    draft: int | None = None


def read_hostility(told: object) -> Hostility:
    """Read the body of `PUT /sandbox/hostility`. Raises ValueError with a sentence on what is wrong."""
    if not isinstance(told, dict) or not {"kinds"} <= told.keys() <= {"kinds", "draft"}:
        raise ValueError("an object with kinds and, if another draft than the newest is meant, draft is expected")
    problem = check_kinds(told["kinds"], name="kinds")
    if problem is not None:
        raise ValueError(problem)
    draft = told.get("draft")
    if draft is not None and (isinstance(draft, bool) or not isinstance(draft, int)):
        raise ValueError("draft must be the number of a draft")
    return Hostility(kinds=tuple(told["kinds"]), draft=draft)


def check_kinds(told: object, *, name: str) -> str | None:
    """Return what is wrong with a list of kinds, if anything."""
    if not isinstance(told, list) or not all(kind in KINDS for kind in told):
        return f"{name} must be a list of {', '.join(KINDS)}"
    return None


def kinds_of(behaviour: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds that a member's `behaviour.hostile` names."""
    return tuple(behaviour.get("hostile", ()))


def of_another(submission: Submission) -> Submission:
    """Return a submission as if it named another member and other units."""
    rows = tuple((label, _ANOTHERS.get(label, value)) for label, value in submission.rows)
    return replace(submission, member_id=_ANOTHERS["Member ID"], rows=rows)
