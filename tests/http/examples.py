"""Examples of what the API answers, kept as files, and how a real answer is held against one.

An example binds keys and types, the prefixes of ids and the form of times; its values where a test asks for them.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "fixtures" / "seeds"
NAMES = tuple(sorted(file.stem for file in FOLDER.glob("*.json")))

_ID = re.compile(r"([a-z]+_)[0-9]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# It stands for whatever an object has.
_ANYTHING = {"...": "..."}


def example(name: str) -> Any:
    """The example of this name, fresh."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def differences(real: Any, expected: Any, *, nullable: frozenset[str] = frozenset(), at: str = "") -> Iterator[str]:
    """Yield where a real answer is of another shape than the example; `nullable` names what may be null in it."""
    if real is None and at in nullable:
        return
    if expected == _ANYTHING:
        yield from () if isinstance(real, dict) and real else (f"{at}: no object",)
    elif type(real) is not type(expected):
        yield f"{at}: {real!r} instead of {expected!r}"
    elif isinstance(expected, str):
        yield from _of_another_form(real, expected, at=at)
    else:
        yield from _of_another_content(real, expected, nullable=nullable, at=at)


def _of_another_content(real: Any, expected: Any, *, nullable: frozenset[str], at: str) -> Iterator[str]:
    if isinstance(expected, dict):
        if set(real) != set(expected):
            yield f"{at}: other keys: {sorted(set(real) ^ set(expected))}"
        for name in expected.keys() & real.keys():
            yield from differences(real[name], expected[name], nullable=nullable, at=f"{at}.{name}".lstrip("."))
    elif isinstance(expected, list):
        for each in real if expected else ():
            yield from differences(each, expected[0], nullable=nullable, at=f"{at}[]")


def _of_another_form(real: str, expected: str, *, at: str) -> Iterator[str]:
    id_, time = _ID.fullmatch(expected), _TIME.fullmatch(expected)
    if id_ and not re.fullmatch(rf"{id_[1]}[0-9a-z]+", real):
        yield f"{at}: {real} is no id as {expected}"
    if time and not _TIME.fullmatch(real):
        yield f"{at}: {real} is no time as {expected}"
