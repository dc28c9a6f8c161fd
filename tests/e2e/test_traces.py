"""One confirmed case is one trace, from the client's own span to the payer's receipt."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from priorauth.bootstrap.administration import issue_key
from priorauth.bootstrap.nodes import all_in_one
from priorauth.bootstrap.storage import opened_database
from priorauth.domain.organizations import Environment
from priorauth.sandbox import catalog
from priorauth.settings import Settings
from priorauth.telemetry import traces

pytestmark = pytest.mark.browser

SCENARIO = "approved_automatic"
CASES = "/v1/prior-authorizations"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FINAL = {"http.request.method": "POST", "server.address": "127.0.0.1"}


class Kept(InMemorySpanExporter):
    """Keeps spans, and tells of each."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        kept = super().export(spans)
        self._loop.call_soon_threadsafe(self._told.set)
        return kept

    async def ended(self, name: str) -> tuple[ReadableSpan, ...]:
        """Wait until a span of this name has ended, and return all."""
        async with asyncio.timeout(60):
            while name not in {span.name for span in self.get_finished_spans()}:
                await self._told.wait()
                self._told.clear()
        return self.get_finished_spans()


@pytest.fixture
async def exported() -> Kept:
    return Kept()


@pytest.fixture
async def client(tmp_path: Path, exported: Kept) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server in this process, whose spans are kept."""
    settings = Settings(data_dir=tmp_path / "data", port=0)
    with opened_database(settings) as database:
        _, key = issue_key(database, organization_name="Cedar Hollow", environment=Environment.SANDBOX)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    with traces.exported_by(provider):
        async with all_in_one(settings) as server:
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False, timeout=60) as client:
                yield client


async def to_the_receipt(client: httpx.AsyncClient) -> dict[str, Any]:
    """Create and confirm a case as part of the client's own trace; return it once the payer has it."""
    found = catalog.scenario(SCENARIO)
    assert found is not None
    created = await client.post(CASES, json=found.create, headers={"Idempotency-Key": uuid.uuid4().hex})
    case: dict[str, Any] = created.json()
    confirmed = await client.post(
        f"{CASES}/{case['id']}/confirm",
        json={"nextActionId": case["nextAction"]["id"]},
        headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "If-Match": f'"{case["version"]}"'},
    )
    assert confirmed.status_code == 200, confirmed.text
    async with asyncio.timeout(60):
        while case["submission"]["payerReceipt"] is None:
            later = {"afterVersion": case["version"], "waitSeconds": 5}
            answer = await client.get(f"{CASES}/{case['id']}", params=later)
            case = answer.json() if answer.status_code == 200 else case
    return case


async def test_a_confirmed_case_is_one_tree_from_the_request_to_the_receipt(
    client: httpx.AsyncClient, exported: Kept
) -> None:
    case = await to_the_receipt(client)
    spans = await exported.ended("process_authorization")
    ours = [span for span in spans if span.context.trace_id == int(TRACE, 16)]
    tree = {span.context.span_id: span for span in ours}

    def way(span: ReadableSpan) -> list[str]:
        above = tree.get(span.parent.span_id) if span.parent else None
        return [*(way(above) if above else []), span.name]

    roots = [span for span in ours if span.parent is None or span.parent.span_id not in tree]
    assert [root.name for root in roots] == ["POST /v1/prior-authorizations/{authorization_id}/confirm"]
    assert roots[0].parent is not None
    assert roots[0].parent.span_id == int(PARENT, 16)
    session = [
        roots[0].name,
        "command",
        "enqueue process_authorization",
        "process_authorization",
        "advance",
        "portal session",
    ]
    ways = [way(span) for span in ours]
    for last in ("portal page: signed in", "portal page: review", "final request", "portal page: receipt"):
        assert [*session, last] in ways
    final = next(span for span in ours if span.name == "final request")
    assert dict(final.attributes or {}) == FINAL
    step = next(span for span in ours if span.name == "advance")
    assert dict(step.attributes or {}) == {
        "priorauth.case_id": case["id"],
        "priorauth.step": "advance",
        "priorauth.verdict": "ended",
    }
    assert [event.name for event in step.events][-1] == "receipt_proven"
    portal = next(span for span in ours if span.name == "portal session")
    assert portal.attributes is not None
    assert portal.attributes["priorauth.payer_id"] == "larkspur-health"

    # Looks at the payer go on for days: each is a trace of its own, and names the one that it came from.
    look = next(span for span in await exported.ended("follow_authorization") if span.name == "follow_authorization")
    assert look.parent is None
    assert look.context.trace_id != int(TRACE, 16)
    assert [link.context.trace_id for link in look.links] == [int(TRACE, 16)]
