"""`make hostile`: every kind of hostility at both portals under each policy, with a table of what came of it.

Words choose the attacks whose kind, portal or policy they name: `ARGS="juniper rewrite_loop"`.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from priorauth.sandbox.hostile.kinds import DOORS, KINDS
from tests.factories.humans import human
from tests.factories.servers import ServerProcess
from tests.hostile.persons import REWRITE, act_by_door, press
from tests.hostile.siege import PLANS, Siege, Verdict

POLICIES = ("requires_confirmation", "automatic", "handoff")


def main(*words: str) -> int:
    """Attack, print, and return the exit status."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="priorauth-hostile-") as folder:
        server = ServerProcess(Path(folder) / "data", fresh_starts=1).start()
        try:
            for portal, plan in PLANS.items():
                chosen = list(_chosen(portal, words))
                siege = Siege(server, plan) if chosen else None
                for kind, policy in chosen:
                    assert siege is not None
                    for verdict in _attacks(siege, kind, policy=policy):
                        failed += bool(verdict.problems)
                        print(verdict.line, flush=True)
                if siege is not None and siege.approve_victim() != 1:
                    failed += 1
                    print(f"{portal}: the other clinic's authorization is not there once after its approval")
        finally:
            server.stop()
    print(f"{failed} did not hold." if failed else "All held.")
    return min(failed, 1)


def _attacks(siege: Siege, kind: str, *, policy: str) -> Iterator[Verdict]:
    if policy != "handoff":
        yield siege.attack(kind, policy=policy)
        return
    with human() as person:
        if kind != "doors":
            yield press(siege, person, kind)
            return
        for door in (*DOORS, *REWRITE):
            yield act_by_door(siege, person, door)


def _chosen(portal: str, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        for policy in POLICIES:
            if all(word in (kind, portal, policy) for word in words):
                yield kind, policy


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
