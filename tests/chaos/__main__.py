"""Breaks a running installation at random: `python -m tests.chaos --cases 1000 --kills 100 --seed 7`.

Cases of many scenarios go through it meanwhile, sent by clients that behave as integrators do. At the end every case
must have come to what its scenario says, sent to its payer once, with a timeline without a gap.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.chaos.installations import Sizes
from tests.chaos.run import Plan, Run, carry_out

_SHOWN_TIMELINES = 5


def main(arguments: list[str]) -> int:
    """Run, print the table, and return 1 if a promise was broken; the logs stay."""
    given = _parsed(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="priorauth-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(
        cases=given.cases,
        kills=given.kills,
        seed=given.seed,
        at_once=given.at_once,
        scenarios=tuple(given.scenario or ()),
    )
    sizes = Sizes(workers=given.workers, apis=given.apis, sessions=given.sessions, failure_rate=given.failure_rate)
    run = asyncio.run(carry_out(plan, sizes, folder=folder, on_sqlite=given.sqlite))
    print("\n".join(run.table()))
    _show_faults(run)
    print(f"\nlogs and data: {folder}")
    return 1 if run.verdict.faults else 0


def _show_faults(run: Run) -> None:
    for fault in run.verdict.faults:
        print(f"\nBROKEN: {fault}")
    broken = [case for case in run.cases if any(case.id and case.id in fault for fault in run.verdict.faults)]
    for driven in broken[:_SHOWN_TIMELINES]:
        print(f"\n{driven.scenario.id} {driven.id}:")
        for event in run.verdict.timelines.get(driven.id, []):
            versions = f"{event['fromVersion']} -> {event['toVersion']}"
            print(f"  {event['occurredAt']} {versions:>12}  {event['type']:<24} {event['details']}")


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--apis", type=int, default=2)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--sqlite", action="store_true", help="One server on SQLite instead of nodes on PostgreSQL.")
    parser.add_argument("--sessions", type=int, default=2, help="How many browsers a worker may have.")
    parser.add_argument("--failure-rate", type=float, default=0.05, help="How many of a portal's answers fail.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--at-once", type=int, default=24, help="How many cases are under way at a time.")
    parser.add_argument("--scenario", action="append", help="Only these scenarios; by default all without a human.")
    parser.add_argument("--folder", type=Path, help="Where data and logs go; by default a temporary folder.")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
