"""Scale on paper: `python -m benchmarks.scale [all]` plays working days and adds up what they ask of the database.

What a case and a look cost is read from benchmarks/cost.json, which `python -m benchmarks.cost --write` has measured;
how a day goes is benchmarks/simulation.py. `all` adds the two large sizes, which take minutes.
"""

import json
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.cost import RESULTS
from benchmarks.simulation import Day, Plan, Simulation, percentile

_WORKING_DAYS = 250
# CAQH counted 182 million prior authorizations in the United States in 2018, as told by others: docs/scaling.md.
_COUNTRY_A_YEAR = 182_000_000
_ENDED_WORK_DAYS, _ANSWER_DAYS = 7, 30
# 8 for writes and 8 for reads, one that listens; a worker also one for its lease and 20 of DBOS.
_API_CONNECTIONS, _WORKER_CONNECTIONS = 17, 38
_BURIALS, _SWEEP_SECONDS = 1.0, 30.0
# A look says so when its session comes, when it goes, and when the next look is scheduled.
_LOOK_NOTICES = 3


@dataclass(frozen=True, slots=True)
class Size:
    """An installation, and the day that it has."""

    name: str
    plan: Plan
    api_nodes: int


def _in_tens(plan: Plan) -> Plan:
    """Return the same places, ten times as many on each of a tenth of the workers."""
    more = {"sessions": plan.sessions * 10, "held_per_worker": plan.held_per_worker * 10}
    return replace(plan, workers=plan.workers // 10, **more)


SMALL = (
    Size("1 worker", Plan(workers=1, cases=350, payers=3), 1),
    Size("1 worker, twice the cases", Plan(workers=1, cases=700, payers=3), 1),
    Size("10 workers", Plan(workers=10, cases=3_500, payers=12), 2),
    Size("10 workers, 20 a payer", Plan(workers=10, cases=3_500, payers=12, sessions_per_payer=20), 2),
)
_THOUSAND = Plan(workers=1_000, cases=350_000, payers=100, sessions_per_payer=1_200)
_COUNTRY = Plan(workers=2_100, cases=_COUNTRY_A_YEAR // _WORKING_DAYS, payers=200, sessions_per_payer=2_400)
LARGE = (
    Size("1,000 workers", _THOUSAND, 20),
    Size("as many places on 100 workers", _in_tens(_THOUSAND), 20),
    Size("the country", _COUNTRY, 40),
    Size("the country on 210 workers", _in_tens(_COUNTRY), 40),
)


class Costs:
    """What was measured, over PostgreSQL."""

    def __init__(self, results: dict[str, Any]) -> None:
        self._found = results["postgresql"]
        self.case: dict[str, float] = self._found["approved_after_review"]
        self.look: dict[str, float] = self._found["look"]
        self.held: dict[str, float] = self._found["held session, a second"]
        self.api: dict[str, float] = self._found["idle API node, a second"]
        self.worker: dict[str, float] = self._found["idle worker, a second"]

    def at(self, counter: str, *, size: Size, cases: float, looks: float, held: int) -> float:
        """Return what is used in a second, with so many cases and looks in it."""

        def each(found: dict[str, float]) -> float:
            # What is next to nothing was measured with a little noise, of either sign.
            return max(found.get(counter, 0.0), 0.0)

        idle = size.api_nodes * each(self.api) + size.plan.workers * each(self.worker)
        # The case that was measured was looked at once, which the looks count, too.
        work = cases * each(self.case) + (looks - cases) * each(self.look)
        return idle + work + held * each(self.held)

    def notifications(self) -> float:
        """Return how often a case says that it has changed."""
        return sum(float(n) for who, n in self._found["statements"].items() if who.endswith(": notifications"))

    def rows(self, *, cases: float, looks: float) -> tuple[float, float]:
        """Return rows and gigabytes of rows after a year of such days: the engine's stay a week, answers a month."""
        rows = size = 0.0
        works = self.case["rows dbos.workflow_status"]
        for name, amount in self.case.items():
            kind, _, table = name.partition(" ")
            if table.startswith("dbos."):
                # Each look is a piece of work, too; the case that was measured has one.
                kept = amount / works * (works * cases + looks - cases) * _ENDED_WORK_DAYS
            else:
                kept = amount * cases * (_ANSWER_DAYS if table == "idempotency_records" else _WORKING_DAYS)
            if kind == "rows":
                rows += kept
            elif kind == "bytes" and table not in {"on disk", "of files"}:
                size += kept
        return rows, size / 1e9


def report(size: Size, day: Day, costs: Costs) -> dict[str, str]:
    """Return the lines of one size."""
    plan = size.plan
    pieces = [sum(hour) for hour in zip(*day.pieces_by_hour.values(), strict=True)]
    peak = pieces.index(max(pieces))
    cases, looks = (day.pieces_by_hour[name][peak] / 3600 for name in ("walk", "look"))
    used = {"size": size, "cases": cases, "looks": looks, "held": day.most_held}
    rows, gigabytes = costs.rows(cases=plan.cases, looks=day.looks)
    browser_seconds = sum(costs.at(f"cpu worker{part}", **used) for part in ("", ": driver", ": browser"))  # type: ignore[arg-type]
    notices = cases * costs.notifications() + (looks - cases) * _LOOK_NOTICES
    claims = day.most_running + day.most_held
    waits = {
        name: f"{percentile(day.waits[name], 0.5):.1f} / {percentile(day.waits[name], 0.95):,.1f}" for name in day.waits
    }
    return {
        "cases a day": f"{plan.cases:,}",
        "came, and open from before": f"{day.came:,} + {day.before:,}",
        "decided / failed / still open": f"{day.done:,} / {day.failed:,} / {day.open:,}",
        "looks a day": f"{day.looks:,}",
        "pieces of work in the busiest hour": f"{max(pieces):,}",
        "wait of a new case, s, median / p95": waits["walk"],
        "wait after an approval": waits["submit"],
        "wait of a look": waits["look"],
        "most sessions at work / places": f"{day.most_running:,} / {plan.workers * plan.sessions:,}",
        "most held besides": f"{day.most_held:,}",
        "cases that met the outage": f"{len(day.struck):,}",
        "tries at it, put off without a browser": f"{day.tries:,}, {day.put_off:,}",
        "waited, minutes, median / p95": " / ".join(f"{percentile(day.struck, each) / 60:.0f}" for each in (0.5, 0.95)),
        "workers' processors at the peak": f"{browser_seconds:,.1f} cores",
        "PostgreSQL's processors": f"{costs.at('cpu postgresql', **used):,.1f} cores",  # type: ignore[arg-type]
        "transactions a second": f"{costs.at('transactions', **used):,.0f}",  # type: ignore[arg-type]
        "  of them when nobody works": f"{costs.at('transactions', size=size, cases=0, looks=0, held=0):,.0f}",
        "WAL, MB a second": f"{costs.at('WAL bytes', **used) / 1e6:,.2f}",  # type: ignore[arg-type]
        "commits that NOTIFY, a second": f"{notices:,.1f}",
        "  word of them, delivered to all nodes": f"{notices * (plan.workers + size.api_nodes):,.0f}",
        "reads a second that a sweep in time needs": f"{2 * (day.before + day.came / 2) / _SWEEP_SECONDS:,.0f}",
        "leases and claims a second that burials read": f"{plan.workers * (plan.workers + claims) * _BURIALS:,.0f}",
        "connections at most": f"{plan.workers * _WORKER_CONNECTIONS + size.api_nodes * _API_CONNECTIONS:,}",
        "after a year, rows": f"{rows / 1e6:,.1f} million",
        "after a year, in rows": f"{gigabytes:,.1f} GB",
    }


def main(arguments: list[str]) -> None:
    """Play the days and print the table."""
    costs = Costs(json.loads(RESULTS.read_text()))
    played: dict[tuple[int, int], Day] = {}
    for size in (*SMALL, *(LARGE if "all" in arguments else ())):
        began = time.monotonic()
        # How the same places are spread over workers changes little of the day, and much of what it asks.
        key = (size.plan.cases, size.plan.sessions_per_payer)
        if key not in played:
            played[key] = Simulation(size.plan).run()
        day = played[key]
        print(f"\n{size.name} (played in {time.monotonic() - began:.0f} s)")
        for name, value in report(size, day, costs).items():
            print(f"  {name:<46}{value:>30}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
