"""What a viewer is shown beside the picture: values only. `wording` fills them."""

from dataclasses import dataclass
from enum import StrEnum

from priorauth.domain.submissions import Mismatch


class Phase(StrEnum):
    """Who acts on the authorization now, and what for."""

    FILLING = "filling"
    SUBMITTING = "submitting"
    CHECKING = "checking"
    WAITING_FOR_ANSWERS = "waiting_for_answers"
    WAITING_TO_BEGIN = "waiting_to_begin"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    PERSON_NEEDED = "person_needed"
    PERSON_ACTS = "person_acts"
    WITH_THE_PAYER = "with_the_payer"
    COMPLETED = "completed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewStatus:
    """What the bar of a viewer says. `mismatch` and `may_report` belong to interactive views alone.

    `reason` is what is wanted of a person and why; `reference_number` the payer's receipt, once it is proven.
    """

    phase: Phase
    headline: str
    external_id: str | None
    service_title: str
    service_code: str
    reason_code: str | None
    reason: str | None
    final_submit_capable: bool
    reference_number: str | None
    may_report: bool = False
    mismatch: Mismatch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """The last words of a view. `is_settled`: no better ones will come within seconds."""

    code: str
    headline: str
    detail: str
    reference_number: str | None = None
    is_settled: bool = True
