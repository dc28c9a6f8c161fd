"""What a guide may ask of the tests between its blocks: `<!-- run: name -->` calls the function of that name.

A hook gets the reader and the block that follows its comment at once, or an empty text. It does what a reader does
elsewhere: by hand, in a browser, or in another guide.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Route, expect

from priorauth.channels.portals.guard import Boundary
from priorauth.channels.portals.submit_guard.openings import find_openings
from priorauth.sandbox import catalog
from tests.factories.guides import HOST, Hook, Reader
from tests.factories.servers import Case, Integrator, path_of, state_of, until

HOOKS: dict[str, Hook] = {}


def hook(name: str) -> Callable[[Hook], Hook]:
    """Register a function as what guides call `name`."""

    def registered(function: Hook) -> Hook:
        assert name not in HOOKS
        HOOKS[name] = function
        return function

    return registered


@hook("make")
def make(reader: Reader, block: str) -> None:
    """Every target that the block names exists; what it does is tested elsewhere."""
    checkout = Path(__file__).parents[2]
    for line in block.splitlines():
        command, _, comment = line.partition("#")
        dry = [*command.split(), "--dry-run"]
        planned = subprocess.run(dry, cwd=checkout, capture_output=True, text=True, check=False)
        assert planned.returncode == 0, f"{command}: {planned.stderr}"
        if "serve" in command:
            assert "priorauth is serving at" in comment
    reader.executed += bool(block)


@hook("a case that waits for approval")
def wait_for_approval(reader: Reader, block: str) -> None:
    """`auth_123` of the scenario `approved_after_review`, prepared by the service up to the payer's last button."""
    assert not block
    prepare(reader, "auth_123", "approved_after_review", waits=lambda case: state_of(case)[1] == "approve_submission")


@hook("a case that wants a one-time code")
def want_code(reader: Reader, block: str) -> None:
    """`auth_123` of the scenario `handoff_mfa`, offered to a human."""
    assert not block
    prepare(reader, "auth_123", "handoff_mfa", waits=is_offered)


@hook("a case that a person has to submit")
def want_person(reader: Reader, block: str) -> None:
    """`auth_456` of the scenario `handoff_review_backed`, offered to a human."""
    assert not block
    prepare(reader, "auth_456", "handoff_review_backed", waits=is_offered)


@hook("another case that wants a one-time code")
def want_another_code(reader: Reader, block: str) -> None:
    """`auth_789` of the scenario `handoff_mfa`, offered to a human."""
    assert not block
    prepare(reader, "auth_789", "handoff_mfa", waits=is_offered)


@hook("the payer takes its time")
def take_time(reader: Reader, block: str) -> None:
    """The payer decides `auth_123` when it is told to, or once the guide has been read; nothing else is in a hurry."""
    assert not block
    Integrator(reader.server, reader.key).tell_payer(scenario_of(reader), decision=None)
    reader.at_the_end.callback(decide, reader, "")


@hook("the payer decides")
def decide(reader: Reader, block: str) -> None:
    """The payer decides `auth_123` as its scenario says."""
    assert not block
    Integrator(reader.server, reader.key).tell_payer(scenario_of(reader))


@hook("a human types the code")
def type_code(reader: Reader, block: str) -> None:
    """A human with the address of `rag_123` lets the service in."""
    assert not block
    human = reader.human()
    human.take_control(address_of(reader, "rag_123"))
    human.sees("Verify your identity")
    scenario = catalog.scenario("handoff_mfa")
    assert scenario is not None
    human.enter(scenario.resolves["oneTimeCode"])
    human.sees("Member search")


@hook("a human presses the last button")
def press_button(reader: Reader, block: str) -> None:
    """A human with the address of `rag_456` submits the case."""
    assert not block
    human = reader.human()
    human.take_control(address_of(reader, "rag_456"))
    human.sees("Review and submit")
    human.press_last_button()
    human.sees("Request received")


@hook("a human has control")
def have_control(reader: Reader, block: str) -> None:
    """A human with the address of `rag_789` has the session in hand."""
    assert not block
    reader.human().take_control(address_of(reader, "rag_789"))


@hook("their view goes dark")
def go_dark(reader: Reader, block: str) -> None:
    """The human sees nothing any more."""
    assert not block
    reader.human().is_in_the_dark()


@hook("somebody watches")
def watch(reader: Reader, block: str) -> None:
    """Somebody looks at the address of `rag_123`, and goes on looking."""
    assert not block
    human = reader.human()
    human.page.goto(address_of(reader, "rag_123"))
    human.sees("Review and submit")


@hook("a page around the view")
def frame_view(reader: Reader, block: str) -> None:
    """A page has what the block says, and keeps what it is told."""
    page = reader.human().page
    shown = f"<script>told = []; onmessage = ({{data}}) => told.push(data)</script>{reader.names.resolved(block)}"

    def answer(route: Route) -> None:
        route.fulfill(content_type="text/html", body=shown)

    page.route(f"{reader.server.url}/around", answer)
    page.goto(f"{reader.server.url}/around")
    expect(page.frame_locator("iframe").locator("#tabs")).to_contain_text("Review and submit")
    reader.executed += 1


@hook("what the page around is told")
def hear(reader: Reader, block: str) -> None:
    """The page around has been told what the block shows."""
    told = reader.human().page.evaluate("told")
    assert json.loads(block) in told, f"the page around was told {told}"
    reader.executed += 1


@hook("a fresh grant is handed in")
def hand_in(reader: Reader, block: str) -> None:
    """The script of the block runs in the page around, and the view goes on under the fresh grant."""
    integrator = Integrator(reader.server, reader.key)
    case = integrator.get(f"/v1/prior-authorizations/{reader.names.resolved('auth_123')}")
    fresh = integrator.call("POST", f"{path_of(case)}/live-session/access-grants").json()
    script = block.replace(HOST, reader.server.url)
    bound = f"freshGrant => {{ const frame = document.querySelector('iframe'); {script} }}"
    reader.human().page.evaluate(bound, fresh)
    until(lambda: "live_view_renewed" in [event["type"] for event in integrator.events(case)])
    reader.executed += 1


@hook("an example of a boundary")
def declare_boundary(reader: Reader, block: str) -> None:
    """The example makes a boundary, and leaves nothing open."""
    made: dict[str, Boundary] = {}
    exec(compile(block, "adapters-boundary.md", "exec"), made)
    assert find_openings(made["boundary"]) == ()
    reader.executed += 1


def prepare(reader: Reader, name: str, scenario_id: str, *, waits: Callable[[Case], bool]) -> None:
    """Let `name` be a case of a scenario that has come as far as `waits` says."""
    integrator = Integrator(reader.server, reader.key)
    seen = integrator.drive(integrator.create(scenario_id), scenario_id, until=waits)
    reader.names.learn(name, seen[-1]["id"])


def is_offered(case: Case) -> bool:
    """Say whether the case waits for a human."""
    return bool(case["status"] == "requires_action")


def address_of(reader: Reader, grant: str) -> str:
    """Return the address of a grant that an answer has shown."""
    return reader.names.resolved(f"{HOST}/runtime/access/{grant}.…")


def scenario_of(reader: Reader) -> str:
    """Return the scenario that `auth_123` is of, which its member tells."""
    found = Integrator(reader.server, reader.key).get(f"/v1/prior-authorizations/{reader.names.resolved('auth_123')}")
    member = found["questionnaireResponse"]["item"][0]
    assert member["linkId"] == "patient.memberId"
    return next(each.id for each in catalog.scenarios() if member in each.create["questionnaireResponse"]["item"])
