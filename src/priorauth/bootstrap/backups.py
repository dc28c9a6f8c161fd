"""Copies of an installation's data, and the way back: nothing that was sent meanwhile is sent a second time."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from priorauth.bootstrap.storage import blobs_of, database_of, given_keys, given_server_key
from priorauth.commands import restoring
from priorauth.domain.errors import TemporarilyUnavailable
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.claims.objects import ClaimObjects
from priorauth.store.data_folder import DataFolderInUse
from priorauth.store.database import Database
from priorauth.store.ids import present
from priorauth.store.keeping import backups, moved
from priorauth.store.keeping.backups import FaultyBackup, Manifest


@dataclass(frozen=True, slots=True)
class Marked:
    """What marking a database as restored has found.

    `open` authorizations are looked for at their payers before they go on. `submissions` are those that the file store
    knew and the database did not; `unknown` are the authorizations among them that the database does not have at all.
    """

    open: int
    submissions: int
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back: from when it is, and what marking it has found."""

    manifest: Manifest
    marked: Marked


def back_up(settings: Settings, target: Path, *, with_keys: bool) -> Manifest:
    """Copy the data folder to `target`, beside a running server too. Raises FaultyBackup, DataFolderInUse."""
    _require_sqlite(settings, "Back it up by pg_dump")
    moved.require_here(settings.data_dir)
    with data_folder.keys_held(settings.data_dir):
        return backups.make(
            settings.data_dir,
            target,
            now=present().now,
            with_keys=with_keys,
            files_elsewhere=settings.files_url is not None,
        )


def restore(settings: Settings, backup: Path, *, keys_from: Path | None) -> Restored:
    """Make the settings' data folder, which must not exist yet, out of a backup, and mark it as restored.

    The folder appears when all of it is done. Raises FaultyBackup, FaultyKey.
    """
    _require_sqlite(settings, "Restore it by pg_restore, then run `priorauth mark-restored`")
    manifest = backups.check(backup)
    if manifest.files_elsewhere and settings.files_url is None:
        raise FaultyBackup(f"The files of {backup} lie elsewhere. Set PRIORAUTH_FILES_URL to where they are.")
    with backups.finished_as(settings.data_dir) as folder:
        backups.unpack(backup, folder)
        if keys_from is not None:
            backups.put_keys(keys_from, folder)
        _require_keys(folder, settings)
        made = settings.model_copy(update={"data_dir": folder})
        with database_of(made) as database:
            marked = _mark(made, database)
        backups.fold_log(folder)
    return Restored(manifest, marked)


def mark_restored(settings: Settings) -> Marked:
    """Mark a database that was put back by other means: its record is older than what was sent.

    Every open authorization is looked for at its payer before anything is sent for it, and the database takes over
    which submissions the file store knows. Killed at any moment, it can be run again: the restore is acknowledged last.
    Raises DataFolderInUse while a server or a worker runs, FaultyBackup where the file store cannot be reached.
    """
    with ExitStack() as stack:
        if settings.database_url is None:
            stack.enter_context(data_folder.held(settings.data_dir))
        stack.enter_context(data_folder.keys_held(settings.data_dir))
        database = stack.enter_context(database_of(settings))
        if settings.database_url is not None and (living := database.write_now(restoring.workers_at_work)):
            raise DataFolderInUse(
                f"{len(living)} workers are at work, or have been a moment ago. Stop all nodes, and try again."
            )
        return _mark(settings, database)


def _mark(settings: Settings, database: Database) -> Marked:
    unfinished = database.read_now(lambda tx: tx.authorizations.unfinished())
    for each in unfinished:
        database.write_now(lambda tx, each=each: restoring.doubt(tx, present(), authorization_id=each))  # type: ignore[misc]
    claims, last_number = _known_to_the_store(settings)
    acknowledged = database.write_now(
        lambda tx: restoring.acknowledge(tx, present(), claims=claims, last_number=last_number)
    )
    return Marked(len(unfinished), acknowledged.submissions, acknowledged.unknown)


def _known_to_the_store(settings: Settings) -> tuple[set[tuple[str, int]], int]:
    objects = ClaimObjects(blobs_of(settings))

    async def read() -> tuple[set[tuple[str, int]], int]:
        return await objects.every(), await objects.last_number()

    try:
        return asyncio.run(read())
    except TemporarilyUnavailable:
        place = settings.files_url or settings.data_dir / "files"
        raise FaultyBackup(
            f"The file store {place} cannot be read, so the restore is not acknowledged. Run this again when it can."
        ) from None


def _require_sqlite(settings: Settings, instead: str) -> None:
    if settings.database_url is not None:
        raise FaultyBackup(f"PRIORAUTH_DATABASE_URL names a PostgreSQL. {instead}, as docs/backup.md shows.")


def _require_keys(folder: Path, settings: Settings) -> None:
    """Refuse to make up keys for data that others have sealed."""
    given = given_keys(settings), given_server_key(settings)
    needed = [name for name, value in zip(backups.KEY_FILES, given, strict=True) if value is None]
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise FaultyBackup(
            f"The backup has no {' and no '.join(missing)}. Name the folder that you keep them in with --keys."
        )
