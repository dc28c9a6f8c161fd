"""FHIR resources on the wire: open shapes, since what else FHIR allows in them is FHIR's to say."""

from typing import Any

from pydantic import ConfigDict, RootModel


def _resource(kind: str) -> dict[str, Any]:
    named = {"type": "string", "const": kind, "description": "The kind of resource.", "examples": [kind]}
    items = {"type": "array", "items": {"type": "object"}, "description": f"The items of the {kind}."}
    return {"type": "object", "required": ["resourceType"], "properties": {"resourceType": named, "item": items}}


class FhirQuestionnaire(RootModel[dict[str, Any]]):
    """A FHIR R4 Questionnaire."""

    model_config = ConfigDict(json_schema_extra=_resource("Questionnaire"), frozen=True)


class FhirQuestionnaireResponse(RootModel[dict[str, Any]]):
    """A FHIR R4 QuestionnaireResponse. Elements that say nothing of the answers are taken and not kept."""

    model_config = ConfigDict(json_schema_extra=_resource("QuestionnaireResponse"), frozen=True)
