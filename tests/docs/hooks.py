"""What a guide may ask of the tests between its blocks: `<!-- run: name -->` calls the function of that name.

A hook gets the reader and the block that follows its comment at once, or an empty text. It does what a reader does
elsewhere: by hand, in a browser, or in another guide.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.factories.guides import Hook, Reader
from tests.factories.servers import Integrator, state_of

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
    integrator = Integrator(reader.server, reader.key)
    case = integrator.create("approved_after_review")
    seen = integrator.drive(case, "approved_after_review", until=lambda case: state_of(case)[1] == "approve_submission")
    reader.names.learn("auth_123", seen[-1]["id"])
