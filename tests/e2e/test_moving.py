"""A server's cases move to PostgreSQL, and go on there to their ends."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import postgres
from tests.factories.servers import PROGRAM, Integrator, ServerProcess, state_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.postgres]

REVIEWED, FOLLOWED = "approved_after_review", "approved_automatic"


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database."""
    with postgres.fresh_database() as fresh:
        yield fresh


@pytest.mark.timeout(400)
def test_cases_go_on_where_they_were_moved_to(url: str, tmp_path: Path) -> None:
    old = ServerProcess(tmp_path / "data").start()
    try:
        key = old.new_key()
        integrator = Integrator(old, key)
        paused = integrator.drive(
            integrator.create(REVIEWED), REVIEWED, until=lambda case: state_of(case)[1] == "approve_submission"
        )[-1]
        under_way = integrator.drive(
            integrator.create(FOLLOWED), FOLLOWED, until=lambda case: case["status"] == "processing"
        )[-1]
    finally:
        assert old.stop() == 0
    environment = {**os.environ, "PRIORAUTH_DATABASE_URL": url}
    command = [*PROGRAM, "move", "--data-dir", str(old.data_dir)]
    moved = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert moved.returncode == 0, moved.stderr

    new = ServerProcess(tmp_path / "data", database_url=url).start()
    try:
        integrator = Integrator(new, key)
        for case, scenario in ((paused, REVIEWED), (under_way, FOLLOWED)):
            end = integrator.drive(integrator.read(case), scenario, until=lambda each: each["status"] == "completed")[
                -1
            ]
            assert end["outcome"] == "approved"
            assert integrator.counted(end) == 1
    finally:
        assert new.stop() == 0
