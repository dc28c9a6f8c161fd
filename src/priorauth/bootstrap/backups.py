"""Copies of an installation's data, and the way back: nothing that was sent meanwhile is sent a second time."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from priorauth.bootstrap.storage import database_of, given_keys, given_server_key
from priorauth.commands import restoring
from priorauth.settings import Settings
from priorauth.store import data_folder
from priorauth.store.data_folder import DataFolderInUse
from priorauth.store.database import Database
from priorauth.store.ids import present
from priorauth.store.keeping import backups, moved
from priorauth.store.keeping.backups import FaultyBackup, Manifest


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back: from when it is, and how many cases are looked for before they go on."""

    manifest: Manifest
    doubted: int


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
    """Make the settings' data folder, which must not exist yet, out of a backup, and doubt its open cases.

    The folder appears when all of it is done. Raises FaultyBackup, FaultyKey.
    """
    _require_sqlite(settings, "Restore it by pg_restore, then run `priorauth doubt`")
    manifest = backups.check(backup)
    if manifest.files_elsewhere and settings.files_url is None:
        raise FaultyBackup(f"The files of {backup} lie elsewhere. Set PRIORAUTH_FILES_URL to where they are.")
    with backups.finished_as(settings.data_dir) as folder:
        backups.unpack(backup, folder)
        if keys_from is not None:
            backups.put_keys(keys_from, folder)
        _require_keys(folder, settings)
        with database_of(settings.model_copy(update={"data_dir": folder})) as database:
            doubted = doubt_all(database)
        backups.fold_log(folder)
    return Restored(manifest, doubted)


def doubt_restored(settings: Settings) -> int:
    """Doubt the open cases of a database that was restored by other means; return how many those are.

    Raises DataFolderInUse while a server or a worker runs. Killed at any moment, it can be run again.
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
        return doubt_all(database)


def doubt_all(database: Database) -> int:
    """Let every open case be looked for at its payer before anything is sent for it; return how many those are."""
    unfinished = database.read_now(lambda tx: tx.authorizations.unfinished())
    for each in unfinished:
        database.write_now(lambda tx, each=each: restoring.doubt(tx, present(), authorization_id=each))  # type: ignore[misc]
    return len(unfinished)


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
