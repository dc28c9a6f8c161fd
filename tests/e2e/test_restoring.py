"""A backup beside a running server, work that goes on after it, a kill, a restore: the payer counts each case once."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.databases import copy_prepared
from tests.factories.servers import PROGRAM, Case, Integrator, ServerProcess, state_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REVIEWED, AUTOMATIC, UNTOUCHED = "approved_after_review", "approved_automatic", "quickstart_receipt"


def run(*arguments: str | Path) -> str:
    """Run `priorauth`, which must succeed; return what it says."""
    done = subprocess.run([*PROGRAM, *map(str, arguments)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def old(tmp_path: Path) -> Iterator[ServerProcess]:
    """The server whose disk will be lost."""
    server = ServerProcess(tmp_path / "old", sweep_seconds=1).start()
    yield server
    server.stop()


def received(case: Case) -> bool:
    return case["submission"]["payerReceipt"] is not None


@pytest.mark.timeout(400)
def test_what_was_submitted_after_the_backup_is_not_submitted_again(old: ServerProcess, tmp_path: Path) -> None:
    key = old.new_key()
    integrator = Integrator(old, key)
    paused = integrator.drive(
        integrator.create(REVIEWED), REVIEWED, until=lambda case: state_of(case)[1] == "approve_submission"
    )[-1]
    ready, untouched = (
        integrator.drive(integrator.create(each), each, until=lambda case: state_of(case)[1] == "advance_case")[-1]
        for each in (AUTOMATIC, UNTOUCHED)
    )

    said = run("backup", tmp_path / "copy", "--data-dir", old.data_dir)
    assert "keep data.key and server.key" in said
    assert "is whole" in run("backup", "--check", tmp_path / "copy")
    for case, scenario in ((paused, REVIEWED), (ready, AUTOMATIC)):
        sent = integrator.drive(integrator.read(case), scenario, until=received)[-1]
        assert integrator.counted(sent) == 1
    old.kill()

    new = tmp_path / "new"
    said = run("restore", tmp_path / "copy", "--data-dir", new, "--keys", old.data_dir)
    assert "3 open cases are looked for" in said
    # The payer is not ours to restore: it knows what it knew.
    shutil.copytree(old.data_dir / "sandbox", new / "sandbox")
    server = ServerProcess(new, sweep_seconds=1).start()
    try:
        integrator = Integrator(server, key)
        for case, scenario in ((paused, REVIEWED), (ready, AUTOMATIC)):
            assert state_of(integrator.read(case)) == state_of(case), "the restored record knows nothing of it"
            end = integrator.drive(integrator.read(case), scenario, until=lambda case: case["status"] == "completed")[
                -1
            ]
            assert end["outcome"] == "approved"
            assert integrator.counted(end) == 1
            told = [event["type"] for event in integrator.events(end)]
            assert "submission_intended" not in told
            assert told.count("receipt_proven") == 1
        end = integrator.drive(integrator.read(untouched), UNTOUCHED, until=received)[-1]
        assert integrator.counted(end) == 1
        told = [event["type"] for event in integrator.events(end)]
        assert told.index("submission_absent") < told.index("submission_intended")
    finally:
        assert server.stop() == 0


def test_a_restore_without_the_keys_says_where_to_name_them(tmp_path: Path) -> None:
    copy_prepared(tmp_path / "old")
    run("backup", tmp_path / "copy", "--data-dir", tmp_path / "old")
    command = [*PROGRAM, "restore", str(tmp_path / "copy"), "--data-dir", str(tmp_path / "new")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no data.key and no server.key. Name the folder that you keep them in with --keys" in done.stderr
    assert not (tmp_path / "new").exists()
