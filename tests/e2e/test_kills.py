"""Contract, section 2, rules 4 and 7: kill -9 at any moment of the processing, and a restart on the same folder: the
case ends as it should, sent once.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.factories.servers import Case, Integrator, ServerProcess, state_of, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of the test's own."""
    server = ServerProcess(tmp_path / "data", sweep_seconds=1).start()
    yield server
    server.stop()


def seen(event: str, page: str | None = None) -> Callable[[Integrator, Case], bool]:
    """The moment at which the timeline shows an event."""

    def reached(integrator: Integrator, case: Case) -> bool:
        entries = integrator.events(case)
        return any(each["type"] == event and (page is None or each["details"].get("page") == page) for each in entries)

    return reached


MOMENTS = {
    "clinical page": seen("portal_page", "clinical information"),
    "intent": seen("submission_intended"),
    "receipt page": seen("portal_page", "receipt"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_server_that_is_killed_at_a_named_moment_brings_the_case_home(server: ServerProcess, moment: str) -> None:
    scenario = "approved_automatic"
    integrator = Integrator(server, server.new_key())
    case = integrator.drive(integrator.create(scenario), scenario, until=lambda case: case["status"] == "processing")[
        -1
    ]
    until(lambda: MOMENTS[moment](integrator, case))

    server.kill()
    server.start()

    end = integrator.drive(integrator.read(case), scenario, until=lambda case: case["status"] == "completed")[-1]
    assert end["outcome"] == "approved"
    assert integrator.counted(end) == 1


def test_a_server_that_dies_again_and_again_brings_every_case_home(server: ServerProcess) -> None:
    chance = random.Random(20261122)
    integrator = Integrator(server, server.new_key())
    wanted = {
        "approved_automatic": "completed",
        "quickstart_receipt": "waiting_on_payer",
        "submit_response_lost": "waiting_on_payer",
    }
    cases = {
        scenario: integrator.drive(
            integrator.create(scenario), scenario, until=lambda case: case["status"] == "processing"
        )[-1]
        for scenario in wanted
    }

    def told() -> int:
        return sum(len(integrator.events(case)) for case in cases.values())

    for _ in range(5):
        enough = told() + chance.randint(1, 9)
        until(lambda enough=enough: told() >= enough or _all_sent(integrator, cases))  # type: ignore[misc]
        server.kill()
        server.start()

    for scenario, status in wanted.items():
        end = integrator.drive(
            integrator.read(cases[scenario]),
            scenario,
            until=lambda case, status=status: case["status"] == status,  # type: ignore[misc]
        )[-1]
        assert integrator.counted(end) == 1
        assert sum(event["type"] == "receipt_proven" for event in integrator.events(end)) == 1


def test_a_server_that_is_killed_at_the_review_waits_for_the_approval(server: ServerProcess) -> None:
    scenario = "approved_after_review"
    integrator = Integrator(server, server.new_key())
    paused = integrator.drive(
        integrator.create(scenario), scenario, until=lambda case: state_of(case)[1] == "approve_submission"
    )[-1]

    server.kill()
    server.start()

    assert integrator.read(paused) == paused
    end = integrator.drive(paused, scenario, until=lambda case: case["status"] == "completed")[-1]
    assert integrator.counted(end) == 1


def _all_sent(integrator: Integrator, cases: dict[str, Case]) -> bool:
    return all(integrator.read(case)["submission"]["payerReceipt"] for case in cases.values())
