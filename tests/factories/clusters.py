"""An installation of many nodes on this machine: one PostgreSQL, the simulated portals, API nodes and workers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.factories.databases import postgres_database
from tests.factories.servers import ServerProcess


@dataclass
class Cluster:
    """The nodes, the stack that stops them, and what they share."""

    folder: Path
    database_url: str
    stack: ExitStack
    settings: dict[str, object] = field(default_factory=dict)
    started: int = 0

    def start(self, command: str, **settings: object) -> ServerProcess:
        """Start a node; it is stopped at the end if it is still there."""
        self.started += 1
        shared = {"database_url": self.database_url, **self.settings, **settings}
        name = f"{command}-{self.started}"
        node = ServerProcess(self.folder, command=command, name=name, **shared)  # type: ignore[arg-type]
        node.start()
        self.stack.callback(node.stop)
        return node

    def holder_of(self, authorization_id: str, workers: list[ServerProcess]) -> ServerProcess | None:
        """The worker that holds the case's session now."""
        query = "SELECT url FROM session_claims JOIN workers ON id = worker WHERE authorization_id = %s"
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(query, (authorization_id,)).fetchone()
        return next((each for each in workers if row is not None and each.url == row[0]), None)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Give an installation that has its database and its portals, and no other nodes yet."""
    with postgres_database(folder / "data") as url, ExitStack() as stack:
        made = Cluster(folder / "data", url, stack)
        made.settings["sandbox_url"] = made.start("sandbox").url
        yield made


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Balancer:
    """What stands before API nodes: a connection goes to the first of them that answers."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                node = self._first()
                if node is None:
                    client.close()
                    continue
                threading.Thread(target=_lead, args=(client, node), daemon=True).start()

    def _first(self) -> socket.socket | None:
        for port in self.ports:
            with suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), timeout=1)
        return None


def _lead(client: socket.socket, node: socket.socket) -> None:
    with client, node:
        back = threading.Thread(target=_pump, args=(node, client), daemon=True)
        back.start()
        _pump(client, node)
        back.join()


def _pump(one: socket.socket, other: socket.socket) -> None:
    one.settimeout(None)
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for each in (one, other):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
