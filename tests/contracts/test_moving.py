"""Moving's promise: all of it or nothing, the same on both sides, work under its ids, and nobody at the old place."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from priorauth.bootstrap import moving
from priorauth.bootstrap.storage import claims_of, database_of
from priorauth.commands.processing import expected_work
from priorauth.domain.authorizations import Authorization
from priorauth.domain.lifecycle import Status
from priorauth.domain.live_sessions import BoundaryState, SessionClaim
from priorauth.settings import Settings
from priorauth.store import data_folder, tables
from priorauth.store.data_folder import DataFolderInUse
from priorauth.store.database import Database
from priorauth.store.ids import present
from priorauth.store.keeping import moved
from priorauth.store.keeping.moved import Moved
from priorauth.store.keeping.moving import CannotMove
from priorauth.store.transaction import Transaction
from priorauth.store.work import WorkState
from tests.factories import cases, postgres
from tests.factories.databases import sqlite_home
from tests.factories.moments import Clock
from tests.factories.servers import PROGRAM

pytestmark = pytest.mark.postgres


def canceled_under_an_attempt(clock: Clock) -> Authorization:
    return cases.canceled(cases.attempted(clock), clock)


BUILT = {
    **{status.value: lambda clock, status=status: cases.in_status(status, clock) for status in Status},  # type: ignore[misc]
    "attempted": cases.attempted,
    "replying": cases.replying,
    "taken over": cases.taken_over,
    "canceled under an attempt": canceled_under_an_attempt,
}
AWAITING = ("processing", "waiting_on_payer", "attempted", "replying", "canceled under an attempt")


@pytest.fixture
def stored(tmp_path: Path) -> dict[str, Authorization]:
    """A data folder with a case of each kind, each with an entry on its timeline; its database is closed."""
    made = {}
    with sqlite_home(tmp_path / "data") as home:
        for name, build in BUILT.items():
            owner, version = home.caller.organization_id, home.payer_version
            case = made[name] = replace(build(home.clock), organization_id=owner, payer_version=version)
            home.database.write_now(lambda tx, case=case: tx.authorizations.add(case))  # type: ignore[misc]
            entry = {"id": home.clock.new_id("evt"), "authorization_id": case.id, "observation_id": None}
            sealed = data_folder.sealer(tmp_path / "data").seal(b"{}", f"timeline:{entry['id']}")
            row = tables.timeline.insert().values(**entry, document=sealed)
            home.database.write_now(lambda tx, row=row: tx.connection.execute(row))  # type: ignore[misc]
        held = SessionClaim(
            authorization_id=made["requires_action"].id,
            session_id="ses_1",
            worker="worker_of_the_old_server",
            channel="portal",
            boundary=BoundaryState.UNKNOWN,
            expires_at=home.clock.now,
        )
        home.database.write_now(lambda tx: tx.sessions.put(held))
    return made


@pytest.fixture
def settings(tmp_path: Path, stored: dict[str, Authorization]) -> Iterator[Settings]:
    """The settings of a move to an empty database."""
    assert stored
    with postgres.fresh_database() as url:
        yield Settings(data_dir=tmp_path / "data", database_url=SecretStr(url))


def state_of(tx: Transaction, case: Authorization) -> WorkState:
    return expected_work(tx, case.id)[1]


def test_everything_arrives_and_work_goes_on_under_its_ids(
    settings: Settings, stored: dict[str, Authorization]
) -> None:
    done = moving.move(settings)

    rows = {each.table: each.rows for each in done.tables}
    assert rows["authorizations"] == len(BUILT)
    assert rows["session_claims"] == 0, "no session outlives its server"
    # Case by case, one entry each, and what the loss of the session has added.
    assert rows["timeline"] >= len(BUILT)
    assert done.opened > 2 * len(BUILT)
    with database_of(settings) as database:
        for name, case in stored.items():
            arrived = database.read_now(lambda tx, case=case: tx.authorizations.get(case.id))  # type: ignore[misc]
            assert arrived is not None
            if name == "requires_action":
                assert arrived.status is Status.PROCESSING, "the session that waited for a human is gone"
            else:
                assert arrived == case
        for name in AWAITING:
            assert database.read_now(lambda tx, name=name: state_of(tx, stored[name])) is WorkState.WAITING  # type: ignore[misc]
        assert done.work == database.read_now(lambda tx: tx.work.waiting()) + 2, "two wait for their time"


def test_nobody_serves_from_the_folder_afterwards(settings: Settings) -> None:
    moving.move(settings)

    here = settings.model_copy(update={"database_url": None})
    with pytest.raises(Moved, match="Set PRIORAUTH_DATABASE_URL"), database_of(here):
        pass
    with pytest.raises(Moved):
        moving.move(settings)
    environment = {name: value for name, value in os.environ.items() if name != "PRIORAUTH_DATABASE_URL"}
    command = [*PROGRAM, "serve", "--port", "0", "--data-dir", str(settings.data_dir)]
    served = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert served.returncode == 1
    assert "has moved to postgresql://" in served.stderr
    assert "Traceback" not in served.stderr


def test_a_move_that_fails_has_moved_nothing_and_can_be_run_again(settings: Settings) -> None:
    """The last thing before the commit is to open what was copied: here is something that nobody can open."""
    bad = {"id": "evt_bad", "authorization_id": "auth_000001", "observation_id": None, "document": b"\x01nobody's"}
    here = settings.model_copy(update={"database_url": None})
    with database_of(here) as database:
        database.write_now(lambda tx: tx.connection.execute(tables.timeline.insert().values(**bad)))
    with pytest.raises(CannotMove, match="cannot be opened"):
        moving.move(settings)

    assert moved.moved_to(settings.data_dir) is None
    with database_of(settings) as database:
        count = sa.select(sa.func.count()).select_from(tables.authorizations)
        assert database.read_now(lambda tx: tx.connection.execute(count).scalar()) == 0
    with database_of(here) as database:
        database.write_now(lambda tx: tx.connection.execute(tables.timeline.delete().filter_by(id="evt_bad")))
    assert moving.move(settings).tables


def test_a_move_that_dies_after_its_commit_is_finished_by_the_next(settings: Settings) -> None:
    first = moving.move(settings)
    (settings.data_dir / "MOVED").unlink()

    again = moving.move(settings)

    assert (again.tables, again.work) == (first.tables, first.work)
    assert moved.moved_to(settings.data_dir) == again.destination
    with database_of(settings) as database:
        assert database.read_now(lambda tx: tx.work.waiting()) + 2 == first.work


def test_a_database_that_holds_something_else_is_refused(settings: Settings) -> None:
    row = tables.organizations.insert().values(id="org_other", name="Another", created_at="2026")
    with database_of(settings) as database:
        database.write_now(lambda tx: tx.connection.execute(row))
    with pytest.raises(CannotMove, match="not empty"):
        moving.move(settings)
    assert moved.moved_to(settings.data_dir) is None


def test_a_folder_that_is_served_from_is_refused(settings: Settings) -> None:
    with data_folder.held(settings.data_dir), pytest.raises(DataFolderInUse):
        moving.move(settings)


def test_files_are_copied_as_they_lie(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "data" / "files" / "file_a").mkdir(parents=True)
    (tmp_path / "data" / "files" / "file_a" / "1").write_bytes(b"sealed")
    (tmp_path / "shared").mkdir()

    done = moving.move(settings.model_copy(update={"files_url": (tmp_path / "shared").as_uri()}))

    assert done.files == 1
    assert (tmp_path / "shared" / "file_a" / "1").read_bytes() == b"sealed"


def test_claims_of_submissions_move_with_the_database_and_the_files(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    there = settings.model_copy(update={"files_url": (tmp_path / "shared").as_uri()})
    here = settings.model_copy(update={"database_url": None})
    with database_of(here) as database:
        assert asyncio.run(submitted(here, database))

    moving.move(there)

    with database_of(there) as database:
        claims = claims_of(there, database)
        asyncio.run(claims.check())
        assert not claims.is_stale.is_set()
        assert asyncio.run(submitted(there, database)), "numbers and ordinals go on"


def test_a_file_store_with_submissions_of_another_database_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    there = settings.model_copy(update={"files_url": (tmp_path / "shared").as_uri()})
    here = settings.model_copy(update={"database_url": None})
    with database_of(here) as database:
        assert asyncio.run(submitted(here, database))
    with database_of(settings) as database:
        assert asyncio.run(submitted(there, database))
        database.write_now(lambda tx: tx.connection.execute(tables.submission_claims.delete()))
        database.write_now(lambda tx: tx.connection.execute(tables.submission_log.delete()))

    with pytest.raises(CannotMove, match="Name another prefix"):
        moving.move(there)

    assert moved.moved_to(settings.data_dir) is None


async def submitted(settings: Settings, database: Database) -> bool:
    """Intend and claim a submission, as a node does."""
    attempt_id = present().new_id("sub")
    database.write_now(lambda tx: tx.submission_claims.add("auth_1", attempt_id=attempt_id, now=present().now))
    return await claims_of(settings, database).claim("auth_1", attempt_id=attempt_id)


def test_the_command_prints_a_table_and_no_password(settings: Settings) -> None:
    assert settings.database_url is not None
    url = sa.make_url(settings.database_url.get_secret_value()).set(password="hush-hush")
    command = [sys.executable, "-m", "priorauth.cli", "move", "--data-dir", str(settings.data_dir)]
    done = subprocess.run(
        [*command, "--to", url.render_as_string(hide_password=False)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    line = next(line.split() for line in done.stdout.splitlines() if line.startswith("authorizations"))
    assert (line[1], line[3]) == (str(len(BUILT)), "yes")
    assert "hush-hush" not in done.stdout + done.stderr + (settings.data_dir / "MOVED").read_text()
