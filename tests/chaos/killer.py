"""Kills at random, spread over a run: processes for good or for a while, browsers, and once the database.

Every choice comes from the seed. What it does to whom is noted, with how long a dead worker's work lay idle.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from tests.chaos.cluster import Cluster, Node, browsers_of
from tests.chaos.takeovers import Takeovers

# The last kills come before the last cases, so that each of them has something to break.
_SPREAD = 0.9
_JITTER_SECONDS = 1.5
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to harm one kind of process. A stop that outlasts a worker's lease must end the worker."""

    name: str
    weight: float
    victims: Callable[[], Sequence[Node]]
    harm: Callable[[Node], Awaitable[bool]]


class Progress:
    """How many of all cases have ended."""

    def __init__(self, cases: int) -> None:
        self.ended = 0
        self._cases = cases
        self._moved = asyncio.Event()

    def move(self) -> None:
        """Count one more."""
        self.ended += 1
        self._moved.set()

    async def reach(self, fraction: float) -> None:
        """Wait until so many have ended."""
        while self.ended < fraction * self._cases:
            self._moved.clear()
            await self._moved.wait()


class Killer:
    """Does `kills` harms while `progress` goes from 0 to 1, and restarts the database in the middle where it can."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        kills: int,
        chance: random.Random,
        progress: Progress,
        takeovers: Takeovers,
    ) -> None:
        self.done: Counter[str] = Counter()
        self._cluster = cluster
        self._kills = kills
        self._chance = chance
        self._progress = progress
        self._takeovers = takeovers
        self._going_on: set[asyncio.Task[None]] = set()
        alone = cluster.workers == cluster.apis
        self._kinds = (
            Kind("worker killed", 0.35, lambda: cluster.workers, self._kill),
            Kind("worker stopped for a while", 0.15, lambda: cluster.workers, self._hold),
            Kind("API node killed", 0.0 if alone else 0.15, lambda: cluster.apis, self._kill),
            Kind("API node stopped for a while", 0.0 if alone else 0.1, lambda: cluster.apis, self._hold),
            Kind("browser killed", 0.25, lambda: cluster.workers, self._kill_browser),
        )

    async def run(self) -> None:
        """Kill until all kills are done."""
        restart_at = self._kills // 2 if self._cluster.database.can_restart else -1
        for number in range(self._kills):
            await self._progress.reach(_SPREAD * number / self._kills)
            await asyncio.sleep(self._chance.uniform(0, _JITTER_SECONDS))
            if number == restart_at:
                await self._restart_database()
            await self._harm()
        await asyncio.gather(*self._going_on)

    async def _harm(self) -> None:
        """Do one harm, of another kind where there is no victim of the chosen one."""
        while True:
            kind = self._chance.choices(self._kinds, [kind.weight for kind in self._kinds])[0]
            there = [node for node in kind.victims() if node.ready.is_set() and not node.held]
            if there and await kind.harm(self._chance.choice(there)):
                self.done[kind.name] += 1
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _kill(self, node: Node) -> bool:
        if node in self._cluster.workers:
            await self._takeovers.expect(node)
        await node.kill()
        return True

    async def _hold(self, node: Node) -> bool:
        node.hold()
        life = node.lives
        going_on = asyncio.create_task(self._go_on(node, life, self._chance.uniform(1.0, 20.0)))
        self._going_on.add(going_on)
        going_on.add_done_callback(self._going_on.discard)
        return True

    async def _go_on(self, node: Node, life: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if node.lives == life:
            node.go_on()

    async def _kill_browser(self, node: Node) -> bool:
        browsers = await asyncio.to_thread(browsers_of, node)
        if not browsers:
            return False
        try:
            os.kill(self._chance.choice(browsers), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    async def _restart_database(self) -> None:
        begun = monotonic()
        await self._cluster.database.crash()
        await asyncio.sleep(self._chance.uniform(0.5, 3.0))
        await self._cluster.database.start()
        self.done["database restarted"] += 1
        self._takeovers.database_was_down(monotonic() - begun)
