"""A server on a small disk of its own, which can be filled to its last byte; and a database that cannot be read."""

import os
import random
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.chaos.cluster import Node, free_ports

# A file system that nobody else sees, made by the process that becomes the server.
_SURROUNDINGS = 'mount -t tmpfs -o size=8m tmpfs "$1" && cp -a "$0"/. "$1" && shift && exec "$@"'
_PAGE = 4096
_UNSHARED = ("unshare", "--user", "--map-root-user", "--mount")


def can_be_small() -> bool:
    """Say whether this machine lets us give a process a disk of its own."""
    trial = (*_UNSHARED, "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


class SmallDisk:
    """A disk of 8 MB with a copy of the data folder `prepared`, and the server on it."""

    def __init__(self, folder: Path, *, prepared: Path, **settings: object) -> None:
        self._data = folder / "data"
        self._data.mkdir(exist_ok=True)
        port = free_ports(random.Random())
        self.url = f"http://127.0.0.1:{port}"
        self.server = Node(
            "serve",
            *("serve", "--port", str(port), "--data-dir", str(self._data)),
            environment={f"PRIORAUTH_{name.upper()}": str(value) for name, value in settings.items()},
            log=folder / "serve.log",
            within=(*_UNSHARED, "sh", "-c", _SURROUNDINGS, str(prepared), str(self._data)),
        )

    @property
    def folder(self) -> Path:
        """The data folder as the server sees it."""
        return Path(f"/proc/{self.server.pid}/root{self._data}")

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Leave no byte, and make room again."""
        filler = self.folder / "filler"
        descriptor = os.open(filler, os.O_CREAT | os.O_WRONLY)
        size = 1 << 16
        while size:
            try:
                os.write(descriptor, b"x" * size)
            except OSError:
                size //= 2
        os.close(descriptor)
        try:
            yield
        finally:
            filler.unlink()

    @contextmanager
    def unreadable(self) -> Iterator[None]:
        """Let the database's files show nothing beyond the first page, and show again what they held.

        A file without any page would be a new database to SQLite, and a log without users one to begin anew: a disk
        that cannot be read is neither. So a page is left, and a user of the log is here for as long as it lasts.
        """
        database = self.folder / "priorauth.db"
        left = {database: _PAGE, database.with_name(f"{database.name}-wal"): 0}
        with closing(sqlite3.connect(database, isolation_level=None)) as user:
            user.execute("SELECT count(*) FROM sqlite_master").fetchone()
            with self._held():
                kept = {path: path.read_bytes() for path in left}
                for path, size in left.items():
                    os.truncate(path, size)
            try:
                yield
            finally:
                # From the pages that it remembers, the server may have committed a write meanwhile, behind these.
                with self._held():
                    for path, content in kept.items():
                        with path.open("r+b") as file:
                            file.write(content)

    @contextmanager
    def _held(self) -> Iterator[None]:
        self.server.hold()
        yield
        self.server.go_on()
