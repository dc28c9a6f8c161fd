"""What the data folder promises to processes that know nothing of each other, and to those that are killed."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from priorauth.domain.organizations import Organization
from priorauth.store import data_folder, tables
from priorauth.store.database import Database
from priorauth.store.databases import sqlite
from priorauth.store.transaction import Transaction
from tests.factories.databases import copy_prepared

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, pathlib
from priorauth.store.data_folder import held
with held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
PREPARE = """
import sys, pathlib
from priorauth.store.data_folder import prepare
sys.stdin.readline()
print(prepare(pathlib.Path(sys.argv[1])))
"""


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start Python with this checkout's package."""
    environment = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), "PATH": os.environ["PATH"]}
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_one_process_holds_the_folder_until_it_dies(tmp_path: Path) -> None:
    with started("-c", HOLD, tmp_path) as holder:
        assert line_of(holder) == "held"

        with (
            pytest.raises(data_folder.DataFolderInUse, match=rf"process {holder.pid}\b.*--data-dir"),
            data_folder.held(tmp_path),
        ):
            pytest.fail("two processes hold the folder")

        holder.kill()
        holder.wait()
        with data_folder.held(tmp_path):
            pass


def test_two_processes_prepare_an_empty_folder_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there yet %20?#"
    with started("-c", PREPARE, folder) as one, started("-c", PREPARE, folder) as other:
        for process in (one, other):
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        answers = [process.communicate(timeout=60) for process in (one, other)]

        assert (one.returncode, other.returncode) == (0, 0), answers
    assert len({output for output, _ in answers}) == 1
    assert (folder / "priorauth.db").is_file()
    engine = sqlite.create_engine(data_folder.prepare(folder), writing=False)
    assert set(tables.metadata.tables) < set(sa.inspect(engine).get_table_names())
    engine.dispose()


def test_the_secret_is_created_once_for_its_owner_alone(tmp_path: Path) -> None:
    first = data_folder.secret(tmp_path)

    assert len(first) == 32
    assert data_folder.secret(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "server.key").stat().st_mode) == 0o600
    assert data_folder.proof(first, "file_1") == data_folder.proof(first, "file_1")
    assert data_folder.proof(first, "file_1") != data_folder.proof(first, "file_2")


def find(name: str) -> Callable[[Transaction], Organization | None]:
    return lambda tx: tx.organizations.named(name)


def test_a_killed_writer_loses_no_acknowledged_write(tmp_path: Path) -> None:
    copy_prepared(tmp_path)
    acknowledged: set[str] = set()
    for kills in range(1, 11):
        with started(ROOT / "tests" / "contracts" / "writer_process.py", tmp_path) as writer:
            acknowledged |= {line_of(writer) for _ in range(kills * 7)}
            writer.kill()
            assert writer.stdout is not None
            acknowledged |= set(writer.stdout.read().split())

        database = Database(sqlite.database_url(tmp_path), data_folder.sealer(tmp_path))
        lost = {name for name in acknowledged if database.read_now(find(name)) is None}
        database.close()
        assert not lost
