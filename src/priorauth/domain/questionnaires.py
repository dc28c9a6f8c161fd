"""Questionnaires and answers: what may be asked, what was said, and what of it applies.

An item follows FHIR's Questionnaire (R4) where FHIR has a word for it: conditions are `enableWhen` with an
`enableBehavior`, answers are a tree of `QuestionnaireResponse.item`. The module judges one answer set against its
questionnaires; whether a case may go on is the business of `requirements`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from priorauth.domain.errors import BadRequest, Issue


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
Comparable = TypeVar("Comparable", Decimal, str, date)


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

_FIELDS_OF_TYPE: Mapping[ItemType, tuple[str, ...]] = {
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
    """The answers of one linkId, as in a FHIR QuestionnaireResponse."""

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
    """One question, group or display text of a questionnaire."""

    link_id: str
    text: str
    type: ItemType
    required: bool = False
    repeats: bool = False
    min_occurs: int | None = None
    max_occurs: int | None = None
    options: tuple[Option, ...] = ()
    pattern: str | None = None
    max_length: int | None = None
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
    def takes_answers(self) -> bool:
        """False for what only groups or explains."""
        return bool(_FIELDS_OF_TYPE[self.type])


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """A payer's set of questions under one title."""

    id: str
    title: str
    item: tuple[Item, ...]


class AnswerSet:
    """The answers of a case, read by linkId."""

    def __init__(self, items: tuple[AnswerItem, ...]) -> None:
        self.items = items
        self._by_link = {found.link_id: found for found in walk_answers(items)}

    def of(self, link_id: str) -> tuple[Answer, ...]:
        """Return the answers of `link_id`; empty when nothing was said."""
        found = self._by_link.get(link_id)
        return found.answer if found else ()

    def satisfies(self, condition: Condition) -> bool:
        """Say whether the condition holds. As in FHIR, comparing an unanswered question is false."""
        verdicts = (self._compares(comparison) for comparison in condition.enable_when)
        return all(verdicts) if condition.enable_behavior is EnableBehavior.ALL else any(verdicts)

    def hides(self, item: Item) -> bool:
        """Say whether the item is not allowed under the present answers."""
        return item.not_allowed_when is not None and self.satisfies(item.not_allowed_when)

    def visible(self, questionnaires: tuple[Questionnaire, ...]) -> Iterator[Item]:
        """Yield every item that is allowed under the present answers; a hidden item hides what lies below it."""
        pending = [item for questionnaire in reversed(questionnaires) for item in reversed(questionnaire.item)]
        while pending:
            item = pending.pop()
            if not self.hides(item):
                yield item
                pending.extend(reversed(item.item))

    def requires(self, item: Item) -> bool:
        """Say whether the item must be answered under the present answers."""
        return item.required or (item.required_when is not None and self.satisfies(item.required_when))

    def _compares(self, comparison: EnableWhen) -> bool:
        given = [answer.value for answer in self.of(comparison.question)]
        expected = comparison.answer.value
        if comparison.operator is Operator.EXISTS:
            return bool(given) is bool(expected)
        return any(_holds(value, comparison.operator, expected) for value in given)


def walk(items: tuple[Item, ...]) -> Iterator[Item]:
    """Yield every item, parents before their children."""
    for item in items:
        yield item
        yield from walk(item.item)


def walk_answers(items: tuple[AnswerItem, ...]) -> Iterator[AnswerItem]:
    """Yield every answered item, parents before their children."""
    for item in items:
        yield item
        yield from walk_answers(item.item)


def all_items(questionnaires: tuple[Questionnaire, ...]) -> Iterator[Item]:
    """Yield every item of every questionnaire in the order in which they are asked."""
    for questionnaire in questionnaires:
        yield from walk(questionnaire.item)


def merge(
    questionnaires: tuple[Questionnaire, ...], *, current: tuple[AnswerItem, ...], patch: tuple[AnswerItem, ...]
) -> tuple[AnswerItem, ...]:
    """Return the answers after a PATCH: named items replaced with all that lies below them, hidden ones dropped.

    The result has the questionnaires' order and nesting, wherever the patch named an item, so that equal answers are
    equal values. Raises BadRequest with one issue a fault when an item is unknown or an answer is of another type;
    nothing of the patch is taken then.
    """
    items = {item.link_id: item for item in all_items(questionnaires)}
    issues = tuple(_faults(items, patch))
    if issues:
        raise BadRequest("The answers were not taken: each issue names an item and its fault.", issues=issues)
    answers = {answered.link_id: answered.answer for answered in walk_answers(current)}
    for replaced in walk_answers(patch):
        for below in walk((items[replaced.link_id],)):
            answers.pop(below.link_id, None)
    answers.update({answered.link_id: answered.answer for answered in walk_answers(patch)})
    return _without_hidden(questionnaires, {link_id: answer for link_id, answer in answers.items() if answer})


def rule_breaches(item: Item, answers: AnswerSet) -> Iterator[Issue]:
    """Yield one error for each rule of `item` that its well-typed values break."""
    given = answers.of(item.link_id)
    breaches = [_breach(item, answer.value, answers) for answer in given]
    if given and item.min_occurs is not None and len(given) < item.min_occurs:
        breaches.append(("too_few_answers", f"Give at least {item.min_occurs} answers."))
    if item.max_occurs is not None and len(given) > item.max_occurs:
        breaches.append(("too_many_answers", f"Give at most {item.max_occurs} answers."))
    for code, text in filter(None, breaches):
        yield Issue(code, item.error_message or text, item.link_id)


