"""The schema, ours and the engine's: brought up to date by whoever comes first, while the others wait.

Migrations only add, so that nodes of the version before go on beside them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from dbos import DBOS

from priorauth.store.databases import postgresql, sqlite
from priorauth.store.encryption.sealing import Sealer

# Any number that no other program takes on this database.
_LOCK = 7_230_114


@contextmanager
def held(url: str) -> Iterator[sa.Connection]:
    """Give a connection of the one who may change the schema now. On SQLite the caller holds the data folder's lock."""
    create = postgresql.create_engine if postgresql.is_postgresql(url) else sqlite.create_engine
    engine = create(url, writing=True)
    try:
        with engine.connect() as connection:
            if postgresql.is_postgresql(url):
                # Of the session and not of a transaction: it ends with the connection. The others wait for long.
                connection.execute(sa.text("SET lock_timeout = 0; SET statement_timeout = 0"))
                connection.execute(sa.select(sa.func.pg_advisory_lock(_LOCK)))
                connection.commit()
            yield connection
    finally:
        engine.dispose()


def upgrade(url: str, connection: sa.Connection, sealing: Sealer) -> None:
    """Bring the schema up to date, over the connection that `held` gave."""
    command.upgrade(alembic_configuration(connection, sealing), "head")
    DBOS.migrate(url)


def revision(connection: sa.Connection) -> str | None:
    """Return the revision of our schema, or None where there is none."""
    found = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    return found


def newest() -> str | None:
    """Return the revision that this version of the program wants."""
    return ScriptDirectory(str(_migrations())).get_current_head()


def alembic_configuration(connection: sa.Connection, sealing: Sealer | None = None) -> Config:
    """Return what Alembic needs to run the migrations over `connection`; `sealing` for data that are there already."""
    configuration = Config()
    # It is an ini file's value to Alembic, where % begins an interpolation.
    configuration.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    configuration.attributes["sealer"] = sealing
    return configuration


def _migrations() -> Path:
    packaged = Path(str(files("priorauth"))) / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "migrations"
