"""FHIR enables an item while a condition holds, we hide it while one does: each said in the other's words.

The one is the other's negation, and a flat list of comparisons cannot always be negated into a flat list. "Not equal"
is the opposite of "equal", whatever was answered; "greater" and "less or equal" are both false without an answer.
"""

from collections.abc import Iterator, Mapping

from priorauth.domain.questionnaires import (
    Answer,
    Condition,
    EnableBehavior,
    EnableWhen,
    Item,
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
_ORDERED = _OPPOSITE.keys() - {Operator.EQUAL, Operator.NOT_EQUAL}


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
        question, operator = reading.text(each, "question", f"{where}."), reading.text(each, "operator", f"{where}.")
        answer = reading.answer(each, where, prefix="answer")
        if question not in items:
            reading.refuse(f"{where}.question", "There is no item with this linkId.")
        elif operator not in [*Operator]:
            reading.refuse(f"{where}.operator", f"Use one of {', '.join(Operator)}.")
        elif answer is not None:
            comparisons.append(EnableWhen(str(question), Operator(str(operator)), answer))
    behavior = reading.text(native, "enableBehavior", path) or ("all" if len(comparisons) < 2 else None)
    if behavior not in [*EnableBehavior]:
        reading.refuse(f"{path}enableBehavior", "Several conditions need an enableBehavior, all or any.")
    if len(reading.faults) > before:
        return None
    shown = Condition(EnableBehavior(str(behavior)), tuple(comparisons))
    hidden = _negated(shown, items)
    if hidden is None:
        reading.refuse(
            f"{path}enableWhen",
            "The opposite of this condition cannot be said in one list. Use enableBehavior all, and compare questions "
            "that do not repeat, or use the operators =, != and exists.",
        )
    return hidden


def _negated(condition: Condition, items: Mapping[str, Item]) -> Condition | None:
    """Return the condition that holds exactly when this one does not; None where no flat list says so."""
    negations = [list(_opposites(each)) for each in condition.enable_when]
    ordered = [each for each in condition.enable_when if each.operator in _ORDERED]
    if not negations or any(each.question not in items or items[each.question].repeats for each in ordered):
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
    if operator in _ORDERED:
        yield EnableWhen(question, Operator.EXISTS, Answer(value_boolean=False))
    yield EnableWhen(question, _OPPOSITE[operator], comparison.answer)


def _asks_for_an_answer(comparison: EnableWhen) -> bool:
    return comparison.operator is Operator.EXISTS and comparison.answer.value is True
