"""What happens as often as a portal's page likes: it keeps no customer's write waiting, and fills no timeline."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from priorauth.commands import live_sessions
from priorauth.commands.processing import REPEATED_AT_MOST
from priorauth.domain.events import Observer, Occurrence, TimelineEntry
from priorauth.domain.lifecycle import Status
from priorauth.engine.ledger import Ledger
from priorauth.store.databases.urls import is_postgresql
from priorauth.store.transaction import Transaction
from tests.factories import cases
from tests.factories.claims import claims_of
from tests.factories.databases import Home, sqlite_home
from tests.factories.steps import Store

DETAILS = {"method": "GET", "origin": "http://rum.example:80", "reason": "foreign_host"}


class Counting(Observer):
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()

    def recorded(self, occurrence: Occurrence) -> None:
        self.told[occurrence.entry.type] += 1


def ledger(home: Home) -> Ledger:
    return Ledger(home.database, home.clock.moment, claims=claims_of(home))


def timeline(home: Home, authorization_id: str) -> list[TimelineEntry]:
    return home.database.read_now(lambda tx: tx.timeline.page(authorization_id, before=None, limit=1_000))


def appending(order: list[str], name: str) -> Callable[[Transaction], None]:
    return lambda _: order.append(name)


async def test_an_authorization_has_a_bounded_number_of_entries_whatever_its_sessions_do(
    home: Home, stored: Store
) -> None:
    case_id = stored(cases.advancing).case_id
    watching = home.database.observer = Counting()
    noting = ledger(home)

    for _ in range(REPEATED_AT_MOST + 5):
        await noting.note(case_id, "request_refused", DETAILS, repeated=True)
    await noting.note(case_id, "submit_refused", DETAILS, repeated=True)

    noted = [each for each in timeline(home, case_id) if each.type == "request_refused"]
    assert len(noted) == REPEATED_AT_MOST
    assert noted[0].details == {**DETAILS, "further": "not_noted"}
    assert noted[1].details == DETAILS
    assert watching.told["request_refused"] == REPEATED_AT_MOST + 5, "metrics and log have all of them"
    assert timeline(home, case_id)[0].type == "submit_refused", "each type has a bound of its own"


async def test_a_note_waits_for_the_writes_of_others_that_wait(tmp_path: Path) -> None:
    order: list[str] = []
    begun, held = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(_: Transaction) -> None:
        loop.call_soon_threadsafe(begun.set)
        held.wait()

    with sqlite_home(tmp_path) as home:
        holding = asyncio.create_task(home.database.write(hold))
        await begun.wait()
        names = [*(f"note {number}" for number in range(100)), "a customer's", "another one's"]
        writing = [
            asyncio.create_task(home.database.write(appending(order, name), behind="note" in name)) for name in names
        ]
        # Each task's first step hands its write over.
        await asyncio.sleep(0)
        held.set()
        await asyncio.gather(holding, *writing)

    assert order[:3] == ["a customer's", "another one's", "note 0"]
    assert sorted(order) == sorted(names)


async def test_notes_use_one_connection_however_many_wait(home: Home) -> None:
    """Where writes have connections of their own; SQLite has one writer, whose order is tested above."""
    if not is_postgresql(home.database.url):
        pytest.skip("one writer")
    begun, held = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    other_notes: list[str] = []

    def hold(_: Transaction) -> None:
        loop.call_soon_threadsafe(begun.set)
        held.wait()

    holding = asyncio.create_task(home.database.write(hold, behind=True))
    await begun.wait()
    notes = [
        asyncio.create_task(home.database.write(appending(other_notes, f"{number}"), behind=True))
        for number in range(20)
    ]

    for _ in range(20):
        await home.database.write(lambda _: None)

    assert other_notes == []
    held.set()
    await asyncio.gather(holding, *notes)
    assert other_notes == [f"{number}" for number in range(20)]


async def test_what_ended_a_session_before_its_time_is_on_the_timeline(home: Home, stored: Store) -> None:
    steps = stored(cases.offered)
    claim = cases.claim_of(steps.now(), home.clock)
    await ledger(home).claim(claim)

    for _ in range(2):
        await ledger(home).release(
            authorization_id=claim.authorization_id, session_id=claim.session_id, cause="memory_exceeded"
        )

    told = [(each.type, each.details.get("cause")) for each in timeline(home, claim.authorization_id)]
    assert told[:2] == [("interaction_lost", None), ("session_ended", "memory_exceeded")]
    assert steps.now().status is Status.PROCESSING
    assert home.database.read_now(lambda tx: tx.sessions.of(claim.authorization_id)) is None


async def test_an_ordinary_end_of_a_session_leaves_no_entry(home: Home, stored: Store) -> None:
    steps = stored(cases.advancing)
    claim = cases.claim_of(steps.now(), home.clock)
    home.database.write_now(lambda tx: live_sessions.claim(tx, claim))

    await ledger(home).release(authorization_id=claim.authorization_id, session_id=claim.session_id)

    assert "session_ended" not in {each.type for each in timeline(home, claim.authorization_id)}
