"""What a payer must be beyond its files' shape: whatever it refers to is there, and what it asks can be answered."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from priorauth.domain.catalog import CODE_FORMS, Payer, ServiceRules
from priorauth.domain.questionnaires import (
    FIELDS_OF_TYPE,
    LARGEST_NUMBER,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_ANSWERS,
    Answer,
    Coding,
    Concept,
    Condition,
    Item,
    ItemType,
    Operator,
    Questionnaire,
    all_items,
)
from priorauth.formats.patterns import PatternRefused, require_linear

Place = tuple[str | int, ...]
_CHOICES = (ItemType.CHOICE, ItemType.OPEN_CHOICE)
_NUMBERS = (ItemType.INTEGER, ItemType.DECIMAL)
_TEXTS = (ItemType.STRING, ItemType.TEXT, ItemType.OPEN_CHOICE)
_LARGEST = {ItemType.INTEGER: 2**31 - 1, ItemType.DECIMAL: LARGEST_NUMBER}
_ORDERED = (*_NUMBERS, ItemType.DATE, ItemType.STRING, ItemType.TEXT)


@dataclass(frozen=True, slots=True)
class PayerFault:
    """What is wrong: at a place in the payer's file, or at the item of a linkId wherever that is written."""

    message: str
    place: Place = ()
    link_id: str | None = None


def payer_faults(payer: Payer, *, portals: frozenset[str]) -> Iterator[PayerFault]:
    """Yield every fault of a payer whose files have their shape. `portals` are the adapters that there are."""
    if payer.portal.id not in portals:
        known = ", ".join(sorted(portals))
        yield PayerFault(f"There is no adapter for the portal {payer.portal.id}. There are: {known}.", ("portal", "id"))
    yield from _unique([each.id for each in payer.questionnaires], "questionnaire", ("questionnaires",))
    yield from _routes(payer)
    items = {item.link_id: item for item in all_items(payer.questionnaires)}
    for number, field in enumerate(payer.portal.fields):
        if field.link_id not in items:
            yield PayerFault(f"No questionnaire has the item {field.link_id}.", ("portal", "fields", number, "linkId"))
    sets = {each.id: each for each in payer.questionnaires}
    for number, rules in enumerate(payer.services):
        yield from _service(payer, rules, sets, ("services", number))
    for item in all_items(payer.questionnaires):
        yield from (PayerFault(message, link_id=item.link_id) for message in _item(item))


def _unique(names: list[str], noun: str, place: Place) -> Iterator[PayerFault]:
    for name, times in Counter(names).items():
        if times > 1:
            yield PayerFault(f"The {noun} {name} is there twice. Give each its own name.", place)


def _routes(payer: Payer) -> Iterator[PayerFault]:
    for number, route in enumerate(payer.routes):
        place: Place = ("routes", number)
        if route.coverage_state not in payer.supported_states:
            yield PayerFault(f"{route.coverage_state} is not among supportedStates.", (*place, "coverageState"))
        if route.request_type not in payer.supported_service_types:
            yield PayerFault(f"{route.request_type} is not among supportedServiceTypes.", (*place, "requestType"))
        if not any(rules.request_type is route.request_type for rules in payer.services):
            yield PayerFault(f"No service is of the request type {route.request_type}.", (*place, "requestType"))


def _service(payer: Payer, rules: ServiceRules, sets: dict[str, Questionnaire], place: Place) -> Iterator[PayerFault]:
    if bool(rules.codes) is not (rules.system is not None):
        yield PayerFault("Give codes and their system, or neither.", place)
    for number, code in enumerate(rules.codes if rules.system else ()):
        if not _is_code(code, rules):
            yield PayerFault(f"{code} is no {rules.system} code, range or beginning.", (*place, "codes", number))
    types = {kind.code for kind in payer.portal.document_types}
    for number, document in enumerate(rules.documents):
        if document.type not in types:
            where = (*place, "documents", number, "type")
            yield PayerFault(f"portal.documentTypes has no {document.type}.", where)
    missing = [each for each in rules.questionnaires if each not in sets]
    if missing:
        yield PayerFault(f"There is no questionnaire {', '.join(missing)}.", (*place, "questionnaires"))
    else:
        yield from _asked(tuple(sets[each] for each in rules.questionnaires), (*place, "questionnaires"))


def _asked(questionnaires: tuple[Questionnaire, ...], place: Place) -> Iterator[PayerFault]:
    """Yield the faults of what one service is asked altogether."""
    items = list(all_items(questionnaires))
    yield from _unique([item.link_id for item in items], "linkId", place)
    for concept in Concept:
        found = [item for item in items if item.concept is concept]
        if len(found) != 1 or not found[0].required:
            yield PayerFault(f"One required item must have the concept {concept}: the portal asks for it.", place)
    by_id = {item.link_id: item for item in items}
    for item in items:
        for condition in _conditions(item):
            yield from (PayerFault(message, link_id=item.link_id) for message in _condition(condition, by_id))


