"""The files in which an operator describes a payer: their shape, and the JSON Schema that editors use.

`payer.yaml` (or `payer.json`) is a `PayerFile`; its questionnaires are written there, or in files of their own, as a
`QuestionnaireFile` or as a FHIR R4 Questionnaire.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from priorauth.domain.catalog import CodeSystem, PortalAuthMode, RequestType, Widget
from priorauth.domain.questionnaires import Concept, EnableBehavior, ItemType, Operator

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*$", max_length=64)]
LinkId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
Words = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]
State = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Seconds = Annotated[float, Field(ge=0, le=10**8)]
# A path without query string and escapes; `*` takes the place of one segment.
Interstitial = Annotated[str, Field(pattern=r"^(/([A-Za-z0-9_~-][A-Za-z0-9._~-]*|\*))+$", max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", validate_by_name=False)  # type: ignore[pydantic-alias]


class CodingPart(_Part):
    """A coded value."""

    code: Words


class AnswerPart(_Part):
    """One value, under the key of its type."""

    value_string: str | None = None
    value_boolean: bool | None = None
    value_date: date | None = None
    value_integer: int | None = None
    value_decimal: float | None = None
    value_coding: CodingPart | None = None


class ComparisonPart(_Part):
    """The answers of a question against a value; with `exists`: whether there is an answer."""

    question: LinkId
    operator: Operator
    answer_string: str | None = None
    answer_boolean: bool | None = None
    answer_date: date | None = None
    answer_integer: int | None = None
    answer_decimal: float | None = None
    answer_coding: CodingPart | None = None


class ConditionPart(_Part):
    """A condition over other answers of the case."""

    enable_behavior: EnableBehavior
    enable_when: Annotated[list[ComparisonPart], Field(min_length=1)]


class OptionPart(_Part):
    """One choice."""

    code: Words
    display: Words


class ValuesWhenPart(_Part):
    """The choices that remain while a condition holds."""

    when: ConditionPart
    options: list[OptionPart]


class TextWhenPart(_Part):
    """The prompt while a condition holds."""

    when: ConditionPart
    text: Words


class ItemPart(_Part):
    """One question, group or display text."""

    link_id: LinkId = Field(description="Names the item; each only once among what one service is asked.")
    text: Words = Field(description="The prompt.")
    type: ItemType = Field(description="The kind of answer.")
    required: bool = Field(default=False, description="Whether it always has to be answered.")
    repeats: bool = Field(default=False, description="Whether it takes several answers, or a group several entries.")
    min_occurs: Annotated[int, Field(ge=0)] | None = Field(default=None, description="At least so many, once one is.")
    max_occurs: Annotated[int, Field(ge=1)] | None = Field(default=None, description="At most so many.")
    options: list[OptionPart] = Field(default=[], description="The choices of a choice or open-choice.")
    pattern: str | None = Field(default=None, description="A regular expression that the whole text must match.")
    min_length: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Characters, at least.")
    max_length: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Characters, at most.")
    max_decimal_places: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Digits behind the point of a decimal, at most."
    )
    min: float | None = Field(default=None, description="The smallest number.")
    max: float | None = Field(default=None, description="The largest number.")
    error_message: Words | None = Field(default=None, description="What is told when one of these rules is broken.")
    default_value: AnswerPart | None = Field(default=None, description="A suggestion for forms.")
    required_when: ConditionPart | None = Field(default=None, description="While it holds, an answer is required.")
    not_allowed_when: ConditionPart | None = Field(default=None, description="While it holds, the item is hidden.")
    values_when: list[ValuesWhenPart] = Field(default=[], description="Narrows the choices.")
    text_when: list[TextWhenPart] = Field(default=[], description="Replaces the prompt.")
    item: list["ItemPart"] = Field(default=[], description="What lies below it.")
    concept: Concept | None = Field(default=None, description="What the answer means to the service.")


class QuestionnaireFile(_Part):
    """A set of questions under one title."""

    id: Identifier
    title: Words
    item: Annotated[list[ItemPart], Field(min_length=1)]


class FileReference(_Part):
    """A questionnaire in a file of its own, beside the payer's. A FHIR Questionnaire gets its `id` here."""

    file: Annotated[str, Field(pattern=r"^[\w][\w./-]*\.(yaml|yml|json)$")]
    id: Identifier | None = None


