"""What is taken of a PATCH of answers, what is dropped, and what conditions say."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from priorauth.domain.answers import AnswerSet, Place, merge, rule_breaches, shown
from priorauth.domain.catalog import Patterns
from priorauth.domain.errors import BadRequest, Issue
from priorauth.domain.questionnaires import (
    Answer,
    AnswerItem,
    Coding,
    Condition,
    EnableBehavior,
    EnableWhen,
    Item,
    ItemType,
    NarrowedOptions,
    Operator,
    Option,
    Questionnaire,
    Value,
)
from priorauth.formats.patterns import payer_patterns
from tests.factories.answers import answer, question, said, when

GROUPED = question(
    "group",
    ItemType.GROUP,
    item=(question("group.a"), question("group.b", ItemType.INTEGER)),
)


def merged(*items: Item, patch: tuple[AnswerItem, ...], current: tuple[AnswerItem, ...] = ()) -> tuple[AnswerItem, ...]:
    return merge((Questionnaire("only", "All", items),), current=current, patch=patch)


def refused(*items: Item, patch: tuple[AnswerItem, ...]) -> list[tuple[str, str | None]]:
    with pytest.raises(BadRequest) as error:
        merged(*items, patch=patch)
    return [(issue.code, issue.field) for issue in error.value.issues]


def test_a_patch_replaces_what_it_names_and_leaves_the_rest() -> None:
    items = (question("a"), question("b"), question("c"))

    after = merged(*items, current=(said("a", "1"), said("b", "2")), patch=(said("c", "3"), said("a", "4")))

    assert after == (said("a", "4"), said("b", "2"), said("c", "3"))


def test_an_empty_answer_clears_and_clearing_twice_is_clearing_once() -> None:
    items = (question("a"), question("b"))

    once = merged(*items, current=(said("a", "1"), said("b", "2")), patch=(said("a"),))

    assert once == (said("b", "2"),)
    assert merged(*items, current=once, patch=(said("a"),)) == once


def test_a_nested_item_has_one_place_however_a_patch_names_it() -> None:
    nested = AnswerItem("group", item=(said("group.a", "1"),))

    assert merged(GROUPED, patch=(said("group.a", "1"),)) == (nested,)
    assert merged(GROUPED, patch=(nested,)) == (nested,)
    assert merged(GROUPED, current=(nested,), patch=(said("group.b", 2),)) == (
        AnswerItem("group", item=(said("group.a", "1"), said("group.b", 2))),
    )


def test_naming_a_group_replaces_all_of_it() -> None:
    both = (AnswerItem("group", item=(said("group.a", "1"), said("group.b", 2))),)

    assert merged(GROUPED, current=both, patch=(AnswerItem("group", item=(said("group.b", 3),)),)) == (
        AnswerItem("group", item=(said("group.b", 3),)),
    )
    assert merged(GROUPED, current=both, patch=(AnswerItem("group"),)) == ()


def test_every_fault_of_a_patch_is_named_at_once() -> None:
    items = (question("a"), question("n", ItemType.INTEGER), GROUPED, question("note", ItemType.DISPLAY))
    patch = (
        said("nobody", "1"),
        said("a", "1", "2"),
        said("n", "three"),
        AnswerItem("group", (answer("x"),), (said("group.b", "four"),)),
        said("note", "x"),
        said("n", 1),
    )

    assert refused(*items, patch=patch) == [
        ("unknown_link_id", "nobody"),
        ("too_many_answers", "a"),
        ("wrong_type", "n"),
        ("no_answer_expected", "group"),
        ("wrong_type", "group.b"),
        ("no_answer_expected", "note"),
        ("duplicate_link_id", "n"),
    ]


WELL_TYPED: dict[ItemType, tuple[Value, ...]] = {
    ItemType.GROUP: (),
    ItemType.DISPLAY: (),
    ItemType.STRING: ("x",),
    ItemType.TEXT: ("x",),
    ItemType.BOOLEAN: (True,),
    ItemType.DATE: (date(2026, 1, 1),),
    ItemType.INTEGER: (1,),
    ItemType.DECIMAL: (Decimal("1.5"),),
    ItemType.CHOICE: (Coding("x"),),
    ItemType.OPEN_CHOICE: (Coding("x"), "x"),
}


@pytest.mark.parametrize("kind", ItemType)
@pytest.mark.parametrize("value", ["x", True, date(2026, 1, 1), 1, Decimal("1.5"), Coding("x")])
def test_an_item_takes_the_values_of_its_type_and_no_others(kind: ItemType, value: Value) -> None:
    fits = any(type(value) is type(fitting) for fitting in WELL_TYPED[kind])

    if fits:
        assert merged(question("q", kind), patch=(said("q", value),)) == (said("q", value),)
    else:
        expected = "wrong_type" if WELL_TYPED[kind] else "no_answer_expected"
        assert refused(question("q", kind), patch=(said("q", value),)) == [(expected, "q")]


@pytest.mark.parametrize("malformed", [Answer(), Answer(value_string="x", value_integer=1)])
def test_an_answer_has_exactly_one_value(malformed: Answer) -> None:
    assert refused(question("q"), patch=(AnswerItem("q", (malformed,)),)) == [("wrong_type", "q")]


def test_a_hidden_answer_is_dropped_and_with_it_what_it_alone_called_for() -> None:
    chain = (
        question("a", ItemType.BOOLEAN),
        question("b", ItemType.BOOLEAN, not_allowed_when=when("a", Operator.EQUAL, False)),
        question("c", not_allowed_when=when("b", Operator.EXISTS, False)),
        question("d", not_allowed_when=when("c", Operator.EXISTS, False)),
    )
    full = (said("a", True), said("b", True), said("c", "x"), said("d", "y"))

    assert merged(*chain, patch=full) == full
    assert merged(*chain, current=full, patch=(said("a", False),)) == (said("a", False),)


def test_what_a_dropped_answer_had_hidden_is_kept() -> None:
    items = (
        question("a", ItemType.BOOLEAN),
        question("b", not_allowed_when=when("a", Operator.EQUAL, True)),
        question("c", not_allowed_when=when("b", Operator.EXISTS, True)),
    )

    after = merged(*items, patch=(said("a", True), said("b", "x"), said("c", "y")))

    assert after == (said("a", True), said("c", "y"))


def test_a_hidden_group_hides_all_that_lies_below_it() -> None:
    items = (
        question("a", ItemType.BOOLEAN),
        question(
            "group",
            ItemType.GROUP,
            not_allowed_when=when("a", Operator.EQUAL, True),
            item=(question("group.a"),),
        ),
    )

    assert merged(*items, patch=(said("a", True), said("group.a", "x"))) == (said("a", True),)


@pytest.mark.parametrize(
    ("given_values", "operator", "expected", "verdict"),
    [
        ((3,), Operator.EQUAL, 3, True),
        ((3,), Operator.EQUAL, 4, False),
        ((3,), Operator.NOT_EQUAL, 4, True),
        ((3,), Operator.NOT_EQUAL, 3, False),
        ((3,), Operator.GREATER, 2, True),
        ((3,), Operator.GREATER, 3, False),
        ((3,), Operator.LESS, 4, True),
        ((3,), Operator.LESS, 3, False),
        ((3,), Operator.GREATER_OR_EQUAL, 3, True),
        ((3,), Operator.GREATER_OR_EQUAL, 4, False),
        ((3,), Operator.LESS_OR_EQUAL, 3, True),
        ((3,), Operator.LESS_OR_EQUAL, 2, False),
        ((3,), Operator.LESS, Decimal("3.5"), True),
        ((Decimal("3.5"),), Operator.GREATER, 3, True),
        ((Decimal("3.0"),), Operator.EQUAL, 3, True),
        ((date(2026, 1, 2),), Operator.GREATER, date(2026, 1, 1), True),
        (("b",), Operator.GREATER, "a", True),
        (("3",), Operator.GREATER, 2, False),
        ((True,), Operator.EQUAL, True, True),
        ((True,), Operator.EQUAL, 1, False),
        ((True,), Operator.GREATER, False, False),
        ((True,), Operator.GREATER, 0, False),
        ((1,), Operator.GREATER, False, False),
        ((Coding("x"),), Operator.EQUAL, Coding("x"), True),
        ((Coding("x"),), Operator.NOT_EQUAL, Coding("y"), True),
        ((Coding("x"),), Operator.GREATER, Coding("a"), False),
        ((1, 5), Operator.EQUAL, 5, True),
        (("x",), Operator.EXISTS, True, True),
        (("x",), Operator.EXISTS, False, False),
        ((), Operator.EXISTS, True, False),
        ((), Operator.EXISTS, False, True),
    ],
)
def test_comparisons(given_values: tuple[Value, ...], operator: Operator, expected: Value, verdict: bool) -> None:
    answers = AnswerSet((said("q", *given_values),) if given_values else ())

    assert answers.satisfies(when("q", operator, expected)) is verdict


@pytest.mark.parametrize("operator", [each for each in Operator if each is not Operator.EXISTS])
def test_of_comparisons_only_unequal_holds_for_an_unanswered_question(operator: Operator) -> None:
    assert AnswerSet(()).satisfies(when("q", operator, 1)) is (operator is Operator.NOT_EQUAL)


@pytest.mark.parametrize(("values", "verdict"), [((1,), False), ((2,), True), ((2, 1), False), ((2, 3), True)])
def test_unequal_holds_while_no_answer_is_equal(values: tuple[Value, ...], verdict: bool) -> None:
    assert AnswerSet((said("q", *values),)).satisfies(when("q", Operator.NOT_EQUAL, 1)) is verdict


@pytest.mark.parametrize(("behavior", "verdict"), [(EnableBehavior.ALL, False), (EnableBehavior.ANY, True)])
def test_conditions_need_all_comparisons_or_any(behavior: EnableBehavior, verdict: bool) -> None:
    other = EnableWhen("b", Operator.EQUAL, answer("no"))
    condition = when("a", Operator.EQUAL, "yes", other, behavior=behavior)

    assert AnswerSet((said("a", "yes"), said("b", "yes"))).satisfies(condition) is verdict


def issues_of(
    item: Item, *values: Value, others: tuple[AnswerItem, ...] = (), patterns: Patterns | None = None
) -> list[Issue]:
    given = said(item.link_id, *values)
    matcher = patterns or payer_patterns()
    return list(rule_breaches(Place(item, (), given.answer), AnswerSet((given, *others)), matcher))


def breaches(item: Item, *values: Value, others: tuple[AnswerItem, ...] = ()) -> list[str]:
    return [issue.code for issue in issues_of(item, *values, others=others)]


OPTIONS = (Option("x", "The X"), Option("y", "The Y"))


@pytest.mark.parametrize(
    ("item", "values", "codes"),
    [
        (question("q", pattern="[A-Z]{3}"), ("ABC",), []),
        (question("q", pattern="[A-Z]{3}"), ("ABCD",), ["pattern_mismatch"]),
        (question("q", min_length=3), ("abc",), []),
        (question("q", min_length=3), ("ab",), ["too_short"]),
        (question("q", max_length=3), ("abc",), []),
        (question("q", max_length=3), ("abcd",), ["too_long"]),
        (question("q"), ("  ",), ["blank"]),
        (question("q", ItemType.INTEGER, min=Decimal(1), max=Decimal(9)), (1,), []),
        (question("q", ItemType.INTEGER, min=Decimal(1)), (0,), ["below_minimum"]),
        (question("q", ItemType.DECIMAL, max=Decimal(9)), (Decimal("9.01"),), ["above_maximum"]),
        (question("q", ItemType.DECIMAL, max_decimal_places=2), (Decimal("1.250"),), []),
        (question("q", ItemType.DECIMAL, max_decimal_places=2), (Decimal("1.255"),), ["too_many_decimal_places"]),
        (question("q", ItemType.DECIMAL, max_decimal_places=40), (Decimal("123456789012345.5"),), []),
        (question("q", ItemType.CHOICE, options=OPTIONS), (Coding("x"),), []),
        (question("q", ItemType.CHOICE, options=OPTIONS), (Coding("z"),), ["not_an_option"]),
        (question("q", ItemType.OPEN_CHOICE, options=OPTIONS), ("anything",), []),
        (question("q", repeats=True, min_occurs=2), ("a",), ["too_few_answers"]),
        (question("q", repeats=True, max_occurs=1), ("a", "b"), ["too_many_answers"]),
        (question("q", repeats=True, max_length=1), ("a", "bb", "cc"), ["too_long", "too_long"]),
    ],
)
def test_rules_of_values(item: Item, values: tuple[Value, ...], codes: list[str]) -> None:
    assert breaches(item, *values) == codes


def test_choices_narrow_while_a_condition_holds() -> None:
    item = question(
        "q",
        ItemType.CHOICE,
        options=OPTIONS,
        values_when=(NarrowedOptions(when("a", Operator.EQUAL, "only x"), OPTIONS[:1]),),
    )

    assert breaches(item, Coding("y")) == []
    assert breaches(item, Coding("y"), others=(said("a", "only x"),)) == ["not_an_option"]


def test_the_payers_own_words_replace_the_message() -> None:
    item = question("q", max_length=1, error_message="One letter.")

    assert [issue.message for issue in issues_of(item, "ab")] == ["One letter."]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "Yes"),
        (False, "No"),
        (date(2026, 1, 2), "2026-01-02"),
        (Coding("x"), "The X"),
        (Coding("z"), "z"),
        (3, "3"),
    ],
)
def test_answers_are_shown_as_a_person_reads_them(value: Value, text: str) -> None:
    assert shown(question("q", ItemType.CHOICE, options=OPTIONS), answer(value)) == text


NAMES = ["a", "b", "c", "group.a"]
TREE = (
    question("a"),
    question("b", repeats=True),
    question("c"),
    question("group", ItemType.GROUP, item=(question("group.a"),)),
)
patches = st.lists(st.sampled_from(NAMES), unique=True).flatmap(
    lambda names: st.tuples(*(st.sampled_from([said(name), said(name, "1"), said(name, "2")]) for name in names))
)


@given(first=patches, second=patches)
def test_a_patch_sent_twice_is_a_patch_sent_once(first: tuple[AnswerItem, ...], second: tuple[AnswerItem, ...]) -> None:
    current = merged(*TREE, patch=first)
    once = merged(*TREE, current=current, patch=second)

    assert merged(*TREE, current=once, patch=second) == once
    assert merged(*TREE, current=once, patch=()) == once
    said_second = {item.link_id: item.answer for item in second}
    for name in NAMES:
        expected = said_second.get(name, AnswerSet(current).of(name))
        assert AnswerSet(once).of(name) == expected


def test_an_empty_condition_of_all_holds() -> None:
    assert AnswerSet(()).satisfies(Condition(EnableBehavior.ALL, ()))
