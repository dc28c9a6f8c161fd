"""Questionnaires and answers on the wire: FHIR's names, FHIR's value[x] keys."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from priorauth.domain.questionnaires import Answer, AnswerItem, Coding, EnableBehavior, EnableWhen, ItemType, Operator
from priorauth.http.schemas.base import Body, Number, Text, View


def _calendar_date(value: object) -> object:
    if not isinstance(value, str) or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is None:
        raise ValueError("write a date as YYYY-MM-DD")
    return date.fromisoformat(value)


def _plain_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("write a decimal as a JSON number")  # noqa: TRY004 - pydantic turns ValueError into an issue
    return Decimal(str(value))


class CodingBody(Body):
    """A coded value."""

    code: Text
    display: Text | None = None
    system: Text | None = None


class AnswerBody(Body):
    """One answer: exactly one value key, the one of the item's type."""

    value_string: Annotated[str | None, Field(max_length=20_000)] = None
    value_boolean: bool | None = None
    value_date: Annotated[date | None, BeforeValidator(_calendar_date)] = None
    value_integer: Annotated[int | None, Field(ge=-(2**31), le=2**31 - 1)] = None
    value_decimal: Annotated[Decimal | None, BeforeValidator(_plain_number), Field(max_digits=15)] = None
    value_coding: CodingBody | None = None

    def to_domain(self) -> Answer:
        """Return the domain's answer."""
        return Answer(
            value_string=self.value_string,
            value_boolean=self.value_boolean,
            value_date=self.value_date,
            value_integer=self.value_integer,
            value_decimal=self.value_decimal,
            value_coding=Coding(self.value_coding.code) if self.value_coding else None,
        )


class AnswerItemBody(Body):
    """The answers of one item. An empty `answer` clears the item."""

    link_id: Text
    answer: list[AnswerBody] = Field(default_factory=list, max_length=200)
    item: list["AnswerItemBody"] = Field(default_factory=list, max_length=500)

    def to_domain(self) -> AnswerItem:
        """Return the domain's answered item."""
        return AnswerItem(
            self.link_id,
            tuple(answer.to_domain() for answer in self.answer),
            tuple(child.to_domain() for child in self.item),
        )


class QuestionnaireResponseBody(Body):
    """Answers as a FHIR QuestionnaireResponse carries them."""

    item: list[AnswerItemBody] = Field(max_length=500)

    def to_domain(self) -> tuple[AnswerItem, ...]:
        """Return the domain's answers."""
        return tuple(each.to_domain() for each in self.item)


class _Sparse(View):
    """A FHIR element: what is absent is left out, as FHIR wants it."""

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None and value != []}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the fields, which the serializer above would hide; each may be absent."""
        described = handler({**core, "serialization": None} if "serialization" in core else core)
        described.pop("required", None)
        return described


class CodingView(View):
    """A coded value."""

    code: str


class AnswerView(_Sparse):
    """One answer: exactly one value key."""

    value_string: str | None = None
    value_boolean: bool | None = None
    value_date: date | None = None
    value_integer: int | None = None
    value_decimal: Number | None = None
    value_coding: CodingView | None = None


class AnswerItemView(_Sparse):
    """The answers of one item."""

    link_id: str
    answer: list[AnswerView] = Field(default_factory=list)
    item: list["AnswerItemView"] = Field(default_factory=list)


class QuestionnaireResponseView(View):
    """The answers, in the order of the questionnaires."""

    item: list[AnswerItemView]


class OptionView(View):
    """One choice."""

    code: str
    display: str


class EnableWhenView(_Sparse):
    """One comparison of a condition, with one answer key as in FHIR (`answerBoolean`, `answerCoding`, …)."""

    question: str
    operator: Operator
    answer_string: str | None = None
    answer_boolean: bool | None = None
    answer_date: date | None = None
    answer_integer: int | None = None
    answer_decimal: Number | None = None
    answer_coding: CodingView | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_domain(cls, value: object) -> object:
        if not isinstance(value, EnableWhen):
            return value
        answer = {f"answer_{name.removeprefix('value_')}": given for name, given in value.answer.present}
        return {"question": value.question, "operator": value.operator, **answer}


class ConditionView(View):
    """A FHIR condition over other answers."""

    enable_behavior: EnableBehavior
    enable_when: list[EnableWhenView]


class ValuesWhenView(View):
    """The choices while a condition holds."""

    when: ConditionView
    options: list[OptionView]


class TextWhenView(View):
    """The prompt while a condition holds."""

    when: ConditionView
    text: str


class ItemView(View):
    """One question, group or display text."""

    link_id: str
    text: str
    type: ItemType
    required: bool
    repeats: bool
    min_occurs: int | None
    max_occurs: int | None
    options: list[OptionView]
    pattern: str | None = Field(description="A regular expression that the whole text must match.")
    max_length: int | None
    min: Number | None
    max: Number | None
    error_message: str | None
    default_value: AnswerView | None
    required_when: ConditionView | None
    not_allowed_when: ConditionView | None
    values_when: list[ValuesWhenView]
    text_when: list[TextWhenView]
    item: list["ItemView"]


class QuestionnaireView(View):
    """A set of questions under one title."""

    id: str
    title: str
    item: list[ItemView]
