"""What FHIR's Questionnaire and QuestionnaireResponse (R4) share here: names of extensions, values, faults with paths.

It may know the domain's values and nothing of payers, cases or HTTP. See docs/fhir.md for the mapping.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from priorauth.domain.questionnaires import Answer, Coding, Value

Json: TypeAlias = dict[str, Any]

OURS = "urn:priorauth:fhir:"
# The group that holds one of our questionnaires within the one resource.
WRAPPER = "questionnaire:"
VERBATIM = f"{OURS}verbatim"
_STRING = re.compile(r"[ \r\n\t\S]+")
_CODE = re.compile(r"\S+( \S+)*")


@dataclass(frozen=True, slots=True)
class Fault:
    """What cannot be taken, and where: `path` leads into the resource, as in `item[2].answerValueSet`."""

    path: str
    message: str


class FhirFaults(Exception):
    """A resource that cannot be imported, with every reason."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in faults))


class Reading:
    """Walks a resource and remembers each fault instead of stopping at the first."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def refuse(self, path: str, message: str) -> None:
        """Remember a fault."""
        self.faults.append(Fault(path, message))

    def close(self) -> None:
        """Raise FhirFaults when there was a fault."""
        if self.faults:
            raise FhirFaults(tuple(self.faults))

    def resource(self, value: object, kind: str, names: frozenset[str]) -> Json:
        """Return a resource of this type, with no other elements than these; or an empty one."""
        found = value if isinstance(value, dict) else {}
        self._well_formed(found)
        # Nothing that reads on expects an element of another form.
        self.close()
        for where, name, _ in _elements(found):
            if name == "modifierExtension":
                self.refuse(where, "Modifier extensions are not supported: one can change what its holder means.")
        self.only(found, "", names)
        if found.get("resourceType") != kind:
            self.refuse("resourceType", f"Send a FHIR R4 {kind}.")
        return found

    def _well_formed(self, resource: Json) -> None:
        """Refuse what no resource has anywhere: nulls, extensions that are none, texts that nobody can store."""
        for where, name, value in _elements(resource):
            if value is None:
                self.refuse(where, "FHIR has no null here. Leave the element out.")
            elif name == "extension" and not _are_extensions(value):
                self.refuse(where, "Write a list of objects here, each with a url.")
            elif isinstance(value, str) and not is_storable(value):
                self.refuse(where, "The text has a character that cannot be stored: NUL, or half of a surrogate pair.")

    def only(self, holder: Mapping[str, Any], path: str, names: frozenset[str], *, value: str = "") -> None:
        """Refuse what FHIR has no such element for; `value` is the prefix of a value[x] that there may be."""
        for name in holder:
            known = name.removeprefix("_") in names or (value and re.fullmatch(rf"_?{value}[A-Z]\w*", name))
            if not known:
                self.refuse(f"{path}{name}", "FHIR R4 has no such element here. Check its spelling, or leave it out.")

    def objects(self, holder: Mapping[str, Any], name: str, path: str) -> list[tuple[str, Json]]:
        """Return the objects of a list with their paths; a list that is absent is empty."""
        found = holder.get(name, [])
        if not isinstance(found, list):
            self.refuse(f"{path}{name}", "Write a list here.")
            return []
        places = [(f"{path}{name}[{index}]", each) for index, each in enumerate(found)]
        for where, each in places:
            if not isinstance(each, dict):
                self.refuse(where, "Write an object here.")
        return [(where, each) for where, each in places if isinstance(each, dict)]

    def text(self, holder: Mapping[str, Any], name: str, path: str) -> str | None:
        """Return a text; None where there is none."""
        found: str | None = self._typed(holder, name, path, kind=str, words="a text")
        return found

    def flag(self, holder: Mapping[str, Any], name: str, path: str) -> bool:
        """Return a boolean; false where there is none."""
        return bool(self._typed(holder, name, path, kind=bool, words="true or false"))

    def number(self, holder: Mapping[str, Any], name: str, path: str) -> int | None:
        """Return a whole number; None where there is none."""
        found: int | None = self._typed(holder, name, path, kind=int, words="a whole number")
        return found

    def _typed(self, holder: Mapping[str, Any], name: str, path: str, *, kind: type, words: str) -> Any:  # noqa: ANN401
        value = holder.get(name)
        if value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
            return value
        self.refuse(f"{path}{name}", f"Write {words} here.")
        return None

    def answer(self, holder: Mapping[str, Any], path: str, *, prefix: str = "value") -> Answer | None:
        """Return the one value[x] (or answer[x]) of an element; None, with a fault, where we take none such."""
        kept = extensions(holder, VERBATIM)
        if kept:
            return self._read(lambda: Answer(value_string=_kept_text(kept[0])), f"{path}.extension({VERBATIM})", _KEPT)
        named = [name for name in holder if re.fullmatch(rf"{prefix}[A-Z]\w*", name)]
        if len(named) != 1:
            self.refuse(path, f"Give exactly one {prefix}[x].")
            return None
        (name,) = named
        kind = _KINDS.get(name.removeprefix(prefix))
        if kind is None:
            taken = ", ".join(f"{prefix}{each}" for each in _KINDS)
            self.refuse(f"{path}.{name}", f"This type of value is not supported. Use one of {taken}.")
            return None
        return self._read(lambda: kind.read(holder[name]), f"{path}.{name}", kind.words)

    def _read(self, read: Callable[[], Answer], path: str, words: str) -> Answer | None:
        try:
            return read()
        except (TypeError, ValueError, KeyError, ArithmeticError, RecursionError):
            self.refuse(path, words)
            return None

    def one(self, holder: Mapping[str, Any], url: str, name: str, path: str) -> Any:  # noqa: ANN401 - of `name`'s type
        """Return the value of an element's extension, such as its `valueInteger`; None where there is none."""
        found = extensions(holder, url)
        if not found:
            return None
        where = f"{path}extension({url})."
        if name not in found[0]:
            self.refuse(f"{where}{name}", "Write the extension's value here.")
            return None
        return self.number(found[0], name, where) if name == "valueInteger" else self.text(found[0], name, where)


