"""What one case costs: `python -m benchmarks.cost [CASES] [--write]`, which puts it into benchmarks/cost.json.

An installation over PostgreSQL (an API node, a worker) and one over SQLite do cases of some scenarios; the simulated
payer runs apart and is not counted. What an installation costs that does nothing is measured first and taken off.
Processor seconds, counts and bytes hardly depend on what else the machine does; seconds by the clock do.
"""

import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.databases import CountedPostgres, CountedSqlite
from benchmarks.processes import Follower
from priorauth.sandbox import catalog
from tests.factories.clusters import cluster
from tests.factories.servers import Case, Integrator, ServerProcess, state_of

RESULTS = Path(__file__).with_name("cost.json")
_SCENARIOS = ("approved_automatic", "approved_after_review")
_RECEIPT = "quickstart_receipt"
_IDLE_SECONDS, _HELD_SECONDS, _LOOKING_SECONDS = 20.0, 15.0, 30.0
_AT_ONCE, _HELD = 3, 3


@dataclass
class Bench:
    """One installation, and what follows it."""

    integrator: Integrator
    database: CountedPostgres | CountedSqlite
    follower: Follower
    cases: int
    idle: dict[str, float] = field(default_factory=dict)

    def reading(self) -> dict[str, float]:
        """Return every counter as it stands now."""
        parts = {f"cpu {part}": seconds for part, seconds in self.follower.seconds().items()}
        return {"seconds": time.monotonic(), **parts, **self.database.counters()}

    def since(self, before: dict[str, float], *, net: bool = True) -> dict[str, float]:
        """Return what was used since a reading, without what an idle installation uses in that time."""
        now = self.reading()
        used = {name: value - before.get(name, 0.0) for name, value in now.items()}
        if net:
            for name, rate in self.idle.items():
                used[name] = used.get(name, 0.0) - rate * used["seconds"]
        return used

    def rate(self, seconds: float) -> dict[str, float]:
        """Return what is used in a second while nothing is asked for."""
        before = self.reading()
        time.sleep(seconds)
        used = self.since(before, net=False)
        return {name: value / used["seconds"] for name, value in used.items() if name != "seconds"}

    def drive(self, scenario: str) -> Case:
        """Bring a case to its scenario's end."""
        last = catalog.scenario(scenario).expects[-1]  # type: ignore[union-attr]
        case = self.integrator.create(scenario)
        return self.integrator.drive(
            case,
            scenario,
            until=lambda case: (case["status"], case["outcome"]) == (last["status"], last["outcome"]),
            seconds=300,
        )[-1]

    def many(self, scenario: str) -> dict[str, float]:
        """Return what a case of the scenario costs, of as many as the bench has."""
        rows, before = self.database.rows(), self.reading()
        began = time.monotonic()
        with ThreadPoolExecutor(_AT_ONCE) as clients:
            list(clients.map(self.drive, [scenario] * self.cases))
        walls = (time.monotonic() - began) / self.cases * _AT_ONCE
        self.database.settle()
        used = {name: value / self.cases for name, value in self.since(before).items() if name != "seconds"}
        grown = Counter(self.database.rows())
        grown.subtract(rows)
        used["seconds by the clock"] = walls
        return {**used, **{name: amount / self.cases for name, amount in sorted(grown.items()) if amount}}

    def held(self) -> dict[str, float]:
        """Return what a browser costs a second that is kept while its review waits."""
        waiting = []
        for _ in range(_HELD):
            case = self.integrator.create("approved_after_review")
            reached = self.integrator.drive(
                case, "approved_after_review", until=lambda case: state_of(case)[1] == "approve_submission", seconds=300
            )
            waiting.append(reached[-1])
        self.follower.weighed()
        rates = self.rate(_HELD_SECONDS)
        used = {name: (value - self.idle.get(name, 0.0)) / _HELD for name, value in rates.items()}
        used["MB a browser"] = self.follower.weighed()["each browser"].mean
        for case in waiting:
            self.integrator.drive(
                case, "approved_after_review", until=lambda case: case["status"] == "completed", seconds=300
            )
        return used

    def looks(self) -> dict[str, float]:
        """Return what a look at a submitted case costs that finds nothing new."""
        looks, before = self.database.looks(), self.reading()
        time.sleep(_LOOKING_SECONDS)
        self.database.settle()
        used, amount = self.since(before), self.database.looks() - looks
        return {name: value / amount for name, value in used.items() if name != "seconds"} | {"looks": amount}


