"""Portals that fail at any of their requests, by chance: every case ends as its scenario says, and was sent once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from priorauth.sandbox import catalog
from tests.factories.servers import Integrator, ServerProcess, state_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCENARIOS = ("approved_automatic", "juniper_approved_after_review", "submit_response_lost", "approved_after_review")


def fails(url: str) -> bool:
    """Whether a portal ever fails, asked often enough that one in ten will have."""
    with httpx.Client(base_url=url, trust_env=False, timeout=1) as client:
        for _ in range(100):
            try:
                if client.get("/").status_code == 500:
                    return True
            except httpx.HTTPError:
                return True
    return False


def test_cases_come_through_portals_that_fail_at_one_request_of_ten(tmp_path: Path) -> None:
    server = ServerProcess(
        tmp_path / "data", sandbox_failure_rate=0.1, sandbox_failure_seed=7, page_timeout_seconds=5
    ).start()
    key = server.new_key()

    def run(scenario_id: str) -> tuple[tuple[str, str | None, str | None], int]:
        integrator = Integrator(server, key)
        scenario = catalog.scenario(scenario_id)
        assert scenario is not None
        last = scenario.expects[-1]
        expected = (last["status"], last["nextActionType"], last["outcome"])
        case = integrator.create(scenario_id)
        end = integrator.drive(case, scenario_id, until=lambda case: state_of(case) == expected, seconds=150)[-1]
        return state_of(end), integrator.counted(end)

    try:
        portals = Integrator(server, key).get("/v1/sandbox/portals")["data"]
        assert all(fails(portal["url"]) for portal in portals)
        with ThreadPoolExecutor(len(SCENARIOS)) as together:
            ended = list(together.map(run, SCENARIOS))
    finally:
        assert server.stop() == 0

    assert [count for _, count in ended] == [1] * len(SCENARIOS)
