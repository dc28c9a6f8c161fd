"""The database that a cluster rests on, as its operator sees it: started, stopped, and looked into from outside."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, TypeAlias

Row: TypeAlias = tuple[Any, ...]


class Database(Protocol):
    """What a chaos run needs of either database."""

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment that leads a node to it."""
        ...

    @property
    def can_restart(self) -> bool: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def crash(self) -> None:
        """Let it die as by a loss of power; `start` brings it back."""
        ...

    async def rows(self, query: str) -> Sequence[Row]:
        """Read."""
        ...


class SqliteFile:
    """The file in the data folder. It lives as long as its server."""

    settings: Mapping[str, str] = {}
    can_restart = False

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "priorauth.db"

    async def start(self) -> None:
        """Nothing: there is no server."""

    async def stop(self) -> None:
        """Nothing: there is no server."""

    async def crash(self) -> None:
        """It dies with its server only."""
        raise NotImplementedError

    async def rows(self, query: str) -> Sequence[Row]:
        """Read, beside the server."""

        def read() -> Sequence[Row]:
            with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=30)) as connection:
                return connection.execute(query).fetchall()

        return await asyncio.to_thread(read)
