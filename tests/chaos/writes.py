"""Kills `priorauth serve` on SQLite again and again under write load: `python -m tests.chaos.writes --kills 200`.

Several clients write at full speed and keep what they were told. The server is killed with SIGKILL at random moments,
during its start too, and started again on the same folder. No acknowledged write may be lost, doubled or changed.
"""

import argparse
import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx

from priorauth.sandbox import catalog
from tests.chaos.cluster import Node, NodeFailed, free_ports
from tests.chaos.writers import CASES, Json, SharedCase, Violation, Writer, check_shared
from tests.factories.servers import new_key

# A life ends within so many acknowledged writes, however slow the machine is, and so soon after the last of them.
_WRITES_OF_A_LIFE = 40
_LONGEST_MOMENT = 0.05
_SETTINGS = {
    "PRIORAUTH_READS_PER_MINUTE": "0",
    "PRIORAUTH_WRITES_PER_MINUTE": "0",
    "PRIORAUTH_CONCURRENT_SESSIONS": "1",
    "PRIORAUTH_LOG_LEVEL": "warning",
}


@dataclass(slots=True)
class Report:
    """What a run has seen."""

    kills: Counter[str] = field(default_factory=Counter)
    starts: list[float] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    cases: int = 0
    keys_repeated: int = 0
    integrity_checks: int = 0
    megabytes: float = 0.0
    seconds: float = 0.0

    def lines(self) -> list[str]:
        """The table."""
        rows: list[tuple[str, object]] = [(f"kills {kind}", times) for kind, times in sorted(self.kills.items())]
        rows += [
            ("writes acknowledged", sum(self.writes.values())),
            *((f"  {kind}", times) for kind, times in sorted(self.writes.items())),
            *((f"unanswered {kind}", times) for kind, times in sorted(self.unanswered.items())),
            ("cases held against what was acknowledged", self.cases),
            ("keys repeated, each with its first answer", self.keys_repeated),
            ("integrity checks", self.integrity_checks),
            ("database, MB", round(self.megabytes, 1)),
            ("start to ready, s: median", round(median(self.starts), 2)),
            ("start to ready, s: worst", round(max(self.starts), 2)),
            ("duration, s", round(self.seconds)),
        ]
        width = max(len(name) for name, _ in rows)
        return [f"{name:<{width}}  {value:>10}" for name, value in rows]


class Written:
    """How many writes were acknowledged, to all writers together."""

    def __init__(self) -> None:
        self._number = 0
        self._moved = asyncio.Event()

    def one(self) -> None:
        """Count one more."""
        self._number += 1
        self._moved.set()

    async def more(self, number: int) -> None:
        """Wait until so many more were acknowledged."""
        enough = self._number + number
        while self._number < enough:
            self._moved.clear()
            await self._moved.wait()


