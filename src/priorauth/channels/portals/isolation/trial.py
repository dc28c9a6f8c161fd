"""Starts a browser as a plan says, makes it render, and says which part of the plan failed.

The browser itself is the probe: whether a namespace, a user or a sandbox is to be had depends on the kernel, on what
AppArmor says of this very file and on the container around, which no smaller question answers. It speaks to the browser
over the debugging pipe directly, in a quarter of a second: Playwright's driver takes four times as long.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from priorauth.channels.portals.isolation.cells import Cell
from priorauth.channels.portals.isolation.plan import IsolationSettings, Plan

_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Which part of a plan failed, and the reason. `browser`: the launcher did its part, and nothing was rendered."""

    part: str
    reason: str


class _NotRenderedError(Exception):
    pass


def failure_of(plan: Plan, *, browser: Path, settings: IsolationSettings, arguments: list[str]) -> Failure | None:
    """Start the browser as planned and end it. Returns None when it rendered and is where the plan wants it."""
    try:
        cell = Cell(plan, browser=browser, settings=settings)
    except OSError as error:
        return Failure("start", str(error))
    try:
        with _started(cell, plan=plan, arguments=arguments) as started:
            try:
                _render(*started.pipe)
                listener = cell.take_over()
                if listener is not None:
                    listener.close()
                return _misplaced(cell)
            except (_NotRenderedError, OSError, ValueError, KeyError):
                started.process.kill()
                return _said(started.process.communicate(timeout=_SECONDS)[1])
    except (OSError, subprocess.SubprocessError) as error:
        return Failure("start", str(error))
    finally:
        cell.close()


@dataclass(frozen=True, slots=True)
class _Started:
    process: subprocess.Popen[bytes]
    pipe: tuple[int, int]


@contextmanager
def _started(cell: Cell, *, plan: Plan, arguments: list[str]) -> Iterator[_Started]:
    profile = cell.home / "profile"
    profile.mkdir(mode=0o700)
    own = ["--headless", "--remote-debugging-pipe", "--no-startup-window", f"--user-data-dir={profile}"]
    sandbox = [] if plan.sandbox else ["--no-sandbox"]
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    environment = cell.environment(proxy=cell.address() or ("127.0.0.1", 9))
    try:
        process = subprocess.Popen(
            [str(cell.program), *own, *sandbox, *arguments],
            env={**environment, "PRIORAUTH_LAUNCH_PIPE": f"{theirs_in},{theirs_out}"},
            pass_fds=(theirs_in, theirs_out),
            process_group=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield _Started(process, (ours_out, ours_in))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.communicate(timeout=_SECONDS)
    finally:
        os.close(ours_out)
        os.close(ours_in)


def _render(commands: int, answers: int) -> None:
    """Make a page compute something, in a process of its own kind: there the sandbox is."""
    until = time.monotonic() + _SECONDS
    target = _ask(commands, answers, until=until, method="Target.createTarget", params={"url": "about:blank"})
    attached = {"targetId": target["targetId"], "flatten": True}
    page = _ask(commands, answers, until=until, method="Target.attachToTarget", params=attached)
    question = {"method": "Runtime.evaluate", "params": {"expression": "6 * 7"}}
    if _ask(commands, answers, until=until, **question, sessionId=page["sessionId"])["result"].get("value") != 42:
        raise _NotRenderedError


def _ask(commands: int, answers: int, *, until: float, **question: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    os.write(commands, json.dumps({"id": 1, **question}).encode() + b"\0")
    received = b""
    while True:
        while b"\0" not in received:
            if not select.select([answers], [], [], max(0.0, until - time.monotonic()))[0]:
                raise _NotRenderedError
            if not (more := os.read(answers, 65536)):
                raise _NotRenderedError
            received += more
        message, _, received = received.partition(b"\0")
        answer = json.loads(message)
        if answer.get("id") == 1:
            result: dict[str, Any] = answer["result"]
            return result


def _misplaced(cell: Cell) -> Failure | None:
    """Look from outside whether the browser is where the plan wants it."""
    process = Path(f"/proc/{cell.process}")
    if cell.plan.network is not None and (process / "ns/net").readlink() == Path("/proc/self/ns/net").readlink():
        return Failure("network", "the browser is in the server's network namespace")
    if cell.uid is not None and process.stat().st_uid != cell.uid:
        return Failure("identity", "the browser has another user id than it was given")
    return None


def _said(output: bytes) -> Failure:
    lines = output.decode(errors="replace").splitlines()
    for line in lines:
        if line.startswith("launcher: "):
            part, _, reason = line.removeprefix("launcher: ").partition(": ")
            return Failure(part, reason)
    return Failure("browser", next((line for line in reversed(lines) if line.strip()), "it rendered nothing")[-300:])
