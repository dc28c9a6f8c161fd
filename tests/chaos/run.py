"""One run: cases of a mix of scenarios through a cluster that is being broken, and the verdict."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic

from priorauth.sandbox import catalog
from tests.chaos.clients import Driven, Integrator, Refused
from tests.chaos.cluster import Cluster
from tests.chaos.installations import Sizes, alone, many
from tests.chaos.killer import Killer, Progress
from tests.chaos.takeovers import Takeovers
from tests.chaos.verdict import Verdict

# They go nowhere without a human at the payer's page.
ATTENDED = {"customer_login", "handoff_mfa", "handoff_review_backed", "juniper_handoff_review_backed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of what. `at_once`: how many cases are under way at a time."""

    cases: int
    kills: int
    seed: int
    at_once: int
    clients: int = 3
    patience_seconds: float = 900.0
    scenarios: tuple[str, ...] = ()


class Run:
    """Drives the cases of a plan through a cluster that is up."""

    def __init__(self, plan: Plan, cluster: Cluster, *, key: str, folder: Path) -> None:
        chance = random.Random(f"{plan.seed} cases")
        chosen = [catalog.scenario(each) for each in plan.scenarios] or unattended()
        self.cases = [Driven(_known(chance.choice(chosen)), number) for number in range(plan.cases)]
        self.verdict = Verdict()
        self._progress = Progress(plan.cases)
        self.takeovers = Takeovers(cluster.database, many=cluster.workers != cluster.apis)
        self.killer = Killer(
            cluster,
            kills=plan.kills,
            chance=random.Random(f"{plan.seed} kills"),
            progress=self._progress,
            takeovers=self.takeovers,
        )
        self.seconds = 0.0
        self._plan = plan
        self._cluster = cluster
        self._integrators = [Integrator(cluster.apis, key=key, name=f"client {each}") for each in range(plan.clients)]
        self._progress_log = folder / "progress.log"

    async def run(self) -> None:
        """Drive, break, and judge."""
        begun = monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                killing = group.create_task(self.killer.run(), name="killer")
                waiting = iter(self.cases)
                for number in range(self._plan.at_once):
                    integrator = self._integrators[number % len(self._integrators)]
                    group.create_task(self._drive_each(waiting, integrator), name=f"drives {number}")
            assert killing.done()
            self.seconds = monotonic() - begun
            await self.takeovers.finish()
            await self.verdict.judge(self.cases, self._integrators[0], self._cluster.database)
            for integrator in self._integrators[1:]:
                self.verdict.faults += [f"answered 500: {error}" for error in integrator.internal_errors]
        finally:
            for integrator in self._integrators:
                await integrator.close()

    async def _drive_each(self, waiting: Iterator[Driven], integrator: Integrator) -> None:
        for driven in waiting:
            try:
                await integrator.drive(driven, patience=self._plan.patience_seconds)
            except Refused as refused:
                driven.faults.append(f"was refused: {refused}")
            self._progress.move()
            with self._progress_log.open("a", encoding="utf-8") as log:
                log.write(
                    f"{self._progress.ended} {driven.scenario.id} {driven.id} {driven.state} {driven.seconds:.1f} s\n"
                )

    def table(self) -> list[str]:
        """What happened, in rows."""
        counts = sum((integrator.counts for integrator in self._integrators), Counter())
        rows: list[tuple[str, object]] = [("cases", len(self.cases)), ("ended as expected", self.verdict.as_expected)]
        rows += [(f"submitted {times} times", number) for times, number in sorted(self.verdict.sent.items())]
        rows += [("kills", sum(self.killer.done.values()) - self.killer.done["database restarted"])]
        rows += [(f"  {kind}", times) for kind, times in sorted(self.killer.done.items()) if times]
        rows += [(f"processes ended: {how}", times) for how, times in sorted(self._cluster.exits.items())]
        rows += [(f"clients: {what}", times) for what, times in sorted(counts.items())]
        if self.takeovers.seconds:
            rows += [
                ("works taken over from killed workers", len(self.takeovers.seconds)),
                ("  idle, s: median", round(median(self.takeovers.seconds), 1)),
                ("  idle, s: worst", round(max(self.takeovers.seconds), 1)),
                ("  never within a minute", len(self.takeovers.never)),
            ]
        durations = [driven.seconds for driven in self.cases]
        rows += [
            ("a case, s: median", round(median(durations), 1)),
            ("a case, s: worst", round(max(durations), 1)),
            ("duration, s", round(self.seconds)),
            ("cases per minute", round(60 * len(self.cases) / max(self.seconds, 1), 1)),
            ("violations", len(self.verdict.faults)),
        ]
        width = max(len(name) for name, _ in rows)
        return [f"{name:<{width}}  {value:>8}" for name, value in rows]


async def carry_out(plan: Plan, sizes: Sizes, *, folder: Path, on_sqlite: bool = False) -> Run:
    """Set an installation up, run the plan through it, and take it down; its logs and data stay."""
    chance = random.Random(f"{plan.seed} cluster")
    cluster = alone(folder, sizes, chance=chance) if on_sqlite else await many(folder, sizes, chance=chance)
    try:
        await cluster.start()
        run = Run(plan, cluster, key=await cluster.new_key(), folder=folder)
        await run.run()
        return run
    finally:
        await cluster.stop()


def unattended() -> Sequence[catalog.Scenario]:
    """The scenarios that need no human."""
    return [each for each in catalog.scenarios() if each.id not in ATTENDED]


def _known(scenario: catalog.Scenario | None) -> catalog.Scenario:
    assert scenario is not None, "no such scenario"
    return scenario
