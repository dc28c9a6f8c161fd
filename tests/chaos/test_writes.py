"""What was acknowledged is there after kill -9 at any moment; `python -m tests.chaos.writes` is the long run."""

from pathlib import Path

import pytest

from tests.chaos.writes import Run

pytestmark = [pytest.mark.slow]


async def test_a_server_that_is_killed_while_it_writes_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    run = Run(tmp_path, kills=5, seed=20261125, writers=3)

    report = await run.run()

    assert report.kills.total() == 5
    assert report.writes.total() > 20
    assert report.keys_repeated > 10
