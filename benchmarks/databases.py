"""What an installation's database has done and holds, counted from outside."""

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg

_ANY_LINE = re.compile(r"^@(\w*)@.*?(?:execute [^:]*|statement): (.*)$")


class CountedPostgres:
    """A PostgreSQL's counters. It is asked on a connection of its own, which counts in them a little."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("SET application_name = 'benchmark'")

    def postmaster(self) -> int:
        """Return the process that all others of the server come from."""
        backend = self._one("SELECT pg_backend_pid()")
        return int(Path(f"/proc/{int(backend)}/stat").read_text().rpartition(")")[2].split()[1])

    def counters(self) -> dict[str, float]:
        """Return transactions so far, and bytes of WAL and of all tables."""
        query = (
            "SELECT xact_commit + xact_rollback, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'), pg_database_size(oid)"
            " FROM pg_database JOIN pg_stat_database ON datid = oid WHERE pg_database.datname = current_database()"
        )
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return {"transactions": float(row[0]), "WAL bytes": float(row[1]), "bytes on disk": float(row[2])}

    def settle(self) -> None:
        """Wait until what backends have counted has come to where it is read."""
        time.sleep(1.5)

    def rows(self) -> dict[str, int]:
        """Return how many rows each table has, and bytes in them."""
        tables = self._connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'dbos')"
        ).fetchall()
        found: dict[str, int] = {}
        for schema, table in tables:
            name = table if schema == "public" else f"{schema}.{table}"
            row = self._connection.execute(
                f'SELECT count(*), coalesce(sum(pg_column_size(t.*)), 0) FROM "{schema}"."{table}" t'
            ).fetchone()
            assert row is not None
            found[f"rows {name}"], found[f"bytes {name}"] = int(row[0]), int(row[1])
        return found

    def looks(self) -> int:
        """Return how many looks at submitted cases have ended."""
        return int(
            self._one(
                "SELECT count(*) FROM dbos.workflow_status WHERE name = 'follow_authorization' AND status = 'SUCCESS'"
            )
        )

    def connections(self) -> dict[str, int]:
        """Return how many connections there are, by who has them."""
        query = "SELECT application_name, count(*) FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1"
        return {str(name): int(amount) for name, amount in self._connection.execute(query) if name != "benchmark"}

    def statements(self, during: Callable[[], object], *, per: float = 1.0) -> dict[str, float]:
        """Count what is sent while something happens: statements and commits, by who sends them."""
        log = Path(self._one("SHOW data_directory")) / "log"
        self._log("all", prefix="@%a@ ")
        begins = log.stat().st_size
        during()
        lines = log.read_bytes()[begins:].decode().splitlines()
        self._log("none", prefix="%m [%p] ")
        counts: Counter[str] = Counter()
        for who, text in (found.groups() for line in lines if (found := _ANY_LINE.match(line))):
            if who != "benchmark":
                word = text.split(maxsplit=1)[0].upper() if text.strip() else ""
                kind = {"BEGIN": "begins", "COMMIT": "commits", "ROLLBACK": "rollbacks"}.get(word, "statements")
                counts[f"{who}: {kind}"] += 1
                if "pg_notify" in text:
                    counts[f"{who}: notifications"] += 1
        return {name: amount / per for name, amount in sorted(counts.items())}

    def _log(self, what: str, *, prefix: str) -> None:
        self._connection.execute(f"ALTER SYSTEM SET log_statement = '{what}'")
        self._connection.execute(f"ALTER SYSTEM SET log_line_prefix = '{prefix}'")
        self._connection.execute("SELECT pg_reload_conf()")
        time.sleep(0.5)

    def _one(self, query: str) -> str:
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return str(row[0])


class CountedSqlite:
    """A data folder's SQLite, which says less of itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def counters(self) -> dict[str, float]:
        """Return the bytes of the database, without its log, and of the files."""
        files = sum(file.stat().st_size for file in (self._folder / "files").rglob("*") if file.is_file())
        with self._connected() as connection:
            pages = connection.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
            return {"bytes on disk": float(pages.fetchone()[0]), "bytes of files": float(files)}

    def settle(self) -> None:
        """Nothing has to be waited for."""

    def rows(self) -> dict[str, int]:
        """Return how many rows each table has."""
        with self._connected() as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            return {
                f"rows {name}": int(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])
                for (name,) in tables
            }

    def looks(self) -> int:
        """Return how many looks at submitted cases have ended."""
        query = "SELECT count(*) FROM workflow_status WHERE name = 'follow_authorization' AND status = 'SUCCESS'"
        with self._connected() as connection:
            return int(connection.execute(query).fetchone()[0])

    def statements(self, during: Callable[[], object]) -> dict[str, float]:
        """SQLite keeps no such log; what should happen does."""
        during()
        return {}

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._folder / 'priorauth.db'}?mode=ro", uri=True, timeout=10)
