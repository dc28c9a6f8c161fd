"""Finds what a boundary leaves open: for who writes an adapter, before a hostile page finds it.

Pure. It looks at samples of what a rule's pattern matches, and puts words of side effects in every place that takes
free text. A rule without findings is not proven right; a rule with findings deserves a second look.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from re import _constants as codes
from re import _parser as parser
from typing import Any, Final

from priorauth.channels.portals.submit_guard.boundary import (
    ANY_FORMAT,
    Boundary,
    Content,
    FinalRule,
    ReadRule,
    Rule,
)

SIDE_EFFECTS: Final = (
    *("submit", "send", "delete", "remove", "cancel", "withdraw", "logout", "signout", "approve", "confirm", "accept"),
    *("discard", "void", "resubmit", "finalize", "attest", "create", "update", "save"),
)
_SAMPLES: Final = 4000
_SIGNS: Final = "a1-/_.~ "
_ENDLESS: Final = "x" * 5000
_CATEGORIES: Final = {
    codes.CATEGORY_DIGIT: r"\d",
    codes.CATEGORY_WORD: r"\w",
    codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_NOT_WORD: r"\W",
    codes.CATEGORY_NOT_SPACE: r"\S",
}
_FILE: Final = re.compile(r"\.(?:css|gif|ico|jpe?g|js|png|svg|woff2?)$")


@dataclass(frozen=True)
class Opening:
    """One finding. `rule`: the rule's methods and pattern, as the adapter wrote them."""

    rule: str
    why: str


def find_openings(boundary: Boundary) -> tuple[Opening, ...]:
    """Return what the boundary leaves open, reads first."""
    return tuple(
        dict.fromkeys(
            [
                *_reads_with_effects(boundary),
                *_endless(boundary),
                *_overlaps(boundary),
                *_shared(boundary),
                *_loose(boundary),
            ]
        )
    )


def _reads_with_effects(boundary: Boundary) -> Iterator[Opening]:
    statics = tuple(ReadRule(pattern) for pattern in boundary.static)
    for rule in (*boundary.reads, *statics):
        for path in samples(rule.path):
            words = set(re.split(r"[^a-z]+", path.lower())) & set(SIDE_EFFECTS)
            if words and not _FILE.search(path):
                yield Opening(_shown(rule), f"reads {path}, a word of a side effect")
                break
        for parameter in rule.query:
            named = {parameter.name.lower()} & {*SIDE_EFFECTS, "action", "do", "cmd", "command", "op", "method"}
            if named:
                yield Opening(_shown(rule), f"reads with the parameter {parameter.name}, which may have a side effect")


def _endless(boundary: Boundary) -> Iterator[Opening]:
    everything: tuple[Rule | ReadRule, ...] = (*boundary.reads, *boundary.writes)
    for rule in everything:
        if any(_spans_segments(rule.path, path) for path in samples(rule.path)):
            yield Opening(_shown(rule), "covers paths of any depth: write [^/]+, or better the signs of an identifier")
        for parameter in rule.query:
            if re.fullmatch(parameter.pattern, _ENDLESS):
                yield Opening(_shown(rule), f"the parameter {parameter.name} has no longest value")


def _spans_segments(pattern: str, path: str) -> bool:
    return re.fullmatch(pattern, path.replace("a1", "a/a/a", 1)) is not None and "a1" in path


def _overlaps(boundary: Boundary) -> Iterator[Opening]:
    for read in boundary.reads:
        for write in boundary.writes:
            if read.methods & write.methods and _meet(read.path, write.path) and not _told_apart(read, write):
                yield Opening(_shown(write), f"is the same request as the read {read.path}")
    for first, second in _pairs(boundary.writes):
        if first.methods & second.methods and first.body is None and _meet(first.path, second.path):
            yield Opening(_shown(first), f"overlaps with {_shown(second)}")


def _told_apart(read: ReadRule, write: Rule) -> bool:
    known = {parameter.name for parameter in read.query}
    return any(parameter.required and parameter.name not in known for parameter in write.query)


def _shared(boundary: Boundary) -> Iterator[Opening]:
    for final in boundary.final:
        for write in boundary.writes:
            if not (final.methods & write.methods and _meet(final.path, write.path)):
                continue
            told = "their bodies tell them apart" if final.body and write.body else "the write is refused as final"
            yield Opening(_shown(final), f"shares its path with the write {_shown(write)}: {told}")


