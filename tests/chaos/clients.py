"""Clients as integrators write them: driven by `status` and `nextAction`, patient, and at home at every API node.

A request without an answer, or with one that says that another time may do, is repeated under the same idempotency key
at the next node.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx

from priorauth.sandbox import catalog
from tests.chaos.cluster import Node

CASES = "/v1/prior-authorizations"
Json: TypeAlias = dict[str, Any]
State: TypeAlias = tuple[str, str | None]
_LONG_POLL_SECONDS = 10
_ANSWERED_WITHIN = 10.0
# What a client that has not heard the answer to its own write, or was overtaken by the service, meets by rights.
_OVERTAKEN = {"version_conflict", "next_action_mismatch", "review_stale", "prior_authorization_not_confirmable"}
_OVERTAKEN |= {"prior_authorization_not_mutable", "next_action_not_confirmable", "requirements_not_satisfied"}


class Refused(Exception):
    """An answer that no retry makes better."""


@dataclass(slots=True)
class Driven:
    """One case of a run: what it should come to, and what its client saw."""

    scenario: catalog.Scenario
    number: int
    id: str = ""
    versions: list[int] = field(default_factory=list)
    state: State | None = None
    reason: Any = None
    begun_at: float = 0.0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def wanted(self) -> State:
        """How it should end."""
        last = self.scenario.expects[-1]
        return last["status"], last["outcome"]

    @property
    def path(self) -> str:
        return f"{CASES}/{self.id}"


class Integrator:
    """Sends requests to whichever node answers."""

    def __init__(self, apis: Sequence[Node], *, key: str, name: str) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self.internal_errors: list[str] = []
        self._urls = itertools.cycle([node.url for node in apis])
        self._url = next(self._urls)
        self._client = httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, trust_env=False)

    async def close(self) -> None:
        """End."""
        await self._client.aclose()

    async def call(
        self, method: str, path: str, *, version: int | None = None, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """Send until there is an answer that stays."""
        headers = {"If-Match": f'"{version}"'} if version is not None else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        pause = 0.1
        while True:
            try:
                async with asyncio.timeout(_ANSWERED_WITHIN + (_LONG_POLL_SECONDS if method == "GET" else 0)):
                    answered = await self._client.request(
                        method, self._url + path, headers=headers, timeout=None, **more
                    )
            except (httpx.TransportError, TimeoutError) as error:
                self.counts[f"no answer: {type(error).__name__}"] += 1
            else:
                if answered.status_code not in (429, 500, 503):
                    if answered.headers.get("Idempotent-Replayed") == "true":
                        self.counts["first answers again"] += 1
                    return answered
                self.counts[f"answers {answered.status_code}"] += 1
                if answered.status_code == 500:
                    self.internal_errors.append(f"{method} {path} at {self._url}: {answered.text}")
            self._url = next(self._urls)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def read(self, path: str) -> Json:
        """GET, which must succeed. Raises Refused."""
        return _taken(await self.call("GET", path))

    async def drive(self, driven: Driven, *, patience: float) -> None:
        """Bring a case to its end, and note what was seen on the way. Raises Refused."""
        driven.begun_at = monotonic()
        create = {**driven.scenario.create, "metadata": {"chaos": str(driven.number)}}
        case = _taken(await self.call("POST", CASES, json=create, key=f"create {driven.number}"))
        driven.id = case["id"]
        self._see(driven, case)
        while driven.state != driven.wanted and case["status"] not in ("completed", "canceled"):
            if monotonic() - driven.begun_at > patience:
                driven.faults.append(f"is still {case['status']} after {patience:.0f} s")
                break
            case = await (self._move(driven, case) if _is_ours(case) else self._later(driven, case))
            self._see(driven, case)
        driven.seconds = monotonic() - driven.begun_at
        driven.reason = case["statusReason"]

    async def cancel(self, driven: Driven) -> None:
        """Let go of a case that would wait for ever."""
        answered = await self.call("POST", f"{driven.path}/cancel", json={}, key=f"cancel {driven.number}")
        if not answered.is_success and answered.json()["error"]["code"] not in _OVERTAKEN:
            raise Refused(answered.text)

    def _see(self, driven: Driven, case: Json) -> None:
        if driven.versions and case["version"] < driven.versions[-1]:
            driven.faults.append(f"version {case['version']} was read after version {driven.versions[-1]}")
        if not driven.versions or case["version"] != driven.versions[-1]:
            driven.versions.append(case["version"])
        driven.state = (case["status"], case["outcome"])

    async def _later(self, driven: Driven, case: Json) -> Json:
        waited = await self.call(
            "GET", f"{driven.path}?afterVersion={case['version']}&waitSeconds={_LONG_POLL_SECONDS}"
        )
        return case if waited.status_code == 304 else _taken(waited)

    async def _move(self, driven: Driven, case: Json) -> Json:
        """Do what the case asks of its customer, and return it as it is then."""
        if case["nextAction"]["type"] != "provide_requirements":
            body = {"nextActionId": case["nextAction"]["id"]}
            return await self._change("POST", "confirm", driven, case, body)
        wanted = {question["linkId"] for question in case["requirements"]["questions"]}
        wanted |= {issue["field"] for issue in case["requirements"]["issues"]}
        items = [item for item in driven.scenario.resolves["questionnaireResponse"]["item"] if item["linkId"] in wanted]
        if items:
            return await self._change("PATCH", "answers", driven, case, {"questionnaireResponse": {"item": items}})
        if not case["requirements"]["documents"]:
            raise Refused(f"the scenario has no answer to {case['requirements']}")
        missing = case["requirements"]["documents"][0]["type"]
        body = {"fileId": await self._upload(driven, case["version"]), "documentTypes": [missing]}
        return await self._change("POST", "attachments", driven, case, body)

    async def _change(self, method: str, below: str, driven: Driven, case: Json, body: Json) -> Json:
        version = case["version"]
        key = f"{below} {driven.number} {version}" if method == "POST" else None
        answered = await self.call(method, f"{driven.path}/{below}", json=body, version=version, key=key)
        if answered.is_success:
            changed: Json = answered.json()
            # A repeated request gets its first answer, and the case may have gone on since.
            again = answered.headers.get("Idempotent-Replayed") == "true"
            return await self.read(driven.path) if again else changed
        if answered.json()["error"]["code"] not in _OVERTAKEN:
            raise Refused(answered.text)
        self.counts["overtaken"] += 1
        return await self.read(driven.path)

    async def _upload(self, driven: Driven, version: int) -> str:
        declaration = {"fileName": "notes.pdf", "contentType": "application/pdf", "purpose": "authorization_attachment"}
        key = f"file {driven.number} {version}"
        declared = _taken(await self.call("POST", "/v1/files", json=declaration, key=key))
        # As behind a load balancer: the address is the installation's, whichever node made it.
        below = urlsplit(declared["upload"]["url"]).path
        put = await self.call("PUT", below, content=catalog.sample_document())
        if not put.is_success and put.json()["error"]["code"] != "file_already_completed":
            raise Refused(put.text)
        file_id = declared["file"]["id"]
        ready = _taken(await self.call("POST", f"/v1/files/{file_id}/complete", key=f"complete {file_id}"))
        if ready["status"] != "ready":
            raise Refused(f"the file is {ready}")
        return str(file_id)


def _is_ours(case: Json) -> bool:
    return case["nextAction"] is not None and case["nextAction"]["type"] != "complete_payer_interaction"


def _taken(answered: httpx.Response) -> Json:
    if not answered.is_success:
        raise Refused(f"{answered.request.method} {answered.request.url.path}: {answered.text}")
    found: Json = answered.json()
    return found
