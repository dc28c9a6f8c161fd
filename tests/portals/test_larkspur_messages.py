"""The message centre over real connections: it asks in turn, takes one reply each, and decides after the last."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from priorauth.sandbox.server import PortalServer
from tests.portals.larkspur_visitor import INQUIRY, Clock, Visitor, browser, cells, entries, heading

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECOND = {"afterSeconds": 60, "subject": "One more thing", "text": "Which side?"}
APPROVED = {"outcome": "approved", "afterSeconds": 10}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(stopping: list[asyncio.Task[None]], tmp_path: Path, clock: Clock) -> AsyncIterator[Visitor]:
    server = PortalServer(tmp_path, clock=clock)
    base_url = await server.start()
    async with browser(base_url) as http:
        visitor = Visitor(http)
        await visitor.put_member(decision=APPROVED, inquiries=(INQUIRY | {"afterSeconds": 5}, SECOND))
        await visitor.sign_in()
        yield visitor
    stopping.append(asyncio.create_task(server.stop()))


@pytest_asyncio.fixture(loop_scope="module")
async def reference(visitor: Visitor) -> str:
    """The number of a request that the plan has."""
    return await visitor.submit(await visitor.fill("case-1"))


async def status(visitor: Visitor, reference: str) -> str:
    return entries(await visitor.get(f"/requests/{reference}"), "request")["Status"]


async def test_a_message_is_there_once_it_is_due(visitor: Visitor, reference: str, clock: Clock) -> None:
    assert await status(visitor, reference) == "Under review"
    assert (await visitor.message(reference)).status_code == 404

    clock.advance(5)

    assert await status(visitor, reference) == "Information needed"
    page = await visitor.message(reference)
    assert heading(page) == "Message 1"
    said = entries(page, "message")
    assert (said["Subject"], said["Message"], said["Status"]) == (INQUIRY["subject"], INQUIRY["text"], "Open")
    assert (said["Reference number"], said["Your reference"]) == (reference, "case-1")
    assert "<li>Laboratory results</li>" in page.text
    assert "Messages" in (await visitor.get(f"/requests/{reference}")).text


async def test_a_reply_is_shown_before_it_is_sent_and_counted_once(
    visitor: Visitor, reference: str, clock: Clock
) -> None:
    clock.advance(5)
    path = await visitor.write_reply(reference)
    review = await visitor.get(f"{path}/reply")
    assert heading(review) == "Review reply"
    assert entries(review, "review")["Reply"] == "See the results."
    assert "notes.pdf" in review.text
    assert await visitor.replies() == []

    answers = [await visitor.post(f"{path}/send", {}) for _ in range(2)]

    received = await visitor.get(answers[0].headers["location"])
    assert heading(received) == "Reply received"
    assert entries(received, "request").items() >= entries(review, "review").items()
    assert cells(received, "documents") == cells(review, "documents")
    assert (answers[1].status_code, heading(answers[1])) == (409, "This message was answered")
    (reply,) = await visitor.replies()
    assert (reply["caseReference"], reply["referenceNumber"], reply["message"]) == ("case-1", reference, 1)
    assert [document["fileName"] for document in reply["documents"]] == ["notes.pdf"]
    message = await visitor.message(reference)
    assert entries(message, "message")["Status"] == "Answered"
    assert entries(message, "message")["Reply"] == "See the results."
    assert cells(message, "documents") == cells(review, "documents")
    assert len(await visitor.submissions()) == 1


async def test_the_decision_waits_for_the_last_reply(visitor: Visitor, reference: str, clock: Clock) -> None:
    clock.advance(5)
    path = await visitor.write_reply(reference)
    await visitor.post(f"{path}/send", {})
    clock.advance(59)
    assert await status(visitor, reference) == "Under review"
    clock.advance(1)
    assert await status(visitor, reference) == "Information needed"

    path = await visitor.write_reply(reference, number=2, text="The left one.")
    await visitor.post(f"{path}/send", {})

    assert await status(visitor, reference) == "Under review"
    clock.advance(10)
    assert await status(visitor, reference) == "Approved"


async def test_an_empty_reply_is_refused_on_its_page(visitor: Visitor, reference: str, clock: Clock) -> None:
    clock.advance(5)
    await visitor.message(reference)

    page = await visitor.post(f"/requests/{reference}/messages/1/reply", {"reply": " "})

    assert (page.status_code, heading(page)) == (422, "Message 1")
    assert "Write a reply or upload a document." in page.text


async def test_a_reply_can_be_begun_anew(visitor: Visitor, reference: str, clock: Clock) -> None:
    clock.advance(5)
    path = await visitor.write_reply(reference)

    await visitor.get(f"{path}?fresh=1")

    page = await visitor.get(path)
    assert "notes.pdf" not in page.text
    assert "See the results." not in page.text


@pytest.mark.parametrize(
    "inquiry",
    [{"text": "No subject."}, {**INQUIRY, "documents": ["NOTHING"]}, {**INQUIRY, "afterSeconds": -1}, "ask", {}],
    ids=str,
)
async def test_a_message_that_makes_no_sense_is_not_taken(visitor: Visitor, inquiry: object) -> None:
    member = {"memberId": "LKS900000002", "firstName": "A", "lastName": "B", "birthDate": "1970-01-01"}
    member |= {"plan": "P", "state": "TX", "effectiveFrom": "2026-01-01"}
    body = {"member": member, "behaviour": {"inquiries": [inquiry]}}

    answer = await visitor.http.put(f"/sandbox/members/{member['memberId']}", json=body)

    assert answer.status_code == 400
    assert "inquir" in answer.json()["error"]["message"]
