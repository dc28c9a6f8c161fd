"""The key of a data folder: exchanged, lost, given from outside; and data from before there was one."""

import asyncio
import base64
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from priorauth import bootstrap
from priorauth.settings import Settings
from priorauth.store import data_folder, sqlite, tables
from priorauth.store.blobs import Blobs, folder_store
from priorauth.store.database import Database
from priorauth.store.documents import encode
from priorauth.store.encryption import keys, rotation
from priorauth.store.encryption.keys import FaultyKey
from priorauth.store.encryption.sealing import Sealer
from tests.factories.databases import sqlite_home
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

    changed = await asyncio.to_thread(bootstrap.rotate_keys, Settings(data_dir=tmp_path))

    (after,) = keys.read(tmp_path / "data.key")
    assert changed == 2
    assert after not in before
    assert (tmp_path / "data.key").stat().st_mode & 0o777 == 0o600
    assert await still_there(tmp_path, case_id)


async def test_a_rotation_that_was_interrupted_is_readable_and_can_be_run_again(tmp_path: Path) -> None:
    case_id = await filled(tmp_path)
    path = tmp_path / "data.key"
    keys.write(path, [keys.fresh(), *keys.read(path)])
    database = Database(sqlite.database_url(tmp_path), data_folder.sealer(tmp_path))
    try:
        assert rotation.seal_anew(database) == 1
    finally:
        database.close()
    assert await still_there(tmp_path, case_id), "the case is sealed anew, the file is not yet"

    await asyncio.to_thread(bootstrap.rotate_keys, Settings(data_dir=tmp_path))

    assert len(keys.read(path)) == 1
    assert await still_there(tmp_path, case_id)


async def test_keys_from_outside_are_exchanged_by_giving_both(tmp_path: Path) -> None:
    case_id = await filled(tmp_path)
    old, new = keys.read(tmp_path / "data.key")[0], keys.fresh()
    (tmp_path / "data.key").unlink()
    both = ",".join(base64.b64encode(key).decode() for key in (new, old))

    await asyncio.to_thread(bootstrap.rotate_keys, Settings(data_dir=tmp_path, encryption_keys=both))  # type: ignore[arg-type]

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


async def test_data_from_before_are_sealed_at_the_next_start(tmp_path: Path) -> None:
    with sqlite_home(tmp_path / "new") as home:
        case = home.case(metadata={"externalCaseId": "EXT-1"})
    url = sqlite.database_url(tmp_path)
    engine = sqlite.create_engine(url, writing=True)
    with engine.connect() as connection:
        command.upgrade(data_folder.alembic_configuration(connection), "0001")
        organization = {"id": case.organization_id, "name": "Cedar Hollow", "created_at": "2026-01-01"}
        connection.execute(tables.organizations.insert().values(**organization))
        row = {"id": case.id, "organization_id": case.organization_id, "environment": "sandbox", "version": 1}
        row |= {"status": case.status, "payer_id": case.payer_id, "provider_npi": case.provider.npi}
        row |= {"external_case_id": "EXT-1", "awaits_work": False, "created_at": "2026-01-01", "document": encode(case)}
        connection.execute(tables.authorizations.insert().values(**row))
        connection.commit()

    data_folder.prepare(tmp_path)

    with engine.connect() as connection:
        stored = connection.execute(sa.select(tables.authorizations)).one()
    engine.dispose()
    sealer = data_folder.sealer(tmp_path)
    assert sealer.open(stored.document, f"authorizations:{case.id}") == encode(case)
    assert stored.external_case_id == sealer.index("EXT-1")
