"""Questionnaires as FHIR R4 `Questionnaire` resources, there and back.

What we export comes back unchanged: FHIR's own elements where it has one, extensions of ours for the rest. A foreign
resource is taken when it asks nothing that we could not ask; else every reason is named with its path.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from priorauth.domain.questionnaires import (
    FIELDS_OF_TYPE,
    AlternativeText,
    Answer,
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
from priorauth.formats.fhir import OURS, WRAPPER, Json, Reading, extensions, plain, valued
from priorauth.formats.fhir_conditions import disabling, enabling

_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_MIN_OCCURS, _MAX_OCCURS = f"{_HL7}questionnaire-minOccurs", f"{_HL7}questionnaire-maxOccurs"
_MIN_VALUE, _MAX_VALUE, _REGEX = f"{_HL7}minValue", f"{_HL7}maxValue", f"{_HL7}regex"
_MIN_LENGTH, _DECIMAL_PLACES = f"{_HL7}minLength", f"{_HL7}maxDecimalPlaces"
_REQUIRED_WHEN, _NOT_ALLOWED_WHEN = f"{OURS}required-when", f"{OURS}not-allowed-when"
_VALUES_WHEN, _TEXT_WHEN = f"{OURS}values-when", f"{OURS}text-when"
_ERROR_MESSAGE, _CONCEPT, _DEFAULT = f"{OURS}error-message", f"{OURS}concept", f"{OURS}default-value"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
# Extensions that change what is asked or taken: to ignore them would make another questionnaire.
_MEANINGFUL = {
    f"{_HL7}questionnaire-hidden": "Leave items out that nobody shall see.",
    f"{_HL7}questionnaire-constraint": "Rules over several answers are not supported.",
    f"{_HL7}targetConstraint": "Rules over several answers are not supported.",
    f"{_SDC}subQuestionnaire": "Write the items of the other questionnaire here: parts are not put together.",
    f"{_SDC}assemble-expectation": "Assemble the questionnaire first: parts are not put together.",
    f"{_SDC}answerOptionsToggleExpression": "Choices that depend on an expression are not supported.",
    f"{_SDC}minQuantity": "Bounds are supported for numbers alone: use minValue.",
    f"{_SDC}maxQuantity": "Bounds are supported for numbers alone: use maxValue.",
    f"{_SDC}enableWhenExpression": "Write the condition as enableWhen.",
    f"{_SDC}answerExpression": "List the choices as answerOption.",
    f"{_SDC}calculatedExpression": "Calculated answers are not supported: ask for the answer.",
}
_MEANINGFUL_OF_OPTIONS = {
    f"{_HL7}questionnaire-optionExclusive": "Choices that exclude others are not supported.",
}
_ELEMENT = {"id", "extension", "modifierExtension"}
_RESOURCE = frozenset(
    _ELEMENT
    | {
        "resourceType",
        "meta",
        "implicitRules",
        "language",
        "text",
        "contained",
        "url",
        "identifier",
        "version",
        "name",
        "title",
        "derivedFrom",
        "status",
        "experimental",
        "subjectType",
        "date",
        "publisher",
        "contact",
        "description",
        "useContext",
        "jurisdiction",
        "purpose",
        "copyright",
        "approvalDate",
        "lastReviewDate",
        "effectivePeriod",
        "code",
        "item",
    }
)
_ITEM = frozenset(
    _ELEMENT
    | {
        "linkId",
        "definition",
        "code",
        "prefix",
        "text",
        "type",
        "enableWhen",
        "enableBehavior",
        "required",
        "repeats",
        "readOnly",
        "maxLength",
        "answerValueSet",
        "answerOption",
        "initial",
        "item",
    }
)


def questionnaire_resource(
    questionnaires: tuple[Questionnaire, ...], *, url: str, version: str, title: str, name: str
) -> Json:
    """Return all questionnaires as one resource: a group each, in order. `name` is a word for machines."""
    items = {item.link_id: item for item in all_items(questionnaires)}
    return {
        "resourceType": "Questionnaire",
        "url": url,
        "version": version,
        "name": name,
        "title": title,
        "status": "active",
        "subjectType": ["Patient"],
        "item": [
            {
                "linkId": f"{WRAPPER}{each.id}",
                "text": each.title,
                "type": "group",
                "item": [_item(item, items) for item in each.item],
            }
            for each in questionnaires
        ],
    }


def questionnaires_of(resource: object) -> tuple[Questionnaire, ...]:
    """Return the questionnaires of a resource, ours or a foreign one's. Raises FhirFaults with every reason."""
    reading = _Questionnaires()
    found = reading.questionnaires(reading.resource(resource, "Questionnaire", _RESOURCE))
    reading.close()
    return found


