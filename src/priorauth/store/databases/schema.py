"""The schema, ours and the engine's: brought up to date by whoever comes first, while the others wait.

Migrations only add, so that nodes of the version before go on beside them, and may be started again beside them. What
migrates is imported when there is something to do: most commands find the schema as they want it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog

from priorauth.store.databases import sqlite
from priorauth.store.databases.urls import is_postgresql
from priorauth.store.encryption.sealing import Sealer

if TYPE_CHECKING:
    from alembic.config import Config

_log = structlog.get_logger(__name__)

# The schema that the engine's pinned version wants. A test holds it against the engine; where it is another, every
# start asks the engine itself.
ENGINE_SCHEMA = 125
# Any number that no other program takes on this database.
_LOCK = 7_230_114


@contextmanager
def held(url: str) -> Iterator[sa.Connection]:
    """Give a connection of the one who may change the schema now. On SQLite the caller holds the data folder's lock."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            if is_postgresql(url):
                # Of the session and not of a transaction: it ends with the connection. The others wait for long.
                connection.execute(sa.text("SET lock_timeout = 0; SET statement_timeout = 0"))
                connection.execute(sa.select(sa.func.pg_advisory_lock(_LOCK)))
                connection.commit()
            yield connection
    finally:
        engine.dispose()


def upgrade(url: str, connection: sa.Connection, sealing: Sealer) -> None:
    """Bring the schema up to date, over the connection that `held` gave.

    A schema of a later version is left as it is: this node goes on beside those of that version.
    """
    found, wanted = revision(connection), newest()
    if found is not None and found > wanted:
        _log.warning("schema_is_newer", found=found, wanted=wanted)
        return
    if found == wanted and _engine_revision(connection) == ENGINE_SCHEMA:
        return
    from alembic import command  # noqa: PLC0415
    from dbos import DBOS  # noqa: PLC0415

    command.upgrade(alembic_configuration(connection, sealing), "head")
    DBOS.migrate(url)


def revision(connection: sa.Connection) -> str | None:
    """Return the revision of our schema, or None where there is none."""
    found: str | None = _only(connection, "SELECT version_num FROM alembic_version", table="alembic_version")
    return found


def newest() -> str:
    """Return the revision that this version of the program wants: migrations are numbered, one after the other."""
    return max(path.name[:4] for path in (_migrations() / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


def alembic_configuration(connection: sa.Connection, sealing: Sealer | None = None) -> "Config":
    """Return what Alembic needs to run the migrations over `connection`; `sealing` for data that are there already."""
    from alembic.config import Config  # noqa: PLC0415

    configuration = Config()
    # It is an ini file's value to Alembic, where % begins an interpolation.
    configuration.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    configuration.attributes["sealer"] = sealing
    return configuration


def require_usable(url: str) -> None:
    """Raise NoSessions where a PostgreSQL is reached in a way that cannot work."""
    if is_postgresql(url):
        from priorauth.store.databases import postgresql  # noqa: PLC0415

        postgresql.require_sessions(url)


def _engine(url: str) -> sa.Engine:
    if not is_postgresql(url):
        return sqlite.create_engine(url, writing=True)
    from priorauth.store.databases import postgresql  # noqa: PLC0415

    return postgresql.create_engine(url, writing=True)


def _engine_revision(connection: sa.Connection) -> int | None:
    schema = "dbos" if connection.dialect.name == "postgresql" else None
    name = f"{schema}.dbos_migrations" if schema else "dbos_migrations"
    query = f"SELECT version FROM {name}"  # noqa: S608 - one of two names of ours
    found: int | None = _only(connection, query, table="dbos_migrations", schema=schema)
    return found


def _only(connection: sa.Connection, query: str, *, table: str, schema: str | None = None) -> Any:  # noqa: ANN401
    """Return the one value of a table that may not be there."""
    is_there = sa.inspect(connection).has_table(table, schema=schema)
    found = connection.execute(sa.text(query)).scalar() if is_there else None
    connection.rollback()
    return found


def _migrations() -> Path:
    packaged = Path(str(files("priorauth"))) / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "migrations"
