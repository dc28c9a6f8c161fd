"""`priorauth mark-restored` and `restore`: what is acknowledged, what is listed, and what is refused."""

import asyncio
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from priorauth.bootstrap import backups
from priorauth.bootstrap.backups import Marked
from priorauth.bootstrap.storage import claims_of, database_of
from priorauth.domain.authorizations import Authorization
from priorauth.domain.submissions import Attempt
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.data_folder import DataFolderInUse
from priorauth.store.database import Database
from priorauth.store.keeping.backups import FaultyBackup
from priorauth.store.transaction import Transaction
from tests.factories import cases
from tests.factories.databases import Home, sqlite_home
from tests.factories.dumps import Dump, dump, put_back
from tests.factories.servers import PROGRAM


@pytest.fixture
def settings(home: Home, tmp_path: Path) -> Settings:
    """The settings of the home's installation."""
    url = SecretStr(home.database.url) if home.database.url.startswith("postgresql") else None
    return Settings(data_dir=tmp_path / "data", database_url=url)


def stored(home: Home) -> Authorization:
    """Store an authorization that is about to be submitted."""
    owner, version = home.caller.organization_id, home.payer_version
    case = replace(cases.approved(home.clock), organization_id=owner, payer_version=version)
    home.database.write_now(lambda tx: tx.authorizations.add(case))
    return case


def submit(settings: Settings, home: Home, authorization_id: str, *, database: Database | None = None) -> bool:
    """Intend and claim a submission, as a node does."""
    used, moment = database or home.database, home.clock.moment()
    attempt_id = moment.new_id("sub")

    def operation(tx: Transaction) -> None:
        case = tx.authorizations.get(authorization_id)
        if case is not None:
            attempts = (*case.journal.attempts, Attempt(attempt_id, case.journal.run, moment.now))
            tx.authorizations.save(replace(case, journal=replace(case.journal, attempts=attempts)))
        tx.submission_claims.add(authorization_id, attempt_id=attempt_id, now=moment.now)

    used.write_now(operation)
    return asyncio.run(claims_of(settings, used).claim(authorization_id, attempt_id=attempt_id))


def put_back_after_submissions(settings: Settings, home: Home) -> Authorization:
    """Submit two authorizations, of which the database knew one, and forget it."""
    case = stored(home)
    before: Dump = dump(home)
    assert submit(settings, home, case.id)
    assert submit(settings, home, "auth_created_later")
    put_back(home, before)
    asyncio.run(claims_of(settings, home.database).check())
    assert home.database.read_now(lambda tx: tx.submission_claims.restore_found_at()) is not None
    return case


def test_what_is_marked_is_looked_for_and_goes_on(home: Home, settings: Settings) -> None:
    case = put_back_after_submissions(settings, home)

    marked = backups.mark_restored(settings)

    assert marked == Marked(open=1, submissions=2, unknown=("auth_created_later",))
    found = home.database.read_now(lambda tx: tx.authorizations.get(case.id))
    assert found is not None
    assert found.journal.open_attempt is not None, "it is looked for"
    assert home.database.read_now(lambda tx: tx.submission_claims.restore_found_at()) is None
    assert submit(settings, home, case.id)
    assert backups.mark_restored(settings) == Marked(open=1, submissions=0, unknown=())


@pytest.mark.parametrize("command", ["mark-restored", "doubt"])
def test_the_command_lists_what_the_database_does_not_have(home: Home, settings: Settings, command: str) -> None:
    put_back_after_submissions(settings, home)
    variables = {} if settings.database_url is None else {"PRIORAUTH_DATABASE_URL": home.database.url}

    done = subprocess.run(
        [*PROGRAM, command, "--data-dir", str(settings.data_dir)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "One open case is looked for" in done.stdout
    assert "2 submissions were in the file store" in done.stdout
    assert done.stdout.rstrip().endswith("  auth_created_later")


def test_without_the_file_store_nothing_is_acknowledged(home: Home, settings: Settings) -> None:
    put_back_after_submissions(settings, home)
    log = settings.data_dir / "files" / "submission-log"
    log.rename(settings.data_dir / "elsewhere")
    log.symlink_to(log)  # What leads to itself cannot be read, by root neither.

    with pytest.raises(FaultyBackup, match="not acknowledged"):
        backups.mark_restored(settings)

    assert home.database.read_now(lambda tx: tx.submission_claims.restore_found_at()) is not None
    log.unlink()
    (settings.data_dir / "elsewhere").rename(log)
    assert backups.mark_restored(settings).submissions == 2


def test_it_is_refused_while_somebody_works(home: Home, settings: Settings) -> None:
    put_back_after_submissions(settings, home)
    home.database.write_now(lambda tx: tx.workers.add("worker_1", url="http://127.0.0.1:9", lease_seconds=60))
    with data_folder.held(settings.data_dir), pytest.raises(DataFolderInUse):
        backups.mark_restored(settings)
    assert home.database.read_now(lambda tx: tx.submission_claims.restore_found_at()) is not None


def test_a_restored_folder_is_acknowledged_and_submits_on(tmp_path: Path) -> None:
    """The database was copied before a submission, and the files after it: the folder that comes of it knows both."""

    settings = Settings(data_dir=tmp_path / "data")
    with sqlite_home(tmp_path / "data") as home:
        stored(home)
        assert submit(settings, home, "auth_1")
        backups.back_up(settings, tmp_path / "copy", with_keys=True)
        assert submit(settings, home, "auth_2")
        made = settings.model_copy(update={"data_dir": tmp_path / "new"})

        restored = backups.restore(made, tmp_path / "copy", keys_from=None)

        assert restored.marked == Marked(open=1, submissions=0, unknown=())
        with database_of(made) as database:
            claims = claims_of(made, database)
            asyncio.run(claims.check())
            assert not claims.is_stale.is_set()
            assert submit(made, home, "auth_3", database=database)
