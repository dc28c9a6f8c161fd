"""Answers: what was said, in which entry of which group, and what of it applies.

The module judges one answer set against its questionnaires; whether a case may go on is the business of
`requirements`. Within a repeating group a condition looks at its own entry, as FHIR's `enableWhen` does; a question
of another group counts with all its entries.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from priorauth.domain.catalog import Patterns
from priorauth.domain.errors import BadRequest, Issue, Severity
from priorauth.domain.questionnaires import (
    FIELDS_OF_TYPE,
    LARGEST_NUMBER,
    LONGEST_TEXT,
    MOST_ANSWERS,
    Answer,
    AnswerItem,
    Coding,
    Condition,
    EnableBehavior,
    EnableWhen,
    Item,
    Operator,
    Option,
    Questionnaire,
    Value,
    all_items,
    walk,
)

# A warning alone: what the service cannot check is still checked by the payer.
NOT_CHECKED = "pattern_not_checked"
Comparable = TypeVar("Comparable", Decimal, str, date)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a group, counted from zero; a group that does not repeat has the one."""

    group: Item
    index: int


@dataclass(frozen=True, slots=True)
class Place:
    """One occurrence of an item: the entries in which it lies, outermost first, and what was said there.

    `entries` counts how often a group was answered; it is 0 for everything else.
    """

    item: Item
    within: tuple[Entry, ...] = ()
    answer: tuple[Answer, ...] = ()
    entries: int = 0

    @property
    def path(self) -> str:
        """The linkId, led by the entries of repeating groups: `priorTherapy[1]/priorTherapy.drug`."""
        return "/".join((*(f"{each.group.link_id}[{each.index}]" for each in self._repeated), self.item.link_id))

    def label(self, text: str) -> str:
        """Return `text` with the entries that it belongs to, as a person reads them."""
        around = ", ".join(f"{each.group.text}, entry {each.index + 1}" for each in self._repeated)
        return f"{around}: {text}" if around else text

    @property
    def _repeated(self) -> tuple[Entry, ...]:
        return tuple(each for each in self.within if each.group.has_entries)


# The linkIds of the groups around an answer, and which of their entries it lies in.
_Chain = tuple[tuple[str, int], ...]


class AnswerSet:
    """The answers of a case, read by linkId and by the entries in which they lie."""

    def __init__(self, items: tuple[AnswerItem, ...]) -> None:
        self.items = items
        self._said: dict[str, list[tuple[_Chain, tuple[Answer, ...]]]] = defaultdict(list)
        self._read(items, ())

    def of(self, link_id: str, within: tuple[Entry, ...] = ()) -> tuple[Answer, ...]:
        """Return the answers of `link_id` as seen from `within`: of that entry alone, where the item lies in it."""
        own = {each.group.link_id: each.index for each in within}
        return tuple(
            answer
            for chain, answers in self._said.get(link_id, ())
            if all(own.get(group, index) == index for group, index in chain)
            for answer in answers
        )

    def satisfies(self, condition: Condition, within: tuple[Entry, ...] = ()) -> bool:
        """Say whether the condition holds at a place.

        As in FHIR, `!=` holds while no answer is equal, so that it holds for an unanswered question too. Each other
        comparison of an unanswered question is false.
        """
        verdicts = (self._compares(comparison, within) for comparison in condition.enable_when)
        return all(verdicts) if condition.enable_behavior is EnableBehavior.ALL else any(verdicts)

    def visible(self, questionnaires: tuple[Questionnaire, ...]) -> Iterator[Place]:
        """Yield every item that is allowed under the present answers, in each entry that was given.

        A hidden item hides what lies below it; below a repeating group without entries nothing is asked yet.
        """
        for questionnaire in questionnaires:
            yield from self._places(questionnaire.item, self.items, (), hidden=False)

    def requires(self, place: Place) -> bool:
        """Say whether the item must be answered at this place under the present answers."""
        item = place.item
        asked = item.required_when is not None and self.satisfies(item.required_when, place.within)
        return item.required or asked

    def text(self, place: Place) -> str:
        """Return the item's prompt at this place, which other answers may replace."""
        texts = (each.text for each in place.item.text_when if self.satisfies(each.when, place.within))
        return next(texts, place.item.text)

    def options(self, place: Place) -> tuple[Option, ...]:
        """Return the choices that remain at this place."""
        narrowed = (each.options for each in place.item.values_when if self.satisfies(each.when, place.within))
        return next(narrowed, place.item.options)

    def places(self, questionnaires: tuple[Questionnaire, ...]) -> Iterator[Place]:
        """Yield every item in each entry that was given, hidden ones too."""
        for questionnaire in questionnaires:
            yield from self._places(questionnaire.item, self.items, (), hidden=True)

    def hides(self, place: Place) -> bool:
        """Say whether the item is not allowed at this place under the present answers."""
        condition = place.item.not_allowed_when
        return condition is not None and self.satisfies(condition, place.within)

    def _places(
        self, items: tuple[Item, ...], answers: tuple[AnswerItem, ...], within: tuple[Entry, ...], *, hidden: bool
    ) -> Iterator[Place]:
        for item in items:
            given = [each for each in answers if each.link_id == item.link_id]
            said = given[0].answer if given and item.takes_answers else ()
            place = Place(item, within, said, 0 if item.takes_answers else len(given))
            if not hidden and self.hides(place):
                continue
            yield place
            entries = given or ([] if item.has_entries else [AnswerItem(item.link_id)])
            for index, entry in enumerate(entries if item.item else ()):
                yield from self._places(item.item, entry.item, (*within, Entry(item, index)), hidden=hidden)

    def _read(self, items: tuple[AnswerItem, ...], chain: _Chain) -> None:
        index: Counter[str] = Counter()
        for each in items:
            if each.answer:
                self._said[each.link_id].append((chain, each.answer))
            self._read(each.item, (*chain, (each.link_id, index[each.link_id])))
            index[each.link_id] += 1

    def _compares(self, comparison: EnableWhen, within: tuple[Entry, ...]) -> bool:
        given = [answer.value for answer in self.of(comparison.question, within)]
        expected = comparison.answer.value
        if comparison.operator is Operator.EXISTS:
            return bool(given) is bool(expected)
        if comparison.operator is Operator.NOT_EQUAL:
            return not any(_holds(value, Operator.EQUAL, expected) for value in given)
        return any(_holds(value, comparison.operator, expected) for value in given)


