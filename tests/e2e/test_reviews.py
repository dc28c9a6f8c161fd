"""Contract, section 2: what is submitted is what was approved, whatever the portal makes of it.

The payer's portal is told to show another value, or to drop a document; the client only reads and confirms.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.factories.servers import Case, Integrator, ServerProcess, path_of, state_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCENARIO = "approved_after_review"


@pytest.fixture(scope="module")
def integrator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Integrator]:
    """A client of a fresh server."""
    server = ServerProcess(tmp_path_factory.mktemp("reviews") / "data").start()
    yield Integrator(server, server.new_key())
    assert server.stop() == 0


@pytest.fixture(autouse=True)
def afterwards(integrator: Integrator) -> Iterator[None]:
    """Let the payer behave again."""
    yield
    integrator.tell_payer(SCENARIO)


def shows(value: str, *, times: int) -> dict[str, Any]:
    """The portal shows other units than were entered."""
    return {"at": "review", "kind": "change_value", "times": times, "field": "Units requested", "value": value}


def paused(integrator: Integrator, case: Case) -> Case:
    """The case at its next approval that was not seen yet."""
    seen = case["submission"]["reviewSnapshot"]
    known = seen["id"] if seen else None

    def asks(now: Case) -> bool:
        snapshot = now["submission"]["reviewSnapshot"]
        return state_of(now)[1] == "approve_submission" and snapshot["id"] != known

    return integrator.drive(case, SCENARIO, until=asks)[-1]


def confirmed(integrator: Integrator, case: Case) -> Case:
    """Approve what the case shows."""
    body, version = {"nextActionId": case["nextAction"]["id"]}, {"If-Match": f'"{case["version"]}"'}
    response = integrator.call("POST", f"{path_of(case)}/confirm", json=body, headers=version)
    assert response.status_code == 200, response.text
    found: Case = response.json()
    return found


def warnings_of(case: Case) -> list[str]:
    """What the reviewer should look at."""
    return [each["message"] for each in case["submission"]["reviewSnapshot"]["warnings"]]


def completed(case: Case) -> bool:
    """Say whether the case is over."""
    return bool(case["status"] == "completed")


def test_another_value_on_the_portals_page_is_a_warning_and_its_approval_covers_it(integrator: Integrator) -> None:
    integrator.tell_payer(SCENARIO, faults=[shows("7", times=99)])
    review = paused(integrator, integrator.create(SCENARIO))

    (warning,) = warnings_of(review)
    end = integrator.drive(confirmed(integrator, review), SCENARIO, until=completed)[-1]

    assert "Units requested" in warning
    assert "7" in warning
    assert end["submission"]["reviewSnapshot"]["id"] == review["submission"]["reviewSnapshot"]["id"]
    assert integrator.counted(end) == 1


def test_another_value_that_turns_up_after_the_approval_asks_again_before_anything_is_sent(
    integrator: Integrator,
) -> None:
    first = paused(integrator, integrator.create(SCENARIO))
    assert warnings_of(first) == []
    integrator.tell_payer(SCENARIO, faults=[shows("9", times=99)])

    second = paused(integrator, confirmed(integrator, first))
    unsent = integrator.counted(second)
    body = {"nextActionId": first["nextAction"]["id"]}
    stale = integrator.call("POST", f"{path_of(first)}/confirm", json=body, headers={"If-Match": '"1"'})
    end = integrator.drive(confirmed(integrator, second), SCENARIO, until=completed)[-1]

    assert unsent == 0
    assert "9" in warnings_of(second)[0]
    assert second["submission"]["reviewSnapshot"]["covers"]["authorizationVersion"] == second["version"]
    assert stale.json()["error"]["code"] == "review_stale"
    assert (end["outcome"], integrator.counted(end)) == ("approved", 1)


def test_a_document_that_the_portal_drops_is_a_warning(integrator: Integrator) -> None:
    integrator.tell_payer(SCENARIO, faults=[{"at": "documents", "kind": "drop_document", "times": 1}])

    review = paused(integrator, integrator.create(SCENARIO))

    (warning,) = warnings_of(review)
    assert "Documents" in warning
    assert integrator.counted(review) == 0


def test_answers_that_change_after_the_form_was_filled_are_what_the_payer_gets(integrator: Integrator) -> None:
    review = paused(integrator, integrator.create(SCENARIO))
    body = {"questionnaireResponse": {"item": [{"linkId": "service.units", "answer": [{"valueInteger": 3}]}]}}
    version = {"If-Match": f'"{review["version"]}"'}
    changed = integrator.call("PATCH", f"{path_of(review)}/answers", json=body, headers=version).json()

    end = integrator.drive(confirmed(integrator, changed), SCENARIO, until=completed)[-1]

    assert warnings_of(changed) == []
    assert end["submission"]["reviewSnapshot"]["summary"]["service"]["units"] == "3"
    assert end["submission"]["reviewSnapshot"]["id"] == changed["submission"]["reviewSnapshot"]["id"]
    assert integrator.counted(end) == 1
