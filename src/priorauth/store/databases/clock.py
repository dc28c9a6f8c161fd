"""The database's clock: the one time that all nodes share, in seconds since 1970."""

import sqlalchemy as sa

_CLOCKS = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())::float8",
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
}


def present(connection: sa.Connection) -> float:
    """Return the database's present time."""
    return float(connection.execute(sa.text(_CLOCKS[connection.dialect.name])).scalar_one())
