"""Retention's promise: what is due goes, in batches; nothing of a case does; and no work that had ended runs again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from priorauth.commands import files
from priorauth.commands import retention as commands
from priorauth.commands.processing import expected_work
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import AccessGrantNotFound
from priorauth.domain.files import FileStatus, StoredFile
from priorauth.domain.lifecycle import Status
from priorauth.domain.live.grants import AccessGrant
from priorauth.domain.live_sessions import AccessMode
from priorauth.engine.processing import Processing, Verdict
from priorauth.engine.retention import Retention
from priorauth.engine.retries import Bounds, Retries
from priorauth.store import data_folder, tables
from priorauth.store.blobs import Blobs, folder_store
from priorauth.store.transaction import Transaction
from priorauth.store.work import Work, processing
from tests.factories import cases
from tests.factories.claims import claims_of
from tests.factories.databases import Home
from tests.factories.scripted import ScriptedChannel

ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
ALIVE = ("ENQUEUED", "DELAYED", "PENDING")
DAY = 86_400


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(folder_store(tmp_path / "data" / "files"), data_folder.sealer(tmp_path / "data"))


@pytest.fixture
def retention(home: Home, blobs: Blobs) -> Retention:
    return Retention(
        database=home.database,
        blobs=blobs,
        present=home.clock.moment,
        ended_work=timedelta(days=7),
        ended_access=timedelta(days=90),
        unused_uploads=timedelta(days=7),
        unattached_files=timedelta(days=30),
    )


def stored(home: Home, case: Authorization) -> Authorization:
    owned = replace(case, organization_id=home.caller.organization_id, payer_version=home.payer_version)
    home.database.write_now(lambda tx: tx.authorizations.add(owned))
    return owned


def engines(tx: Transaction, name: str, *columns: str) -> sa.TableClause:
    schema = "dbos" if tx.connection.dialect.name == "postgresql" else None
    return sa.table(name, *map(sa.column, ("workflow_uuid", *columns)), schema=schema)


def work(home: Home, number: int, *, status: str, days_ago: float) -> str:
    """A piece of work with one step, that ended, or was touched last, some days ago."""
    piece = Work("process_authorization", f"process:auth_{status}:{number}.0", f"auth_{status}", number, 0)
    ended = int(home.clock.now.timestamp() - days_ago * DAY) * 1000

    def write(tx: Transaction) -> None:
        tx.enqueue(piece)
        table = engines(tx, "workflow_status", "status", "created_at", "updated_at", "completed_at")
        times = {"created_at": ended, "updated_at": ended, "completed_at": ended if status in ENDED[:2] else None}
        tx.connection.execute(table.update().where(table.c.workflow_uuid == piece.id).values(status=status, **times))
        steps = engines(tx, "operation_outputs", "function_id", "function_name")
        tx.connection.execute(steps.insert().values(workflow_uuid=piece.id, function_id=0, function_name="advance"))

    home.database.write_now(write)
    return piece.id


def left(home: Home, name: str) -> set[str]:
    def read(tx: Transaction) -> set[str]:
        return set(tx.connection.execute(sa.select(engines(tx, name).c.workflow_uuid)).scalars())

    return home.database.read_now(read)


async def test_ended_work_is_forgotten_after_a_while_and_no_other(home: Home, retention: Retention) -> None:
    for number, status in enumerate(ENDED):
        work(home, number, status=status, days_ago=8)
    young = {work(home, 100 + number, status=status, days_ago=6) for number, status in enumerate(ENDED)}
    alive = {work(home, 200 + number, status=status, days_ago=400) for number, status in enumerate(ALIVE)}

    await retention.forget()

    assert left(home, "workflow_status") == young | alive
    assert left(home, "operation_outputs") == young | alive


def test_a_batch_is_bounded(home: Home) -> None:
    for number in range(5):
        work(home, number, status="SUCCESS", days_ago=8)
    before = home.clock.now
    deleted = [home.database.write_now(lambda tx: tx.work.forget_ended(before=before, limit=2)) for _ in range(4)]
    assert deleted == [2, 2, 1, 0]


@pytest.mark.parametrize("status", Status)
async def test_work_that_is_forgotten_does_not_run_again(home: Home, retention: Retention, status: Status) -> None:
    """Neither by itself nor when somebody enqueues the very same piece: the case has that turn behind it."""
    case = stored(home, replace(cases.in_status(status, home.clock), attachments=()))
    journal = replace(case.journal, turn=case.journal.turn + 1)
    home.database.write_now(lambda tx: tx.authorizations.save(replace(case, journal=journal)))
    piece = processing(case.id, run=case.journal.run, turn=case.journal.turn)
    home.database.write_now(lambda tx: tx.enqueue(piece))

    def end(tx: Transaction) -> None:
        table = engines(tx, "workflow_status", "status", "completed_at")
        long_ago = int(home.clock.now.timestamp() - 8 * DAY) * 1000
        tx.connection.execute(table.update().values(status="SUCCESS", completed_at=long_ago))

    home.database.write_now(end)
    expected = home.database.read_now(lambda tx: expected_work(tx, case.id))
    await retention.forget()

    assert piece.id not in left(home, "workflow_status")
    assert home.database.read_now(lambda tx: expected_work(tx, case.id)) == expected, "nobody misses it"
    channel = ScriptedChannel()
    retries = Retries(home.database, home.clock.moment, Bounds())
    step = Processing(
        database=home.database,
        claims=claims_of(home),
        channels={"portal": channel},
        present=home.clock.moment,
        retries=retries,
    )
    assert await step.advance(case.id, piece.run, piece.turn) == Verdict.ENDED
    assert channel.asked == []


def grant(home: Home, case: Authorization) -> AccessGrant:
    made = AccessGrant(
        id=home.clock.new_id("rag"),
        authorization_id=case.id,
        mode=AccessMode.READ_ONLY,
        session_id="ses_1",
        minted_by=None,
        created_at=home.clock.now,
        expires_at=None,
    )
    home.database.write_now(lambda tx: tx.access_grants.add(made))
    view = {"authorization_id": case.id, "mode": "read_only", "network_address": "::1", "opened_at": "2026"}
    row = tables.live_views.insert().values(id=home.clock.new_id("view"), access_grant_id=made.id, **view)
    home.database.write_now(lambda tx: tx.connection.execute(row))
    return made


async def test_access_is_forgotten_after_its_case_has_ended(home: Home, retention: Retention) -> None:
    ended = stored(home, cases.in_status(Status.COMPLETED, home.clock))
    going_on = stored(home, cases.in_status(Status.PROCESSING, home.clock))
    old, kept = grant(home, ended), grant(home, going_on)
    home.clock.moment(later=91 * DAY)
    young = grant(home, ended)

    await retention.forget()

    with pytest.raises(AccessGrantNotFound):
        home.database.read_now(lambda tx: tx.access_grants.require(old.id))
    for each in (kept, young):
        assert home.database.read_now(lambda tx, each=each: tx.access_grants.require(each.id)) == each  # type: ignore[misc]
    views = sa.select(tables.live_views.c.access_grant_id)
    assert set(home.database.read_now(lambda tx: tx.connection.execute(views).scalars().all())) == {kept.id, young.id}


async def upload(home: Home, blobs: Blobs, *, status: FileStatus) -> StoredFile:
    declared = home.database.write_now(
        lambda tx: files.declare(
            tx,
            home.caller,
            home.clock.moment(),
            file_name="a.pdf",
            content_type="application/pdf",
            purpose="authorization_attachment",
            upload_seconds=60,
        )
    )
    if status is FileStatus.PENDING_UPLOAD:
        return declared

    async def content() -> AsyncIterator[bytes]:
        yield b"%PDF-"

    name = f"{declared.id}/1"
    await blobs.put(name, content())
    failure = commands._ABANDONED if status is FileStatus.FAILED else None

    def receive(tx: Transaction) -> StoredFile:
        moment = home.clock.moment()
        seen = files.receive(tx, moment, file_id=declared.id, size_bytes=5, stored_as=name, sha256="0" * 64)
        if status is FileStatus.UPLOADED:
            return seen
        return files.complete(tx, home.caller, moment, file_id=declared.id, failure=failure)

    return home.database.write_now(receive)


def known(home: Home, file: StoredFile) -> FileStatus | None:
    found = home.database.read_now(lambda tx: tx.files.get(file.id))
    return found.status if found is not None else None


async def test_uploads_that_nobody_completed_are_deleted_with_their_bytes(
    home: Home, blobs: Blobs, retention: Retention
) -> None:
    made = {status: await upload(home, blobs, status=status) for status in FileStatus}
    # Bytes that a crash has left before anything named them.
    stray = f"{made[FileStatus.PENDING_UPLOAD].id}/stray"

    async def content() -> AsyncIterator[bytes]:
        yield b"half"

    await blobs.put(stray, content())
    home.clock.moment(later=8 * DAY)
    young = await upload(home, blobs, status=FileStatus.FAILED)

    await retention.forget()

    assert {status: known(home, file) for status, file in made.items()} == {
        FileStatus.PENDING_UPLOAD: None,
        FileStatus.UPLOADED: FileStatus.FAILED,
        FileStatus.READY: FileStatus.READY,
        FileStatus.FAILED: None,
    }
    assert known(home, young) is FileStatus.FAILED
    gone = (stray, f"{made[FileStatus.FAILED].id}/1")
    for name in gone:
        with pytest.raises(FileNotFoundError):
            await blobs.get(name)
    for file in (made[FileStatus.UPLOADED], made[FileStatus.READY], young):
        assert await blobs.get(f"{file.id}/1") == b"%PDF-"

    home.clock.moment(later=8 * DAY)
    await retention.forget()
    assert known(home, made[FileStatus.UPLOADED]) is None
    assert await blobs.get(f"{made[FileStatus.READY].id}/1") == b"%PDF-"


async def test_files_are_looked_through_batch_by_batch(
    home: Home, blobs: Blobs, retention: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "BATCH", 2)
    for _ in range(3):
        await upload(home, blobs, status=FileStatus.READY)
    last = await upload(home, blobs, status=FileStatus.PENDING_UPLOAD)
    home.clock.moment(later=8 * DAY)

    await retention.forget()
    assert known(home, last) is FileStatus.PENDING_UPLOAD
    await retention.forget()
    assert known(home, last) is None