def answered(questionnaires: tuple[Questionnaire, ...], answers: AnswerSet) -> Iterator[tuple[Place, str, str]]:
    """Yield what was answered, in order: the place, its prompt and the answer, both as a person reads them."""
    for place in answers.visible(questionnaires):
        if place.answer:
            yield place, place.label(answers.text(place)), ", ".join(texts_of(place))


def texts_of(place: Place) -> tuple[str, ...]:
    """Return the answers at a place, each as a person reads it."""
    return tuple(shown(place.item, answer) for answer in place.answer)


def readable(questionnaires: tuple[Questionnaire, ...], answers: tuple[AnswerItem, ...]) -> dict[str, str]:
    """Return what is answered as question -> answer, as a person reads them."""
    return {question: text for _, question, text in answered(questionnaires, AnswerSet(answers))}


def walk_answers(items: tuple[AnswerItem, ...]) -> Iterator[AnswerItem]:
    """Yield every answered item, parents before their children."""
    for item in items:
        yield item
        yield from walk_answers(item.item)


def merge(
    questionnaires: tuple[Questionnaire, ...], *, current: tuple[AnswerItem, ...], patch: tuple[AnswerItem, ...]
) -> tuple[AnswerItem, ...]:
    """Return the answers after a PATCH: named items replaced with all that lies below them, hidden ones dropped.

    Naming a repeating group replaces all its entries. The result has the questionnaires' order and nesting, wherever
    the patch named an item, so that equal answers are equal values. Raises BadRequest with one issue a fault when an
    item is unknown, stands outside of its repeating group, or has an answer of another type; nothing of the patch is
    taken then.
    """
    draft = _Draft(questionnaires)
    issues = tuple(draft.faults(patch))
    if issues:
        raise BadRequest("The answers were not taken: each issue names an item and its fault.", issues=issues)
    draft.put(current)
    draft.replace(patch)
    return draft.without_hidden()


def rule_breaches(place: Place, answers: AnswerSet, patterns: Patterns) -> Iterator[Issue]:
    """Yield one error for each rule of the item that its well-typed values break at this place, and one warning for a
    text that could not be checked.

    `patterns` matches the patterns of payers.
    """
    item, given = place.item, len(place.answer) or place.entries
    noun = "answers" if item.takes_answers else "entries"
    breaches = [_breach(place, answer.value, answers, patterns) for answer in place.answer]
    if given and item.min_occurs is not None and given < item.min_occurs:
        breaches.append((f"too_few_{noun}", f"Give at least {item.min_occurs} {noun}."))
    if item.max_occurs is not None and given > item.max_occurs:
        breaches.append((f"too_many_{noun}", f"Give at most {item.max_occurs} {noun}."))
    for code, text in filter(None, breaches):
        if code == NOT_CHECKED:
            yield Issue(code, text, place.path, Severity.WARNING)
        else:
            yield Issue(code, item.error_message or text, place.path)