class Run:
    """One folder, one server that keeps dying, some writers."""

    def __init__(self, folder: Path, *, kills: int, seed: int, writers: int) -> None:
        self.report = Report()
        self._folder = folder
        self._kills = kills
        self._seed = seed
        self._number_of_writers = writers
        self._chance = random.Random(seed)
        self._written = Written()
        self._port = free_ports(self._chance)
        data = folder / "data"
        arguments = ("serve", "--port", str(self._port), "--data-dir", str(data))
        self._server = Node("serve", *arguments, environment=_SETTINGS, log=folder / "serve.log")
        self._database = data / "priorauth.db"

    async def run(self) -> Report:
        """Kill, and check; return what was seen. Raises Violation, NodeFailed."""
        begun = time.monotonic()
        made = await asyncio.to_thread(new_key, self._folder / "data", "Cedar Hollow")
        client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self._port}",
            headers={"Authorization": f"Bearer {made['key']}"},
            timeout=60,
            trust_env=False,
        )
        async with client:
            try:
                self.report.starts.append(await self._server.start())
                await self._write_and_kill(client)
            finally:
                await self._server.stop()
        await self._check_file("integrity_check")
        self.report.megabytes = self._database.stat().st_size / 1e6
        self.report.seconds = time.monotonic() - begun
        return self.report

    async def _write_and_kill(self, client: httpx.AsyncClient) -> None:
        shared = SharedCase(await _new_case(client))
        writers = [
            Writer(
                number,
                seed=self._seed,
                client=client,
                back=self._back,
                shared=shared,
                written=self._written.one,
                log=self._folder / f"writer-{number}.jsonl",
            )
            for number in range(self._number_of_writers)
        ]
        async with asyncio.TaskGroup() as group:
            for writer in writers:
                group.create_task(writer.write(), name=writer.name)
            for number in range(self._kills):
                await self._kill_once(number)
            for writer in writers:
                writer.stop()
        for writer in writers:
            await writer.end_cases()
        for writer in writers:
            self.report.keys_repeated += await writer.check_everything()
            self.report.cases += len(writer.cases)
            self.report.writes += writer.counts
            self.report.unanswered += writer.unanswered
        await check_shared(shared, lambda path: _got(client, path))
        listed = await _count(client)
        if listed != self.report.cases + 1:
            raise Violation(f"{self.report.cases + 1} cases were created, {listed} are there")

    async def _kill_once(self, number: int) -> None:
        if self._chance.random() < 0.2:
            # During the next start: whatever it was about to do to the folder, the one after it copes.
            await self._server.kill()
            await self._server.spawn()
            await asyncio.sleep(self._chance.uniform(0.0, 1.1) * median(self.report.starts))
            kind = "in service" if self._server.ready.is_set() else "during a start"
        else:
            await self._written.more(self._chance.randint(1, _WRITES_OF_A_LIFE))
            await asyncio.sleep(self._chance.uniform(0.0, _LONGEST_MOMENT))
            kind = "in service"
        await self._server.kill()
        self.report.kills[kind] += 1
        self.report.starts.append(await self._server.start())
        await self._check_file("integrity_check" if number % 10 == 9 else "quick_check")

    async def _check_file(self, pragma: str) -> None:
        found = await asyncio.to_thread(_pragma, self._database, pragma)
        if found != "ok":
            raise Violation(f"PRAGMA {pragma}: {found}")
        self.report.integrity_checks += 1

    async def _back(self) -> None:
        # The death may not be noticed yet.
        await asyncio.sleep(0.01)
        await self._server.ready.wait()


def _pragma(database: Path, pragma: str) -> str:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return "; ".join(str(row[0]) for row in connection.execute(f"PRAGMA {pragma}"))


async def _new_case(client: httpx.AsyncClient) -> str:
    scenario = catalog.scenario("approved_after_review")
    assert scenario is not None
    created = await client.post(CASES, json=scenario.create, headers={"Idempotency-Key": "the shared case"})
    return f"{CASES}/{created.raise_for_status().json()['id']}"


async def _got(client: httpx.AsyncClient, path: str) -> Json:
    found: Json = (await client.get(path)).raise_for_status().json()
    return found


async def _count(client: httpx.AsyncClient) -> int:
    ids: set[str] = set()
    total, cursor = 0, ""
    while True:
        page = await _got(client, f"{CASES}?limit=100{cursor}")
        ids |= {case["id"] for case in page["data"]}
        total += len(page["data"])
        if page["pagination"]["nextCursor"] is None:
            return total if len(ids) == total else -1
        cursor = f"&cursor={page['pagination']['nextCursor']}"


def main(arguments: list[str]) -> int:
    """Run, print the table, and return 1 if a promise was broken; then the folder stays."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.writes", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--folder", type=Path, help="Where data and logs go and stay; by default a temporary folder.")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="priorauth-writes-"))
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder, kills=given.kills, seed=given.seed, writers=given.writers)
    broken: list[BaseException] = []
    try:
        asyncio.run(run.run())
    except* (Violation, NodeFailed) as group:
        broken += group.exceptions
    print("\n".join(run.report.lines()))
    for each in broken:
        print(f"\nBROKEN: {each}")
    if broken:
        print(f"\ndata and logs: {folder}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