def _is_code(code: str, rules: ServiceRules) -> bool:
    assert rules.system is not None  # noqa: S101 - the caller looked
    form = CODE_FORMS[rules.system]
    if code.endswith("*"):
        return len(code) > 1 and re.fullmatch(r"[0-9A-Z-]+", code[:-1]) is not None
    first, dots, last = code.partition("..")
    whole = form.fullmatch(first) is not None
    return whole and (not dots or (form.fullmatch(last) is not None and len(first) == len(last) and first < last))


def _conditions(item: Item) -> Iterator[Condition]:
    alone = (item.required_when, item.not_allowed_when)
    yield from (each for each in alone if each is not None)
    yield from (each.when for each in item.values_when)
    yield from (each.when for each in item.text_when)


def _condition(condition: Condition, items: dict[str, Item]) -> Iterator[str]:
    for each in condition.enable_when:
        asked = items.get(each.question)
        if asked is None:
            yield f"The condition asks for {each.question}, which is not among what the service is asked."
            continue
        exists = each.operator is Operator.EXISTS
        wanted = ("value_boolean",) if exists else FIELDS_OF_TYPE[asked.type]
        if not _fits(each.answer, wanted):
            yield f"{each.question} {each.operator} takes one answer of the type {asked.type}, under its own key."
        elif each.operator not in (Operator.EXISTS, Operator.EQUAL, Operator.NOT_EQUAL) and asked.type not in _ORDERED:
            yield f"An item of the type {asked.type} cannot be compared by {each.operator}."
        elif asked.type is ItemType.CHOICE and not exists and each.answer.value_coding not in _codings(asked):
            yield f"{each.question} has no option {each.answer.value_coding.code if each.answer.value_coding else ''}."


def _codings(item: Item) -> set[object]:
    return {Coding(option.code) for option in item.options}


def _fits(answer: Answer, fields: tuple[str, ...]) -> bool:
    return len(answer.present) == 1 and answer.present[0][0] in fields


def _item(item: Item) -> Iterator[str]:
    kind = item.type
    if kind is ItemType.CHOICE and not item.options:
        yield "A choice needs options."
    if item.options and kind not in _CHOICES:
        yield f"An item of the type {kind} takes no options."
    if kind is ItemType.GROUP and not item.item:
        yield "A group needs items below it."
    if kind is ItemType.DISPLAY and (item.required or item.repeats or item.item):
        yield "A display text is not answered: it takes neither required, repeats nor items."
    if len({option.code for option in item.options}) < len(item.options):
        yield "Two options have the same code."
    codes = {option.code for option in item.options}
    if any(option.code not in codes for each in item.values_when for option in each.options):
        yield "valuesWhen may only name codes of the item's own options."
    if (item.min_occurs is not None or item.max_occurs is not None) and not item.repeats:
        yield "minOccurs and maxOccurs need repeats: true."
    if item.min_occurs is not None and item.max_occurs is not None and item.min_occurs > item.max_occurs:
        yield "minOccurs is greater than maxOccurs."
    yield from _bounds(item)
    yield from _beyond_any_answer(item)
    if item.default_value is not None and not _fits(item.default_value, FIELDS_OF_TYPE[kind]):
        yield f"defaultValue is not one value of the type {kind}."


def _bounds(item: Item) -> Iterator[str]:
    if any(each is not None and each < 1 for each in (item.max_occurs, item.min_length, item.max_length)):
        yield "maxOccurs, minLength and maxLength are at least 1."
    if any(each is not None and each < 0 for each in (item.min_occurs, item.max_decimal_places)):
        yield "minOccurs and maxDecimalPlaces are at least 0."
    if (item.min is not None or item.max is not None) and item.type not in _NUMBERS:
        yield "min and max are for integer and decimal."
    if item.min is not None and item.max is not None and item.min > item.max:
        yield "min is greater than max."
    if item.type not in _TEXTS and {item.pattern, item.min_length, item.max_length} != {None}:
        yield "pattern, minLength and maxLength are for texts."
    if item.min_length is not None and item.max_length is not None and item.min_length > item.max_length:
        yield "minLength is greater than maxLength."
    if item.max_decimal_places is not None and item.type is not ItemType.DECIMAL:
        yield "maxDecimalPlaces is for decimals."
    if item.pattern is not None:
        try:
            require_linear(item.pattern)
        except PatternRefused as reason:
            yield f"The pattern {reason}."


def _beyond_any_answer(item: Item) -> Iterator[str]:
    """Yield why no answer that is taken could ever satisfy the item."""
    if any(len(name) > LONGEST_NAME for name in (item.link_id, *(option.code for option in item.options))):
        yield f"A linkId and the code of an option have {LONGEST_NAME:,} characters at most."
    if item.min_length is not None and item.min_length > LONGEST_TEXT:
        yield f"minLength is at most {LONGEST_TEXT:,}: an answer has no more characters."
    if item.takes_answers and item.min_occurs is not None and item.min_occurs > MOST_ANSWERS:
        yield f"minOccurs is at most {MOST_ANSWERS}: an item takes no more answers."
    largest = _LARGEST.get(item.type, LARGEST_NUMBER)
    if (item.min is not None and item.min > largest) or (item.max is not None and item.max < -largest):
        yield f"No answer of the type {item.type} lies beyond {largest:,}."
