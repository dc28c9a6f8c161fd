"""A working day of an installation, event by event: who waits where, and for how long. Seeded; no clock, no database.

The rules are the product's: a line for each payer, so many sessions of one at once, so many on a worker, looks at
submitted cases after growing pauses; and, imported from the domain, when a portal counts as down, who tries it then and
when a case that waits for it looks again. What people and payers do is drawn from `Plan`. Workers are one pool of
places here: that a case goes on in its own worker's browser is not told apart from going on in any.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from priorauth.domain.catalog import StatusChecks
from priorauth.domain.portals.health import PortalHealth
from priorauth.domain.portals.outages import Outage

HOUR, DAY = 3600.0, 86_400.0
_MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)
# The share of a day's cases that comes in each hour: offices open from eight to six, busiest at ten and at two.
_HOURS = (0, 0, 0, 0, 0, 0, 1, 3, 8, 11, 12, 10, 7, 9, 12, 11, 8, 4, 2, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One day. Times in seconds; what is drawn around a median is drawn from a log-normal distribution."""

    workers: int
    cases: int
    payers: int
    sessions: int = 4
    sessions_per_payer: int = 8
    held_per_worker: int = 8
    polling: float = 0.2
    outage: tuple[float, float] | None = (11 * HOUR, 12 * HOUR)
    walk: float = 60.0
    submit: float = 10.0
    look: float = 15.0
    out_of_reach: float = 5.0
    reviewed: float = 0.8
    review: float = 180.0
    review_hold: float = 900.0
    decision: float = 8 * HOUR
    decision_spread: float = 1.5
    patience: float = 72 * HOUR
    checks: StatusChecks = field(default_factory=StatusChecks)
    seed: int = 1


@dataclass(slots=True)
class Case:
    """One case, and the piece of work that it is at: a walk to the review, a submission, or a look."""

    payer: int
    arrived: float
    piece: str = "walk"
    ready: float = 0.0
    looks: int = 0
    decided: float = math.inf
    outage: Outage | None = None
    holds: bool = False


@dataclass(slots=True)
class Day:
    """What came of it. `waits` are seconds between when a piece of work could start and when it did."""

    came: int = 0
    done: int = 0
    failed: int = 0
    open: int = 0
    before: int = 0
    looks: int = 0
    put_off: int = 0
    tries: int = 0
    retries: int = 0
    waits: dict[str, list[float]] = field(default_factory=lambda: {"walk": [], "submit": [], "look": []})
    receipts: list[float] = field(default_factory=list)
    struck: list[float] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    most_held: int = 0
    pieces_by_hour: dict[str, list[int]] = field(
        default_factory=lambda: {name: [0] * 24 for name in ("walk", "submit", "look")}
    )


