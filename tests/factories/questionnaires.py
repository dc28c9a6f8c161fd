"""Questionnaires and fitting answers as Hypothesis draws them: every type, every rule, nested as payers nest."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from priorauth.domain.questionnaires import (
    FIELDS_OF_TYPE,
    AlternativeText,
    Answer,
    AnswerItem,
    Coding,
    Concept,
    Condition,
    EnableBehavior,
    EnableWhen,
    Item,
    ItemType,
    NarrowedOptions,
    Operator,
    Option,
    Questionnaire,
    all_items,
)

words = st.text('abc éß?%"\\', min_size=1, max_size=8).filter(lambda text: bool(text.strip()))
codes = st.text("abc-_1", min_size=1, max_size=6)
decimals = st.decimals(min_value=-(10**6), max_value=10**6, places=2)
VALUES: dict[str, st.SearchStrategy[object]] = {
    "value_string": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    "value_boolean": st.booleans(),
    "value_date": st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31)),
    "value_integer": st.integers(-(2**31), 2**31 - 1),
    "value_decimal": decimals,
    "value_coding": st.text("ab c", min_size=1, max_size=5).map(Coding),
}


def answers(kind: ItemType) -> st.SearchStrategy[Answer]:
    """Answers of an item's type."""
    return st.one_of(*(st.builds(Answer, **{field: VALUES[field]}) for field in FIELDS_OF_TYPE[kind]))


@st.composite
def conditions(draw: st.DrawFn, questions: list[Item]) -> Condition:
    """A condition over some of the questions."""
    comparisons = []
    for item in draw(st.lists(st.sampled_from(questions), min_size=1, max_size=3)):
        operator = draw(st.sampled_from(Operator))
        exists = operator is Operator.EXISTS
        answer = Answer(value_boolean=draw(st.booleans())) if exists else draw(answers(item.type))
        comparisons.append(EnableWhen(item.link_id, operator, answer))
    return Condition(draw(st.sampled_from(EnableBehavior)), tuple(comparisons))


options = st.lists(st.builds(Option, codes, words), max_size=3, unique_by=lambda option: option.code).map(tuple)


@st.composite
def items(draw: st.DrawFn, link_id: str, depth: int) -> Item:
    """An item without conditions, and what lies below it."""
    kind = draw(st.sampled_from(ItemType))
    takes, chooses = bool(FIELDS_OF_TYPE[kind]), kind in (ItemType.CHOICE, ItemType.OPEN_CHOICE)
    below = draw(st.integers(0, 2)) if depth < 2 and kind is not ItemType.DISPLAY else 0
    bounds = st.none() | (decimals if kind is ItemType.DECIMAL else st.integers(-9, 9).map(Decimal))
    numeric = kind in (ItemType.INTEGER, ItemType.DECIMAL)
    return Item(
        link_id=link_id,
        text=draw(words),
        type=kind,
        required=draw(st.booleans()) if kind is not ItemType.DISPLAY else False,
        repeats=draw(st.booleans()) if kind is not ItemType.DISPLAY else False,
        min_occurs=draw(st.none() | st.integers(0, 3)),
        max_occurs=draw(st.none() | st.integers(1, 5)),
        options=draw(options) if chooses else (),
        pattern=draw(st.none() | words),
        max_length=draw(st.none() | st.integers(1, 99)),
        min=draw(bounds) if numeric else None,
        max=draw(bounds) if numeric else None,
        error_message=draw(st.none() | words),
        default_value=draw(st.none() | answers(kind)) if takes else None,
        item=tuple(draw(items(f"{link_id}.{number}", depth + 1)) for number in range(below)),
        concept=draw(st.none() | st.sampled_from(Concept)),
    )


@st.composite
def questionnaires(draw: st.DrawFn) -> tuple[Questionnaire, ...]:
    """One or two questionnaires whose items know each other in conditions."""
    plain = tuple(
        Questionnaire(
            f"set{number}",
            draw(words),
            tuple(draw(items(f"q{number}.{each}", 0)) for each in range(draw(st.integers(1, 3)))),
        )
        for number in range(draw(st.integers(1, 2)))
    )
    questions = [item for item in all_items(plain) if item.takes_answers]
    if not questions:
        return plain
    maybe = st.none() | conditions(questions)

    def ruled(item: Item) -> Item:
        narrowed = st.lists(st.builds(NarrowedOptions, conditions(questions), options), max_size=1).map(tuple)
        other = st.lists(st.builds(AlternativeText, conditions(questions), words), max_size=1).map(tuple)
        return replace(
            item,
            required_when=draw(maybe),
            not_allowed_when=draw(maybe),
            values_when=draw(narrowed),
            text_when=draw(other),
            item=tuple(ruled(below) for below in item.item),
        )

    return tuple(replace(each, item=tuple(ruled(item) for item in each.item)) for each in plain)


@st.composite
def answer_trees(draw: st.DrawFn, asked: tuple[Item, ...]) -> tuple[AnswerItem, ...]:
    """Answers to some of the items, nested as they are, in their order."""
    found = []
    for item in asked:
        for _ in range(draw(st.integers(0, 2)) if item.has_entries else draw(st.integers(0, 1))):
            many = st.lists(answers(item.type), max_size=2 if item.repeats else 1).map(tuple)
            given = draw(many) if item.takes_answers else ()
            below = draw(answer_trees(item.item))
            if given or below:
                found.append(AnswerItem(item.link_id, given, below))
    return tuple(found)
