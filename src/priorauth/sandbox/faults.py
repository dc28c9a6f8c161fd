"""What goes wrong, where and how often: told per member as `behaviour.faults`, counted in the database.

A fault is counted per member and, as soon as that is known, per the provider's reference: each new case of the same
member meets it again, and a test that runs twice sees the same thing twice. What is counted without a reference begins
anew after each submission of the member.
"""

import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from priorauth.sandbox.entities import Member
from priorauth.sandbox.records import PlanRecords

ENDING_KINDS = ("error", "unavailable", "reset", "close", "signed_out", "crash")
"""After one of these the request has had its answer, or none."""
KINDS = ("error", "unavailable", "outage", "reset", "close", "signed_out", "delay", "change_value", "drop_document")
"""Those of every portal. An `outage` is over so many `seconds` after it was met first, however often it was met."""
CRASH = "crash"
"""The page is one that no browser survives; so only portals whose answers are pages have it."""
_ONLY_AT = {"change_value": "review", "drop_document": "documents"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault as told."""

    at: str
    kind: str
    times: int = 1
    seconds: float = 0
    field: str = ""
    value: str = ""


def read_fault(told: Mapping[str, Any], *, points: tuple[str, ...], kinds: tuple[str, ...] = KINDS) -> Fault:
    """Raises ValueError with a sentence on what is wrong. `points` and `kinds` are those that the portal has."""
    fault = Fault(**_known(told))
    if fault.at not in points:
        raise ValueError(f"a fault's 'at' must be one of {', '.join(points)}")
    if fault.kind not in kinds:
        raise ValueError(f"a fault's 'kind' must be one of {', '.join(kinds)}")
    if fault.at != _ONLY_AT.get(fault.kind, fault.at):
        raise ValueError(f"the fault {fault.kind} exists at {_ONLY_AT[fault.kind]} only")
    if not 0 <= fault.times <= 10**6 or not 0 <= fault.seconds <= 3600:
        raise ValueError("a fault's 'times' or 'seconds' is out of range")
    if (fault.kind == "change_value") != bool(fault.field):
        raise ValueError("change_value, and nothing else, has the label of a 'field' and its 'value'")
    return fault


def _known(told: Mapping[str, Any]) -> dict[str, Any]:
    types = {"at": str, "kind": str, "times": int, "seconds": (int, float), "field": str, "value": str}
    for name, value in told.items():
        if name not in types or isinstance(value, bool) or not isinstance(value, types[name]):  # type: ignore[arg-type]
            raise ValueError(f"a fault's {name!r} is unknown or of another type")
    if not {"at", "kind"} <= told.keys():
        raise ValueError("a fault needs 'at' and 'kind'")
    return dict(told)


def due(records: PlanRecords, *, point: str, member: Member, case_reference: str, now: datetime) -> Iterable[Fault]:
    """The faults that this request meets, in the order told, up to the first that ends it; each is counted now."""
    for number, told in enumerate(member.behaviour.get("faults", ())):
        fault = Fault(**told)
        if fault.at != point:
            continue
        found = _met(records, fault, key=(member.member_id, case_reference, number), now=now)
        if found is not None:
            yield found
            if found.kind in ENDING_KINDS:
                return


def _met(records: PlanRecords, fault: Fault, *, key: tuple[str, str, int], now: datetime) -> Fault | None:
    if fault.kind != "outage":
        return fault if records.meet_fault(key, times=fault.times) else None
    met = records.meet_outage(key, seconds=fault.seconds, now=now)
    # By turns the portal says that it is down, and says nothing at all.
    return None if met is None else replace(fault, kind="close" if met % 2 else "unavailable")


async def meet(
    found: Iterable[Fault],
    *,
    sleep: Callable[[float], Awaitable[object]],
    end: Callable[[str], NoReturn],
) -> list[Fault]:
    """Wait, or end the request by raising what `end` does; returns those faults that only twist what comes next."""
    twists = []
    for fault in found:
        if fault.kind == "delay":
            await sleep(fault.seconds)
        elif fault.kind in ENDING_KINDS:
            end(fault.kind)
        else:
            twists.append(fault)
    return twists


class DroppedConnection(Response):
    """No answer at all: the connection ends, by a TCP reset or by an ordinary close.

    Needs the transport of the connection in the request's state: the server of this package puts it there.
    """

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        transport = scope["state"]["transport"]
        if self._reset:
            # Closing a socket that lingers for zero seconds sends RST in place of FIN.
            with contextlib.suppress(OSError):
                linger = struct.pack("ii", 1, 0)
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        else:
            transport.close()
        # To return before the server has noticed would make it answer "500" by itself.
        while (await receive())["type"] != "http.disconnect":
            pass
