"""What a guide shows of an answer, held against the real one.

Everything that is shown has to be there: keys, types, values. What nobody can know beforehand is written as a name or
left open:

- `auth_123`, `nact_456`, ... names an id: the first answer that shows it gives it its value; from then on it is that
  one, and no other name is.
- a point in time stands for any point in time; the host and port stand for the server's own.
- `…` within a text stands for anything, and the whole text names what was there. As a value of its own it is anything
  but null; as a key, `"…": "…"`, further fields; in a list any further elements.
"""

import re
from typing import Any

MORE = "…"
_NAME = re.compile(r"\b(?:auth|nact|rev|att|file|mhand|rag|recon|evt|req|key)_[0-9]+\b")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Names:
    """What the names of one guide stand for."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known

    def copy(self) -> "Names":
        """Return the same names, to try something with."""
        return Names(dict(self._known))

    def adopt(self, other: "Names") -> None:
        """Take over what a copy has learned."""
        self._known = other._known

    def learn(self, name: str, value: str) -> None:
        """Let a name stand for a value; what is left open within a text may become something else later."""
        if MORE not in name:
            assert self._known.get(name, value) == value, f"{name} was {self._known[name]} and is {value}"
            others = [other for other, known in self._known.items() if known == value and other != name]
            assert not others, f"{name} is the same as {others}: {value}"
        self._known[name] = value

    def resolved(self, text: str) -> str:
        """Return a request with the real values in place of the names; all of them have to be known."""
        for name in sorted(self._known, key=len, reverse=True):
            text = self._known[name].join(re.split(rf"{re.escape(name)}(?![0-9])", text))
        unknown = [*_NAME.findall(text), *(MORE for _ in re.findall(MORE, text))]
        assert not unknown, f"no answer has shown {unknown} yet"
        return text

    def read(self, shown: str, real: str) -> bool:
        """Say whether a text that is shown stands for the real one, and learn the names that it has."""
        if _TIME.fullmatch(shown):
            return _TIME.fullmatch(real) is not None
        fresh: list[str] = []
        found = re.fullmatch(self._pattern(shown, fresh), real, re.DOTALL)
        if found is None:
            return False
        for name, value in zip(fresh, found.groups(), strict=True):
            self.learn(name, value)
        if MORE in shown:
            self.learn(shown, real)
        return True

    def _pattern(self, shown: str, fresh: list[str]) -> str:
        hosts = [re.escape(name) for name in self._known if "://" in name and MORE not in name]
        pattern = ""
        for part in re.split(f"({'|'.join([*hosts, _NAME.pattern, MORE])})", shown):
            if part == MORE:
                pattern += ".+"
            elif part in self._known:
                pattern += re.escape(self._known[part])
            elif part in fresh:
                pattern += f"(?:\\{fresh.index(part) + 1})"
            elif _NAME.fullmatch(part):
                fresh.append(part)
                pattern += f"({part.split('_', maxsplit=1)[0]}_[0-9a-z]{{20,}})"
            else:
                pattern += re.escape(part)
        return pattern


def match(shown: Any, real: Any, *, names: Names, where: str = "") -> None:
    """Raise AssertionError, with the place, unless the real answer is what is shown."""
    place = where or "the answer"
    if shown == MORE:
        assert real is not None, f"{place} is null"
    elif isinstance(shown, str):
        assert isinstance(real, str), f"{place} is {real!r}, not a text"
        assert names.read(shown, real), f"{place} is {real!r}, not {shown!r}"
    elif isinstance(shown, dict):
        assert isinstance(real, dict), f"{place} is {real!r}, not an object"
        missing = shown.keys() - real.keys() - {MORE}
        assert not missing, f"{place} has no {sorted(missing)}, but {sorted(real)}"
        assert MORE in shown or not real.keys() - shown.keys(), f"{place} has {sorted(real.keys() - shown.keys())} too"
        for key in shown.keys() - {MORE}:
            match(shown[key], real[key], names=names, where=f"{where}.{key}" if where else key)
    elif isinstance(shown, list):
        assert isinstance(real, list), f"{place} is {real!r}, not a list"
        _match_elements(shown, real, names=names, where=where)
    else:
        assert type(shown) is type(real), f"{place} is {real!r}, not {shown!r}"
        assert shown == real, f"{place} is {real!r}, not {shown!r}"


def _match_elements(shown: list[Any], real: list[Any], *, names: Names, where: str) -> None:
    rest, may_skip = list(enumerate(real)), False
    for element in shown:
        if element == MORE:
            may_skip = True
            continue
        while True:
            assert rest, f"{where} has no (further) element {element!r}"
            index, candidate = rest.pop(0)
            trial = names.copy()
            try:
                match(element, candidate, names=trial, where=f"{where}[{index}]")
            except AssertionError:
                if not may_skip:
                    raise
                continue
            names.adopt(trial)
            may_skip = False
            break
    assert may_skip or not rest, f"{where} has more: {[each for _, each in rest]!r}"
