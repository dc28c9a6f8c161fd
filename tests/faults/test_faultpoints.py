"""The switch of the fault points: nothing without it, once with it, never in production.

And no commit of a case is without a point.
"""

import ast
import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from priorauth import faultpoints
from priorauth.faultpoints import Armed, Effect, FaultyFaultpoints, InjectedFault, Phase, Point
from priorauth.settings import Settings
from tests.factories.databases import sqlite_home
from tests.factories.servers import PROGRAM

SOURCES = Path(faultpoints.__file__).parent


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    faultpoints.arm(None)


def test_what_is_armed_strikes_once() -> None:
    faultpoints.arm("sign_in:before:error")

    with pytest.raises(InjectedFault):
        faultpoints.reached(Point.SIGN_IN, Phase.BEFORE)
    faultpoints.reached(Point.SIGN_IN, Phase.BEFORE)


def test_only_its_own_place_strikes() -> None:
    faultpoints.arm("sign_in:before:error")

    faultpoints.reached(Point.SIGN_IN, Phase.AFTER)
    faultpoints.reached(Point.FINAL_CLICK, Phase.BEFORE)


async def test_a_later_passage_can_be_the_one() -> None:
    faultpoints.arm("look:after:error@3")

    await faultpoints.passing(Point.LOOK, Phase.AFTER)
    await faultpoints.passing(Point.LOOK, Phase.AFTER)
    with pytest.raises(InjectedFault):
        await faultpoints.passing(Point.LOOK, Phase.AFTER)


async def test_who_dawdles_on_an_event_loop_keeps_nobody_else_waiting() -> None:
    faultpoints.arm("look:after:delay=0.2")
    order: list[str] = []

    async def slow() -> None:
        await faultpoints.passing(Point.LOOK, Phase.AFTER)
        order.append("slow")

    async def quick() -> None:
        order.append("quick")

    await asyncio.gather(slow(), quick())
    assert order == ["quick", "slow"]


def test_a_file_arms_what_runs_already_and_forgets_what_has_struck(tmp_path: Path) -> None:
    file = tmp_path / "armed"
    file.write_text("")
    faultpoints.arm(f"@{file}")
    faultpoints.reached(Point.SIGN_IN, Phase.BEFORE)

    file.write_text("sign_in:before:error\nlook:after:delay=1@2")
    with pytest.raises(InjectedFault):
        faultpoints.reached(Point.SIGN_IN, Phase.BEFORE)
    assert file.read_text() == "look:after:delay=1@2"


def test_a_crash_is_a_kill_9() -> None:
    program = (
        "from priorauth import faultpoints as f\n"
        "f.arm('advance:before:crash')\n"
        "try:\n    f.reached(f.Point.ADVANCE, f.Phase.BEFORE)\n"
        "finally:\n    print('said goodbye')\n"
    )
    died = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (died.returncode, died.stdout.count("goodbye")) == (-9, 0)


@pytest.mark.parametrize(
    "text",
    [
        "nowhere:before:crash",
        "sign_in:before",
        "sign_in:before:explode",
        "sign_in:before_commit:crash",
        "look:after:x=y",
    ],
)
def test_what_nobody_can_read_is_refused(text: str) -> None:
    with pytest.raises(FaultyFaultpoints):
        faultpoints.read(text)


@pytest.mark.parametrize("point", Point)
def test_every_place_can_be_written_and_read_again(point: Point) -> None:
    for phase in point.phases:
        for effect in Effect:
            armed = Armed(point, phase, effect, seconds=1.5, passage=2)
            assert faultpoints.read(str(armed)) == (armed,)


def test_production_refuses_the_switch() -> None:
    with pytest.raises(ValidationError, match="sandbox only"):
        Settings(environment="production", faultpoints="sign_in:before:crash")  # type: ignore[arg-type]
    assert Settings(environment="production").faultpoints is None  # type: ignore[arg-type]


def test_a_production_server_with_the_switch_says_what_to_unset(tmp_path: Path) -> None:
    command = [*PROGRAM, "serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    given = {"PRIORAUTH_ENVIRONMENT": "production", "PRIORAUTH_FAULTPOINTS": "sign_in:before:crash"}
    refused = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **given})

    assert refused.returncode == 2
    assert "PRIORAUTH_FAULTPOINTS" in refused.stderr
    assert "unset it" in refused.stderr


def test_every_event_that_the_product_writes_has_a_point() -> None:
    written = {event for file in SOURCES.rglob("*.py") for event in _events_in(ast.parse(file.read_text()))}

    assert {"created", "submission_intended", "receipt_proven", "portal_page"} <= written
    assert written <= {point.value for point in Point}


def test_every_page_that_an_adapter_reaches_has_a_point() -> None:
    pages = {
        node.args[-1].value
        for file in (SOURCES / "channels").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and _name_of(node.func) == "step" and node.args
        if isinstance(node.args[-1], ast.Constant) and isinstance(node.args[-1].value, str)
    }

    assert {"review", "receipt", "message"} <= pages
    assert {Point.of_page(page) for page in pages} == {point for point in Point if point.value.startswith("page_")}


def test_a_transaction_names_what_it_writes_and_a_read_nothing(tmp_path: Path) -> None:
    with sqlite_home(tmp_path) as home:
        faultpoints.arm("case_saved:before_commit:error,case_saved:after_commit:error@2")
        case = home.case()
        home.database.write_now(lambda tx: tx.authorizations.add(case))
        assert home.database.read_now(lambda tx: tx.written) == []

        with pytest.raises(InjectedFault):
            home.database.write_now(lambda tx: tx.authorizations.save(case))


def test_an_error_before_a_commit_undoes_it_and_one_after_it_does_not(tmp_path: Path) -> None:
    with sqlite_home(tmp_path) as home:
        first, second = home.case(), home.case(id="auth_second")
        home.database.write_now(lambda tx: tx.authorizations.add(first))
        home.database.write_now(lambda tx: tx.authorizations.add(second))
        faultpoints.arm("case_saved:before_commit:error")
        with pytest.raises(InjectedFault):
            home.database.write_now(lambda tx: tx.authorizations.save(replace(first, version=9)))
        faultpoints.arm("case_saved:after_commit:error")
        with pytest.raises(InjectedFault):
            home.database.write_now(lambda tx: tx.authorizations.save(replace(second, version=9)))

        found = home.database.read_now(lambda tx: [tx.authorizations.get(each.id) for each in (first, second)])
    assert [case.version for case in found if case] == [first.version, 9]


def _events_in(tree: ast.Module) -> Iterator[str]:
    """The names of timeline events: what is passed as `event=`, assigned to `event`, or noted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "event":
            yield from _constants(node.value)
        elif isinstance(node, ast.Assign):
            yield from _assigned_events(node)
        elif isinstance(node, ast.Call) and _name_of(node.func) == "note" and len(node.args) > 1:
            yield from _constants(node.args[1])


def _assigned_events(node: ast.Assign) -> Iterator[str]:
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Name) and target.id == "event":
        yield from _constants(value)
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for name, given in zip(target.elts, value.elts, strict=True):
            if isinstance(name, ast.Name) and name.id == "event":
                yield from _constants(given)


def _constants(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
