"""The key of a data folder: exchanged, lost, given from outside; and data from before there was one."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from priorauth.bootstrap import administration, storage
from priorauth.commands import credentials, files
from priorauth.commands.credentials import Secrets
from priorauth.domain.credentials import Credential
from priorauth.domain.organizations import Environment
from priorauth.settings import Settings
from priorauth.store import data_folder, tables
from priorauth.store.blobs import Blobs, folder_store, seal_clear_files
from priorauth.store.database import Database
from priorauth.store.databases import schema, sqlite
from priorauth.store.documents import encode
from priorauth.store.encryption import keys, rotation
from priorauth.store.encryption.keys import FaultyKey
from priorauth.store.encryption.sealing import Sealer
from priorauth.store.idempotency import IdempotencyScope, StoredAnswer
from priorauth.store.transaction import Transaction
from tests.factories.databases import Home, sqlite_home
from tests.unit.store.test_sealing import pieces


async def filled(folder: Path) -> str:
    """Fill a data folder with one case and one file; return the case's id."""
    with sqlite_home(folder) as home:
        case = home.case(metadata={"externalCaseId": "EXT-1"})
        await home.database.write(lambda tx: tx.authorizations.add(case))
    blobs = Blobs(folder_store(folder / "files"), data_folder.sealer(folder))
    await blobs.put("file_1/a", pieces(b"a document"))
    return case.id


async def still_there(folder: Path, case_id: str, sealer: Sealer | None = None) -> bool:
    sealing = sealer or data_folder.sealer(folder)
    database = Database(sqlite.database_url(folder), sealing)
    try:
        case = database.read_now(lambda tx: tx.authorizations.get(case_id))
    finally:
        database.close()
    return case is not None and await Blobs(folder_store(folder / "files"), sealing).get("file_1/a") == b"a document"


async def test_a_rotation_seals_everything_with_a_new_key_and_keeps_no_other(tmp_path: Path) -> None:
    case_id = await filled(tmp_path)
    before = keys.read(tmp_path / "data.key")

    changed = await asyncio.to_thread(administration.rotate_keys, Settings(data_dir=tmp_path))

    (after,) = keys.read(tmp_path / "data.key")
    # The proof of the keys is sealed too.
    assert changed == 3
    assert after not in before
    assert (tmp_path / "data.key").stat().st_mode & 0o777 == 0o600
    assert await still_there(tmp_path, case_id)


async def test_a_rotation_that_was_interrupted_is_readable_and_can_be_run_again(tmp_path: Path) -> None:
    case_id = await filled(tmp_path)
    path = tmp_path / "data.key"
    keys.write(path, [keys.fresh(), *keys.read(path)])
    database = Database(sqlite.database_url(tmp_path), data_folder.sealer(tmp_path))
    try:
        assert rotation.seal_anew(database) == 2
    finally:
        database.close()
    assert await still_there(tmp_path, case_id), "the case is sealed anew, the file is not yet"

    await asyncio.to_thread(administration.rotate_keys, Settings(data_dir=tmp_path))

    assert len(keys.read(path)) == 1
    assert await still_there(tmp_path, case_id)


async def test_keys_from_outside_are_exchanged_by_giving_both(tmp_path: Path) -> None:
    case_id = await filled(tmp_path)
    old, new = keys.read(tmp_path / "data.key")[0], keys.fresh()
    (tmp_path / "data.key").unlink()
    both = ",".join(base64.b64encode(key).decode() for key in (new, old))

    await asyncio.to_thread(administration.rotate_keys, Settings(data_dir=tmp_path, encryption_keys=both))  # type: ignore[arg-type]

    assert not (tmp_path / "data.key").exists()
    assert await still_there(tmp_path, case_id, data_folder.sealer(tmp_path, (new,)))


async def test_a_lost_key_is_told_and_never_replaced(tmp_path: Path) -> None:
    await filled(tmp_path)
    (tmp_path / "data.key").unlink()

    with pytest.raises(FaultyKey, match=r"data\.key is missing.*backup"):
        data_folder.prepare(tmp_path)
    assert not (tmp_path / "data.key").exists()
    with pytest.raises(FaultyKey, match="sealed with another key"):
        data_folder.prepare(tmp_path, (keys.fresh(),))