def _elements(resource: Json) -> Iterator[tuple[str, str, object]]:
    """Yield everything in a resource with its path and its name; entries of lists have no name."""
    pending: list[tuple[str, str, object]] = [("", "", resource)]
    while pending:
        path, name, value = pending.pop()
        yield path, name, value
        if isinstance(value, dict):
            for key, below in value.items():
                # A list of primitives has nulls where only its sibling says something, and the other way round.
                padded = isinstance(below, list) and (key.startswith("_") or f"_{key}" in value)
                kept = [{} if each is None else each for each in below] if padded else below
                pending.append((f"{path}.{key}".lstrip("."), key, kept))
        elif isinstance(value, list):
            pending += [(f"{path}[{index}]", "", each) for index, each in enumerate(value)]


def is_storable(text: str) -> bool:
    """Say whether a text can be stored: it has no NUL, and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def extensions(holder: Mapping[str, Any], url: str) -> list[Json]:
    """Return an element's extensions of this URL."""
    return [each for each in holder.get("extension", []) if each["url"] == url]


def valued(answer: Answer, *, prefix: str = "value", display: str | None = None) -> Json:
    """Return an answer as value[x] (or answer[x]); texts that FHIR has no room for go verbatim, as JSON."""
    (field, value) = answer.present[0]
    name = f"{prefix}{field.removeprefix('value_').title()}"
    if isinstance(value, Coding):
        if not _CODE.fullmatch(value.code):
            return {name: {"extension": [_verbatim(value.code)]}}
        return {name: {"code": value.code, **({"display": display} if display else {})}}
    if isinstance(value, str) and not _STRING.fullmatch(value):
        return {"extension": [_verbatim(value)]}
    return {name: plain(value)}


def plain(value: Value) -> object:
    """Return a value as JSON has it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if isinstance(value, date) else value


def _verbatim(text: str) -> Json:
    return {"url": VERBATIM, "valueString": json.dumps(text)}


def _string(value: object) -> Answer:
    if not isinstance(value, str):
        raise TypeError
    return Answer(value_string=value)


def _boolean(value: object) -> Answer:
    if not isinstance(value, bool):
        raise TypeError
    return Answer(value_boolean=value)


def _date(value: object) -> Answer:
    if not isinstance(value, str) or re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is None:
        raise TypeError
    return Answer(value_date=date.fromisoformat(value))


def _integer(value: object) -> Answer:
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**31) <= value < 2**31:
        raise TypeError
    return Answer(value_integer=value)


def _decimal(value: object) -> Answer:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError
    return Answer(value_decimal=Decimal(str(value)))


def _coding(value: object) -> Answer:
    if not isinstance(value, dict):
        raise TypeError
    kept = extensions(value, VERBATIM)
    code = _kept_text(kept[0]) if kept else value["code"]
    if not isinstance(code, str) or not code:
        raise TypeError
    return Answer(value_coding=Coding(code))


def _kept_text(extension: Json) -> str:
    text = json.loads(extension["valueString"])
    if not isinstance(text, str) or not is_storable(text):
        raise TypeError
    return text


def _are_extensions(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and isinstance(each.get("url"), str) for each in value
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a type of value is read, and what to write where it cannot be."""

    read: Callable[[object], Answer]
    words: str


_KEPT = "Write the text as JSON, in quotes, as valueString."
_KINDS = {
    "String": _Kind(_string, "Write a text here."),
    "Boolean": _Kind(_boolean, "Write true or false here, without quotes."),
    "Date": _Kind(_date, "Write the whole date here, as YYYY-MM-DD; a year or month alone is not taken."),
    "Integer": _Kind(_integer, "Write a whole number here, without quotes, between -2147483648 and 2147483647."),
    "Decimal": _Kind(_decimal, "Write a number here, without quotes."),
    "Coding": _Kind(_coding, "Give the coding a code: a text in quotes. A display alone is not taken."),
}
