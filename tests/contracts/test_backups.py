"""What a backup promises: one consistent copy beside a server that writes, whole or not there, and kept as it was."""

import hashlib
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from priorauth.store import data_folder
from priorauth.store.keeping import backups
from priorauth.store.keeping.backups import FaultyBackup
from tests.factories.databases import Home, sqlite_home
from tests.factories.moments import START

ROOT = Path(__file__).resolve().parents[2]
# Stops for good at the n-th thing that it brings to the disk, as a machine without power does.
DIE = """
import os, pathlib, signal, sys
from datetime import UTC, datetime
from priorauth.store.keeping import backups
left = int(sys.argv[3])
bring = os.fsync
def fsync(descriptor):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    bring(descriptor)
os.fsync = fsync
backups.make(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]),
             now=datetime(2026, 3, 2, tzinfo=UTC), with_keys=True, files_elsewhere=False)
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A data folder in use, with a case and two files."""
    with sqlite_home(tmp_path / "data") as opened:
        case = opened.case()
        opened.database.write_now(lambda tx: tx.authorizations.add(case))
        for name in ("file_a/0001", "file_b/0002"):
            path = tmp_path / "data" / "files" / name
            path.parent.mkdir(parents=True)
            path.write_bytes(name.encode() * 1000)
        yield opened


def make(folder: Path, target: str = "copy", *, with_keys: bool = False) -> Path:
    """Back `folder`'s data up."""
    backups.make(folder / "data", folder / target, now=START, with_keys=with_keys, files_elsewhere=False)
    return folder / target


@pytest.mark.usefixtures("home")
def test_a_copy_is_whole_private_and_says_what_it_holds(tmp_path: Path) -> None:
    copy = make(tmp_path)

    manifest = backups.check(copy)
    assert (manifest.files, manifest.rows["authorizations"], manifest.with_keys) == (2, 1, False)
    assert manifest.schema == backups.schema_of(tmp_path / "data" / "priorauth.db")
    assert sorted(path.name for path in copy.iterdir()) == [
        "checksums.sha256",
        "files",
        "manifest.json",
        "priorauth.db",
    ]
    for path in [copy, *copy.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.usefixtures("home")
def test_the_list_of_digests_is_read_by_the_usual_tool(tmp_path: Path) -> None:
    copy = make(tmp_path)
    subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=copy, check=True)


@pytest.mark.usefixtures("home")
def test_the_keys_go_along_only_when_they_are_asked_for(tmp_path: Path) -> None:
    with_them = make(tmp_path, "with", with_keys=True)
    without = make(tmp_path, "without")

    assert sorted(path.name for path in (with_them / "keys").iterdir()) == ["data.key", "server.key"]
    secret = (tmp_path / "data" / "server.key").read_bytes()
    assert not any(secret in path.read_bytes() for path in without.rglob("*") if path.is_file())


def test_a_copy_beside_a_writer_has_all_of_a_transaction_or_nothing_of_it(tmp_path: Path) -> None:
    """Two rows are always written together: a copy in between would have one of them."""
    database = tmp_path / "data" / "priorauth.db"
    data_folder.prepare(tmp_path / "data")
    stop = threading.Event()
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE pairs (id INTEGER PRIMARY KEY, filler TEXT)")

    def write() -> None:
        with closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as connection:
            while not stop.is_set():
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO pairs (filler) VALUES (?)", [("x" * 5000,), ("y" * 5000,)])
                connection.execute("COMMIT")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        counts = [backups.check(make(tmp_path, f"copy{number}")).rows["pairs"] for number in range(5)]
    finally:
        stop.set()
        writer.join()
    assert all(count % 2 == 0 for count in counts)
    assert counts == sorted(counts)
    assert counts[-1] > counts[0], "nothing was written meanwhile, so nothing is proven"


@pytest.mark.usefixtures("home")
def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    copy = make(tmp_path)
    before = (copy / "manifest.json").read_bytes()
    with pytest.raises(FaultyBackup, match="exists already"):
        make(tmp_path)
    assert (copy / "manifest.json").read_bytes() == before


@pytest.mark.usefixtures("home")
def test_two_copies_under_one_name_do_not_meet(tmp_path: Path) -> None:
    with (
        backups.finished_as(tmp_path / "copy"),
        pytest.raises(FaultyBackup, match="Another command is writing"),
        backups.finished_as(tmp_path / "copy"),
    ):
        pass


@pytest.mark.usefixtures("home")
def test_a_copy_that_dies_at_any_moment_is_not_there_and_the_next_one_is(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": os.environ["PATH"]}
    moments = halves = 0
    while not (tmp_path / "copy").exists():
        command = [sys.executable, "-c", DIE, str(tmp_path / "data"), str(tmp_path / "copy"), str(moments)]
        done = subprocess.run(command, check=False, env=environment)
        assert done.returncode in (0, -signal.SIGKILL)
        draft = tmp_path / "copy.partial"
        if draft.exists() and not (draft / "manifest.json").exists():
            halves += 1
            with pytest.raises(
                FaultyBackup, match=r"has no manifest\.json: it is no backup, or one that was interrupted"
            ):
                backups.check(draft)
        moments += 2
        assert moments < 60
    assert backups.check(tmp_path / "copy").files == 2
    assert halves >= 3


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("files/file_a/0001", "files/file_a/0001 is not as it was written"),
        ("priorauth.db", "priorauth.db is not as it was written"),
        ("checksums.sha256", "checksums.sha256 is not as it was written"),
    ],
)
def test_a_bit_that_flipped_is_found(tmp_path: Path, spoil: str, said: str) -> None:
    copy = make(tmp_path)
    content = bytearray((copy / spoil).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / spoil).write_bytes(content)
    with pytest.raises(FaultyBackup, match=said):
        backups.check(copy)


@pytest.mark.usefixtures("home")
def test_what_is_missing_and_what_was_added_is_found(tmp_path: Path) -> None:
    copy = make(tmp_path)
    (copy / "files" / "file_a" / "0001").rename(copy / "files" / "other")
    with pytest.raises(FaultyBackup, match="files/file_a/0001 is missing; files/other does not belong there"):
        backups.check(copy)


@pytest.mark.usefixtures("home")
def test_a_damaged_database_is_found_even_where_its_digest_fits(tmp_path: Path) -> None:
    copy = make(tmp_path)
    content = bytearray((copy / "priorauth.db").read_bytes())
    page = 4096
    content[5 * page : 6 * page] = bytes(page)
    (copy / "priorauth.db").write_bytes(content)
    lines = (copy / "checksums.sha256").read_text().splitlines(keepends=True)
    fresh = hashlib.sha256(content).hexdigest()
    sums = "".join(f"{fresh}  priorauth.db\n" if line.endswith("priorauth.db\n") else line for line in lines)
    (copy / "checksums.sha256").write_text(sums)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["sums"] = hashlib.sha256(sums.encode()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(FaultyBackup, match="database is damaged"):
        backups.check(copy)