def shown(item: Item, answer: Answer) -> str:
    """Return an answer as a person reads it: the option's display, Yes and No, dates as YYYY-MM-DD."""
    value = answer.value
    if isinstance(value, Coding):
        narrowed = (option for each in item.values_when for option in each.options)
        return next((each.display for each in (*item.options, *narrowed) if each.code == value.code), value.code)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)


# Which entries of repeating groups an answer lies in: (linkId of the group, index), outermost first.
_Scope = tuple[tuple[str, int], ...]


class _Draft:
    """Answers while they are merged: by linkId and by the entries of repeating groups that they lie in."""

    def __init__(self, questionnaires: tuple[Questionnaire, ...]) -> None:
        self._questionnaires = questionnaires
        self._items = {item.link_id: item for item in all_items(questionnaires)}
        self._group_of = {
            below.link_id: item.link_id
            for item in all_items(questionnaires)
            if item.has_entries
            for below in walk(item.item)
        }
        self._answers: dict[tuple[_Scope, str], tuple[Answer, ...]] = {}
        self._entries: dict[tuple[_Scope, str], int] = {}

    def faults(self, patch: tuple[AnswerItem, ...], within: str | None = None, path: str = "") -> Iterator[Issue]:
        """Yield every fault of a patch, in the order in which it names its items."""
        named = list(self._level(patch, path))
        for answer_item, where in named:
            yield from self._malformed(answer_item, within, where)
            item = self._items.get(answer_item.link_id)
            if item is not None and item.has_entries:
                yield from self.faults(answer_item.item, item.link_id, f"{where}/")
        for where, times in Counter(where for _, where in named).items():
            if times > 1:
                message = "Name each item once; give several answers in its answer list."
                yield Issue("duplicate_link_id", message, where)

    def replace(self, patch: tuple[AnswerItem, ...]) -> None:
        """Put the answers of a patch in place of all that lies at and below what it names."""
        for link_id in dict.fromkeys(each.link_id for each, _ in self._level(patch, "")):
            self._clear(self._items[link_id], ())
        self.put(patch)

    def put(self, items: tuple[AnswerItem, ...], scope: _Scope = ()) -> None:
        """Add answers; the entries of a repeating group are counted on."""
        for each, _ in self._level(items, ""):
            item = self._items[each.link_id]
            if not item.has_entries:
                self._answers[scope, item.link_id] = each.answer
            elif each.item:
                index = self._entries.get((scope, item.link_id), 0)
                self._entries[scope, item.link_id] = index + 1
                self.put(each.item, (*scope, (item.link_id, index)))

    def without_hidden(self) -> tuple[AnswerItem, ...]:
        """Return the answers that are allowed, as a tree."""
        while True:
            tree = tuple(each for questionnaire in self._questionnaires for each in self._tree(questionnaire.item, ()))
            hidden = _first_hidden(self._questionnaires, AnswerSet(tree))
            if hidden is None:
                return tree
            # One at a time and the first first: what a dropped answer hid is visible again, and is kept.
            self._renumber(tree)
            self._clear(
                hidden.item, tuple((each.group.link_id, each.index) for each in hidden.within if each.group.has_entries)
            )

    def _renumber(self, tree: tuple[AnswerItem, ...]) -> None:
        """Forget entries that came out empty, so that the tree's numbers are the draft's."""
        self._answers.clear()
        self._entries.clear()
        self.put(tree)

    def _level(self, items: tuple[AnswerItem, ...], path: str) -> Iterator[tuple[AnswerItem, str]]:
        """Yield the items of one entry with their paths: groups that do not repeat are looked into at once."""
        index: Counter[str] = Counter()
        for each in items:
            item = self._items.get(each.link_id)
            if item is not None and item.has_entries:
                yield each, f"{path}{each.link_id}[{index[each.link_id]}]"
                index[each.link_id] += 1
            else:
                yield each, f"{path}{each.link_id}"
                yield from self._level(each.item, path)

    def _malformed(self, answered: AnswerItem, within: str | None, path: str) -> Iterator[Issue]:
        item = self._items.get(answered.link_id)
        if item is None:
            message = "The questionnaire of this case has no such item. See questionnaire for those that it has."
            yield Issue("unknown_link_id", message, path)
            return
        group = self._group_of.get(item.link_id)
        if group != within:
            where = f"in an entry of {group}" if group else f"outside of {within}"
            yield Issue("wrong_group", f"This item is answered {where}: nest it there.", path)
        allowed = FIELDS_OF_TYPE[item.type]
        if answered.answer and not allowed:
            yield Issue(
                "no_answer_expected",
                f"An item of type {item.type} takes no answer. Leave it out, or answer the items below it.",
                path,
            )
            return
        if len(answered.answer) > MOST_ANSWERS:
            yield Issue("too_many_answers", f"An item takes {MOST_ANSWERS} answers at most.", path)
            return
        if len(answered.answer) > 1 and not item.repeats:
            yield Issue("too_many_answers", "The item takes one answer. Send the one that holds.", path)
        for answer in answered.answer:
            present = answer.present
            if len(present) != 1 or present[0][0] not in allowed:
                names = " or ".join(_camel(name) for name in allowed)
                yield Issue("wrong_type", f"An item of type {item.type} takes one {names}.", path)
            elif (words := _unkept(answer.value)) is not None:
                yield Issue("invalid_value", words, path)

    def _clear(self, item: Item, scope: _Scope) -> None:
        """Forget what lies at and below an item, in this entry and all entries below it."""
        named = {below.link_id for below in walk((item,))}
        for kept in (self._answers, self._entries):
            for each, link_id in [*kept]:
                if link_id in named and each[: len(scope)] == scope:
                    del kept[each, link_id]

    def _tree(self, items: tuple[Item, ...], scope: _Scope) -> Iterator[AnswerItem]:
        for item in items:
            if item.has_entries:
                for index in range(self._entries.get((scope, item.link_id), 0)):
                    below = tuple(self._tree(item.item, (*scope, (item.link_id, index))))
                    if below:
                        yield AnswerItem(item.link_id, item=below)
                continue
            answer, below = self._answers.get((scope, item.link_id), ()), tuple(self._tree(item.item, scope))
            if answer or below:
                yield AnswerItem(item.link_id, answer, below)


