"""What every channel promises of replies: what the payer asks is read, and a message is answered once."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from priorauth.channels.contract import Absent, Answered, AtBoundary, Job, Pending, ReplyTo, Unresolved
from priorauth.domain.replies import Inquiry
from priorauth.domain.submissions import Decision, PayerReceipt
from tests.factories.channels import PortalWorld, portal_world
from tests.factories.jobs import job_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SCENARIO = "more_information_needed"
INQUIRY: dict[str, Any] = {"subject": "Laboratory results", "text": "Please send them.", "documents": ["LAB"]}
TEXT = "Units requested: 2\nThe results are attached."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PortalWorld]:
    """A payer and a channel, for all tests of this file."""
    async with portal_world(tmp_path_factory.mktemp("portal")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def world(portal: PortalWorld) -> PortalWorld:
    """The payer asks as soon as it has the case."""
    await portal.tell(SCENARIO, inquiries=[INQUIRY], decision=None)
    return portal


@pytest_asyncio.fixture(loop_scope="module")
async def job(world: PortalWorld, request: pytest.FixtureRequest) -> AsyncIterator[Job]:
    """The reply to the message about a case of the test's own, which the payer has."""
    case = f"auth_{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    first = job_of(SCENARIO, case=case)
    receipt = await world.channel.submit(first, allowed=(), intend=yes)
    assert isinstance(receipt, PayerReceipt)
    results = replace(first.documents[0], document_types=("lab_results",), file_name="results.pdf")
    reply = ReplyTo(receipt.reference_number, "1", INQUIRY["subject"], TEXT)
    yield replace(first, documents=(results,), reply=reply)
    await world.channel.let_go(case)


async def yes() -> bool:
    """The engine says: send."""
    return True


async def no() -> bool:
    """The engine says: do not."""
    return False


def number_of(job: Job) -> str:
    assert job.reply is not None
    return job.reply.reference_number


async def test_what_the_payer_asks_is_read(world: PortalWorld, job: Job) -> None:
    seen = await world.channel.read_status(job, reference_number=number_of(job))

    assert isinstance(seen, Inquiry)
    assert (seen.number, seen.subject, seen.text) == ("1", INQUIRY["subject"], INQUIRY["text"])
    assert seen.documents == ("lab_results",)


async def test_a_reply_stops_at_the_boundary(world: PortalWorld, job: Job) -> None:
    prepared = await world.channel.prepare(job)
    assert isinstance(prepared, AtBoundary)
    assert prepared.differences == ()
    assert prepared.page is not None
    assert dict(prepared.page.package.fields)["Reply"] == TEXT, "a reply has its package too"
    assert await world.channel.find(job) == Absent()
    assert await world.replied(job.case_reference) == []


async def test_a_reply_is_sent_once_and_the_case_is_with_the_payer_again(world: PortalWorld, job: Job) -> None:
    await world.channel.prepare(job)

    assert await world.channel.submit(job, allowed=(), intend=yes) == Answered()
    assert await world.channel.submit(job, allowed=(), intend=no) == Answered(), "it is read before anything is sent"

    (reply,) = await world.replied(job.case_reference)
    assert [(each["type"], each["fileName"]) for each in reply["documents"]] == [("Laboratory results", "results.pdf")]
    assert await world.counted(job.case_reference) == 1
    assert await world.channel.find(job) == Answered()
    after = await world.channel.read_status(job, reference_number=number_of(job))
    assert isinstance(after, Pending | Decision)


async def test_what_an_earlier_try_left_in_the_draft_is_not_sent(world: PortalWorld, job: Job) -> None:
    await world.channel.prepare(replace(job, documents=(*job.documents, *job.documents)))

    assert await world.channel.submit(job, allowed=(), intend=yes) == Answered()

    (reply,) = await world.replied(job.case_reference)
    assert len(reply["documents"]) == 1


@pytest.mark.parametrize("kind", ["error", "reset", "close"])
@pytest.mark.parametrize(("point", "taken"), [("reply", False), ("reply_response", True)])
async def test_a_lost_answer_is_not_known_until_the_message_is_read(
    world: PortalWorld, job: Job, point: str, kind: str, taken: bool
) -> None:
    await world.tell(SCENARIO, inquiries=[INQUIRY], faults=[{"at": point, "kind": kind, "times": 1}])

    assert await world.channel.submit(job, allowed=(), intend=yes) == Unresolved()

    assert await world.channel.find(job) == (Answered() if taken else Absent())
    assert len(await world.replied(job.case_reference)) == taken


async def test_a_payer_that_decided_meanwhile_gets_no_reply(world: PortalWorld, job: Job) -> None:
    await world.tell(SCENARIO, inquiries=[], decision={"outcome": "approved", "afterSeconds": 0})

    assert isinstance(await world.channel.submit(job, allowed=(), intend=no), Decision)
    assert await world.replied(job.case_reference) == []