async def test_a_key_is_not_replaced_where_a_file_is_all_that_was_sealed(tmp_path: Path) -> None:
    with sqlite_home(tmp_path) as home:
        caller, moment = home.caller, home.clock.moment()
        home.database.write_now(
            lambda tx: files.declare(
                tx,
                caller,
                moment,
                file_name="ashgrove.pdf",
                content_type="application/pdf",
                purpose="authorization_attachment",
                upload_seconds=900,
            )
        )
    (tmp_path / "data.key").unlink()

    with pytest.raises(FaultyKey, match=r"data\.key is missing"):
        data_folder.prepare(tmp_path)
    with pytest.raises(FaultyKey, match="sealed with another key"):
        data_folder.prepare(tmp_path, (keys.fresh(),))
    assert not (tmp_path / "data.key").exists()


def test_a_key_of_the_client_finds_its_answer_and_is_not_readable(tmp_path: Path) -> None:
    with sqlite_home(tmp_path) as home:
        now = home.clock.moment().now
        scope = IdempotencyScope(home.caller.organization_id, "sandbox", "POST", "/v1/files", "for Ms. Ashgrove")
        answer = StoredAnswer("hash", 201, None, b"the answer for Ms. Ashgrove")
        home.database.write_now(lambda tx: tx.idempotency.keep(scope, answer, now=now))

        assert home.database.read_now(lambda tx: tx.idempotency.find(scope, since=now)) == answer
        assert rests_in(tmp_path, b"Ashgrove") == []


async def test_a_rotation_takes_kept_answers_along(tmp_path: Path) -> None:
    with sqlite_home(tmp_path) as home:
        now = home.clock.moment().now
        scope = IdempotencyScope(home.caller.organization_id, "sandbox", "POST", "/v1/files", "a key")
        answer = StoredAnswer("hash", 201, None, b"the answer")
        home.database.write_now(lambda tx: tx.idempotency.keep(scope, answer, now=now))

    assert await asyncio.to_thread(administration.rotate_keys, Settings(data_dir=tmp_path)) == 2

    database = Database(sqlite.database_url(tmp_path), data_folder.sealer(tmp_path))
    try:
        assert database.read_now(lambda tx: tx.idempotency.find(scope, since=now)) == answer
    finally:
        database.close()


def a_credential(home: Home) -> Credential:
    """Add a credential whose browser was given something."""

    def operation(tx: Transaction) -> Credential:
        moment, secrets = home.clock.moment(), Secrets("cedar", "rosebud-17")
        made = credentials.add(tx, moment, environment=Environment.SANDBOX, payer_id=home.payer.id, secrets=secrets)
        tx.credentials.put_state(made.id, b"a state")
        return made

    return home.database.write_now(operation)


async def test_a_rotation_takes_credentials_and_their_browsers_states_along(tmp_path: Path) -> None:
    with sqlite_home(tmp_path) as home:
        made = a_credential(home)
    before = keys.read(tmp_path / "data.key")

    assert await asyncio.to_thread(administration.rotate_keys, Settings(data_dir=tmp_path)) == 3

    assert set(keys.read(tmp_path / "data.key")).isdisjoint(before)
    database = Database(sqlite.database_url(tmp_path), data_folder.sealer(tmp_path))
    try:
        assert database.read_now(lambda tx: tx.credentials.get(made.id)) == made
        assert database.read_now(lambda tx: tx.credentials.state(made.id)) == b"a state"
    finally:
        database.close()


async def test_a_folder_from_before_there_were_credentials_is_opened_with_its_key(tmp_path: Path) -> None:
    case_id = await filled(tmp_path)
    engine = sqlite.create_engine(sqlite.database_url(tmp_path), writing=True)
    with engine.connect() as connection:
        command.downgrade(schema.alembic_configuration(connection), "0002")
    engine.dispose()

    data_folder.prepare(tmp_path)

    assert await still_there(tmp_path, case_id)
    database = Database(sqlite.database_url(tmp_path), data_folder.sealer(tmp_path))
    try:
        assert database.read_now(lambda tx: tx.credentials.all(Environment.SANDBOX)) == []
    finally:
        database.close()


