"""Contract, sections 3 and 4: a disk that is full or cannot be read is `503 temporarily_unavailable`, and no loss."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from priorauth.sandbox import catalog
from tests.chaos.disks import SmallDisk, can_be_small
from tests.factories.servers import new_key
from tests.http.customer import CASES, Customer, Json, create_body, path, refused, taken

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_be_small(), reason="this machine gives a process no disk of its own"),
]
REPEATED = 4


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[tuple[SmallDisk, Customer]]:
    """A server on a small disk, and a customer of it."""
    prepared = tmp_path / "prepared"
    key = new_key(prepared, "Cedar Hollow")["key"]
    disk = SmallDisk(tmp_path, prepared=prepared, sweep_seconds=1)
    await disk.server.start()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=disk.url, headers=headers, timeout=30, trust_env=False) as client:
        yield disk, Customer(client)
    assert await disk.server.stop() == 0


async def created(customer: Customer, key: str) -> httpx.Response:
    """The answer to a create under a key."""
    return await customer.send(
        "POST", CASES, json=create_body("approved_automatic"), headers=[("Idempotency-Key", key)]
    )


@pytest.mark.browser
async def test_a_full_disk_refuses_writes_loses_nothing_and_goes_on(disk: tuple[SmallDisk, Customer]) -> None:
    small, customer = disk
    ready = taken(await created(customer, "before"))
    declared = await customer.declare()
    upload, content = declared["upload"]["url"], catalog.sample_document()
    confirmed = await customer.confirm(ready)

    with small.filled():
        answers = [await created(customer, str(number)) for number in range(REPEATED)]
        refused(answers[-1], 503, "temporarily_unavailable")
        refused(await customer.client.put(upload, content=content), 503, "temporarily_unavailable")
        assert taken(await customer.get(path(confirmed)))["id"] == ready["id"]
        assert taken(await customer.get(CASES))["data"]

    assert all(answer.status_code in (201, 503) for answer in answers)
    for number, first in enumerate(answers):
        again = await created(customer, str(number))
        assert again.status_code == 201
        assert first.status_code == 503 or (again.content, again.headers["Idempotent-Replayed"]) == (
            first.content,
            "true",
        )
    assert taken(await customer.client.put(upload, content=content))["status"] == "uploaded"
    assert len([case async for case in customer.entries(CASES)]) == 1 + REPEATED
    # What the service was doing meanwhile is brought to its end, once.
    assert (await ended(customer, confirmed))["outcome"] == "approved"
    portal = taken(await customer.get("/v1/sandbox/portals"))["data"][0]
    submissions = taken(await customer.client.get(portal["submissionsUrl"]))["data"]
    assert [each["caseReference"] for each in submissions] == [ready["id"]]


async def test_a_database_that_cannot_be_read_is_asked_again_later(disk: tuple[SmallDisk, Customer]) -> None:
    small, customer = disk
    case = taken(await created(customer, "before"))
    everything = await customer.everything(case)
    # After a write of somebody's, what was read before has to be read again.
    assert (await created(customer, "just before")).status_code == 201

    with small.unreadable():
        for asked in (path(case), path(case, "events"), CASES, "/v1/payers", "/ready"):
            refused(await customer.get(asked), 503, "temporarily_unavailable")
        refused(await created(customer, "meanwhile"), 503, "temporarily_unavailable")
        assert (await customer.get("/health")).status_code == 200

    assert await customer.everything(case) == everything
    assert (await created(customer, "meanwhile")).status_code == 201


async def ended(customer: Customer, case: Json) -> Json:
    """The case at its end."""
    for _ in range(30):
        waited = await customer.get(path(case), params={"afterVersion": case["version"], "waitSeconds": 4})
        case = case if waited.status_code == 304 else taken(waited)
        if case["status"] == "completed":
            break
    return case
