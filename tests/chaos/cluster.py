"""Real processes of the product, and what can happen to one: it is started, killed, held, and goes on.

A cluster is all of one installation, with a supervisor that starts again whatever ended.
"""

import asyncio
import json
import os
import random
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.chaos.databases import Database

PROGRAM = (sys.executable, "-m", "priorauth.cli")
_READY_WITHIN = 60.0
# Below the ports that systems take for outgoing connections, so that a node's port stays free while it is down.
_PORTS = range(20_000, 32_000)


class NodeFailed(Exception):
    """A node ended where it should have become ready; its log says why."""


class Node:
    """One process under a name. It keeps its command, and with it its port, over all its lives.

    `within` is a command that becomes the process after it has prepared its surroundings.
    """

    def __init__(
        self,
        name: str,
        *arguments: str,
        environment: Mapping[str, str],
        log: Path,
        port: int = 0,
        within: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self.ready = asyncio.Event()
        self.held = False
        self._command = (*within, *PROGRAM, *arguments)
        # A process that the machine ends says where it was.
        self._environment = {**os.environ, "PYTHONFAULTHANDLER": "1", **environment}
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._lives = 0

    @property
    def pid(self) -> int | None:
        """The process while it lives, held or not."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def lives(self) -> int:
        """How often it was started."""
        return self._lives

    @property
    def status(self) -> int | None:
        """What the process ended with, if it has."""
        return self._process.returncode if self._process is not None else None

    async def spawn(self) -> None:
        """Begin a life, without waiting for it to become ready."""
        self.ready.clear()
        self.held = False
        self._lives += 1
        log = self.log.open("ab")
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdout=asyncio.subprocess.PIPE, stderr=log, env=self._environment
        )
        log.close()
        self._reading = asyncio.create_task(self._read(self._process), name=f"reads {self.name}")

    async def start(self) -> float:
        """Begin a life; return after how many seconds it was ready. Raises NodeFailed."""
        begun = time.monotonic()
        await self.spawn()
        await self.become_ready()
        return time.monotonic() - begun

    async def become_ready(self) -> None:
        """Wait until the process says that it is ready. Raises NodeFailed when it ends or takes too long."""
        assert self._process is not None
        ended = asyncio.create_task(self._process.wait())
        ready = asyncio.create_task(self.ready.wait())
        try:
            await asyncio.wait({ended, ready}, timeout=_READY_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            ready.cancel()
        if not self.ready.is_set():
            raise NodeFailed(f"{self.name} is not ready, status {self.status}; see {self.log}")

    async def ended(self) -> None:
        """Wait until the process is gone, for whatever reason."""
        if self._process is not None:
            await self._process.wait()
            self.ready.clear()

    async def kill(self) -> None:
        """kill -9, and wait until the process is gone."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int | None:
        """SIGTERM; return the exit status."""
        await self._end(signal.SIGTERM)
        return self.status

    def hold(self) -> None:
        """SIGSTOP: the process lives on and does nothing."""
        self._send(signal.SIGSTOP)
        self.held = True

    def go_on(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)
        self.held = False

    def _send(self, number: signal.Signals) -> None:
        if self.pid is not None:
            os.kill(self.pid, number)

    async def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._send(number)
        if self.held:
            self.go_on()
        await self._process.wait()
        if self._reading is not None:
            await self._reading
        self.ready.clear()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with self.log.open("ab") as log:
            while line := await process.stdout.readline():
                log.write(line)
                log.flush()
                if line.startswith(b"priorauth") and b" at " in line:
                    self.ready.set()


class Cluster:
    """One installation: the nodes that clients reach, those that work, and what both rest on."""

    def __init__(
        self,
        *,
        apis: Sequence[Node],
        workers: Sequence[Node],
        beside: Sequence[Node] = (),
        database: Database,
        settings: Mapping[str, str],
        chance: random.Random,
    ) -> None:
        self.apis = tuple(apis)
        self.workers = tuple(workers)
        self.database = database
        self.exits: Counter[str] = Counter()
        self._beside = tuple(beside)
        self._settings = dict(settings)
        self._chance = chance
        self._supervisors: list[asyncio.Task[None]] = []

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every process, once."""
        return tuple(dict.fromkeys((*self._beside, *self.workers, *self.apis)))

    async def new_key(self) -> str:
        """Create an API key by the command line, as an operator would."""
        command = (*PROGRAM, "keys", "create", "--organization", "Cedar Hollow", "--environment", "sandbox", "--json")
        made = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **self._settings}
        )
        printed, _ = await made.communicate()
        return str(json.loads(printed)["key"])

    async def start(self) -> None:
        """Start everything, in an order in which it finds what it needs, and supervise it. Raises NodeFailed."""
        await self.database.start()
        for node in self._beside:
            await node.start()
        await asyncio.gather(*(node.start() for node in dict.fromkeys((*self.workers, *self.apis))))
        self._supervisors = [
            asyncio.create_task(self._supervise(node), name=f"keeps {node.name}") for node in self.nodes
        ]

    async def stop(self) -> None:
        """Stop everything."""
        for task in self._supervisors:
            task.cancel()
        await asyncio.gather(*self._supervisors, return_exceptions=True)
        await asyncio.gather(*(node.stop() for node in self.nodes))
        await self.database.stop()

    async def _supervise(self, node: Node) -> None:
        while True:
            await node.ended()
            self.exits[f"{node.name.partition(' ')[0]}, status {node.status}"] += 1
            await asyncio.sleep(self._chance.uniform(0.5, 3.0))
            with suppress(NodeFailed):
                await node.start()


def free_ports(chance: random.Random, *, following: int = 1) -> int:
    """Return a port that nobody listens on, as on those that follow."""
    while True:
        port = chance.choice(_PORTS)
        if not any(_is_taken(port + offset) for offset in range(following)):
            return port


def _is_taken(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def browsers_of(node: Node) -> list[int]:
    """Return the browsers that a node has opened, without the processes that each of them has for itself."""
    parents: dict[int, int] = {}
    browsers = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError):
                pid = int(entry.name)
                parents[pid] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes()
                if b"--remote-debugging-pipe" in command and b"--type=" not in command:
                    browsers.append(pid)
    return sorted(pid for pid in browsers if node.pid in set(_ancestors(pid, parents)))


def _ancestors(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    while (pid := parents.get(pid, 0)) > 1:
        yield pid
