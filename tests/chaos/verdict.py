"""Holds what a run has left behind against what it should be: at the cases, at the payers, in the engine's tables."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeAlias

import httpx

from tests.chaos.clients import CASES, Driven, Integrator
from tests.chaos.databases import Database, Row
from tests.chaos.timelines import chain_faults, read_timeline

Json: TypeAlias = dict[str, Any]
# These outcomes are the payer's or the portal's before anything is submitted.
_NEVER_SENT = {"not_required", "failed"}
# The search for what the payer has of a canceled case is put off for as long as five minutes.
_QUIET_WITHIN = 360.0
_LOOK_SECONDS = 0.2
# Nothing may be left of any of these once every case is over. Work that is put off finds its case over when it is due.
_LEFT = {
    "cases that somebody must look after": "SELECT id, status FROM authorizations WHERE awaits_work",
    "works waiting or running": "SELECT workflow_uuid, status FROM workflow_status "
    "WHERE status IN ('PENDING', 'ENQUEUED')",
    "sessions claimed": "SELECT authorization_id, worker FROM session_claims",
    "views open": "SELECT id, authorization_id FROM live_views WHERE ended_at IS NULL",
}


@dataclass(slots=True)
class Verdict:
    """What is wrong, case by case and in all; and how often payers were sent what."""

    faults: list[str] = field(default_factory=list)
    timelines: dict[str, list[Json]] = field(default_factory=dict)
    as_expected: int = 0
    sent: Counter[int] = field(default_factory=Counter)

    async def judge(self, cases: Sequence[Driven], integrator: Integrator, database: Database) -> None:
        """Hold everything against what was promised."""
        submitted = await _submitted(integrator)
        for driven in cases:
            await self._judge_case(driven, integrator, submitted)
        for stranger in submitted.keys() - {driven.id for driven in cases}:
            self.faults.append(f"the payer has a submission of {stranger}, which is no case of this run")
        await self._judge_list(cases, integrator)
        await self._judge_rest(cases, integrator, database)
        self.faults += [f"answered 500: {error}" for error in integrator.internal_errors]

    async def _judge_case(self, driven: Driven, integrator: Integrator, submitted: Counter[str]) -> None:
        faults = list(driven.faults)
        if driven.id:
            case = await integrator.read(driven.path)
            events = await read_timeline(integrator.read, driven.path)
            faults += chain_faults(events, version=case["version"])
            if driven.versions and case["version"] < driven.versions[-1]:
                faults.append(f"version {driven.versions[-1]} was seen, and {case['version']} is there")
            self.timelines[driven.id] = events
        if driven.state != driven.wanted:
            faults.append(f"ended as {driven.state} ({driven.reason}), {driven.wanted} was expected")
        times, due = submitted[driven.id], 0 if driven.wanted[1] in _NEVER_SENT else 1
        self.sent[times] += 1
        if times != due:
            faults.append(f"was submitted {times} times, {due} were expected")
        self.as_expected += not faults
        self.faults += [f"{driven.scenario.id} {driven.id}: {fault}" for fault in faults]

    async def _judge_list(self, cases: Sequence[Driven], integrator: Integrator) -> None:
        listed: Counter[str] = Counter()
        cursor = ""
        while True:
            page = await integrator.read(f"{CASES}?limit=100{cursor}")
            listed.update(case["id"] for case in page["data"])
            if page["pagination"]["nextCursor"] is None:
                break
            cursor = f"&cursor={page['pagination']['nextCursor']}"
        if listed != Counter(driven.id for driven in cases):
            self.faults.append(f"{len(cases)} cases were created, {listed.total()} are there")

    async def _judge_rest(self, cases: Sequence[Driven], integrator: Integrator, database: Database) -> None:
        for driven in cases:
            if driven.id and driven.state is not None and driven.state[0] not in ("completed", "canceled"):
                await integrator.cancel(driven)
        for name, query in _LEFT.items():
            left = await _what_stays(database, query)
            if left:
                self.faults.append(f"{name}: {len(left)} left, such as {[tuple(row) for row in left[:5]]}")


async def _what_stays(database: Database, query: str) -> Sequence[Row]:
    """Return what is there in spite of some patience."""
    begun = monotonic()
    while True:
        left = await database.rows(query)
        if not left or monotonic() - begun > _QUIET_WITHIN:
            return left
        await asyncio.sleep(_LOOK_SECONDS)


async def _submitted(integrator: Integrator) -> Counter[str]:
    found: Counter[str] = Counter()
    async with httpx.AsyncClient(trust_env=False) as client:
        for portal in (await integrator.read("/v1/sandbox/portals"))["data"]:
            taken = (await client.get(portal["submissionsUrl"])).raise_for_status().json()["data"]
            found.update(each["caseReference"] for each in taken)
    return found
