"""Answers and conditions, written shortly."""

from datetime import date
from decimal import Decimal

from priorauth.domain.questionnaires import (
    Answer,
    AnswerItem,
    Coding,
    Condition,
    EnableBehavior,
    EnableWhen,
    Item,
    ItemType,
    Operator,
    Value,
)

MEMBER, DIAGNOSIS, UNITS = "patient.memberId", "diagnosis.primary", "service.units"
TREATED, WEEKS, RED_FLAG = (
    "clinical.conservativeTreatment",
    "clinical.conservativeTreatmentWeeks",
    "clinical.redFlag",
)


def answer(value: Value) -> Answer:
    """One answer under the key of its value's type."""
    if isinstance(value, bool):
        return Answer(value_boolean=value)
    if isinstance(value, int):
        return Answer(value_integer=value)
    if isinstance(value, Decimal):
        return Answer(value_decimal=value)
    if isinstance(value, date):
        return Answer(value_date=value)
    return Answer(value_coding=value) if isinstance(value, Coding) else Answer(value_string=value)


def said(link_id: str, *values: Value) -> AnswerItem:
    """The answers of one item; none clears it."""
    return AnswerItem(link_id, tuple(answer(value) for value in values))


def question(link_id: str, kind: ItemType = ItemType.STRING, **rules: object) -> Item:
    """An item with just the rules that matter."""
    return Item(link_id=link_id, text=f"About {link_id}?", type=kind, **rules)  # type: ignore[arg-type]


def when(
    link_id: str,
    operator: Operator,
    expected: Value,
    *others: EnableWhen,
    behavior: EnableBehavior = EnableBehavior.ALL,
) -> Condition:
    """A condition of one comparison, or of several."""
    return Condition(behavior, (EnableWhen(link_id, operator, answer(expected)), *others))


def lumbar_answers() -> tuple[AnswerItem, ...]:
    """Everything that the sandbox's payer asks before lumbar imaging."""
    return (
        said(MEMBER, "LKS100000003"),
        said("patient.firstName", "Marlow"),
        said("patient.lastName", "Ashgrove"),
        said("patient.birthDate", date(1984, 6, 21)),
        said(DIAGNOSIS, "M54.16"),
        said(UNITS, 1),
        said("service.startDate", date(2026, 12, 3)),
        said(TREATED, True),
        said(WEEKS, 10),
        said(RED_FLAG, Coding("neurologic_deficit")),
        said("clinical.summary", "Eight weeks of physical therapy without relief."),
    )