def _loose(boundary: Boundary) -> Iterator[Opening]:
    for rule in (*boundary.writes, *boundary.final):
        if rule.formats == ANY_FORMAT:
            yield Opening(_shown(rule), "takes bodies of every format: declare the one that the portal's page sends")
    for rule in boundary.final:
        if not isinstance(rule, FinalRule) or rule.content is Content.NONE:
            yield Opening(_shown(rule), "does not say where its content is: only a person submits, with an own account")
        elif rule.content is Content.REQUEST and not rule.fields:
            yield Opening(_shown(rule), "says that the request is the package, and names none of its fields")


def _meet(one: str, other: str) -> bool:
    """Return whether a sample of one pattern is covered by the other, and the other way round."""
    return any(re.fullmatch(other, path, re.ASCII) for path in samples(one)) or any(
        re.fullmatch(one, path, re.ASCII) for path in samples(other)
    )


def _pairs(rules: Sequence[Rule]) -> Iterator[tuple[Rule, Rule]]:
    for number, rule in enumerate(rules):
        for other in rules[number + 1 :]:
            yield rule, other


def _shown(rule: Rule | ReadRule) -> str:
    query = "&".join(f"{parameter.name}={parameter.pattern}" for parameter in rule.query)
    return f"{'/'.join(sorted(rule.methods))} {rule.path}{f'?{query}' if query else ''}"


def samples(pattern: str) -> tuple[str, ...]:
    """Return texts that the pattern matches, with words of side effects where it takes free text."""
    found = islice(_sampled(parser.parse(pattern)), _SAMPLES)
    return tuple(dict.fromkeys(text for text in found if re.fullmatch(pattern, text, re.ASCII)))


def _sampled(nodes: Iterable[tuple[Any, Any]]) -> Iterator[str]:
    parts = [tuple(islice(_node(code, what), 200)) for code, what in nodes]
    return ("".join(each) for each in product(*parts))


def _node(code: Any, what: Any) -> Iterator[str]:  # noqa: ANN401 - what `re` keeps to itself
    if code is codes.LITERAL:
        yield chr(what)
    elif code is codes.SUBPATTERN:
        yield from _sampled(what[-1])
    elif code is codes.BRANCH:
        for branch in what[1]:
            yield from _sampled(branch)
    elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        yield from _repeated(*what)
    elif code in (codes.IN, codes.ANY, codes.NOT_LITERAL):
        yield from _signs(code, what)
    elif code is not codes.AT:
        raise ValueError("the check does not know this part of a pattern")


def _repeated(least: int, most: int, nodes: Any) -> Iterator[str]:  # noqa: ANN401 - what `re` keeps to itself
    if most > 3:
        allowed = set(_free(nodes))
        if allowed:
            yield from (word for word in SIDE_EFFECTS if least <= len(word) <= most and set(word) <= allowed)
            if "/" in allowed:
                yield "a1"
    if least == 0:
        yield ""
    for text in _sampled(nodes):
        yield text * max(least, 1)


def _free(nodes: Any) -> Iterator[str]:  # noqa: ANN401 - what `re` keeps to itself
    """Return the signs that a repeated class of signs takes; none for anything else."""
    if len(nodes) == 1 and nodes[0][0] in (codes.IN, codes.ANY, codes.NOT_LITERAL):
        yield from _signs(*nodes[0], among="abcdefghijklmnopqrstuvwxyz1-/")


def _signs(code: Any, what: Any, *, among: str = _SIGNS) -> Iterator[str]:  # noqa: ANN401 - what `re` keeps to itself
    if code is codes.ANY:
        yield from among
    elif code is codes.NOT_LITERAL:
        yield from (sign for sign in among if sign != chr(what))
    else:
        matching = [sign for sign in among if _in_class(sign, what)]
        rest = (chr(point) for point in range(32, 127) if _in_class(chr(point), what))
        yield from matching or islice(rest, 1)


def _in_class(sign: str, items: Any) -> bool:  # noqa: ANN401 - what `re` keeps to itself
    negated = items[0][0] is codes.NEGATE
    point = ord(sign)
    hit = any(
        (code is codes.LITERAL and point == what)
        or (code is codes.RANGE and what[0] <= point <= what[1])
        or (code is codes.CATEGORY and re.fullmatch(_CATEGORIES[what], sign, re.ASCII) is not None)
        for code, what in items
    )
    return hit is not negated
