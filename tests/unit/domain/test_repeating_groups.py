"""Groups that are answered several times over: entries, their conditions, their rules and their paths."""

from hypothesis import given
from hypothesis import strategies as st

from priorauth.domain.answers import AnswerSet, answered, merge
from priorauth.domain.catalog import CodeVerdict
from priorauth.domain.errors import BadRequest
from priorauth.domain.questionnaires import (
    AlternativeText,
    AnswerItem,
    Coding,
    Item,
    ItemType,
    NarrowedOptions,
    Operator,
    Option,
    Questionnaire,
)
from priorauth.domain.requirements import Requirements, assess
from priorauth.formats.patterns import payer_patterns
from tests.factories.answers import question, said, when
from tests.factories.moments import START

REASONS = (Option("no_effect", "No effect"), Option("side_effects", "Side effects"))
DRUG = question("therapy.drug", required=True)
STOPPED = question("therapy.stopped", ItemType.BOOLEAN, required=True)
REASON = question(
    "therapy.reason",
    ItemType.CHOICE,
    options=REASONS,
    values_when=(NarrowedOptions(when("therapy.drug", Operator.EQUAL, "placebo"), REASONS[:1]),),
    required_when=when("therapy.stopped", Operator.EQUAL, True),
    not_allowed_when=when("therapy.stopped", Operator.EQUAL, False),
    text_when=(AlternativeText(when("therapy.drug", Operator.EQUAL, "placebo"), "Why was the placebo stopped?"),),
)
DOSE = question("dose.amount", ItemType.INTEGER, min=1)
DOSES = question("dose", ItemType.GROUP, repeats=True, item=(DOSE,))
THERAPY = Item(
    link_id="therapy",
    text="Prior therapy",
    type=ItemType.GROUP,
    repeats=True,
    required=True,
    min_occurs=2,
    max_occurs=3,
    item=(DRUG, STOPPED, REASON, DOSES),
)
SEVERE = question("severe", ItemType.BOOLEAN)
SETS = (Questionnaire("only", "All", (SEVERE, THERAPY)),)


def entry(*items: AnswerItem) -> AnswerItem:
    return AnswerItem("therapy", item=items)


def dose(amount: int) -> AnswerItem:
    return AnswerItem("dose", item=(said("dose.amount", amount),))


def merged(*patch: AnswerItem, current: tuple[AnswerItem, ...] = ()) -> tuple[AnswerItem, ...]:
    return merge(SETS, current=current, patch=patch)


def faults(*patch: AnswerItem) -> list[tuple[str, str | None]]:
    try:
        merged(*patch)
    except BadRequest as error:
        return [(issue.code, issue.field) for issue in error.issues]
    return []


class AnyCode:
    def judge(self, code: str) -> CodeVerdict:
        return CodeVerdict.VALID if code else CodeVerdict.UNKNOWN


def requirements(*given_items: AnswerItem) -> Requirements:
    return assess(
        SETS,
        documents=(),
        document_types=(),
        answers=merged(*given_items),
        attachments=(),
        findings=(),
        reply=None,
        diagnosis_codes=AnyCode(),
        patterns=payer_patterns(),
        today=START.date(),
        previous=None,
    )


FIRST = entry(said("therapy.drug", "ibuprofen"), said("therapy.stopped", True), dose(200), dose(400))
SECOND = entry(said("therapy.drug", "naproxen"), said("therapy.stopped", False))


def test_entries_are_kept_in_their_order_and_merging_them_again_changes_nothing() -> None:
    once = merged(FIRST, SECOND)

    assert once == (FIRST, SECOND)
    assert merged(*once, current=once) == once
    assert merged(SECOND, FIRST) == (SECOND, FIRST)


def test_naming_a_repeating_group_replaces_all_its_entries_and_nothing_else() -> None:
    before = merged(said("severe", True), FIRST, SECOND)

    assert merged(SECOND, current=before) == (said("severe", True), SECOND)
    assert merged(AnswerItem("therapy"), current=before) == (said("severe", True),)
    assert merged(said("severe"), current=before) == (FIRST, SECOND)


