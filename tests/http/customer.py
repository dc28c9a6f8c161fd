"""A client of the API, who sends what the sandbox's scenarios say."""

from collections.abc import AsyncIterator
from itertools import count
from typing import Any, TypeAlias

import httpx

from priorauth.sandbox import catalog

CASES = "/v1/prior-authorizations"
SECOND_CASES = "/v1/prior-auth/authorizations"

Json: TypeAlias = dict[str, Any]

_keys = count(1)


def fresh_key() -> str:
    """An idempotency key that was never used."""
    return f"test-{next(_keys)}"


def create_body(scenario: str = "approved_after_review", **changes: object) -> Json:
    """What creates a case: with `approved_after_review` a document is missing, with `approved_automatic` nothing."""
    found = catalog.scenario(scenario)
    assert found is not None
    return {**found.create, **changes}


def said(link_id: str, **value: object) -> Json:
    """Answers with one item."""
    return {"questionnaireResponse": {"item": [{"linkId": link_id, "answer": [value] if value else []}]}}


class Customer:
    """One organization's client."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def send(self, method: str, path: str, *, version: int | None = None, **rest: Any) -> httpx.Response:
        """Send a request, with `version` in If-Match."""
        headers = [("If-Match", f'"{version}"')] if version is not None else []
        return await self.client.request(method, path, headers=[*headers, *rest.pop("headers", [])], **rest)

    async def get(self, path: str, **rest: Any) -> httpx.Response:
        """Read."""
        return await self.send("GET", path, **rest)

    async def create(self, scenario: str = "approved_after_review", **changes: object) -> Json:
        """Create a case."""
        headers = [("Idempotency-Key", fresh_key())]
        return taken(await self.send("POST", CASES, json=create_body(scenario, **changes), headers=headers))

    async def read(self, case: Json) -> Json:
        """The case as it is now."""
        return taken(await self.get(path(case)))

    async def everything(self, case: Json) -> tuple[bytes, bytes]:
        """All that can be seen of a case, byte for byte: itself and its timeline."""
        timeline = await self.get(path(case, "events"), params={"limit": 100})
        return (await self.get(path(case))).content, timeline.content

    async def answer(self, case: Json, body: Json) -> Json:
        """Answer questions of the case as it was read."""
        return taken(await self.send("PATCH", path(case, "answers"), version=case["version"], json=body))

    async def file(
        self, content: bytes | None = None, *, name: str = "notes.pdf", content_type: str = "application/pdf"
    ) -> Json:
        """Declare a file and upload its bytes; a clinical note if nothing else is given."""
        declared = await self.declare(name=name, content_type=content_type)
        bytes_ = catalog.sample_document() if content is None else content
        return taken(await self.client.put(declared["upload"]["url"], content=bytes_))

    async def declare(self, *, name: str = "notes.pdf", content_type: str = "application/pdf") -> Json:
        """Declare a file."""
        body = {"fileName": name, "contentType": content_type, "purpose": "authorization_attachment"}
        return taken(await self.send("POST", "/v1/files", json=body))

    async def complete(self, file: Json) -> Json:
        """Have an uploaded file checked."""
        return taken(await self.send("POST", f"/v1/files/{file['id']}/complete"))

    async def ready_file(self) -> Json:
        """A clinical note that can be attached."""
        return await self.complete(await self.file())

    async def attach(self, case: Json, file: Json | None = None) -> Json:
        """Attach clinical notes."""
        body = {"fileId": (file or await self.ready_file())["id"], "documentTypes": ["clinical_notes"]}
        return taken(await self.send("POST", path(case, "attachments"), version=case["version"], json=body))

    async def ready(self, *, metadata: Json | None = None) -> Json:
        """A case with nothing missing, which waits for `advance_case` to be confirmed."""
        return await self.attach(await self.create(metadata=metadata))

    async def confirm(self, case: Json) -> Json:
        """Confirm the action that the case shows."""
        body = {"nextActionId": case["nextAction"]["id"]}
        return taken(await self.send("POST", path(case, "confirm"), version=case["version"], json=body))

    async def cancel(self, case: Json) -> Json:
        """Cancel a case."""
        return taken(await self.send("POST", path(case, "cancel")))

    async def take_over(self, case: Json) -> Json:
        """Create the manual handoff that the case offers, accepting the snapshot that it covers."""
        covered = case["nextAction"]["covers"]["reviewSnapshotId"]
        body = {"acceptedReviewSnapshotId": covered} if covered else {}
        return taken(await self.send("POST", path(case, "manual-handoffs"), version=case["version"], json=body))

    async def give_back(self, case: Json, how: str, **body: object) -> Json:
        """Close the handoff that the case shows."""
        handoff_id = case["activeManualHandoff"]["id"]
        return taken(await self.send("POST", path(case, "manual-handoffs", handoff_id, how), json=body))

    async def entries(self, path: str, **parameters: object) -> AsyncIterator[Json]:
        """Every entry of a list, page after page."""
        params: Json = {"limit": 2, **parameters}
        while True:
            page = taken(await self.get(path, params=params))
            for entry in page["data"]:
                yield entry
            if page["pagination"]["nextCursor"] is None:
                return
            params["cursor"] = page["pagination"]["nextCursor"]


def path(case: Json, *below: str) -> str:
    """The path of a case, or of what lies below it."""
    return "/".join((CASES, case["id"], *below))


def taken(response: httpx.Response) -> Json:
    """The body of an answer that must be a success."""
    assert response.is_success, response.text
    body: Json = response.json()
    return body


def refused(response: httpx.Response, status: int, code: str) -> Json:
    """The error of an answer that must be this refusal, in the one envelope."""
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.text
    body: Json = response.json()
    assert set(body) == {"error", "requestId"}
    assert set(body["error"]) == {"code", "message", "retryable", "details", "issues"}
    assert all(set(issue) == {"code", "message", "field", "severity"} for issue in body["error"]["issues"])
    assert body["requestId"] == response.headers["Request-Id"]
    assert response.headers["Content-Type"] == "application/json"
    error: Json = body["error"]
    return error