def shown(item: Item, answer: Answer) -> str:
    """Return an answer as a person reads it: the option's display, Yes and No, dates as YYYY-MM-DD."""
    value = answer.value
    if isinstance(value, Coding):
        return next((option.display for option in item.options if option.code == value.code), value.code)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _faults(items: Mapping[str, Item], patch: tuple[AnswerItem, ...]) -> Iterator[Issue]:
    for answered in walk_answers(patch):
        yield from _malformed(items, answered)
    named = Counter(answered.link_id for answered in walk_answers(patch))
    for link_id, times in named.items():
        if times > 1:
            message = "Name each item once; give several answers in its answer list."
            yield Issue("duplicate_link_id", message, link_id)


def _malformed(items: Mapping[str, Item], answered: AnswerItem) -> Iterator[Issue]:
    item = items.get(answered.link_id)
    if item is None:
        yield Issue("unknown_link_id", "The questionnaire of this case has no such item.", answered.link_id)
        return
    allowed = _FIELDS_OF_TYPE[item.type]
    if answered.answer and not allowed:
        yield Issue("no_answer_expected", f"An item of type {item.type} takes no answer.", item.link_id)
        return
    if len(answered.answer) > 1 and not item.repeats:
        yield Issue("too_many_answers", "The item takes one answer.", item.link_id)
    for answer in answered.answer:
        present = answer.present
        if len(present) != 1 or present[0][0] not in allowed:
            names = " or ".join(_camel(name) for name in allowed)
            yield Issue("wrong_type", f"An item of type {item.type} takes one {names}.", item.link_id)


def _without_hidden(
    questionnaires: tuple[Questionnaire, ...], answers: Mapping[str, tuple[Answer, ...]]
) -> tuple[AnswerItem, ...]:
    kept = dict(answers)
    while True:
        items = tuple(item for questionnaire in questionnaires for item in questionnaire.item)
        tree = _tree(items, kept)
        visible = {item.link_id for item in AnswerSet(tree).visible(questionnaires)}
        hidden = next((found.link_id for found in walk_answers(tree) if found.link_id not in visible), None)
        if hidden is None:
            return tree
        # One at a time and the first first: what a dropped answer hid is visible again, and is kept.
        for below in walk(tuple(item for item in walk(items) if item.link_id == hidden)):
            kept.pop(below.link_id, None)


def _tree(items: tuple[Item, ...], answers: Mapping[str, tuple[Answer, ...]]) -> tuple[AnswerItem, ...]:
    answered = (AnswerItem(item.link_id, answers.get(item.link_id, ()), _tree(item.item, answers)) for item in items)
    return tuple(each for each in answered if each.answer or each.item)


def _holds(value: Value, operator: Operator, expected: Value) -> bool:
    # Python takes True for 1; an answer of another type is simply another one.
    equal = value == expected and isinstance(value, bool) is isinstance(expected, bool)
    if operator is Operator.EQUAL:
        return equal
    if operator is Operator.NOT_EQUAL:
        return not equal
    if isinstance(value, bool | Coding) or isinstance(expected, bool | Coding):
        return False
    if isinstance(value, int | Decimal) and isinstance(expected, int | Decimal):
        return _ordered(Decimal(value), operator, Decimal(expected))
    if isinstance(value, str) and isinstance(expected, str):
        return _ordered(value, operator, expected)
    return isinstance(value, date) and isinstance(expected, date) and _ordered(value, operator, expected)


def _ordered(left: Comparable, operator: Operator, right: Comparable) -> bool:
    comparisons = {
        Operator.GREATER: left > right,
        Operator.LESS: left < right,
        Operator.GREATER_OR_EQUAL: left >= right,
        Operator.LESS_OR_EQUAL: left <= right,
    }
    return comparisons[operator]


def _breach(item: Item, value: Value, answers: AnswerSet) -> tuple[str, str] | None:
    if isinstance(value, str):
        return _text_breach(item, value)
    if isinstance(value, Coding):
        options = next(
            (narrowed.options for narrowed in item.values_when if answers.satisfies(narrowed.when)), item.options
        )
        if options and value.code not in {option.code for option in options}:
            return "not_an_option", f"Choose one of: {', '.join(option.code for option in options)}."
    elif not isinstance(value, bool | date):
        if item.min is not None and value < item.min:
            return "below_minimum", f"The value must be at least {item.min}."
        if item.max is not None and value > item.max:
            return "above_maximum", f"The value must be at most {item.max}."
    return None


def _text_breach(item: Item, value: str) -> tuple[str, str] | None:
    if item.max_length is not None and len(value) > item.max_length:
        return "too_long", f"The text may have {item.max_length} characters at most."
    if item.pattern is not None and re.fullmatch(item.pattern, value) is None:
        return "pattern_mismatch", "The text does not have the form that the payer expects."
    if not value.strip():
        return "blank", "The text is blank."
    return None


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)
