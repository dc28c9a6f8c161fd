"""FHIR enables an item while a condition holds, we hide it while one does: each said in the other's words.

The one is the other's negation, and a flat list of comparisons cannot always be negated into a flat list. Comparing an
unanswered question is false on both sides, so that "not equal" never says all that "not (equal)" does.
"""

from collections.abc import Iterator, Mapping

from priorauth.domain.questionnaires import (
    Answer,
    Coding,
    Condition,
    EnableBehavior,
    EnableWhen,
    Item,
    ItemType,
    Operator,
)
from priorauth.formats.fhir import Json, Reading, valued

_OPPOSITE = {
    Operator.EQUAL: Operator.NOT_EQUAL,
    Operator.NOT_EQUAL: Operator.EQUAL,
    Operator.GREATER: Operator.LESS_OR_EQUAL,
    Operator.LESS_OR_EQUAL: Operator.GREATER,
    Operator.LESS: Operator.GREATER_OR_EQUAL,
    Operator.GREATER_OR_EQUAL: Operator.LESS,
}


def enabling(hidden: Condition, items: Mapping[str, Item]) -> Json:
    """Return the `enableWhen` of an item that is hidden then; nothing where FHIR cannot say it in one list."""
    shown = _negated(hidden, items)
    if shown is None:
        return {}
    answers = [valued(each.answer, prefix="answer") for each in shown.enable_when]
    if any("extension" in answer for answer in answers):
        return {}
    comparisons = [
        {"question": each.question, "operator": each.operator.value, **answer}
        for each, answer in zip(shown.enable_when, answers, strict=True)
    ]
    return {"enableWhen": comparisons, "enableBehavior": shown.enable_behavior.value}


def disabling(reading: Reading, native: Json, path: str, items: Mapping[str, Item]) -> Condition | None:
    """Return when an item with this `enableWhen` is hidden. A fault names the reason where that cannot be said."""
    comparisons, before = [], len(reading.faults)
    for where, each in reading.objects(native, "enableWhen", path):
        question, operator = each.get("question"), each.get("operator")
        answer = reading.answer(each, where, prefix="answer")
        if question not in items:
            reading.refuse(f"{where}.question", "There is no item with this linkId.")
        elif operator not in [*Operator]:
            reading.refuse(f"{where}.operator", f"Use one of {', '.join(Operator)}.")
        elif answer is not None:
            comparisons.append(EnableWhen(str(question), Operator(str(operator)), answer))
    behavior = native.get("enableBehavior", "all" if len(comparisons) < 2 else None)
    if behavior not in [*EnableBehavior]:
        reading.refuse(f"{path}enableBehavior", "Several conditions need an enableBehavior, all or any.")
    if len(reading.faults) > before:
        return None
    shown = Condition(EnableBehavior(str(behavior)), tuple(comparisons))
    hidden = _complement(shown, items) or _negated(shown, items)
    if hidden is None:
        reading.refuse(
            f"{path}enableWhen",
            "The opposite of this condition cannot be said in one list. Use enableBehavior all, or compare one choice "
            "that does not repeat with `=`.",
        )
    return hidden


def _negated(condition: Condition, items: Mapping[str, Item]) -> Condition | None:
    """Return the condition that holds exactly when this one does not; None where no flat list says so."""
    negations = [list(_opposites(each)) for each in condition.enable_when]
    plain = [each for each in condition.enable_when if each.operator is not Operator.EXISTS]
    if not negations or any(each.question not in items or items[each.question].repeats for each in plain):
        return None
    if len(negations) == 1 or condition.enable_behavior is EnableBehavior.ALL:
        behavior = EnableBehavior.ANY if len(negations[0]) > 1 or len(negations) > 1 else condition.enable_behavior
        return Condition(behavior, tuple(each for negation in negations for each in negation))
    # All negations must hold: one that is itself an alternative fits only where its question is known to be answered.
    answered = {each.question for negation in negations for each in negation if _asks_for_an_answer(each)}
    if any(len(negation) > 1 and negation[0].question not in answered for negation in negations):
        return None
    return Condition(EnableBehavior.ALL, tuple(negation[-1] for negation in negations))


def _opposites(comparison: EnableWhen) -> Iterator[EnableWhen]:
    """Yield what may hold when the comparison does not: the last of them where the question is answered."""
    question, operator = comparison.question, comparison.operator
    if operator is Operator.EXISTS:
        yield EnableWhen(question, operator, Answer(value_boolean=not comparison.answer.value))
        return
    yield EnableWhen(question, Operator.EXISTS, Answer(value_boolean=False))
    yield EnableWhen(question, _OPPOSITE[operator], comparison.answer)


def _asks_for_an_answer(comparison: EnableWhen) -> bool:
    return comparison.operator is Operator.EXISTS and comparison.answer.value is True


def _complement(shown: Condition, items: Mapping[str, Item]) -> Condition | None:
    """Return when none of several choices of one question is given: the others are, or none at all."""
    named = {each.question for each in shown.enable_when}
    equal = all(each.operator is Operator.EQUAL for each in shown.enable_when)
    if shown.enable_behavior is EnableBehavior.ALL or len(shown.enable_when) < 2 or len(named) != 1 or not equal:
        return None
    (question,) = named
    item = items[question]
    if item.type is not ItemType.CHOICE or item.repeats or not item.options:
        return None
    wanted = {each.answer.value for each in shown.enable_when}
    others = [option.code for option in item.options if Coding(option.code) not in wanted]
    return Condition(
        EnableBehavior.ANY,
        (
            EnableWhen(question, Operator.EXISTS, Answer(value_boolean=False)),
            *(EnableWhen(question, Operator.EQUAL, Answer(value_coding=Coding(code))) for code in others),
        ),
    )