def measure(bench: Bench, found: dict[str, Any]) -> None:
    """Do cases and put into `found` what they cost."""
    bench.drive("approved_automatic")
    bench.follower.weighed()
    for scenario in _SCENARIOS:
        found[scenario] = bench.many(scenario)
    memory = bench.follower.weighed()
    found["held session, a second"] = bench.held()
    found["statements"] = bench.database.statements(lambda: bench.drive("approved_after_review"))
    found[_RECEIPT] = bench.many(_RECEIPT)
    found["look"] = bench.looks()
    found["memory, MB"] = {part: {"mean": each.mean, "peak": each.peak} for part, each in sorted(memory.items())}


def over_postgresql(folder: Path, cases: int) -> dict[str, Any]:
    """Measure an API node and a worker over PostgreSQL."""
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        made = stack.enter_context(cluster(folder))
        follower = Follower()
        stack.callback(follower.stop)
        database = CountedPostgres(made.database_url)
        follower.roots["postgresql"] = database.postmaster()
        os.environ["PGAPPNAME"] = "api"
        api = made.start("api")
        integrator = Integrator(api, api.new_key())
        bench = Bench(integrator, database, follower, cases)
        follower.roots["api"] = api.pid
        alone = bench.rate(_IDLE_SECONDS)
        found["idle API node, a second"] = alone
        os.environ["PGAPPNAME"] = "worker"
        worker = made.start("worker")
        del os.environ["PGAPPNAME"]
        follower.roots["worker"] = worker.pid
        time.sleep(3)
        follower.weighed()
        bench.idle = bench.rate(_IDLE_SECONDS)
        rates = {name: value - alone.get(name, 0.0) for name, value in bench.idle.items()}
        found["idle memory, MB"] = {part: each.mean for part, each in sorted(follower.weighed().items())}
        found["idle statements, a second"] = database.statements(lambda: time.sleep(_IDLE_SECONDS), per=_IDLE_SECONDS)
        measure(bench, found)
        found["idle worker, a second"] = rates
        found["connections after work"] = database.connections()
    return found


def over_sqlite(folder: Path, cases: int) -> dict[str, Any]:
    """Measure `serve` over SQLite. It always has its simulated portals within, which are a little of its Python."""
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        folder.mkdir()
        server = ServerProcess(folder / "data").start()
        stack.callback(server.stop)
        follower = Follower()
        stack.callback(follower.stop)
        follower.roots["serve"] = server.pid
        bench = Bench(Integrator(server, server.new_key()), CountedSqlite(folder / "data"), follower, cases)
        time.sleep(3)
        follower.weighed()
        bench.idle = bench.rate(_IDLE_SECONDS)
        found["idle, a second"] = bench.idle
        found["idle memory, MB"] = {part: each.mean for part, each in sorted(follower.weighed().items())}
        measure(bench, found)
    return found


def machine() -> dict[str, str]:
    """Say on what this was measured."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    return {
        "processor": f"{os.cpu_count()} x {model}",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}",
        "load": f"{os.getloadavg()[1]:.1f}",
    }


def show(title: str, found: dict[str, Any]) -> None:
    """Print one installation's figures."""
    print(f"\n{title}")
    for name, figures in found.items():
        print(f"  {name}")
        for each, value in figures.items() if isinstance(figures, dict) else [("", figures)]:
            shown = f"{value['mean']:.1f}, at most {value['peak']:.1f}" if isinstance(value, dict) else f"{value:,.3f}"
            print(f"    {each:<52}{shown:>24}")


def main(arguments: list[str]) -> None:
    """Measure both, print, and write."""
    cases = next((int(each) for each in arguments if each.isdigit()), 12)
    results: dict[str, Any] = {"machine": machine(), "cases of each scenario": cases}
    with tempfile.TemporaryDirectory() as folder:
        for name, measured in (("postgresql", over_postgresql), ("sqlite", over_sqlite)):
            results[name] = measured(Path(folder) / name, cases)
            show(name, results[name])
            if "--write" in arguments:
                rounded = json.loads(json.dumps(results), parse_float=lambda text: round(float(text), 4))
                RESULTS.write_text(json.dumps(rounded, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
