"""Finds out, by starting the browser, how far it can be kept apart on this machine.

It begins with everything and takes away only what a trial has shown to fail, so that a machine on which all of it holds
pays for one start. The answer is kept for the life of the process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Final, Literal

import structlog

from priorauth.channels.portals.isolation.memory import delegated_group
from priorauth.channels.portals.isolation.plan import IsolationSettings, Plan
from priorauth.channels.portals.isolation.trial import Failure, failure_of

SandboxMode = Literal["auto", "on", "off"]
PartName = Literal["network", "identity", "files", "sandbox", "memory", "resolver"]
PARTS: Final[tuple[PartName, ...]] = ("network", "identity", "files", "sandbox", "memory", "resolver")
Try = Callable[[Plan], Failure | None]

_log = structlog.get_logger(__name__)
# Two sessions that start together must not both try.
_lock = Lock()

_ADVICE: Final[dict[PartName, str]] = {
    "network": "Allow unprivileged user namespaces (`unshare --user --net true` succeeds), or start the server as"
    " root.",
    "identity": "Start the server as root to give each browser a user id of its own, and install the browser where"
    " every user may execute it.",
    "files": "Use a Linux with Landlock (5.13 or newer, `landlock` in /sys/kernel/security/lsm).",
    "sandbox": "Allow unprivileged user namespaces for this browser, and do not run it as root.",
    "memory": "Nothing to do: a watchdog bounds the memory. A systemd unit with Delegate=yes lets the kernel do it.",
    "resolver": "Nothing to do.",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Whether one part of the isolation holds, and why, or why not."""

    name: PartName
    holds: bool
    said: str
    # Whether something else would be missing without it.
    is_needed: bool = True

    @property
    def advice(self) -> str:
        """What an operator can do to make it hold."""
        return _ADVICE[self.name]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a browser can be surrounded with here. `plan` is None where there are no such things, as on macOS."""

    plan: Plan | None
    parts: tuple[Part, ...]

    def part(self, name: PartName) -> Part:
        """Return one part of what was found."""
        return next(each for each in self.parts if each.name == name)

    def missing(self) -> tuple[Part, ...]:
        """Return what `required` demands and is not to be had: a network of its own, and hidden folders."""
        return tuple(each for each in self.parts if each.name in ("network", "files") and not each.holds)


def survey(browser: Path, *, sandbox: SandboxMode, settings: IsolationSettings, arguments: tuple[str, ...]) -> Survey:
    """Find out what holds for this browser. The first call blocks for the time of one to some starts of it."""
    with _lock:
        return _survey(browser, sandbox=sandbox, settings=settings, arguments=arguments)


@lru_cache(maxsize=8)
def _survey(browser: Path, *, sandbox: SandboxMode, settings: IsolationSettings, arguments: tuple[str, ...]) -> Survey:
    if sys.platform != "linux":
        return Survey(None, tuple(_without_linux()))

    def attempt(plan: Plan) -> Failure | None:
        return failure_of(plan, browser=browser, settings=settings, arguments=list(arguments))

    reasons: dict[str, str] = {}
    plan = reduced(_wanted(sandbox=sandbox, settings=settings), attempt=attempt, reasons=reasons)
    found = Survey(plan, tuple(_parts(plan, reasons, sandbox=sandbox, settings=settings)))
    lacking = {each.name: each.said for each in found.parts if not each.holds and each.is_needed}
    if lacking:
        _log.warning("browser_isolation_incomplete", **lacking)
    return found


def _wanted(*, sandbox: SandboxMode, settings: IsolationSettings) -> Plan:
    root = os.geteuid() == 0
    own_user = root and settings.first_uid > 0
    return Plan(
        network="own" if root else "user",
        own_user=own_user,
        files=True,
        hides=True,
        sandbox=sandbox != "off" and (own_user or not root),
        cgroup=delegated_group(),
    )


def reduced(plan: Plan, *, attempt: Try, reasons: dict[str, str]) -> Plan:
    """Take from a plan what its trials show to fail, and put the reasons into `reasons`."""
    while (failure := attempt(plan)) is not None:
        reasons[failure.part] = failure.reason
        lesser = _without(plan, failure.part)
        if lesser is None:
            return _first_that_starts(plan, attempt=attempt, reasons=reasons, reason=failure.reason)
        plan = lesser
    return plan


def _without(plan: Plan, part: str) -> Plan | None:
    """Return the plan without the part that the launcher has named, or None when it named none."""
    match part:
        case "network":
            return replace(plan, network="user" if plan.network == "own" else None)
        case "identity" if plan.own_user:
            # Chromium has no sandbox for root.
            return replace(plan, own_user=False, sandbox=False)
        case "files" if plan.files:
            return replace(plan, files=False)
        case "files" if plan.hides:
            return replace(plan, hides=False)
        case "memory" if plan.cgroup is not None:
            return replace(plan, cgroup=None)
    return None


def _first_that_starts(plan: Plan, *, attempt: Try, reasons: dict[str, str], reason: str) -> Plan:
    """Return the first plan that lacks one part and starts, else the one that lacks all of them."""
    for part, lesser in _lacking_one(plan):
        if attempt(lesser) is None:
            reasons[part] = reason
            return lesser
    for part, _ in _lacking_one(plan):
        reasons[part] = reason
    return replace(plan, network=None, own_user=False, files=False, hides=False, sandbox=False)


def _lacking_one(plan: Plan) -> Iterator[tuple[PartName, Plan]]:
    if plan.sandbox:
        yield "sandbox", replace(plan, sandbox=False)
    if plan.files:
        yield "files", replace(plan, files=False, hides=plan.own_user)
    if plan.network is not None:
        yield "network", replace(plan, network=None)
    if plan.own_user:
        yield "identity", replace(plan, own_user=False, sandbox=False)


def _parts(plan: Plan, reasons: dict[str, str], *, sandbox: SandboxMode, settings: IsolationSettings) -> Iterator[Part]:
    network = "a network namespace with the session's proxy alone"
    yield _part("network", plan.network is not None, network, reasons.get("network"))
    why = reasons.get("identity", "the server was not started as root")
    if os.geteuid() == 0 and settings.first_uid == 0:
        why = "PRIORAUTH_BROWSER_UID is 0"
    said = "a user id of its own for each browser"
    yield replace(_part("identity", plan.own_user, said, why), is_needed=os.geteuid() == 0)
    ways = " and ".join(way for way, holds in (("Landlock", plan.files), ("their own user", plan.own_user)) if holds)
    yield _part("files", plan.hides, f"the data folder is hidden from browsers by {ways}", reasons.get("files"))
    why = "it was turned off by a setting" if sandbox == "off" else reasons.get("sandbox", "the browser runs as root")
    yield _part("sandbox", plan.sandbox, "Chromium's own sandbox", why)
    bound = f"{settings.memory_mib} MiB for each browser"
    memory = _part("memory", plan.cgroup is not None, f"{bound}, by a cgroup", f"{bound}, by a watchdog")
    yield replace(memory, is_needed=False)
    yield Part("resolver", True, "no name is resolved beside the proxy")


def _without_linux() -> Iterator[Part]:
    for name in PARTS[:-1]:
        yield Part(name, False, "this was built for Linux alone")
    yield Part("resolver", True, "no name is resolved beside the proxy")


def _part(name: PartName, holds: bool, said: str, reason: str | None) -> Part:  # noqa: FBT001
    return Part(name, holds, said if holds else reason or "it could not be had")
