"""How the clusters of a chaos run are put together: one server on SQLite, or many nodes on PostgreSQL."""

import random
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.cluster import Cluster, Node, free_ports
from tests.chaos.databases import PostgresFolder, SqliteFile

_SETTINGS = {
    "PRIORAUTH_READS_PER_MINUTE": "0",
    "PRIORAUTH_WRITES_PER_MINUTE": "0",
    "PRIORAUTH_SWEEP_SECONDS": "5",
}
_PORTALS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many nodes, how many browsers each worker may have, and how often the portals fail."""

    workers: int = 1
    apis: int = 1
    sessions: int = 2
    failure_rate: float = 0.0


def alone(folder: Path, sizes: Sizes, *, chance: random.Random) -> Cluster:
    """One `priorauth serve` on SQLite, which is all of it."""
    data, port = folder / "data", free_ports(chance)
    settings = {
        **_SETTINGS,
        "PRIORAUTH_DATA_DIR": str(data),
        "PRIORAUTH_CONCURRENT_SESSIONS": str(sizes.sessions),
        "PRIORAUTH_SANDBOX_FAILURE_RATE": str(sizes.failure_rate),
    }
    node = Node("server 1", "serve", "--port", str(port), environment=settings, log=folder / "server-1.log", port=port)
    return Cluster(apis=[node], workers=[node], database=SqliteFile(data), settings=settings, chance=chance)


async def many(folder: Path, sizes: Sizes, *, chance: random.Random) -> Cluster:
    """Workers, API nodes and the simulated portals apart, over one PostgreSQL, which is started, and one folder."""
    database = PostgresFolder(folder / "postgres")
    await database.start()
    portals = free_ports(chance, following=_PORTALS)
    settings = {
        **_SETTINGS,
        **database.settings,
        "PRIORAUTH_DATA_DIR": str(folder / "data"),
        "PRIORAUTH_CONCURRENT_SESSIONS": str(sizes.sessions),
        "PRIORAUTH_SANDBOX_URL": f"http://127.0.0.1:{portals}",
    }

    def node(name: str, role: str, at: int, **more: object) -> Node:
        environment = {**settings, **{f"PRIORAUTH_{key.upper()}": str(value) for key, value in more.items()}}
        return Node(name, role, environment=environment, log=folder / f"{name.replace(' ', '-')}.log", port=at)

    sandbox = node("sandbox", "sandbox", portals, sandbox_portal_port=portals, sandbox_failure_rate=sizes.failure_rate)
    workers = []
    for number in range(1, sizes.workers + 1):
        port = free_ports(chance)
        workers.append(node(f"worker {number}", "worker", port, worker_port=port))
    apis = []
    for number in range(1, sizes.apis + 1):
        port = free_ports(chance)
        apis.append(node(f"api {number}", "api", port, port=port))
    return Cluster(apis=apis, workers=workers, beside=[sandbox], database=database, settings=settings, chance=chance)