def _unkept(value: Value) -> str | None:
    """Return why a value is not kept, in whichever way it came; None where it is."""
    if isinstance(value, str | Coding):
        text = value.code if isinstance(value, Coding) else value
        if len(text) > LONGEST_TEXT:
            return f"A text may have {LONGEST_TEXT:,} characters at most."
        if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
            return "The text has a character that cannot be kept: NUL, or half of a surrogate pair. Leave it out."
    elif isinstance(value, int | Decimal) and abs(Decimal(value)) > LARGEST_NUMBER:
        return f"A number may be {LARGEST_NUMBER:,} at most."
    return None


def _first_hidden(questionnaires: tuple[Questionnaire, ...], answers: AnswerSet) -> Place | None:
    said = (place for place in answers.places(questionnaires) if place.answer or place.entries)
    return next((place for place in said if answers.hides(place)), None)


def _holds(value: Value, operator: Operator, expected: Value) -> bool:
    # Python takes True for 1; an answer of another type is simply another one.
    equal = value == expected and isinstance(value, bool) is isinstance(expected, bool)
    if operator is Operator.EQUAL:
        return equal
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


def _breach(place: Place, value: Value, answers: AnswerSet, patterns: Patterns) -> tuple[str, str] | None:
    item = place.item
    if isinstance(value, str):
        return _text_breach(item, value, patterns)
    if isinstance(value, Coding):
        options = answers.options(place)
        if options and value.code not in {option.code for option in options}:
            return "not_an_option", f"Choose one of: {', '.join(option.code for option in options)}."
    elif not isinstance(value, bool | date):
        return _number_breach(item, Decimal(value))
    return None


def _number_breach(item: Item, value: Decimal) -> tuple[str, str] | None:
    if item.min is not None and value < item.min:
        return "below_minimum", f"The value must be at least {item.min}."
    if item.max is not None and value > item.max:
        return "above_maximum", f"The value must be at most {item.max}."
    places = item.max_decimal_places
    exponent = value.normalize().as_tuple().exponent
    if places is not None and isinstance(exponent, int) and -exponent > places:
        return "too_many_decimal_places", f"The value may have {places} decimal places at most."
    return None


def _text_breach(item: Item, value: str, patterns: Patterns) -> tuple[str, str] | None:
    if item.max_length is not None and len(value) > item.max_length:
        return "too_long", f"The text may have {item.max_length} characters at most."
    if item.min_length is not None and len(value) < item.min_length:
        return "too_short", f"The text must have at least {item.min_length} characters."
    if item.pattern is not None:
        verdict = patterns.match(item.pattern, value)
        if verdict is None:
            return NOT_CHECKED, f"The text was not checked against the form {item.pattern}: that takes too long."
        if not verdict:
            return "pattern_mismatch", f"Write the text in the form that the payer expects: {item.pattern}."
    if not value.strip():
        return "blank", "The text is blank. Write an answer, or clear the item with an empty list."
    return None


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)
