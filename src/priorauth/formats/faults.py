"""What a faulty shape is told in: one plain sentence a fault, which says what to write instead."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

_Context = Mapping[str, Any]

_SENTENCES: Mapping[str, str | Callable[[_Context], str]] = {
    "missing": "This is required. Add it.",
    "extra_forbidden": "There is no such field here. Check its spelling, or leave it out.",
    "string_type": "Write a text, in quotes.",
    "string_too_short": lambda said: _bounded("characters", least=said["min_length"]),
    "string_too_long": lambda said: _bounded("characters", most=said["max_length"]),
    "string_pattern_mismatch": lambda said: _pattern(said["pattern"]),
    "string_unicode": "The text is not valid Unicode: it has half of a surrogate pair.",
    "bool_type": "Write true or false, without quotes.",
    "bool_parsing": "Write true or false.",
    "int_type": "Write a whole number, without quotes.",
    "int_parsing": "Write a whole number.",
    "int_from_float": "Write a whole number, without a fraction.",
    "float_type": "Write a number, without quotes.",
    "float_parsing": "Write a number.",
    "finite_number": "Write a number that is not infinite.",
    "greater_than_equal": lambda said: f"Write {said['ge']} or more.",
    "greater_than": lambda said: f"Write more than {said['gt']}.",
    "less_than_equal": lambda said: f"Write {said['le']} or less.",
    "less_than": lambda said: f"Write less than {said['lt']}.",
    "list_type": "Write a list: […].",
    "tuple_type": "Write a list: […].",
    "dict_type": "Write an object: {…}.",
    "model_type": "Write an object: {…}.",
    "model_attributes_type": "Write an object: {…}.",
    "none_required": "Write null, or leave it out.",
    "too_short": lambda said: _bounded("entries", least=said["min_length"]),
    "too_long": lambda said: _bounded("entries", most=said["max_length"]),
    "enum": lambda said: f"Use one of {_plainly(said['expected'])}.",
    "literal_error": lambda said: f"Use {_plainly(said['expected'])}.",
}


def sentence(fault: ErrorDetails) -> str:
    """Return what to do about a fault of a shape."""
    known = _SENTENCES.get(fault["type"])
    if known is None:
        return fault["msg"].removeprefix("Value error, ").rstrip(".") + "."
    return known if isinstance(known, str) else known(fault.get("ctx", {}))


def _bounded(noun: str, *, least: int | None = None, most: int | None = None) -> str:
    singular = {"characters": "character", "entries": "entry"}[noun]
    number = least if least is not None else most
    bound = "least" if least is not None else "most"
    return f"Write at {bound} {number} {singular if number == 1 else noun}."


def _pattern(pattern: str) -> str:
    if "\\x00" in pattern:
        return "Leave the character NUL out: it cannot be stored."
    return f"Write it in the form {pattern}."


def _plainly(expected: str) -> str:
    return expected.replace("'", "")
