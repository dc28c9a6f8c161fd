"""Scenarios and simulated portals on the wire."""

from collections.abc import Callable
from typing import Any

from pydantic import Field

from priorauth.domain.authorizations import ActionType
from priorauth.domain.lifecycle import Status
from priorauth.domain.submissions import Outcome
from priorauth.http.schemas.base import View


def _is_a(body: str) -> Callable[[dict[str, Any]], None]:
    """Return what describes a field as the body of a request."""

    def describe(schema: dict[str, Any]) -> None:
        description = schema["description"]
        schema.clear()
        schema |= {"allOf": [{"$ref": f"#/components/schemas/{body}"}], "description": description}

    return describe


class ResolvesView(View):
    """What resolves the blockers that a scenario meets."""

    questionnaire_response: dict[str, Any] = Field(
        description="Answers, as the body of `PATCH …/answers` takes them. Send those that the case asks for.",
        json_schema_extra=_is_a("QuestionnaireResponseBody"),
    )
    document_types: list[str] = Field(description="Documents to attach; any file will do.")
    one_time_code: str | None = Field(description="The code that a human would get on the phone; null if none is.")


class ExpectationView(View):
    """A state in which a scenario pauses or ends."""

    status: Status = Field(description="The status of the case.")
    next_action_type: ActionType | None = Field(description="The type of its next action.")
    outcome: Outcome | None = Field(description="Its outcome.")


class ScenarioView(View):
    """One deterministic case against a simulated payer."""

    id: str = Field(description="The scenario's id.", examples=["approved_after_review"])
    title: str = Field(description="Its name.")
    description: str = Field(description="What happens in it.")
    create: dict[str, Any] = Field(
        description="The body to send to POST /v1/prior-authorizations, as it is.",
        json_schema_extra=_is_a("CreateBody"),
    )
    resolves: ResolvesView = Field(description="What resolves the blockers on the way.")
    expects: list[ExpectationView] = Field(description="The pauses in order, and last the end.")
    timeout_seconds: int = Field(description="Within how many seconds it ends, if nothing is waited for in between.")


class ScenarioListView(View):
    """All scenarios."""

    data: list[ScenarioView] = Field(description="The scenarios, by id.")


class PortalView(View):
    """A simulated payer's portal."""

    id: str = Field(description="The portal's id.", examples=["larkspur"])
    display_name: str = Field(description="Its name.")
    url: str = Field(description="Where it is served, for a look by a browser on the same machine.")
    submissions_url: str = Field(description="Every submission that the payer has taken; on loopback, without a key.")


class PortalListView(View):
    """The simulated payers' portals."""

    data: list[PortalView] = Field(description="The portals.")