class FieldPart(_Part):
    """The field of the portal's form that takes an item's answer, by the label that a person sees."""

    link_id: LinkId
    label: Words
    widget: Widget = Widget.TEXT


class DocumentTypePart(_Part):
    """A kind of document: its code in the API, and the portal's words for it."""

    code: Identifier
    display: Words


class PortalPart(_Part):
    """The payer's portal."""

    id: str = Field(description="The portal's adapter.")
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+$")] | None = Field(
        default=None, description="Where the portal is, without a path. The sandbox puts its own address there."
    )
    submission_settles_after_seconds: Seconds = Field(
        default=600.0, description="How long a submission may take to turn up in the portal's search, in seconds."
    )
    fields: list[FieldPart] = Field(default=[], description="Where answers go; others go into the portal's free text.")
    document_types: list[DocumentTypePart] = Field(default=[], description="The kinds of documents that it takes.")
    interstitials: Annotated[list[Interstitial], Field(max_length=50)] = Field(
        default=[],
        description="Paths of pages that the portal may show in between, such as `/terms`; `*` is one segment.",
    )


class StatusChecksPart(_Part):
    """How often a submitted case is looked at, in seconds."""

    first_after_seconds: Annotated[float, Field(gt=0, le=10**7)] = 900.0
    growth: Annotated[float, Field(ge=1, le=10)] = 1.5
    at_most_seconds: Annotated[float, Field(gt=0, le=10**7)] = 14_400.0


class RoutePart(_Part):
    """One way to the payer."""

    coverage_state: State
    request_type: RequestType
    service_code_systems: Annotated[list[CodeSystem], Field(min_length=1)]
    channel: Literal["portal"]
    portal_auth_modes: Annotated[list[PortalAuthMode], Field(min_length=1)]
    label: Words


class DocumentPart(_Part):
    """A document that is wanted."""

    type: Identifier
    message: Words


class ServicePart(_Part):
    """What is wanted for some services; without codes: for all others of the request type."""

    request_type: RequestType
    title: Words
    system: CodeSystem | None = None
    codes: list[str] = Field(default=[], description="Codes: `72148`, a range `70551..70553`, all that begin: `J01*`.")
    questionnaires: Annotated[list[Identifier], Field(min_length=1)]
    documents: list[DocumentPart] = []


class SimulatedMember(_Part):
    """A member whom the sandbox's portal shall know, and what becomes of this member's cases."""

    member: dict[str, str]
    behaviour: dict[str, Any] = {}


class SandboxPart(_Part):
    """What only the sandbox reads."""

    members: list[SimulatedMember] = []


class PayerFile(_Part):
    """A payer: what clients see of it, what it wants, and how its portal is used."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    display_name: Words
    aliases: list[Words] = []
    status: Literal["active", "inactive"] = "active"
    brand: Words | None = None
    line_of_business: Words | None = None
    supported_states: Annotated[list[State], Field(min_length=1)]
    supported_service_types: Annotated[list[RequestType], Field(min_length=1)]
    portal: PortalPart
    status_checks: StatusChecksPart = StatusChecksPart()
    routes: Annotated[list[RoutePart], Field(min_length=1)]
    services: Annotated[list[ServicePart], Field(min_length=1)]
    questionnaires: Annotated[list[FileReference | QuestionnaireFile], Field(min_length=1)]
    sandbox: SandboxPart = SandboxPart()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of `payer.yaml`, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **PayerFile.model_json_schema()}
