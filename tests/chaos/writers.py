"""Clients that write at full speed and remember what they were told: each is the only one who writes to its cases.

What was acknowledged is known outside of the server, answer for answer. A request without an answer is repeated: a
POST under its key, a PATCH after a look at the case, as an integrator would.
"""

import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import httpx

from priorauth.sandbox import catalog
from tests.chaos.timelines import chain_faults, read_timeline

CASES = "/v1/prior-authorizations"
Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One write that was answered with a success."""

    path: str
    key: str | None
    sent: Json
    status: int
    answer: bytes
    version: int | None


@dataclass(slots=True)
class OwnCase:
    """What a writer knows of a case that nobody else writes to. `open_to_service`: the engine may have changed it."""

    newest: Json
    writes: list[Acknowledged] = field(default_factory=list)
    open_to_service: bool = False

    @property
    def path(self) -> str:
        return f"{CASES}/{self.newest['id']}"


@dataclass(slots=True)
class SharedCase:
    """A case that all writers write to: of two with one version one is refused."""

    path: str
    acknowledged: Counter[int] = field(default_factory=Counter)
    unknown: int = 0


class Violation(AssertionError):
    """The server has broken a promise."""


class Writer:
    """Writes until it is told to stop. `back` waits until the server is back, `written` hears of each write."""

    def __init__(
        self,
        number: int,
        *,
        seed: int,
        client: httpx.AsyncClient,
        back: Callable[[], Awaitable[None]],
        shared: SharedCase,
        written: Callable[[], None],
        log: Path,
    ) -> None:
        self.name = f"writer {number}"
        self.cases: list[OwnCase] = []
        self.counts: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self._chance = random.Random(f"{seed} {number}")
        self._client = client
        self._back = back
        self._shared = shared
        self._written = written
        self._log = log
        self._touched: list[OwnCase] = []
        self._posts: list[Acknowledged] = []
        self._keys = 0
        self._broken = False
        self._stopping = False

    def stop(self) -> None:
        """Finish the write that is under way, and no other."""
        self._stopping = True

    async def write(self) -> None:
        """Write until stopped. Raises Violation."""
        while not self._stopping:
            await self._one()
            if self._broken:
                self._broken = False
                await self._look_again()

    async def check_everything(self) -> int:
        """Hold every case against what was acknowledged, and repeat every key; return how many. Raises Violation."""
        for case in self.cases:
            await self._check(case)
        for each in self._posts:
            await self._check_repetition(each)
        return len(self._posts)

    async def end_cases(self) -> None:
        """Cancel what the service may be working on."""
        for case in self.cases:
            if case.open_to_service and case.newest["status"] != "canceled":
                await self._cancel(case)

    # --- what is written -----------------------------------------------------------------------------------------

    async def _one(self) -> None:
        writable = [case for case in self._touched[-12:] if case.newest["status"].startswith("requires_")]
        if not writable or self._chance.random() < 0.35:
            await self._create()
            return
        case = self._chance.choice(writable)
        moves: list[tuple[Callable[[OwnCase], Awaitable[None]], float]] = [
            (self._answer, 0.6),
            (self._attach, 0.14),
            (self._cancel, 0.1),
            (self._answer_shared, 0.12),
            (self._confirm, 0.04),
        ]
        if case.newest["status"] != "requires_confirmation":
            moves.pop()
        move = self._chance.choices([move for move, _ in moves], [weight for _, weight in moves])[0]
        await move(case)

    async def _create(self) -> None:
        scenario = catalog.scenario(self._chance.choice(("approved_automatic", "approved_after_review")))
        assert scenario is not None
        mark = f"{self.name}-{len(self.cases)}"
        body = {**scenario.create, "metadata": {"mark": mark}}
        done = await self._post(CASES, body)
        case = OwnCase(json.loads(done.answer), [done])
        self._require(case.newest["version"] == 1 and case.newest["metadata"] == {"mark": mark}, case, "created")
        self.cases.append(case)
        self._touched.append(case)

    async def _answer(self, case: OwnCase) -> None:
        text = f"{self.name} wrote {self._chance.getrandbits(64):x}"
        sent = {"questionnaireResponse": {"item": [{"linkId": "clinical.summary", "answer": [{"valueString": text}]}]}}
        before = case.newest["version"]
        answer = await self._patch(f"{case.path}/answers", sent, before)
        if answer is None:
            # Nobody else writes here: a conflict, or no answer at all, means that the first try was stored, or not.
            seen = await self._read(case.path)
            if seen["version"] == before and not case.open_to_service:
                self.unanswered["answers, not stored"] += 1
                return await self._answer(case)
            self.unanswered["answers, stored"] += 1
            answer = json.dumps(seen).encode()
        case.newest = json.loads(answer)
        self._require(text in answer.decode(), case, f"the answer {text!r} is not there")
        self._require(case.newest["version"] == before + 1, case, f"version {before} did not become {before + 1}")
        done = Acknowledged(f"{case.path}/answers", None, sent, 200, answer, before + 1)
        self._write_down(done)
        self._note(case, done)
        return None

    async def _answer_shared(self, _: OwnCase) -> None:
        seen = await self._read(self._shared.path)
        text = f"{self.name} shares {self._chance.getrandbits(64):x}"
        sent = {"questionnaireResponse": {"item": [{"linkId": "clinical.summary", "answer": [{"valueString": text}]}]}}
        try:
            answered = await self._send("PATCH", f"{self._shared.path}/answers", json=sent, version=seen["version"])
        except httpx.TransportError:
            self._shared.unknown += 1
            await self._wait()
            return
        if answered.is_success:
            self._shared.acknowledged[answered.json()["version"]] += 1
            self.counts["answers to the shared case"] += 1
        elif answered.status_code != 409:
            raise Violation(f"{self.name}: {answered.status_code} {answered.text}")

    async def _attach(self, case: OwnCase) -> None:
        declaration = {"fileName": "notes.pdf", "contentType": "application/pdf", "purpose": "authorization_attachment"}
        declared = json.loads((await self._post("/v1/files", declaration)).answer)
        put = await self._answered(
            lambda: self._client.put(declared["upload"]["url"], content=catalog.sample_document())
        )
        # A repeated upload whose first try was stored is refused, and the bytes are there.
        if put.status_code not in (200, 409):
            raise Violation(f"{self.name}: upload {put.status_code} {put.text}")
        file_id = declared["file"]["id"]
        ready = json.loads((await self._post(f"/v1/files/{file_id}/complete", {})).answer)
        self._require(ready["status"] == "ready", case, f"the file is {ready['status']}")
        body = {"fileId": file_id, "documentTypes": ["clinical_notes"]}
        await self._advance(
            case, "attachments", body, lambda now: any(a["fileId"] == file_id for a in now["attachments"])
        )

    async def _confirm(self, case: OwnCase) -> None:
        case.open_to_service = True
        body = {"nextActionId": case.newest["nextAction"]["id"]}
        await self._advance(case, "confirm", body, lambda now: now["status"] == "processing")

    async def _cancel(self, case: OwnCase) -> None:
        if case.open_to_service:
            # The service writes to it as well: its version is not ours to know.
            done = await self._post(f"{case.path}/cancel", {"reason": "enough"}, refusals=(409,))
            if done.status == 409:
                return
            case.newest = json.loads(done.answer)
            self._note(case, done)
            return
        await self._advance(case, "cancel", {"reason": "enough"}, lambda now: now["status"] == "canceled")

    async def _advance(self, case: OwnCase, below: str, body: Json, is_so: Callable[[Json], bool]) -> None:
        before = case.newest["version"]
        done = await self._post(f"{case.path}/{below}", body, version=before)
        case.newest = json.loads(done.answer)
        self._require(case.newest["version"] == before + 1, case, f"{below}: {before} did not become {before + 1}")
        self._require(is_so(case.newest), case, f"{below} is acknowledged and not there")
        self._note(case, done)

    # --- how it is sent ------------------------------------------------------------------------------------------

    async def _post(
        self, path: str, body: Json, *, version: int | None = None, refusals: tuple[int, ...] = ()
    ) -> Acknowledged:
        """POST under a key of its own until it is answered."""
        self._keys += 1
        key = f"{self.name} {self._keys}"
        lost = False
        while True:
            try:
                answered = await self._send("POST", path, json=body, version=version, key=key)
            except httpx.TransportError:
                lost = True
                await self._wait()
                continue
            if not answered.is_success and answered.status_code not in refusals:
                raise Violation(f"{self.name}: POST {path} {answered.status_code} {answered.text}")
            if lost:
                was_there = answered.headers.get("Idempotent-Replayed") == "true"
                self.unanswered["posts, stored" if was_there else "posts, not stored"] += 1
            found = answered.json() if path != "/v1/files" else {}
            self.counts[path.rpartition("/")[2] if path != CASES else "creates"] += 1
            done = Acknowledged(path, key, body, answered.status_code, answered.content, found.get("version"))
            self._write_down(done)
            if answered.is_success:
                self._posts.append(done)
            return done

    async def _patch(self, path: str, body: Json, version: int) -> bytes | None:
        """PATCH; None where the answer is not known."""
        try:
            answered = await self._send("PATCH", path, json=body, version=version)
        except httpx.TransportError:
            await self._wait()
            return None
        if not answered.is_success:
            raise Violation(f"{self.name}: PATCH {path} {answered.status_code} {answered.text}")
        self.counts["answers"] += 1
        return answered.content

    async def _read(self, path: str) -> Json:
        answered = await self._answered(lambda: self._client.get(path))
        if not answered.is_success:
            raise Violation(f"{self.name}: GET {path} {answered.status_code} {answered.text}")
        found: Json = answered.json()
        return found

    async def _answered(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Send what may be sent twice until there is an answer."""
        while True:
            try:
                return await send()
            except httpx.TransportError:
                await self._wait()

    async def _send(
        self, method: str, path: str, *, json: Json, version: int | None = None, key: str | None = None
    ) -> httpx.Response:
        headers = {"If-Match": f'"{version}"'} if version is not None else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self._client.request(method, path, json=json, headers=headers)

    async def _wait(self) -> None:
        self._broken = True
        await self._back()

    # --- what is held against it ---------------------------------------------------------------------------------

    async def _look_again(self) -> None:
        """After a death: every case that was touched since the one before, and the last key of each."""
        for case in self._touched[-40:]:
            await self._check(case)
        for each in self._posts[-8:]:
            await self._check_repetition(each)
        self._touched = self._touched[-12:]

    async def _check(self, case: OwnCase) -> None:
        seen = await self._read(case.path)
        events = await read_timeline(self._read, case.path)
        for fault in chain_faults(events, version=seen["version"]):
            raise self._violation(case, fault, events)
        reached = Counter(event["toVersion"] for event in events if event["fromVersion"] != event["toVersion"])
        for each in case.writes:
            if each.version is not None and reached[each.version] != 1:
                raise self._violation(case, f"version {each.version} was reached {reached[each.version]} times", events)
        if case.open_to_service:
            self._require(
                seen["version"] >= case.newest["version"], case, f"the version went back to {seen['version']}"
            )
            return
        self._require(seen == case.newest, case, f"what is read is not what was acknowledged last: {seen}")
        self._require(len(events) == seen["version"], case, f"{len(events)} events led to version {seen['version']}")

    async def _check_repetition(self, done: Acknowledged) -> None:
        assert done.key is not None
        version = done.version - 1 if done.version is not None and done.path != CASES else None
        again = await self._answered(
            lambda: self._send("POST", done.path, json=done.sent, version=version, key=done.key)
        )
        told = (again.status_code, again.headers.get("Idempotent-Replayed"), again.content)
        if told != (done.status, "true", done.answer):
            raise Violation(f"{self.name}: key {done.key!r} of {done.path} was answered anew: {again.text}")

    def _note(self, case: OwnCase, done: Acknowledged) -> None:
        case.writes.append(done)
        if case not in self._touched:
            self._touched.append(case)

    def _write_down(self, done: Acknowledged) -> None:
        self._written()
        line = {"path": done.path, "key": done.key, "status": done.status, "answer": done.answer.decode()}
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def _require(self, is_so: bool, case: OwnCase, fault: str) -> None:
        if not is_so:
            raise self._violation(case, fault, [])

    def _violation(self, case: OwnCase, fault: str, events: list[Json]) -> Violation:
        timeline = "".join(f"\n  {event}" for event in events)
        return Violation(f"{self.name}: {case.newest['id']}: {fault}{timeline}")


async def check_shared(shared: SharedCase, read: Callable[[str], Awaitable[Json]]) -> None:
    """No version was given to two writers, and none came from nowhere. Raises Violation."""
    seen = await read(shared.path)
    events = await read_timeline(read, shared.path)
    for fault in chain_faults(events, version=seen["version"]):
        raise Violation(f"the shared case: {fault}")
    twice = [version for version, times in shared.acknowledged.items() if times > 1]
    if twice:
        raise Violation(f"the shared case: versions {twice} were given to two writers")
    known = len(shared.acknowledged)
    if not known <= seen["version"] - 1 <= known + shared.unknown:
        raise Violation(
            f"the shared case: {known} writes are known, {shared.unknown} may be, version {seen['version']}"
        )