class Simulation:
    """Runs one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.day = Day()
        self._random = random.Random(plan.seed)
        self._events: list[tuple[float, int, str, Case]] = []
        self._number = 0
        self._lines: list[deque[Case]] = [deque() for _ in range(plan.payers)]
        self._waiting: list[int] = []
        self._at_payer = [0] * plan.payers
        self._held: deque[Case] = deque()
        self._holding = 0
        self._health = [
            PortalHealth(portal="portal", address=str(number), last_success_at=_MIDNIGHT)
            for number in range(plan.payers)
        ]
        # The largest has a third of its line of business and the smallest hardly anything: shares as one over rank.
        self._shares = [1 / (rank + 1) for rank in range(plan.payers)]

    def run(self) -> Day:
        """Return what came of the day."""
        for case in self._arrivals():
            self._at(case.arrived, "ready", case)
        for case in self._of_days_before():
            self._at(case.ready, "ready", case)
        while self._events and self._events[0][0] < DAY:
            now, _, what, case = heapq.heappop(self._events)
            getattr(self, f"_{what}")(now, case)
        self.day.open = self.day.came + self.day.before - self.day.done - self.day.failed
        return self.day

    # --- what comes in -----------------------------------------------------------------------------------------------

    def _arrivals(self) -> Iterable[Case]:
        self.day.came = self.plan.cases
        hours = self._random.choices(range(24), _HOURS, k=self.plan.cases)
        payers = self._random.choices(range(self.plan.payers), self._shares, k=self.plan.cases)
        for hour, payer in zip(hours, payers, strict=True):
            at = (hour + self._random.random()) * HOUR
            yield Case(payer, at, ready=at)

    def _of_days_before(self) -> Iterable[Case]:
        """Cases that were submitted on the days before and wait for their payer: they are looked at today."""
        for days in range(1, 8):
            hours = self._random.choices(range(24), _HOURS, k=self.plan.cases)
            payers = self._random.choices(range(self.plan.payers), self._shares, k=self.plan.cases)
            for hour, payer in zip(hours, payers, strict=True):
                at = (hour + self._random.random()) * HOUR - days * DAY
                decided = at + self._decision()
                looks, look_at = 0, at
                while look_at < 0 and look_at < decided:
                    look_at += self.plan.checks.delay(looks)
                    looks += 1
                if look_at >= 0:
                    self.day.before += 1
                    yield Case(payer, at, "look", look_at, looks, decided)

    def _decision(self) -> float:
        return self._random.lognormvariate(math.log(self.plan.decision), self.plan.decision_spread)

    # --- what happens ------------------------------------------------------------------------------------------------

    def _ready(self, now: float, case: Case) -> None:
        case.ready = now
        line = self._lines[case.payer]
        if not line:
            self._waiting.append(case.payer)
        line.append(case)
        self._serve(now)

    def _serve(self, now: float) -> None:
        """Let what waits begin where there is room, of lines in random order."""
        plan = self.plan
        while self.day.running < plan.workers * plan.sessions:
            open_lines = [each for each in self._waiting if self._at_payer[each] < plan.sessions_per_payer]
            if not open_lines:
                return
            payer = self._random.choice(open_lines)
            case = self._lines[payer].popleft()
            if not self._lines[payer]:
                self._waiting.remove(payer)
            self._begin(now, case)

    def _begin(self, now: float, case: Case) -> None:
        plan, day = self.plan, self.day
        # Who holds the browser looks by itself; for the rest, whoever of the idle looks first.
        looking = 1 if case.holds else max(plan.workers - day.running // plan.sessions, 1)
        begun = now + self._random.random() * plan.polling / looking
        day.running += 1
        day.most_running = max(day.most_running, day.running)
        self._at_payer[case.payer] += 1
        if self._is_left_alone(begun, case.payer):
            day.put_off += 1
            self._at(begun + 0.05, "put_off", case)
        elif self._is_out(begun, case.payer):
            day.tries += 1
            self._at(begun + plan.out_of_reach, "not_reached", case)
        else:
            if case.outage is None:
                day.waits[case.piece].append(begun - case.ready)
            day.pieces_by_hour[case.piece][int(begun // HOUR) % 24] += 1
            takes = {"walk": plan.walk, "submit": plan.submit, "look": plan.look}[case.piece]
            if case.piece == "submit" and not case.holds:
                takes += plan.walk
            self._at(begun + self._around(takes, 0.3), f"{case.piece}_ended", case)

    def _leave(self, now: float, case: Case) -> None:
        self.day.running -= 1
        self._at_payer[case.payer] -= 1
        self._serve(now)

    def _walk_ended(self, now: float, case: Case) -> None:
        self._reached(now, case)
        if self._random.random() < self.plan.reviewed:
            case.piece = "submit"
            self._hold(case)
            approved = self._around(self.plan.review, 1.0)
            if approved > self.plan.review_hold:
                self._at(now + self.plan.review_hold, "let_go", case)
            self._at(now + approved, "ready", case)
        else:
            self._submitted(now, case)
        self._leave(now, case)

    def _submit_ended(self, now: float, case: Case) -> None:
        self._reached(now, case)
        self._let_go(now, case)
        self._submitted(now, case)
        self._leave(now, case)

    def _submitted(self, now: float, case: Case) -> None:
        self.day.receipts.append(now - case.arrived)
        case.decided = now + self._decision()
        case.piece = "look"
        self._next_look(now, case)

    def _look_ended(self, now: float, case: Case) -> None:
        self._reached(now, case)
        self.day.looks += 1
        if now >= case.decided:
            self.day.done += 1
        else:
            self._next_look(now, case)
        self._leave(now, case)

    def _next_look(self, now: float, case: Case) -> None:
        self._at(now + self.plan.checks.delay(case.looks), "ready", case)
        case.looks += 1

    # --- a payer that is out of reach --------------------------------------------------------------------------------

    def _is_out(self, now: float, payer: int) -> bool:
        outage = self.plan.outage
        return payer == 0 and outage is not None and outage[0] <= now < outage[1]

    def _is_left_alone(self, now: float, payer: int) -> bool:
        health = self._health[payer]
        if not health.is_down:
            return False
        if health.pause(_moment(now)) > timedelta():
            return True
        self._health[payer] = health.tried(_moment(now))
        return False

    def _not_reached(self, now: float, case: Case) -> None:
        health = self._health[case.payer]
        self._health[case.payer] = health.failed(_moment(now), code="payer_out_of_reach", out_of_reach=True)
        self._put_off(now, case)

    def _put_off(self, now: float, case: Case) -> None:
        if case.piece == "look":
            self._next_look(now, case)
        else:
            self.day.retries += 1
            case.outage = case.outage or Outage(1, _moment(now))
            if _moment(now) - case.outage.since >= timedelta(seconds=self.plan.patience):
                self._let_go(now, case)
                self.day.failed += 1
            else:
                pause = case.outage.next_look_in(_moment(now), spread=self._random.random(), at_most=300.0)
                self._at(now + pause.total_seconds(), "ready", case)
        self._leave(now, case)

    def _reached(self, now: float, case: Case) -> None:
        if self._health[case.payer].faults:
            self._health[case.payer] = self._health[case.payer].succeeded(_moment(now))
        if case.outage is not None:
            self.day.struck.append((_moment(now) - case.outage.since).total_seconds())
            case.outage = None

    # --- browsers that are held --------------------------------------------------------------------------------------

    def _hold(self, case: Case) -> None:
        case.holds = True
        self._holding += 1
        self._held.append(case)
        while self._holding > self.plan.held_per_worker * self.plan.workers:
            self._let_go(0.0, self._held.popleft())
        while self._held and not self._held[0].holds:
            self._held.popleft()
        self.day.most_held = max(self.day.most_held, self._holding)

    def _let_go(self, _: float, case: Case) -> None:
        if case.holds:
            case.holds = False
            self._holding -= 1

    # --- time and chance ---------------------------------------------------------------------------------------------

    def _at(self, when: float, what: str, case: Case) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, what, case))

    def _around(self, median: float, spread: float) -> float:
        return self._random.lognormvariate(math.log(median), spread)


def _moment(seconds: float) -> datetime:
    return _MIDNIGHT + timedelta(seconds=seconds)


def percentile(values: list[float], share: float) -> float:
    """Return the value below which that share of all lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
