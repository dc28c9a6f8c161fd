"""Searches a protocol's states breadth first, and says what is wrong with any of them, with the shortest way to it."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar


class AnyState(Hashable, Protocol):
    """What a search asks of a state."""

    @property
    def counted(self) -> int:
        """How many submissions the payer has counted."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether it is an end."""
        ...

    @property
    def wrong(self) -> str:
        """What has gone wrong on the way here, or nothing."""
        ...


S = TypeVar("S", bound=AnyState)


class Step(NamedTuple, Generic[S]):
    """Something that can happen: what it is called, what it leads to, and whether it is progress or adversity."""

    label: str
    after: S
    is_progress: bool = True


class Model(Protocol[S]):
    """A protocol in one setting."""

    def start(self) -> S:
        """Return where it begins."""
        ...

    def steps(self, state: S, /) -> Iterator[Step[S]]:
        """Yield everything that can happen next."""
        ...


@dataclass(frozen=True, slots=True)
class Counterexample:
    """What is wrong, and the steps that lead there."""

    wrong: str
    way: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph(Generic[S]):
    """All states that can be reached, each with its steps."""

    start: S
    steps: dict[S, tuple[Step[S], ...]]


def first_wrong(model: Model[S], judge: Callable[[S], str | None] | None = None) -> Counterexample | None:
    """Return the shortest way to a state in which `judge` finds something wrong, or None where it finds nothing."""
    judge = judge or what_is_wrong
    start = model.start()
    came_from: dict[S, tuple[S, str] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        wrong = judge(state)
        if wrong is not None:
            return Counterexample(wrong, _way_to(state, came_from))
        for step in model.steps(state):
            if step.after not in came_from:
                came_from[step.after] = (state, step.label)
                waiting.append(step.after)
    return None


def what_is_wrong(state: AnyState) -> str | None:
    """Return which invariant does not hold in a state, if any."""
    return counted_twice(state) or state.wrong or None


def counted_twice(state: AnyState) -> str | None:
    """The invariant that matters most, by itself."""
    return "the payer counted it twice" if state.counted > 1 else None


def explore(model: Model[S]) -> Graph[S]:
    """Return everything that can be reached."""
    start = model.start()
    found: dict[S, tuple[Step[S], ...]] = {}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        if state in found:
            continue
        found[state] = tuple(model.steps(state))
        waiting.extend(step.after for step in found[state] if step.after not in found)
    return Graph(start, found)


def stuck(graph: Graph[S]) -> list[S]:
    """Return the states from which no progress leads to an end."""
    backwards: dict[S, list[S]] = {}
    for state, onward in graph.steps.items():
        for step in onward:
            if step.is_progress:
                backwards.setdefault(step.after, []).append(state)
    good = {state for state in graph.steps if state.is_over}
    waiting = deque(good)
    while waiting:
        for earlier in backwards.get(waiting.popleft(), ()):
            if earlier not in good:
                good.add(earlier)
                waiting.append(earlier)
    return [state for state in graph.steps if state not in good]


def circles(graph: Graph[Any]) -> int:
    """Return how many states lie where progress alone could go on for ever; they are left when others are peeled."""
    before = dict.fromkeys(graph.steps, 0)
    for onward in graph.steps.values():
        for step in onward:
            before[step.after] += step.is_progress
    waiting = deque(state for state, count in before.items() if not count)
    peeled = 0
    while waiting:
        peeled += 1
        for step in graph.steps[waiting.popleft()]:
            before[step.after] -= step.is_progress
            if step.is_progress and not before[step.after]:
                waiting.append(step.after)
    return len(before) - peeled


def accepts(graph: Graph[S], trace: Sequence[str], *, labels: Callable[[str], bool]) -> int:
    """Return how many of a trace's labels the graph can follow, from its start, with steps of other labels between."""
    here = _closure(graph, {graph.start}, labels)
    for followed, label in enumerate(trace):
        there = {step.after for state in here for step in graph.steps[state] if step.label == label}
        if not there:
            return followed
        here = _closure(graph, there, labels)
    return len(trace)


def _closure(graph: Graph[S], states: Iterable[S], labels: Callable[[str], bool]) -> set[S]:
    found = set(states)
    waiting = deque(found)
    while waiting:
        for step in graph.steps[waiting.popleft()]:
            if not labels(step.label) and step.after not in found:
                found.add(step.after)
                waiting.append(step.after)
    return found


def _way_to(state: S, came_from: dict[S, tuple[S, str] | None]) -> tuple[str, ...]:
    way: list[str] = []
    at = came_from[state]
    while at is not None:
        earlier, label = at
        way.append(label)
        at = came_from[earlier]
    return tuple(reversed(way))