def _item(item: Item, items: Mapping[str, Item]) -> Json:
    exported: Json = {"linkId": item.link_id, "type": item.type.value}
    if item.text:
        exported["text"] = item.text
    more = list(_extensions(item))
    if item.required:
        exported["required"] = True
    if item.repeats:
        exported["repeats"] = True
    if item.max_length is not None:
        exported["maxLength"] = item.max_length
    if item.not_allowed_when is not None:
        exported |= enabling(item.not_allowed_when, items)
    default = item.default_value
    if item.options:
        exported["answerOption"] = [_option(option, default) for option in item.options]
    chosen = default is not None and any("initialSelected" in each for each in exported.get("answerOption", ()))
    if default is not None and not chosen:
        initial = valued(default)
        # FHIR: whoever lists options may not have another initial value.
        if item.options or "extension" in initial:
            more.append({"url": _DEFAULT, **initial})
        else:
            exported["initial"] = [initial]
    if item.item:
        exported["item"] = [_item(below, items) for below in item.item]
    return {**({"extension": more} if more else {}), **exported}


def _option(option: Option, default: Answer | None) -> Json:
    coded: Json = {"valueCoding": {"code": option.code, "display": option.display}}
    selected = default is not None and default.value_coding is not None and default.value_coding.code == option.code
    return {**coded, "initialSelected": True} if selected else coded


def _extensions(item: Item) -> Iterator[Json]:
    yield from _rules(item)
    for url, condition in ((_REQUIRED_WHEN, item.required_when), (_NOT_ALLOWED_WHEN, item.not_allowed_when)):
        if condition is not None:
            yield {"url": url, "extension": _condition(condition)}
    for narrowed in item.values_when:
        options = [
            {"url": "option", "valueCoding": {"code": each.code, "display": each.display}} for each in narrowed.options
        ]
        yield {"url": _VALUES_WHEN, "extension": [_when(narrowed.when), *options]}
    for other in item.text_when:
        yield {"url": _TEXT_WHEN, "extension": [_when(other.when), {"url": "text", "valueString": other.text}]}


def _rules(item: Item) -> Iterator[Json]:
    whole_numbers = (
        (_MIN_OCCURS, item.min_occurs),
        (_MAX_OCCURS, item.max_occurs),
        (_MIN_LENGTH, item.min_length),
        (_DECIMAL_PLACES, item.max_decimal_places),
    )
    for url, number in whole_numbers:
        if number is not None:
            yield {"url": url, "valueInteger": number}
    kind = "valueInteger" if item.type is ItemType.INTEGER else "valueDecimal"
    for url, bound in ((_MIN_VALUE, item.min), (_MAX_VALUE, item.max)):
        if bound is not None:
            whole = bound == bound.to_integral_value() and abs(bound) < 2**31
            yield {"url": url, kind if whole else "valueDecimal": plain(bound)}
    for url, text in ((_REGEX, item.pattern), (_ERROR_MESSAGE, item.error_message)):
        if text is not None:
            yield {"url": url, "valueString": text}
    if item.concept is not None:
        yield {"url": _CONCEPT, "valueCode": item.concept.value}


def _when(condition: Condition) -> Json:
    return {"url": "when", "extension": _condition(condition)}


def _condition(condition: Condition) -> list[Json]:
    return [
        {"url": "enableBehavior", "valueCode": condition.enable_behavior.value},
        *(
            {
                "url": "enableWhen",
                "extension": [
                    {"url": "question", "valueString": each.question},
                    {"url": "operator", "valueString": each.operator.value},
                    {"url": "answer", **valued(each.answer)},
                ],
            }
            for each in condition.enable_when
        ),
    ]