def test_an_item_of_an_entry_has_to_stand_in_one() -> None:
    assert faults(said("therapy.drug", "x"), dose(1)) == [
        ("wrong_group", "therapy.drug"),
        ("wrong_group", "dose[0]"),
    ]
    assert faults(entry(said("severe", True), said("dose.amount", 1))) == [
        ("wrong_group", "therapy[0]/severe"),
        ("wrong_group", "therapy[0]/dose.amount"),
    ]


def test_faults_name_the_entry_that_they_are_in() -> None:
    faulty = entry(said("therapy.drug", 7), said("nobody", "x"), said("therapy.drug", "twice"), dose(1))
    wrong_dose = AnswerItem("dose", item=(said("dose.amount", "two"),))

    assert faults(FIRST, AnswerItem("therapy", item=(*faulty.item, wrong_dose))) == [
        ("wrong_type", "therapy[1]/therapy.drug"),
        ("unknown_link_id", "therapy[1]/nobody"),
        ("wrong_type", "therapy[1]/dose[1]/dose.amount"),
        ("duplicate_link_id", "therapy[1]/therapy.drug"),
    ]


def test_a_condition_looks_at_its_own_entry() -> None:
    open_now = requirements(FIRST, SECOND)

    assert [(each.link_id, each.message) for each in open_now.questions] == [
        ("therapy.reason", "Prior therapy, entry 1: About therapy.reason?")
    ]
    assert merged(entry(said("therapy.stopped", False), said("therapy.reason", Coding("no_effect"))), FIRST) == (
        entry(said("therapy.stopped", False)),
        FIRST,
    )


def test_prompt_and_choices_follow_the_entry_too() -> None:
    placebo = entry(
        said("therapy.drug", "placebo"), said("therapy.stopped", True), said("therapy.reason", Coding("side_effects"))
    )

    assert [(each.code, each.field) for each in requirements(SECOND, placebo).issues] == [
        ("not_an_option", "therapy[1]/therapy.reason")
    ]
    texts = [text for _, text, _ in answered(SETS, AnswerSet(merged(SECOND, placebo)))]
    assert "Prior therapy, entry 2: Why was the placebo stopped?" in texts


def test_a_required_group_without_entries_is_one_open_question() -> None:
    assert [(each.link_id, each.message) for each in requirements().questions] == [("therapy", "Prior therapy")]


def test_too_few_and_too_many_entries_are_issues_of_the_group() -> None:
    assert [(each.code, each.field) for each in requirements(SECOND).issues] == [("too_few_entries", "therapy")]
    assert [(each.code, each.field) for each in requirements(*(SECOND,) * 4).issues] == [
        ("too_many_entries", "therapy")
    ]


def test_a_rule_is_judged_in_each_entry() -> None:
    wrong = entry(said("therapy.drug", "x"), said("therapy.stopped", False), dose(3), dose(0))

    assert [(each.code, each.field) for each in requirements(SECOND, wrong).issues] == [
        ("below_minimum", "therapy[1]/dose[1]/dose.amount")
    ]


entries = st.builds(
    lambda drug, stopped, doses: entry(said("therapy.drug", drug), said("therapy.stopped", stopped), *map(dose, doses)),
    st.sampled_from(["ibuprofen", "naproxen"]),
    st.booleans(),
    st.lists(st.integers(1, 9), max_size=3),
)


@given(before=st.lists(entries, max_size=4), after=st.lists(entries, min_size=1, max_size=4), severe=st.booleans())
def test_what_a_read_gave_can_be_sent_back_without_a_change(
    before: list[AnswerItem], after: list[AnswerItem], severe: bool
) -> None:
    first = merged(said("severe", severe), *before)
    second = merged(*after, current=first)

    assert merged(*second, current=second) == second
    assert second == (said("severe", severe), *after)