def test_a_key_is_not_exchanged_while_a_command_may_seal_with_it_nor_the_other_way_round(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with storage.opened_database(settings), storage.opened_database(settings):
        before = keys.read(tmp_path / "data.key")
        with pytest.raises(data_folder.DataFolderInUse, match="Let it end"):
            administration.rotate_keys(settings)
        assert keys.read(tmp_path / "data.key") == before

    with (
        data_folder.keys_held(tmp_path, exchanging=True),
        pytest.raises(data_folder.DataFolderInUse, match="encryption rotate"),
        storage.opened_database(settings),
    ):
        pytest.fail("a command got in")
    administration.rotate_keys(settings)


def test_a_key_is_not_replaced_where_a_credential_is_all_that_was_sealed(tmp_path: Path) -> None:
    with sqlite_home(tmp_path) as home:
        a_credential(home)
    (tmp_path / "data.key").unlink()

    with pytest.raises(FaultyKey, match=r"data\.key is missing"):
        data_folder.prepare(tmp_path)
    with pytest.raises(FaultyKey, match="sealed with another key"):
        data_folder.prepare(tmp_path, (keys.fresh(),))
    assert not (tmp_path / "data.key").exists()


def rests_in(folder: Path, text: bytes) -> list[str]:
    """The files below a folder that hold these bytes."""
    return [path.name for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


class Former:
    """A data folder as it was before data were sealed: one case, and one file of which nothing is known any more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with sqlite_home(folder.parent / "furnished") as home:
            self.case = home.case(metadata={"externalCaseId": "EXT-ASHGROVE"})
        self.document = b"%PDF-1.7 " + b"Ashgrove, seen in May. " * 9_000
        (folder / "files" / "file_1").mkdir(parents=True)
        (folder / "files" / "file_1" / "a").write_bytes(self.document)
        self.engine = sqlite.create_engine(sqlite.database_url(folder), writing=True)
        with self.engine.connect() as connection:
            command.upgrade(schema.alembic_configuration(connection), "0001")
            self._fill(connection)
            connection.commit()

    def stored(self) -> sa.Row[Any]:
        """The case's row."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(tables.authorizations)).one()

    def _fill(self, connection: sa.Connection) -> None:
        case = self.case
        organization = {"id": case.organization_id, "name": "Cedar Hollow", "created_at": "2026-01-01"}
        connection.execute(tables.organizations.insert().values(**organization))
        row = {"id": case.id, "organization_id": case.organization_id, "environment": "sandbox", "version": 1}
        row |= {"status": case.status, "payer_id": case.payer_id, "provider_npi": case.provider.npi}
        row |= {"external_case_id": "EXT-ASHGROVE", "awaits_work": False, "created_at": "2026-01-01"}
        connection.execute(tables.authorizations.insert().values(**row, document=encode(case)))
        # What was deleted still lies in pages that were let go.
        entry = {"id": "evt_1", "authorization_id": case.id, "document": b"Ashgrove " * 5_000}
        connection.execute(tables.timeline.insert().values(**entry))
        connection.execute(tables.timeline.delete())


@pytest.fixture
def former(tmp_path: Path) -> Iterator[Former]:
    """A data folder from before."""
    made = Former(tmp_path / "data")
    yield made
    made.engine.dispose()


async def test_data_from_before_are_sealed_at_the_next_start_and_nothing_of_them_stays_in_clear(former: Former) -> None:
    assert rests_in(former.folder, b"shgrove") != []

    # As the server does: within a running event loop.
    data_folder.prepare(former.folder)

    sealer, stored = data_folder.sealer(former.folder), former.stored()
    former.engine.dispose()
    assert sealer.open(stored.document, f"authorizations:{former.case.id}") == encode(former.case)
    assert stored.external_case_id == sealer.index("EXT-ASHGROVE")
    assert await Blobs(folder_store(former.folder / "files"), sealer).get("file_1/a") == former.document
    assert rests_in(former.folder, b"shgrove") == []


def test_an_upgrade_that_was_killed_after_the_files_begins_again(former: Former) -> None:
    data_folder.secret(former.folder)
    keys.write(former.folder / "data.key", [keys.fresh()])
    sealer = data_folder.sealer(former.folder)
    seal_clear_files(former.folder / "files", sealer)
    halfway = (former.folder / "files" / "file_1" / "a").read_bytes()

    data_folder.prepare(former.folder)

    assert (former.folder / "files" / "file_1" / "a").read_bytes() == halfway
    assert sealer.open_file(halfway, "file_1/a") == former.document
    assert sealer.open(former.stored().document, f"authorizations:{former.case.id}") == encode(former.case)
