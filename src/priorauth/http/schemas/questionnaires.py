"""Questionnaires and answers on the wire: FHIR's names, FHIR's value[x] keys."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from priorauth.domain.questionnaires import (
    LARGEST_NUMBER,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_ANSWERS,
    Answer,
    AnswerItem,
    Coding,
    EnableBehavior,
    EnableWhen,
    ItemType,
    Operator,
)
from priorauth.http.schemas.base import NO_NUL, Body, Number, Text, View

Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME, pattern=NO_NUL)]
DecimalNumber = Annotated[float, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]


def _calendar_date(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, str) or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is None:
        raise ValueError("Write the date as YYYY-MM-DD: 2026-12-07.")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("There is no such day: check the month and the day.") from None


def _plain_number(value: object) -> object:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Write the number without quotes: 2.5.")  # noqa: TRY004 - pydantic turns ValueError into an issue
    return Decimal(str(value))


class CodingBody(Body):
    """A coded value."""

    code: Name = Field(description="The option's code.", examples=["neurologic_deficit"])
    display: Text | None = Field(default=None, description="Taken and not kept: the questionnaire has the words.")
    system: Text | None = Field(default=None, description="Taken and not kept: the questionnaire knows the system.")


class AnswerBody(Body):
    """One answer: exactly one of the fields, the one of the item's type."""

    value_string: Annotated[str, StringConstraints(max_length=LONGEST_TEXT, pattern=NO_NUL)] | None = Field(
        default=None, description="For items of type string, text and open-choice."
    )
    value_boolean: bool | None = Field(default=None, description="For items of type boolean.")
    value_date: Annotated[date | None, BeforeValidator(_calendar_date)] = Field(
        default=None, description="For items of type date: YYYY-MM-DD.", examples=["2026-12-07"]
    )
    value_integer: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)] | None = Field(
        default=None, description="For items of type integer."
    )
    value_decimal: Annotated[
        Decimal | None, BeforeValidator(_plain_number, json_schema_input_type=DecimalNumber | None)
    ] = Field(
        default=None, description="For items of type decimal: a JSON number.", ge=-LARGEST_NUMBER, le=LARGEST_NUMBER
    )
    value_coding: CodingBody | None = Field(default=None, description="For items of type choice and open-choice.")

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

    link_id: Name = Field(description="The item of the questionnaire.", examples=["clinical.summary"])
    answer: list[AnswerBody] = Field(
        default_factory=list,
        max_length=MOST_ANSWERS,
        description="All answers of the item: one, or several where it repeats. Empty, or left out, clears it.",
        examples=[[{"valueString": "Eight weeks of physical therapy without relief."}]],
    )
    item: list["AnswerItemBody"] = Field(
        default_factory=list,
        max_length=500,
        description="The items below it. A repeating group is named once for each of its entries.",
    )

    def to_domain(self) -> AnswerItem:
        """Return the domain's answered item."""
        return AnswerItem(
            self.link_id,
            tuple(answer.to_domain() for answer in self.answer),
            tuple(child.to_domain() for child in self.item),
        )


class QuestionnaireResponseBody(Body):
    """Answers as a FHIR QuestionnaireResponse carries them."""

    item: list[AnswerItemBody] = Field(max_length=500, description="The answered items.")

    def to_domain(self) -> tuple[AnswerItem, ...]:
        """Return the domain's answers."""
        return tuple(each.to_domain() for each in self.item)


def _absent(value: object) -> bool:
    """Say whether a FHIR element is not there: it is left out then, as FHIR wants it."""
    return value is None or value == []


class CodingView(View):
    """A coded value."""

    code: str = Field(description="The option's code.", examples=["neurologic_deficit"])


class AnswerView(View):
    """One answer: exactly one of the fields is there."""

    value_string: str | None = Field(
        default=None, exclude_if=_absent, description="Of an item of type string, text or open-choice."
    )
    value_boolean: bool | None = Field(default=None, exclude_if=_absent, description="Of an item of type boolean.")
    value_date: date | None = Field(default=None, exclude_if=_absent, description="Of an item of type date.")
    value_integer: int | None = Field(default=None, exclude_if=_absent, description="Of an item of type integer.")
    value_decimal: Number | None = Field(default=None, exclude_if=_absent, description="Of an item of type decimal.")
    value_coding: CodingView | None = Field(
        default=None, exclude_if=_absent, description="Of an item of type choice or open-choice."
    )


