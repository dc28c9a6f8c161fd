"""Contract, section 2, rules 4 and 7, on many machines: `python -m tests.chaos` in small."""

from pathlib import Path

import pytest

from tests.chaos.installations import Sizes
from tests.chaos.run import Plan, carry_out

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.slow]


@pytest.mark.timeout(400)
async def test_cases_come_home_once_while_their_installation_is_broken(tmp_path: Path) -> None:
    plan = Plan(cases=12, kills=5, seed=20261126, at_once=8)

    run = await carry_out(plan, Sizes(workers=2, apis=2, failure_rate=0.02), folder=tmp_path)

    assert run.verdict.faults == []
    assert run.verdict.as_expected == plan.cases
    assert run.killer.done.total() == plan.kills + 1
    assert run.killer.done["database restarted"] == 1
