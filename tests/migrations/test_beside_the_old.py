"""A migration runs while nodes of the version before go on: it only adds, and what they write still fits."""

from pathlib import Path
from typing import TypeAlias

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from priorauth.store.databases import sqlite
from priorauth.store.databases.schema import alembic_configuration

# Since there are installations of many nodes; before, a server was stopped for its upgrade.
FIRST = "0005"

Shapes: TypeAlias = dict[str, dict[str, tuple[bool, bool]]]
Steps: TypeAlias = dict[str, tuple[Shapes, Shapes]]


def revisions(connection: sa.Connection) -> list[str]:
    script = ScriptDirectory.from_config(alembic_configuration(connection))
    return [each.revision for each in reversed(list(script.walk_revisions()))]


def shapes(connection: sa.Connection) -> Shapes:
    """Of every table its columns: whether each may be null, and whether it has a value by itself."""
    found = sa.inspect(connection)
    names = set(found.get_table_names()) - {"alembic_version"}
    shaped = {
        name: {
            column["name"]: (column["nullable"], column["default"] is not None) for column in found.get_columns(name)
        }
        for name in names
    }
    connection.rollback()
    return shaped


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    """The tables before and after each migration."""
    folder: Path = tmp_path_factory.mktemp("steps")
    engine = sqlite.create_engine(sqlite.database_url(folder), writing=True)
    taken: Steps = {}
    with engine.connect() as connection:
        before: Shapes = {}
        for revision in revisions(connection):
            command.upgrade(alembic_configuration(connection), revision)
            after = shapes(connection)
            taken[revision], before = (before, after), after
    engine.dispose()
    return taken


def test_a_migration_takes_no_table_and_no_column_away_and_narrows_none(
    steps: Steps,
) -> None:
    for revision, (before, after) in steps.items():
        for table, columns in before.items() if revision >= FIRST else ():
            assert table in after, revision
            for column, (nullable, _) in columns.items():
                assert column in after[table], f"{revision}: {table}.{column}"
                assert after[table][column][0] or not nullable, f"{revision}: {table}.{column}"


def test_a_new_column_needs_nothing_of_those_who_do_not_know_it(
    steps: Steps,
) -> None:
    for revision, (before, after) in steps.items():
        for table, columns in before.items() if revision >= FIRST else ():
            for column in after[table].keys() - columns.keys():
                nullable, has_default = after[table][column]
                assert nullable or has_default, f"{revision}: {table}.{column}"
