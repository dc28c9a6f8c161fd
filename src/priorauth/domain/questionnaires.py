"""Questionnaires: what may be asked, of what type, under which conditions; and the shape of what is answered.

An item follows FHIR's Questionnaire (R4) where FHIR has a word for it: conditions are `enableWhen` with an
`enableBehavior`, answers are a tree of `QuestionnaireResponse.item`. What becomes of answers is in `answers`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class ItemType(StrEnum):
    """The kind of answer that an item takes."""

    GROUP = "group"
    DISPLAY = "display"
    STRING = "string"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    INTEGER = "integer"
    DECIMAL = "decimal"
    CHOICE = "choice"
    OPEN_CHOICE = "open-choice"


class Concept(StrEnum):
    """What an item means to the service, whatever a payer calls it. Most items mean something to the payer alone."""

    MEMBER_ID = "member_id"
    GIVEN_NAME = "given_name"
    FAMILY_NAME = "family_name"
    BIRTH_DATE = "birth_date"
    DIAGNOSIS = "diagnosis"
    SERVICE_UNITS = "service_units"
    SERVICE_START = "service_start"


@dataclass(frozen=True, slots=True)
class Coding:
    """A coded value: the option's code."""

    code: str


Value = str | bool | date | int | Decimal | Coding
LONGEST_TEXT = 20_000
"""Characters of one answer."""
LONGEST_NAME = 2_000
"""Characters of a linkId, and of a choice's code."""
LARGEST_NUMBER = 10**15
MOST_ANSWERS = 200
"""Answers of one item."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One FHIR answer: exactly one of the fields is set."""

    value_string: str | None = None
    value_boolean: bool | None = None
    value_date: date | None = None
    value_integer: int | None = None
    value_decimal: Decimal | None = None
    value_coding: Coding | None = None

    @property
    def present(self) -> tuple[tuple[str, Value], ...]:
        """The fields that are set, as (field name, value); a well-formed answer has exactly one."""
        fields = ((name, getattr(self, name)) for name in VALUE_FIELDS)
        return tuple((name, value) for name, value in fields if value is not None)

    @property
    def value(self) -> Value:
        """The value of a well-formed answer."""
        return self.present[0][1]


VALUE_FIELDS = ("value_string", "value_boolean", "value_date", "value_integer", "value_decimal", "value_coding")

FIELDS_OF_TYPE: Mapping[ItemType, tuple[str, ...]] = {
    ItemType.GROUP: (),
    ItemType.DISPLAY: (),
    ItemType.STRING: ("value_string",),
    ItemType.TEXT: ("value_string",),
    ItemType.BOOLEAN: ("value_boolean",),
    ItemType.DATE: ("value_date",),
    ItemType.INTEGER: ("value_integer",),
    ItemType.DECIMAL: ("value_decimal",),
    ItemType.CHOICE: ("value_coding",),
    ItemType.OPEN_CHOICE: ("value_coding", "value_string"),
}


@dataclass(frozen=True, slots=True)
class AnswerItem:
    """The answers of one item, as in a FHIR QuestionnaireResponse: siblings of one linkId are a repeating group's
    entries.
    """

    link_id: str
    answer: tuple[Answer, ...] = ()
    item: tuple["AnswerItem", ...] = ()


class Operator(StrEnum):
    """How a condition compares."""

    EXISTS = "exists"
    EQUAL = "="
    NOT_EQUAL = "!="
    GREATER = ">"
    LESS = "<"
    GREATER_OR_EQUAL = ">="
    LESS_OR_EQUAL = "<="


@dataclass(frozen=True, slots=True)
class EnableWhen:
    """One comparison of a condition: the answers of `question` against `answer`."""

    question: str
    operator: Operator
    answer: Answer


class EnableBehavior(StrEnum):
    """Whether every comparison must hold, or one is enough."""

    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Condition:
    """A FHIR condition over other answers."""

    enable_behavior: EnableBehavior
    enable_when: tuple[EnableWhen, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a choice item."""

    code: str
    display: str


@dataclass(frozen=True, slots=True)
class NarrowedOptions:
    """The choices that remain while `when` holds."""

    when: Condition
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class AlternativeText:
    """The prompt that replaces the item's own while `when` holds."""

    when: Condition
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question, group or display text of a questionnaire.

    `default_value` is a suggestion for forms: nothing is ever answered by itself.
    """

    link_id: str
    text: str
    type: ItemType
    required: bool = False
    repeats: bool = False
    min_occurs: int | None = None
    max_occurs: int | None = None
    options: tuple[Option, ...] = ()
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    max_decimal_places: int | None = None
    min: Decimal | None = None
    max: Decimal | None = None
    error_message: str | None = None
    default_value: Answer | None = None
    required_when: Condition | None = None
    not_allowed_when: Condition | None = None
    values_when: tuple[NarrowedOptions, ...] = ()
    text_when: tuple[AlternativeText, ...] = ()
    item: tuple["Item", ...] = ()
    concept: Concept | None = None

    @property
    def has_entries(self) -> bool:
        """True for a group that may be answered several times over."""
        return self.type is ItemType.GROUP and self.repeats

    @property
    def takes_answers(self) -> bool:
        """False for what only groups or explains."""
        return bool(FIELDS_OF_TYPE[self.type])


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """A payer's set of questions under one title."""

    id: str
    title: str
    item: tuple[Item, ...]


def walk(items: tuple[Item, ...]) -> Iterator[Item]:
    """Yield every item, parents before their children."""
    for item in items:
        yield item
        yield from walk(item.item)


def all_items(questionnaires: tuple[Questionnaire, ...]) -> Iterator[Item]:
    """Yield every item of every questionnaire in the order in which they are asked."""
    for questionnaire in questionnaires:
        yield from walk(questionnaire.item)
