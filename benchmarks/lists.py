"""How long a page of a list takes in a store of 100,000 cases: `python -m benchmarks.lists [CASES]`.

Each page goes through the whole API in one process: the key, the query, opening the sealed documents, rendering. Quote
the ratios: the machine's own speed is in every row.
"""

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx

from priorauth.domain.authorizations import Authorization
from priorauth.domain.lifecycle import Status
from priorauth.store.ids import new_id
from priorauth.store.transaction import Transaction
from tests.factories import cases
from tests.factories.moments import Clock
from tests.http.customer import CASES
from tests.http.server import Server, serving

_BATCH = 2_000
_ROUNDS = 15
_STATUSES = tuple(Status)


def fill(server: Server, template: Authorization, amount: int) -> None:
    """Store `amount` cases of one organization, an hour apart, of all statuses and of ten payers."""

    def batch(tx: Transaction, start: int) -> None:
        for number in range(start, min(start + _BATCH, amount)):
            status = _STATUSES[number % len(_STATUSES)]
            created = template.created_at + timedelta(hours=number)
            metadata = {"externalCaseId": f"EXT-{number % 5_000}"}
            payer = f"payer-{number % 10}"
            tx.authorizations.add(
                replace(
                    template,
                    id=new_id("auth"),
                    status=status,
                    payer_id=payer,
                    created_at=created,
                    metadata=metadata,
                )
            )

    for start in range(0, amount, _BATCH):
        server.database.write_now(lambda tx, start=start: batch(tx, start))  # type: ignore[misc]


async def measure(client: httpx.AsyncClient, created: str) -> None:
    """Print one row a query: the median and the 95th percentile of a page, in milliseconds."""
    queries: dict[str, dict[str, str]] = {
        "all": {},
        "status": {"status": "processing"},
        "payer": {"payerId": "payer-3"},
        "payer and status": {"payerId": "payer-3", "status": "completed"},
        "externalCaseId": {"externalCaseId": "EXT-77"},
        "created after": {"createdAfter": created},
        "created before": {"createdBefore": created},
        "nothing fits": {"status": "completed", "outcome": "denied"},
    }
    print(f"{'query':<18}{'limit':>6}{'first page, median':>20}{'p95':>8}{'tenth page, median':>20}{'p95':>8}   ms")
    for name, query in queries.items():
        for limit in (25, 100):
            parameters = {**query, "limit": str(limit)}
            first = [await page(client, parameters) for _ in range(_ROUNDS)]
            cursor = first[0][1]
            for _ in range(8):
                cursor = (await page(client, {**parameters, "cursor": cursor}))[1] if cursor else None
            tenth = [await page(client, {**parameters, "cursor": cursor}) for _ in range(_ROUNDS)] if cursor else []
            print(f"{name:<18}{limit:>6}{columns(first)}{columns(tenth)}")


async def page(client: httpx.AsyncClient, parameters: dict[str, str]) -> tuple[float, str | None]:
    """Return how many milliseconds a page took, and the cursor of the next one."""
    began = time.perf_counter()
    answer = await client.get(CASES, params=parameters)
    took = (time.perf_counter() - began) * 1000
    next_cursor: str | None = answer.raise_for_status().json()["pagination"]["nextCursor"]
    return took, next_cursor


def columns(pages: list[tuple[float, str | None]]) -> str:
    """Return median and 95th percentile of the pages' times as two columns."""
    if not pages:
        return f"{'-':>20}{'-':>8}"
    times = sorted(took for took, _ in pages)
    return f"{statistics.median(times):>20.1f}{times[int(len(times) * 0.95)]:>8.1f}"


async def main(amount: int) -> None:
    """Fill a store and print the table."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), reads_per_minute=0) as server:
        key = server.key()
        clock = Clock()
        owner, version = server.database.read_now(
            lambda tx: (tx.organizations.all()[0].id, tx.catalog.payer("sandbox", "larkspur-health"))
        )
        assert version is not None
        template = replace(cases.submitted(clock), organization_id=owner, payer_version=version[1])
        began = time.perf_counter()
        fill(server, template, amount)
        print(f"{amount} cases stored in {time.perf_counter() - began:.0f} s")
        middle = (template.created_at + timedelta(hours=amount // 2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        async with server.client(key) as client:
            # As `priorauth serve` does once it serves.
            gc.collect()
            gc.freeze()
            await measure(client, middle)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
