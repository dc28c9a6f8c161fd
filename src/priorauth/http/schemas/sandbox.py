"""Scenarios and simulated portals on the wire."""

from typing import Any

from pydantic import Field

from priorauth.domain.authorizations import ActionType
from priorauth.domain.lifecycle import Status
from priorauth.domain.submissions import Outcome
from priorauth.http.schemas.base import View


class ResolvesView(View):
    """What resolves the blockers that a scenario meets."""

    questionnaire_response: dict[str, Any]
    document_types: list[str]
    one_time_code: str | None


class ExpectationView(View):
    """A state in which a scenario pauses or ends."""

    status: Status
    next_action_type: ActionType | None
    outcome: Outcome | None


class ScenarioView(View):
    """One deterministic case against a simulated payer."""

    id: str
    title: str
    description: str
    create: dict[str, Any] = Field(description="The body to send to POST /v1/prior-authorizations, as it is.")
    resolves: ResolvesView
    expects: list[ExpectationView] = Field(description="The pauses in order, and last the end.")
    timeout_seconds: int


class ScenarioListView(View):
    """All scenarios."""

    data: list[ScenarioView]


class PortalView(View):
    """A simulated payer's portal."""

    id: str
    display_name: str
    url: str
    submissions_url: str = Field(description="Every submission that the payer has taken; on loopback, without a key.")


class PortalListView(View):
    """The simulated payers' portals."""

    data: list[PortalView]
