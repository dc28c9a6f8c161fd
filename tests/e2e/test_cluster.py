"""Many machines over one PostgreSQL: who dies is followed, who only seemed dead does no harm, viewers come back."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from priorauth.sandbox import catalog
from tests.factories.clusters import Balancer, Cluster, cluster, free_port
from tests.factories.humans import human
from tests.factories.servers import Case, Integrator, ServerProcess, state_of, until

OFFERED = ("requires_action", "complete_payer_interaction", None)
LINGER = "page_documents:reached:delay=600"
DAWDLE = "final_request:before_connection:delay=600"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Cluster]:
    """Database and portals."""
    with cluster(tmp_path) as made:
        yield made


def integrator_of(server: ServerProcess) -> Integrator:
    return Integrator(server, server.new_key())


def ends_of(scenario_id: str) -> tuple[str, str | None, str | None]:
    scenario = catalog.scenario(scenario_id)
    assert scenario is not None
    last = scenario.expects[-1]
    return last["status"], last["nextActionType"], last["outcome"]


def holder(installation: Cluster, case: Case, workers: list[ServerProcess]) -> ServerProcess:
    """Wait until one of the workers holds the case's session."""
    until(lambda: installation.holder_of(case["id"], workers) is not None)
    found = installation.holder_of(case["id"], workers)
    assert found is not None
    return found


def test_a_dead_workers_cases_go_on_elsewhere_within_fifteen_seconds(installation: Cluster, tmp_path: Path) -> None:
    integrator = integrator_of(installation.start("api"))
    armed = tmp_path / "armed"
    armed.write_text(LINGER)
    workers = [installation.start("worker", faultpoints=f"@{armed}") for _ in range(2)]
    case = integrator.create("approved_automatic")
    integrator.drive(case, "approved_automatic", until=lambda now: now["status"] == "processing")
    until(lambda: not armed.read_text())
    first = holder(installation, case, workers)

    first.kill()
    died_at = time.monotonic()
    others = [each for each in workers if each is not first]
    holder(installation, case, others)
    took = time.monotonic() - died_at

    end = ends_of("approved_automatic")
    ended = integrator.drive(
        integrator.read(case), "approved_automatic", until=lambda now: state_of(now) == end, seconds=120
    )[-1]
    assert state_of(ended) == end
    assert integrator.counted(case) == 1
    assert took < 15


def test_a_worker_that_stood_still_before_its_final_request_sends_nothing_when_it_goes_on(
    installation: Cluster, tmp_path: Path
) -> None:
    integrator = integrator_of(installation.start("api"))
    armed = tmp_path / "armed"
    armed.write_text(DAWDLE)
    stood = installation.start("worker", faultpoints=f"@{armed}")
    case = integrator.create("approved_automatic")
    integrator.drive(case, "approved_automatic", until=lambda now: now["status"] == "processing")
    until(lambda: not armed.read_text())

    stood.send(signal.SIGSTOP)
    installation.start("worker")
    # The other one asks the payer, twice and apart, and sends it itself.
    end = ends_of("approved_automatic")
    integrator.drive(integrator.read(case), "approved_automatic", until=lambda now: state_of(now) == end, seconds=180)
    stood.send(signal.SIGCONT)

    assert stood.ended(30) == -signal.SIGALRM
    assert integrator.counted(case) == 1


def test_a_viewer_is_back_within_three_seconds_when_its_api_node_dies(installation: Cluster) -> None:
    balancer = Balancer()
    installation.stack.callback(balancer.close)
    balancer.ports = [free_port(), free_port()]
    # Both are known to clients as the one address that stands before them.
    apis = [installation.start("api", port=port, public_base_url=balancer.url) for port in balancer.ports]
    installation.start("worker")
    integrator = integrator_of(apis[1])
    case = integrator.create("handoff_mfa")
    integrator.drive(case, "handoff_mfa", until=lambda now: state_of(now) == OFFERED)
    taken = integrator.take_over(integrator.read(case))
    scenario = catalog.scenario("handoff_mfa")
    assert scenario is not None
    with human() as somebody:
        somebody.take_control(integrator.grant(taken)["url"])
        apis[0].kill()
        died_at = time.monotonic()
        expect(somebody.page.locator("#who")).not_to_have_text("You are in control")
        expect(somebody.page.locator("#who")).to_have_text("You are in control")
        took = time.monotonic() - died_at

        somebody.enter_code(scenario.resolves["oneTimeCode"])
    integrator.give_back(taken, "complete", reportedOutcome="signed_in")

    end = ends_of("handoff_mfa")
    ended = integrator.drive(integrator.read(taken), "handoff_mfa", until=lambda now: state_of(now) == end)[-1]
    assert state_of(ended) == end
    assert took < 3
