"""From one machine to many: the contents of a data folder's SQLite into a PostgreSQL, checked, once."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass

from priorauth.bootstrap.storage import database_of, destination_of, sealer_of
from priorauth.commands import workers
from priorauth.commands.record import enqueue_next, load
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.blobs import folder_store, remote_store
from priorauth.store.database import Database
from priorauth.store.databases.urls import is_postgresql
from priorauth.store.encryption.sealing import CannotOpen
from priorauth.store.ids import present
from priorauth.store.keeping import moved, moving
from priorauth.store.keeping.backups import DATABASE
from priorauth.store.keeping.moving import CannotMove, Contents
from priorauth.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Moved:
    """What has moved: tables that are equal on both sides, values that were opened, work that waits anew, files."""

    tables: list[Contents]
    opened: int
    work: int
    files: int | None
    destination: str


def move(settings: Settings) -> Moved:
    """Move the data folder's database to the settings' PostgreSQL, and its files to their store, if one is set.

    Nothing is there until all of it is: killed at any moment, it can be run again. Afterwards the folder is marked, and
    nobody serves from it. Raises CannotMove, DataFolderInUse, FaultyKey.
    """
    folder, url = settings.data_dir, settings.database_url
    if url is None or not is_postgresql(url.get_secret_value()):
        raise CannotMove("Name the PostgreSQL to move to with --to or PRIORAUTH_DATABASE_URL: postgresql://….")
    if not (folder / DATABASE).is_file():
        raise CannotMove(f"{folder} has no database to move. Name the server's folder with --data-dir.")
    destination = destination_of(url.get_secret_value())
    with ExitStack() as stack:
        stack.enter_context(data_folder.held(folder))
        stack.enter_context(data_folder.keys_held(folder, exchanging=True))
        source = stack.enter_context(database_of(settings.model_copy(update={"database_url": None})))
        target = stack.enter_context(database_of(settings))
        _let_sessions_go(source)
        files = asyncio.run(_copy_files(settings)) if settings.files_url else None
        done = _copy(source, target, settings)
        moved.mark(folder, to=destination)
    return Moved(*done, files, destination)


def _let_sessions_go(source: Database) -> None:
    """Take back what the server that was stopped may have left, as its next start would."""
    source.write_now(lambda tx: tx.workers.remove_all_but("nobody"))
    for case in source.write_now(workers.bury).cases:
        source.write_now(lambda tx, case=case: workers.take_back(tx, present(), authorization_id=case))  # type: ignore[misc]


def _copy(source: Database, target: Database, settings: Settings) -> tuple[list[Contents], int, int]:
    def operation(reading: Transaction, writing: Transaction) -> tuple[list[Contents], int, int]:
        moving.take_time(writing.connection)
        there = moving.contents(reading.connection)
        fresh = moving.is_empty(writing.connection)
        if fresh:
            moving.copy(reading.connection, writing.connection)
        _require_equal(there, moving.contents(writing.connection), fresh=fresh)
        try:
            opened = moving.open_all(writing.connection, sealer_of(settings))
        except CannotOpen as error:
            raise CannotMove(f"A sealed value cannot be opened. {error} Nothing was moved: restore a backup.") from None
        work = sum(_enqueue(writing, each) for each in writing.authorizations.awaiting_attention())
        return there, opened, work

    return source.read_now(lambda reading: target.write_now(lambda writing: operation(reading, writing)))


def _require_equal(there: list[Contents], here: list[Contents], *, fresh: bool) -> None:
    if there == here:
        return
    if not fresh:
        raise CannotMove("The PostgreSQL is not empty, and holds something else. Give the name of an empty database.")
    unequal = ", ".join(one.table for one, other in zip(there, here, strict=True) if one != other)
    raise CannotMove(
        f"Not all rows arrived as they were: {unequal}. Nothing was moved; tell the makers of this program."
    )


def _enqueue(tx: Transaction, authorization_id: str) -> bool:
    """Enqueue the work of the case's present turn, under the id that it has for ever."""
    case = load(tx, authorization_id)
    enqueue_next(tx, case)
    return case.awaits_work


async def _copy_files(settings: Settings) -> int:
    return await moving.copy_files(folder_store(settings.data_dir / "files"), remote_store(str(settings.files_url)))
