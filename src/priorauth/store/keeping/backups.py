"""Copies of a SQLite data folder, made beside a running server, and the proof that a copy is whole.

The database is copied first, at one moment; then the files, of which each is there before a row names it. What is not
finished lies under another name, so that a copy that is there is a whole one. Knows nothing of what the data mean.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from priorauth import __version__
from priorauth.domain.errors import UserFault

DATABASE, FILES, KEYS = "priorauth.db", "files", "keys"
KEY_FILES = ("data.key", "server.key")
_MANIFEST, _SUMS = "manifest.json", "checksums.sha256"
_FORMAT = 1
_CHUNK = 1024 * 1024


class FaultyBackup(UserFault):
    """A copy cannot be made there, or is not whole. The message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a copy consists of. `sums` is the digest of the list that has the digest of every other file."""

    format: int
    version: str
    schema: str
    made_at: datetime
    rows: Mapping[str, int]
    database_bytes: int
    files: int
    file_bytes: int
    files_elsewhere: bool
    with_keys: bool
    sums: str


def make(data_dir: Path, target: Path, *, now: datetime, with_keys: bool, files_elsewhere: bool) -> Manifest:
    """Copy the folder's database and files to `target`, which must not exist yet. Raises FaultyBackup."""
    if not (data_dir / DATABASE).exists():
        raise FaultyBackup(f"{data_dir} has no database. Name the server's folder with --data-dir.")
    with finished_as(target) as draft:
        copy_database(data_dir / DATABASE, draft / DATABASE)
        if not files_elsewhere:
            _copy_tree(data_dir / FILES, draft / FILES)
        if with_keys:
            _copy_keys(data_dir, draft / KEYS)
        manifest = _described(draft, now=now, files_elsewhere=files_elsewhere)
        _write(draft / _MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    return manifest


def check(backup: Path) -> Manifest:
    """Return the manifest of a copy that is whole. Raises FaultyBackup, which names what is not."""
    manifest = _manifest(backup)
    sums = (backup / _SUMS).read_bytes() if (backup / _SUMS).exists() else b""
    if hashlib.sha256(sums).hexdigest() != manifest.sums:
        raise FaultyBackup(f"{backup}: {_SUMS} is not as it was written. Take another backup.")
    expected = {name: digest for digest, name in (line.split("  ", 1) for line in sums.decode().splitlines())}
    faults = [f"{name} is missing" for name in expected if not (backup / name).is_file()]
    faults += [f"{name} is not as it was written" for name in _changed(backup, expected)]
    faults += [f"{name} does not belong there" for name in _names(backup) if name not in expected]
    faults = faults or list(_faults_of_database(backup / DATABASE, manifest))
    if faults:
        raise FaultyBackup(f"{backup} is not whole: {'; '.join(faults[:5])}. Take another backup.")
    return manifest


def unpack(backup: Path, folder: Path) -> None:
    """Put the database and the files of a copy, and its keys if it has them, where a data folder has them."""
    _copy_file(backup / DATABASE, folder / DATABASE)
    _copy_tree(backup / FILES, folder / FILES)
    put_keys(backup / KEYS, folder)


def put_keys(source: Path, folder: Path) -> None:
    """Copy the key files that `source` has into a data folder."""
    for name in KEY_FILES:
        if (source / name).is_file():
            _copy_file(source / name, folder / name)


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that may be in use, as it is at one moment, into a single file."""
    target.touch(mode=0o600)
    with closing(sqlite3.connect(source, timeout=30)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        # Without a log beside it: the copy is this one file.
        copy.execute("PRAGMA journal_mode=DELETE")
    sync(target)


def fold_log(folder: Path) -> None:
    """Bring what the database's log holds into the database, of a folder that nobody uses."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def finished_as(target: Path) -> Iterator[Path]:
    """Give a folder to write into, which gets the name `target` at the end. Raises FaultyBackup when that is taken.

    What a crash leaves has another name, and the next try clears it away.
    """
    if target.exists():
        raise FaultyBackup(f"{target} exists already. Give a name that does not, or move it away.")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = target.with_name(f"{target.name}.partial")
    draft.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(draft, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FaultyBackup(f"Another command is writing {target}. Let it end.") from None
    else:
        if target.exists():
            raise FaultyBackup(f"Another command has just written {target}.")
        yield from _filled(draft, target)
    finally:
        os.close(lock)


def _filled(draft: Path, target: Path) -> Iterator[Path]:
    _clear(draft)
    try:
        yield draft
        for folder, _, _ in os.walk(draft):
            sync(Path(folder))
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync(target.parent)


def _clear(folder: Path) -> None:
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()


def sync(path: Path) -> None:
    """Bring a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def schema_of(database: Path) -> str:
    """Return the revision of a database's schema. Raises FaultyBackup when it has none."""
    with _reading(database) as connection:
        try:
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except (sqlite3.DatabaseError, TypeError):
            raise FaultyBackup(f"{database} is no database of priorauth.") from None
    return str(revision)


def _described(draft: Path, *, now: datetime, files_elsewhere: bool) -> Manifest:
    names = list(_names(draft))
    sums = "".join(f"{_digest(draft / name)}  {name}\n" for name in names).encode()
    _write(draft / _SUMS, sums)
    files = [draft / name for name in names if name.startswith(f"{FILES}/")]
    return Manifest(
        format=_FORMAT,
        version=__version__,
        schema=schema_of(draft / DATABASE),
        made_at=now,
        rows=_rows(draft / DATABASE),
        database_bytes=(draft / DATABASE).stat().st_size,
        files=len(files),
        file_bytes=sum(each.stat().st_size for each in files),
        files_elsewhere=files_elsewhere,
        with_keys=(draft / KEYS).is_dir(),
        sums=hashlib.sha256(sums).hexdigest(),
    )


def _manifest(backup: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode((backup / _MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise FaultyBackup(
            f"{backup} has no {_MANIFEST}: it is no backup, or one that was interrupted. Name a whole one."
        ) from None
    except msgspec.MsgspecError:
        raise FaultyBackup(f"{backup}: its {_MANIFEST} cannot be read. Take another backup.") from None
    if manifest.format != _FORMAT:
        raise FaultyBackup(f"{backup} was made by priorauth {manifest.version}, which writes it otherwise. Use that.")
    return manifest


def _faults_of_database(database: Path, manifest: Manifest) -> Iterator[str]:
    try:
        with _reading(database) as connection:
            damage = damage_of(connection)
        rows = _rows(database) if damage is None else manifest.rows
    except sqlite3.DatabaseError as error:
        damage, rows = str(error), manifest.rows
    if damage is not None:
        yield f"the database is damaged ({damage})"
    if rows != manifest.rows:
        yield "the database has other rows than the manifest says"


def damage_of(connection: sqlite3.Connection) -> str | None:
    """Say what is wrong inside a database, or None. Raises sqlite3.DatabaseError where it cannot even be read."""
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        return str(found)
    dangling = connection.execute("PRAGMA foreign_key_check").fetchone()
    return f"a row of {dangling[0]} names one that is not there" if dangling is not None else None


@contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        yield connection


def _rows(database: Path) -> dict[str, int]:
    with _reading(database) as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        tables = [name for (name,) in connection.execute(query)]
        # Names of tables come from the database itself.
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608


def _changed(backup: Path, expected: Mapping[str, str]) -> Iterator[str]:
    for name, digest in expected.items():
        if (backup / name).is_file() and _digest(backup / name) != digest:
            yield name


def _names(folder: Path) -> Iterator[str]:
    """Yield what a copy has beside its manifest and its list, by name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    yield from (name for path in paths if (name := path.relative_to(folder).as_posix()) not in (_MANIFEST, _SUMS))


def _copy_tree(source: Path, target: Path) -> None:
    """Copy the files of the object store; one that is still being written, or just deleted, nothing names."""
    target.mkdir(mode=0o700)
    for path in sorted(source.rglob("*")):
        if path.is_file() and "#" not in path.name:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                _copy_file(path, copy)
            except FileNotFoundError:
                copy.unlink(missing_ok=True)


def _copy_keys(data_dir: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    put_keys(data_dir, target)


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as original, _private(target) as copy:
        shutil.copyfileobj(original, copy, _CHUNK)
        copy.flush()
        os.fsync(copy.fileno())


def _write(path: Path, content: bytes) -> None:
    with _private(path) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
