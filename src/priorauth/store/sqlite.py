"""What SQLite wants otherwise: one file in the data folder, WAL, full durability, transactions begun by us."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection


def database_url(data_dir: Path) -> str:
    """Return the URL of the database in `data_dir`."""
    return sa.URL.create("sqlite", database=str(data_dir / "priorauth.db")).render_as_string()


def create_engine(url: str, *, writing: bool) -> sa.Engine:
    """Return an engine whose transactions begin IMMEDIATE when `writing`: a deferred one could fail after its reads."""
    engine = sa.create_engine(
        url, connect_args={"check_same_thread": False}, pool_size=1, max_overflow=4, hide_parameters=True
    )
    begin = "BEGIN IMMEDIATE" if writing else "BEGIN"

    @sa.event.listens_for(engine, "connect")
    def configure(connection: DBAPIConnection, _record: object) -> None:
        # Python's own BEGIN is switched off, since it begins late and never IMMEDIATE.
        connection.isolation_level = None
        pragmas = ["busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"]
        if not writing:
            pragmas.append("query_only=ON")
        for pragma in pragmas:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

    @sa.event.listens_for(engine, "begin")
    def begin_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    @sa.event.listens_for(engine, "commit")
    def commit_transaction(connection: sa.Connection) -> None:
        # SQLite ends a transaction by itself when the disk is full; Python's commit would then pass in silence.
        connection.exec_driver_sql("COMMIT")

    return engine


def scrub_once(engine: sa.Engine) -> None:
    """Write the database anew, once in its life: pages that were let go still hold what lay in them in clear."""
    borrowed = engine.raw_connection()
    try:
        cursor = borrowed.cursor()
        if cursor.execute("PRAGMA user_version").fetchone() == (0,):
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.execute("PRAGMA user_version = 1")
    finally:
        borrowed.close()


def in_transaction(connection: sa.Connection) -> bool:
    """Say whether the connection's transaction is still open: SQLite undoes it by itself when the disk is full."""
    driver = connection.connection.driver_connection
    return bool(driver is not None and driver.in_transaction)
