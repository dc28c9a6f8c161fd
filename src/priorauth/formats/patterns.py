"""Patterns of payers, matched in a time that is linear in the text.

A payer writes them, a customer chooses the text: a backtracking matcher would let one of the two stop the server. RE2
does not backtrack. It reads patterns a little differently from Python, so that each is parsed as Python reads it and
written again for RE2: a pattern means what it has always meant here.
"""

import re
import warnings
from functools import cache, lru_cache
from re import _constants as codes
from re import _parser as parser
from typing import Any, Final

import re2

from priorauth.formats.bounded_patterns import BoundedPatterns

# RE2's own bound of one repetition. The time for a text grows with it, so that it bounds a whole pattern too.
_LARGEST: Final = 1000
_NUMBERS: Final = r"\p{Nd}"
_WORDS: Final = r"\p{L}\p{N}_"
_SPACES: Final = r"\x09-\x0d\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_ALL: Final = r"\x00-\x{10ffff}"
_CATEGORIES: Final = {
    codes.CATEGORY_DIGIT: (_NUMBERS, r"0-9"),
    codes.CATEGORY_WORD: (_WORDS, r"0-9A-Za-z_"),
    codes.CATEGORY_SPACE: (_SPACES, r"\x09-\x0d\x20"),
}
_NEGATIONS: Final = {
    codes.CATEGORY_NOT_DIGIT: codes.CATEGORY_DIGIT,
    codes.CATEGORY_NOT_WORD: codes.CATEGORY_WORD,
    codes.CATEGORY_NOT_SPACE: codes.CATEGORY_SPACE,
}
_REFUSED: Final = {
    codes.ASSERT: "looks ahead or behind, as in (?=…)",
    codes.ASSERT_NOT: "looks ahead or behind, as in (?!…)",
    codes.GROUPREF: r"refers back to a group, as in \1",
    codes.GROUPREF_EXISTS: "depends on whether a group matched, as in (?(1)…)",
    codes.ATOMIC_GROUP: "has an atomic group, as in (?>…)",
    codes.POSSESSIVE_REPEAT: "has a possessive repetition, as in a++",
}


class PatternRefused(Exception):
    """A pattern that cannot be matched in linear time, or that is no regular expression; the text says why."""


class PayerPatterns:
    """The domain's `Patterns`: RE2, and a child process for what was installed before such patterns were refused."""

    def __init__(self, unbounded: BoundedPatterns) -> None:
        self._unbounded = unbounded

    def match(self, pattern: str, text: str) -> bool | None:
        """Say whether the whole text matches the pattern, as `re.fullmatch` would.

        Args:
            pattern: a regular expression in Python's syntax.
            text: what is matched; it takes time in proportion to its length.

        Returns:
            None where the pattern cannot be matched in linear time, and took too long.
        """
        try:
            return _compiled(pattern).fullmatch(text) is not None
        except PatternRefused:
            return self._unbounded.match(pattern, text)


@cache
def payer_patterns() -> PayerPatterns:
    """Return the matcher of this process."""
    return PayerPatterns(BoundedPatterns())


def require_linear(pattern: str) -> None:
    """Raise PatternRefused, with the reason, unless the pattern can be matched in linear time."""
    _compiled(pattern)


# RE2 takes up to 8 MiB for a large pattern.
@lru_cache(maxsize=100)
def _compiled(pattern: str) -> Any:  # noqa: ANN401 - the binding has no types
    options = re2.Options()
    options.log_errors = False
    try:
        with warnings.catch_warnings():
            # What may mean something else in a later Python is still what it is in this one.
            warnings.simplefilter("ignore", FutureWarning)
            parsed = parser.parse(pattern)
        written = _Writing().sequence(parsed, parsed.state.flags)
        return re2.compile(written, options)
    except re.error as error:
        raise PatternRefused(f"is no regular expression: {error}") from None
    except (RecursionError, OverflowError):
        raise PatternRefused("is too deeply nested, or repeats too often") from None
    except (re2.error, UnicodeError):
        raise PatternRefused("is too large: shorten it, or repeat less often") from None


