"""A pooler between the nodes and PostgreSQL: refused with a sentence, before it breaks locks at some later moment."""

import os
import shutil
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from priorauth.cli.main import app
from priorauth.store.databases import postgresql
from tests.deploy.proxied import free_port, needed
from tests.factories.postgres import fresh_database

CONFIGURATION = """
[databases]
priorauth = {target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
pool_mode = {mode}
default_pool_size = 20
ignore_startup_parameters = {ignored}
unix_socket_dir =
"""


class Pooled(Protocol):
    """Starts a pooler; returns the URL behind it."""

    def __call__(self, mode: str, *, ignored: str = "extra_float_digits,options") -> str: ...


@pytest.fixture
def database() -> Iterator[str]:
    """An empty database, itself."""
    with fresh_database() as url:
        yield url


@pytest.fixture
def pooled(database: str, tmp_path: Path) -> Iterator[Pooled]:
    """PgBouncer before an empty database."""
    needed("pgbouncer")
    there = sa.make_url(database)
    target = (
        f"host={there.query.get('host', there.host)} port={there.port or 5432} dbname={there.database} user=postgres"
    )
    started: list[subprocess.Popen[bytes]] = []

    def start(mode: str, *, ignored: str = "extra_float_digits,options") -> str:
        port = free_port()
        file = tmp_path / "pgbouncer.ini"
        file.write_text(CONFIGURATION.format(target=target, port=port, mode=mode, ignored=ignored))
        for each in (file, *list(file.parents)[:3]):
            each.chmod(0o755)
        # It refuses to run as root; the database's socket is for its server's user alone.
        socket_folder = str(there.query.get("host", ""))
        owner = Path(socket_folder).owner() if socket_folder.startswith("/") else "nobody"
        user = ["-u", owner] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            [shutil.which("pgbouncer") or "pgbouncer", *user, "-q", str(file)], stderr=subprocess.PIPE
        )
        started.append(process)
        until_it_listens(process, port)
        return f"postgresql://postgres@127.0.0.1:{port}/priorauth"

    yield start
    for process in started:
        process.terminate()
        process.communicate()


def until_it_listens(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Try until somebody answers."""
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            continue
        return
    pytest.fail(f"pgbouncer has ended: {process.communicate()[1]!r}")


def test_postgresql_itself_gives_sessions(database: str) -> None:
    postgresql.require_sessions(database)


@pytest.mark.parametrize("command", ["migrate", "serve", "doctor"])
def test_a_pool_of_transactions_is_refused_by_name(command: str, pooled: Pooled, tmp_path: Path) -> None:
    key = b64encode(bytes(32)).decode()
    environment = {
        "PRIORAUTH_DATABASE_URL": pooled("transaction"),
        "PRIORAUTH_DATA_DIR": str(tmp_path / "data"),
        "PRIORAUTH_ENCRYPTION_KEYS": key,
        "PRIORAUTH_SERVER_KEY": key,
    }
    (tmp_path / "data").mkdir(mode=0o700)

    refused = CliRunner().invoke(app, [command], env=environment)

    assert refused.exit_code == 1
    assert "transaction mode, which gives no sessions" in refused.output
    assert "prepared statement" not in refused.output


def test_a_pool_that_has_many_sessions_is_found_too(pooled: Pooled) -> None:
    url = pooled("transaction")
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        one.execute("SELECT 1")
        other.execute("SELECT 1")

    with pytest.raises(postgresql.NoSessions, match="transaction mode"):
        postgresql.require_sessions(url)


def test_a_pool_that_drops_settings_is_refused(pooled: Pooled) -> None:
    with pytest.raises(postgresql.NoSessions, match="drops the settings"):
        postgresql.require_sessions(pooled("session"))


def test_a_pool_that_refuses_settings_is_refused(pooled: Pooled) -> None:
    with pytest.raises(postgresql.NoSessions, match="refuses the settings"):
        postgresql.require_sessions(pooled("session", ignored="extra_float_digits"))
