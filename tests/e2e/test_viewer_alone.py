"""A person with the address of a handoff, and nothing else, finishes it in the viewer and submits nothing by accident.

There is a real server, a real payer, and a real browser on the viewer's page. The integrator hands the session over.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from priorauth.sandbox import catalog
from tests.factories.humans import VERIFY, Human, human
from tests.factories.servers import Case, Integrator, ServerProcess, path_of, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BOTH_PORTALS = ["handoff_review_backed", "juniper_handoff_review_backed"]


@pytest.fixture(scope="module")
def integrator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Integrator]:
    server = ServerProcess(tmp_path_factory.mktemp("viewer") / "data").start()
    yield Integrator(server, server.new_key())
    assert server.stop() == 0


@pytest.fixture(scope="module")
def somebody() -> Iterator[Human]:
    with human() as found:
        yield found


def handed_over(integrator: Integrator, scenario: str) -> tuple[Case, str]:
    """An authorization with its handoff, and the address of the session."""
    offered = integrator.drive(
        integrator.create(scenario), scenario, until=lambda case: case["status"] in ("requires_action", "completed")
    )[-1]
    case = integrator.take_over(offered)
    return case, str(integrator.grant(case)["url"])


def one_time_code(scenario_id: str) -> str:
    """What the person gets on the phone."""
    scenario = catalog.scenario(scenario_id)
    assert scenario is not None
    return str(scenario.resolves["oneTimeCode"])


def test_a_code_is_entered_and_the_session_given_back(integrator: Integrator, somebody: Human) -> None:
    scenario = "handoff_mfa"
    case, url = handed_over(integrator, scenario)
    somebody.open(url)
    arrival = somebody.page.locator("#arrival")
    expect(arrival).to_contain_text(f"your number {case['metadata']['externalCaseId']}")
    expect(arrival).to_contain_text(f"What is wanted: {case['nextAction']['reason']['message']}")
    expect(arrival).to_contain_text("Nothing can be submitted to the payer from here.")

    somebody.start()
    somebody.enter_code(one_time_code(scenario))
    somebody.says_done()

    somebody.is_in_the_dark()
    expect(somebody.page.locator("#dark")).to_contain_text("The service")
    end = integrator.drive(
        integrator.read(case), scenario, until=lambda now: now["submission"]["payerReceipt"] is not None
    )[-1]
    assert integrator.counted(end) == 1


@pytest.mark.parametrize("scenario", BOTH_PORTALS)
def test_what_was_accepted_is_submitted_and_its_receipt_shown(
    integrator: Integrator, somebody: Human, scenario: str
) -> None:
    case, url = handed_over(integrator, scenario)
    somebody.take_control(url)
    submit = somebody.page.locator("#submit")
    expect(submit).to_have_text("You can submit this to the payer here, once.")

    somebody.submit()
    expect(submit).to_contain_text("Submitted.")
    somebody.says_done()

    dark = somebody.page.locator("#dark")
    expect(dark).to_contain_text("Receipt", timeout=20_000)
    end = integrator.read(case)
    assert end["submission"]["payerReceipt"]["referenceNumber"] in (dark.text_content() or "")
    assert integrator.counted(end) == 1
    handoffs = integrator.get(f"{path_of(case)}/manual-handoffs")["data"]
    assert [each["result"] for each in handoffs] == ["completed_reported"]


def press(key: str) -> Callable[[Human], None]:
    return lambda somebody: somebody.page.keyboard.press(key)


ACCIDENTS: dict[str, Callable[[Human], None]] = {
    "enter": press("Enter"),
    "space": press("Space"),
    "a click on the middle": lambda somebody: somebody.page.mouse.click(650, 450),
    "a click where the button is": lambda somebody: somebody.click(1130, 735),
    "a click at the top": lambda somebody: somebody.click(640, 20),
}


@pytest.mark.parametrize("scenario", BOTH_PORTALS)
def test_one_key_or_click_on_arrival_submits_nothing(integrator: Integrator, somebody: Human, scenario: str) -> None:
    case, _ = handed_over(integrator, scenario)
    for accident in ACCIDENTS.values():
        somebody.open(str(integrator.grant(case)["url"]))
        accident(somebody)
        # Not even then: what had the focus in the portal has it no more, and keys wait for a click into the page.
        if somebody.page.locator("#arrival").is_visible():
            somebody.start()
        for key in ("Enter", "Space", "Enter"):
            somebody.page.keyboard.press(key)
        expect(somebody.page.locator("#click")).to_be_visible()

    assert integrator.counted(case) == 0
    now = integrator.read(case)
    assert (now["status"], now["activeManualHandoff"]["state"]) == ("requires_action", "active")
    # And it can still be submitted.
    somebody.submit()
    assert integrator.counted(case) == 1


def test_who_could_not_finish_ends_it_in_the_viewer(integrator: Integrator, somebody: Human) -> None:
    case, url = handed_over(integrator, "handoff_mfa")
    somebody.take_control(url)
    somebody.sees(VERIFY)

    somebody.page.get_by_role("button", name="Could not finish").click()
    somebody.page.get_by_label("Why not?").select_option("Signing in does not work")
    somebody.page.get_by_role("button", name="Yes, give it back").click()

    somebody.is_in_the_dark()
    until(lambda: integrator.read(case)["status"] == "completed")
    end = integrator.read(case)
    assert (end["outcome"], end["statusReason"]["code"]) == ("failed", "credential_or_mfa_issue")


def test_who_watches_sees_how_far_it_is(integrator: Integrator, somebody: Human) -> None:
    scenario = "approved_after_review"
    case = integrator.drive(
        integrator.create(scenario), scenario, until=lambda now: now["status"] == "requires_confirmation"
    )[-1]
    while case["nextAction"]["type"] != "approve_submission":
        case = integrator.drive(
            case, scenario, until=lambda now: (now["nextAction"] or {}).get("type") == "approve_submission"
        )[-1]
    url = integrator.call("POST", f"{path_of(case)}/live-session/access-grants").json()["url"]

    somebody.page.goto(url)

    expect(somebody.page.locator("#who")).to_have_text("Waiting for your approval")
    assert integrator.call("POST", f"{path_of(case)}/cancel").is_success
    expect(somebody.page.locator("#dark")).to_contain_text("The authorization was canceled")