class _Writing:
    """Writes a parsed pattern in RE2's syntax."""

    def __init__(self) -> None:
        self._times = 1
        self._size = 0

    def sequence(self, parsed: Any, flags: int) -> str:  # noqa: ANN401 - sre's own tree
        """Return the pattern of a sequence of parts. Raises PatternRefused."""
        return "".join(self._part(kind, value, flags) for kind, value in parsed)

    def _part(self, kind: Any, value: Any, flags: int) -> str:  # noqa: ANN401
        if kind in _REFUSED:
            raise PatternRefused(f"{_REFUSED[kind]}: such patterns are not matched in linear time. Write it without")
        if kind is codes.MAX_REPEAT or kind is codes.MIN_REPEAT:
            return self._repeat(value, flags)
        if kind is codes.SUBPATTERN:
            _, added, removed, below = value
            return f"(?:{self.sequence(below, (flags | added) & ~removed)})"
        if kind is codes.BRANCH:
            return f"(?:{'|'.join(self.sequence(each, flags) for each in value[1])})"
        if kind is codes.AT:
            return _position(value, flags)
        self._size += self._times
        if self._size > _LARGEST:
            raise PatternRefused(
                f"describes more than {_LARGEST} characters in a row, which takes too long to match. Use maxLength"
            )
        return _character(kind, value, flags)

    def _repeat(self, value: Any, flags: int) -> str:  # noqa: ANN401
        least, most, below = value
        unbounded = most is codes.MAXREPEAT
        around, times = self._times, max(1, least if unbounded else most)
        self._times *= times
        inner = self.sequence(below, flags)
        self._times = around
        if times > _LARGEST:
            raise PatternRefused(f"repeats more than {_LARGEST} times. Use maxLength")
        return f"(?:{inner}){{{least},{'' if unbounded else most}}}"


def _character(kind: Any, value: Any, flags: int) -> str:  # noqa: ANN401
    if kind is codes.LITERAL:
        written = _literal(value)
    elif kind is codes.NOT_LITERAL:
        written = f"[^{_literal(value)}]"
    elif kind is codes.ANY:
        written = f"[{_ALL}]" if flags & re.DOTALL else r"[^\n]"
    else:
        parts = list(value)
        negated = bool(parts) and parts[0][0] is codes.NEGATE
        written = _class(parts[negated:], flags, negated=negated)
    return f"(?i:{written})" if flags & re.IGNORECASE else written


def _class(parts: list[Any], flags: int, *, negated: bool) -> str:
    """Return a class. A negated category beside others is an alternative of its own: RE2 has no sets within sets."""
    inside, others = "", []
    for kind, value in parts:
        if kind is codes.LITERAL:
            inside += _literal(value)
        elif kind is codes.RANGE:
            inside += f"{_literal(value[0])}-{_literal(value[1])}"
        elif value in _NEGATIONS:
            others.append(_CATEGORIES[_NEGATIONS[value]][bool(flags & re.ASCII)])
        else:
            inside += _CATEGORIES[value][bool(flags & re.ASCII)]
    if not others:
        return f"[{'^' * negated}{inside}]"
    if not negated:
        return f"(?:{'|'.join([*([f'[{inside}]'] if inside else []), *(f'[^{each}]' for each in others)])})"
    if inside or len(others) > 1:
        raise PatternRefused(r"excludes characters and a negated class at once, as in [^a\W]. Write what it takes")
    return f"[{others[0]}]"


def _literal(code: int) -> str:
    if 0xD800 <= code <= 0xDFFF:
        raise PatternRefused("has half of a surrogate pair, which no text has")
    return f"\\x{{{code:x}}}"


def _position(value: Any, flags: int) -> str:  # noqa: ANN401
    if value in (codes.AT_BOUNDARY, codes.AT_NON_BOUNDARY):
        if flags & re.ASCII:
            return r"\b" if value is codes.AT_BOUNDARY else r"\B"
        raise PatternRefused(r"has a word boundary, \b, which is matched for ASCII alone: put (?a) before the pattern")
    lines = flags & re.MULTILINE
    if value is codes.AT_BEGINNING:
        return "(?m:^)" if lines else r"\A"
    if value is codes.AT_END:
        return "(?m:$)" if lines else r"\z"
    return r"\A" if value is codes.AT_BEGINNING_STRING else r"\z"