class _Questionnaires(Reading):
    """Reads a Questionnaire."""

    def questionnaires(self, resource: Json) -> tuple[Questionnaire, ...]:
        self._meaningful(resource, "")
        places = self.objects(resource, "item", "")
        if not places:
            self.refuse("item", "A questionnaire needs at least one item.")
        self._links(places)
        if places and all(str(each.get("linkId", "")).startswith(WRAPPER) for _, each in places):
            found = [
                Questionnaire(
                    str(each["linkId"]).removeprefix(WRAPPER),
                    self.text(each, "text", f"{where}.") or "",
                    self._items(each, f"{where}."),
                )
                for where, each in places
            ]
        else:
            title = self.text(resource, "title", "") or self.text(resource, "name", "") or "Questionnaire"
            name = self.text(resource, "id", "") or self.text(resource, "name", "") or "questionnaire"
            found = [Questionnaire(name, title, self._items(resource, ""))]
        return self._with_conditions(tuple(found))

    def _links(self, places: list[tuple[str, Json]]) -> None:
        """Refuse linkIds that are missing or named twice; remember where each is."""
        self._native: dict[str, tuple[str, Json]] = {}
        pending, counted = list(places), Counter[str]()
        while pending:
            where, each = pending.pop(0)
            link_id = each.get("linkId")
            if not isinstance(link_id, str) or not link_id:
                self.refuse(f"{where}.linkId", "Every item needs a linkId.")
            else:
                counted[link_id] += 1
                if counted[link_id] == 2:
                    self.refuse(f"{where}.linkId", f"The linkId {link_id} is used twice. Give each item its own.")
                self._native[link_id] = (where, each)
            below = each.get("item", [])
            if isinstance(below, list):
                pending += [(f"{where}.item[{i}]", item) for i, item in enumerate(below) if isinstance(item, dict)]

    def _items(self, holder: Json, path: str) -> tuple[Item, ...]:
        return tuple(self._item(each, f"{where}.") for where, each in self.objects(holder, "item", path))

    def _item(self, each: Json, path: str) -> Item:
        self.only(each, path, _ITEM)
        kind = self._type(each, path)
        if "answerValueSet" in each:
            self.refuse(f"{path}answerValueSet", "Value sets are not looked up. List the choices as answerOption.")
        self._meaningful(each, path)
        options, selected = self._options(each, path)
        concept = self.one(each, _CONCEPT, "valueCode", path)
        if concept is not None and concept not in [*Concept]:
            self.refuse(f"{path}extension({_CONCEPT})", f"Use one of {', '.join(Concept)}.")
            concept = None
        return Item(
            link_id=str(each.get("linkId", "")),
            text=self.text(each, "text", path) or "",
            type=kind,
            required=self.flag(each, "required", path),
            repeats=self.flag(each, "repeats", path),
            min_occurs=self.one(each, _MIN_OCCURS, "valueInteger", path),
            max_occurs=self.one(each, _MAX_OCCURS, "valueInteger", path),
            options=options,
            pattern=self.one(each, _REGEX, "valueString", path),
            min_length=self.one(each, _MIN_LENGTH, "valueInteger", path) or None,
            max_length=self.number(each, "maxLength", path),
            max_decimal_places=self.one(each, _DECIMAL_PLACES, "valueInteger", path),
            min=self._bound(each, _MIN_VALUE, path),
            max=self._bound(each, _MAX_VALUE, path),
            error_message=self.one(each, _ERROR_MESSAGE, "valueString", path),
            default_value=self._default(each, path, kind) or selected,
            required_when=self._own_condition(each, _REQUIRED_WHEN, path),
            not_allowed_when=self._own_condition(each, _NOT_ALLOWED_WHEN, path),
            values_when=tuple(self._values_when(each, path)),
            text_when=tuple(self._text_when(each, path)),
            item=self._items(each, path),
            concept=Concept(concept) if concept is not None else None,
        )

    def _meaningful(self, holder: Json, path: str) -> None:
        for url, advice in _MEANINGFUL.items():
            if extensions(holder, url):
                self.refuse(f"{path}extension({url})", advice)

    def _type(self, each: Json, path: str) -> ItemType:
        kind = each.get("type")
        if kind in [*ItemType]:
            return ItemType(str(kind))
        self.refuse(f"{path}type", f"The type {kind} is not supported. Use one of {', '.join(ItemType)}.")
        return ItemType.STRING

    def _options(self, each: Json, path: str) -> tuple[tuple[Option, ...], Answer | None]:
        options, selected = list[Option](), None
        for where, option in self.objects(each, "answerOption", path):
            for url, advice in _MEANINGFUL_OF_OPTIONS.items():
                if extensions(option, url):
                    self.refuse(f"{where}.extension({url})", advice)
            found = self._option(option, where)
            if found is None:
                continue
            options.append(found)
            if self.flag(option, "initialSelected", f"{where}."):
                selected = Answer(value_coding=Coding(found.code))
        return tuple(options), selected

    def _option(self, option: Json, path: str) -> Option | None:
        answer = self.answer(option, path)
        if answer is None:
            return None
        if answer.value_coding is None:
            self.refuse(path, "Write the choice as a valueCoding with code and display.")
            return None
        code = answer.value_coding.code
        return Option(code, self.text(option["valueCoding"], "display", f"{path}.valueCoding.") or code)

    def _default(self, each: Json, path: str, kind: ItemType) -> Answer | None:
        kept = extensions(each, _DEFAULT)
        if kept:
            return self.answer(kept[0], f"{path}extension({_DEFAULT})")
        places = self.objects(each, "initial", path)
        if len(places) > 1:
            self.refuse(f"{path}initial", "Give one initial value.")
        found = [self.answer(initial, where) for where, initial in places]
        answer = found[0] if found else None
        if answer is not None and answer.present[0][0] not in FIELDS_OF_TYPE[kind]:
            self.refuse(f"{path}initial[0]", f"An item of type {kind} takes no such value.")
        return answer

    def _bound(self, each: Json, url: str, path: str) -> Decimal | None:
        for found in extensions(each, url):
            answer = self.answer(found, f"{path}extension({url})")
            if answer is not None and isinstance(answer.value, int | Decimal) and not isinstance(answer.value, bool):
                return Decimal(answer.value)
            self.refuse(f"{path}extension({url})", "Bounds are supported for numbers alone.")
        return None

    def _own_condition(self, each: Json, url: str, path: str) -> Condition | None:
        return next((self._condition(found, f"{path}extension({url})") for found in extensions(each, url)), None)

    def _condition(self, holder: Json, path: str) -> Condition:
        behavior = self.one(holder, "enableBehavior", "valueCode", f"{path}.")
        if behavior not in [*EnableBehavior]:
            self.refuse(path, "A condition has an enableBehavior, all or any.")
            behavior = EnableBehavior.ALL
        comparisons = [self._comparison(each, path) for each in extensions(holder, "enableWhen")]
        return Condition(EnableBehavior(behavior), tuple(each for each in comparisons if each is not None))

    def _comparison(self, each: Json, path: str) -> EnableWhen | None:
        question = self.one(each, "question", "valueString", f"{path}.")
        operator = self.one(each, "operator", "valueString", f"{path}.")
        answers = [self.answer(found, path) for found in extensions(each, "answer")]
        if not isinstance(question, str) or operator not in [*Operator] or len(answers) != 1 or answers[0] is None:
            self.refuse(path, "A comparison has a question, an operator and an answer.")
            return None
        return EnableWhen(question, Operator(operator), answers[0])

    def _values_when(self, each: Json, path: str) -> Iterator[NarrowedOptions]:
        where = f"{path}extension({_VALUES_WHEN})"
        for found in extensions(each, _VALUES_WHEN):
            options = tuple(filter(None, (self._option(option, where) for option in extensions(found, "option"))))
            yield NarrowedOptions(self._when(found, where), options)

    def _text_when(self, each: Json, path: str) -> Iterator[AlternativeText]:
        for found in extensions(each, _TEXT_WHEN):
            where = f"{path}extension({_TEXT_WHEN})"
            text = self.one(found, "text", "valueString", f"{where}.")
            if not text:
                self.refuse(where, "It needs another wording under `text`.")
            yield AlternativeText(self._when(found, where), text or "")

    def _when(self, holder: Json, path: str) -> Condition:
        found = extensions(holder, "when")
        if found:
            return self._condition(found[0], path)
        self.refuse(path, "It needs a condition under `when`.")
        return Condition(EnableBehavior.ALL, ())

    def _with_conditions(self, questionnaires: tuple[Questionnaire, ...]) -> tuple[Questionnaire, ...]:
        """Turn FHIR's enableWhen into notAllowedWhen, now that every question is known."""
        if self.faults:
            return questionnaires
        items = {item.link_id: item for item in all_items(questionnaires)}

        def completed(item: Item) -> Item:
            where, native = self._native[item.link_id]
            condition = item.not_allowed_when
            if condition is None and "enableWhen" in native:
                condition = disabling(self, native, f"{where}.", items)
            below = tuple(completed(each) for each in item.item)
            return replace(item, not_allowed_when=condition, item=below)

        return tuple(replace(each, item=tuple(completed(item) for item in each.item)) for each in questionnaires)
