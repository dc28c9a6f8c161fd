"""The whole enumeration: `make faults`, or `python -m tests.faults [--lanes N] [WORD ...]`.

Words choose the runs whose names contain all of them. Prints a line as each run ends, then a table, and fails where
an invariant did not hold.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.enumeration import Outcome, carry_out
from tests.faults.table import EXEMPT, Fault, runs


def main() -> int:
    """Run, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--lanes", type=int, default=4, help="how many servers work side by side")
    parser.add_argument("--run", action="append", default=[], help="this run alone, by its whole name; any number of")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many, to go on with what was broken off")
    parser.add_argument("--list", action="store_true", help="name the runs and do nothing")
    parser.add_argument("words", nargs="*", help="only runs whose names contain all of these")
    given = parser.parse_args()
    named = [run for run in runs() if not given.run or run.name in given.run]
    chosen = [run for run in named if all(word in run.name for word in given.words)][given.skip :]
    if given.list:
        print("\n".join(run.name for run in chosen))
        return 0
    with tempfile.TemporaryDirectory(prefix="priorauth-faults-", ignore_cleanup_errors=True) as folder:
        outcomes = carry_out(chosen, Path(folder), lanes=given.lanes, told=_tell)
    _table(outcomes)
    return 1 if any(outcome.faults for outcome in outcomes) or not outcomes else 0


def _tell(outcome: Outcome) -> None:
    verdict = "; ".join(outcome.faults) or "holds"
    print(f"{outcome.seconds:6.1f} s  {outcome.run.name}: {verdict}", flush=True)


def _table(outcomes: list[Outcome]) -> None:
    places = list(dict.fromkeys(place for outcome in outcomes for place in outcome.run.places))
    counted: Counter[tuple[str, Fault, bool]] = Counter()
    for outcome in outcomes:
        for place in outcome.run.places:
            counted[place, outcome.run.fault, not outcome.faults] += 1
    width = max((len(place) for place in places), default=0)
    print(f"\n{'place':{width}}  " + "  ".join(f"{fault.value:>12}" for fault in Fault))
    for place in places:
        cells = [_cell(counted[place, fault, True], counted[place, fault, False]) for fault in Fault]
        print(f"{place:{width}}  " + "  ".join(f"{cell:>12}" for cell in cells))
    print("\nWithout a run:")
    for point, reason in EXEMPT.items():
        print(f"{point.value:{width}}  {reason}")
    wrong = [outcome for outcome in outcomes if outcome.faults]
    restarts = sum(outcome.restarts for outcome in outcomes)
    print(f"\n{len(outcomes)} runs, {restarts} restarts after a death, {len(wrong)} in which something did not hold.")


def _cell(held: int, broken: int) -> str:
    return f"{broken} BROKEN" if broken else "holds" if held else "-"


if __name__ == "__main__":
    sys.exit(main())