class AnswerItemView(View):
    """The answers of one item; what is empty is left out."""

    link_id: str = Field(description="The item of the questionnaire.", examples=["clinical.summary"])
    answer: list[AnswerView] = Field(default_factory=list, exclude_if=_absent, description="Its answers.")
    item: list["AnswerItemView"] = Field(default_factory=list, exclude_if=_absent, description="The items below it.")


class QuestionnaireResponseView(View):
    """The answers, in the order of the questionnaires."""

    item: list[AnswerItemView] = Field(description="The answered items.")


class OptionView(View):
    """One choice."""

    code: str = Field(description="Send it as `valueCoding.code`.", examples=["none"])
    display: str = Field(description="What people read.", examples=["None"])


class EnableWhenView(View):
    """One comparison of a condition, with one answer key as in FHIR (`answerBoolean`, `answerCoding`, …)."""

    question: str = Field(description="The linkId of the item whose answers are compared.")
    operator: Operator = Field(description="How they are compared.")
    answer_string: str | None = Field(default=None, exclude_if=_absent, description="Compared with a text.")
    answer_boolean: bool | None = Field(
        default=None,
        exclude_if=_absent,
        description="Compared with yes or no; with `exists`: whether there is an answer.",
    )
    answer_date: date | None = Field(default=None, exclude_if=_absent, description="Compared with a day.")
    answer_integer: int | None = Field(default=None, exclude_if=_absent, description="Compared with a whole number.")
    answer_decimal: Number | None = Field(default=None, exclude_if=_absent, description="Compared with a number.")
    answer_coding: CodingView | None = Field(default=None, exclude_if=_absent, description="Compared with a choice.")

    @model_validator(mode="before")
    @classmethod
    def _from_domain(cls, value: object) -> object:
        if not isinstance(value, EnableWhen):
            return value
        answer = {f"answer_{name.removeprefix('value_')}": given for name, given in value.answer.present}
        return {"question": value.question, "operator": value.operator, **answer}


class ConditionView(View):
    """A FHIR condition over other answers."""

    enable_behavior: EnableBehavior = Field(description="How many of the comparisons must hold.")
    enable_when: list[EnableWhenView] = Field(description="The comparisons.")


class ValuesWhenView(View):
    """The choices while a condition holds."""

    when: ConditionView = Field(description="The condition.")
    options: list[OptionView] = Field(description="The choices that remain.")


class TextWhenView(View):
    """The prompt while a condition holds."""

    when: ConditionView = Field(description="The condition.")
    text: str = Field(description="The prompt in place of the item's own.")


class ItemView(View):
    """One question, group or display text."""

    link_id: str = Field(description="Names the item in answers and conditions.", examples=["clinical.summary"])
    text: str = Field(description="The prompt.")
    type: ItemType = Field(description="The kind of answer that it takes.")
    required: bool = Field(description="Whether it always has to be answered.")
    repeats: bool = Field(description="Whether it takes several answers, or a group several entries.")
    min_occurs: int | None = Field(description="How many answers or entries at least, once there is one.")
    max_occurs: int | None = Field(description="How many answers or entries at most.")
    options: list[OptionView] = Field(description="The choices of a choice or open-choice; else empty.")
    pattern: str | None = Field(description="A regular expression that the whole text must match.")
    min_length: int | None = Field(description="How many characters a text has at least.")
    max_length: int | None = Field(description="How many characters a text has at most.")
    max_decimal_places: int | None = Field(description="How many digits a decimal has behind its point at most.")
    min: Number | None = Field(description="The smallest number.")
    max: Number | None = Field(description="The largest number.")
    error_message: str | None = Field(description="What to tell whoever breaks one of these rules.")
    default_value: AnswerView | None = Field(
        description="A suggestion for your form: it is no answer until you send it."
    )
    required_when: ConditionView | None = Field(description="While it holds, the item has to be answered.")
    not_allowed_when: ConditionView | None = Field(
        description="While it holds, the item is hidden, with all below it, and its answers are dropped."
    )
    values_when: list[ValuesWhenView] = Field(description="The first whose condition holds narrows the choices.")
    text_when: list[TextWhenView] = Field(description="The first whose condition holds replaces the prompt.")
    item: list["ItemView"] = Field(description="The items of a group, or below a question.")


class QuestionnaireView(View):
    """A set of questions under one title."""

    id: str = Field(description="The questionnaire's id.")
    title: str = Field(description="Its title.")
    item: list[ItemView] = Field(description="Its items, in the order in which they are asked.")
