"""The migrations build what the code reads, and take it down again."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from priorauth.store import data_folder, tables
from priorauth.store.databases import postgresql, schema, sqlite
from priorauth.store.databases.schema import alembic_configuration
from tests.factories.postgres import fresh_database


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Connection]:
    """A connection to an empty database of one kind."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            engine = sqlite.create_engine(sqlite.database_url(tmp_path), writing=True)
        else:
            engine = postgresql.create_engine(stack.enter_context(fresh_database()), writing=True)
        stack.callback(engine.dispose)
        yield stack.enter_context(engine.connect())


def our_tables(connection: sa.Connection) -> set[str]:
    names = set(sa.inspect(connection).get_table_names()) - {"alembic_version"}
    connection.rollback()
    return names


def differences(connection: sa.Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection,
        opts={"compare_type": True, "compare_server_default": True, "target_metadata": tables.metadata},
    )
    found = compare_metadata(context, tables.metadata)
    connection.rollback()
    return [difference for difference in found if getattr(difference[1], "name", None) != "alembic_version"]


def test_an_upgrade_from_nothing_gives_the_tables_of_the_code(connection: sa.Connection) -> None:
    command.upgrade(alembic_configuration(connection), "head")

    assert our_tables(connection) == set(tables.metadata.tables)
    assert differences(connection) == []


def test_a_second_upgrade_changes_nothing(connection: sa.Connection) -> None:
    command.upgrade(alembic_configuration(connection), "head")
    command.upgrade(alembic_configuration(connection), "head")

    assert differences(connection) == []


def test_a_downgrade_leaves_nothing_and_an_upgrade_can_follow(connection: sa.Connection) -> None:
    command.upgrade(alembic_configuration(connection), "head")
    command.downgrade(alembic_configuration(connection), "base")
    assert our_tables(connection) == set()

    command.upgrade(alembic_configuration(connection), "head")
    assert differences(connection) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_schema_that_is_as_it_should_be_is_left_alone(kind: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        url = sqlite.database_url(tmp_path) if kind == "sqlite" else stack.enter_context(fresh_database())
        data_folder.prepare(tmp_path, database_url=None if kind == "sqlite" else url)
        # What the engine's library wants is what we say that it wants: else every command asks it.
        imported = "import sys; from pathlib import Path; from priorauth.store.data_folder import prepare"
        asked = f"{imported}; prepare(Path({str(tmp_path)!r}), database_url={None if kind == 'sqlite' else url!r})"
        script = f"{asked}; sys.exit(' '.join(each for each in ('alembic', 'dbos') if each in sys.modules))"

        done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)

        assert done.stderr.strip() == ""


def test_the_newest_migration_is_the_last_of_the_files(connection: sa.Connection) -> None:
    command.upgrade(alembic_configuration(connection), "head")

    assert schema.revision(connection) == schema.newest()


def test_a_version_starts_again_beside_a_later_one(tmp_path: Path) -> None:
    url = data_folder.prepare(tmp_path)
    with schema.held(url) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()

    data_folder.prepare(tmp_path)

    with schema.held(url) as connection:
        assert schema.revision(connection) == "9999"
