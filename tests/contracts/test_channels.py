"""What every channel promises, run over each of them: here the portal channel, at a real payer in a real browser."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import pytest
import pytest_asyncio

from priorauth.channels.contract import (
    Absent,
    AtBoundary,
    ChannelFault,
    NotSent,
    Pending,
    Refused,
    Rejected,
    Unresolved,
    Withheld,
)
from priorauth.domain.live_sessions import BoundaryState
from priorauth.domain.questionnaires import AnswerItem
from priorauth.domain.submissions import Decision, Outcome, PayerReceipt
from tests.factories.answers import said
from tests.factories.channels import PortalWorld, portal_world
from tests.factories.jobs import job_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SCENARIO = "approved_after_review"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def portal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PortalWorld]:
    """A payer and a channel, for all tests of this file."""
    async with portal_world(tmp_path_factory.mktemp("portal")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def world(portal: PortalWorld) -> PortalWorld:
    """The payer as its scenario has it, whatever the test before told it."""
    await portal.tell(SCENARIO)
    portal.ledger.forget()
    return portal


@pytest_asyncio.fixture(loop_scope="module")
async def case(portal: PortalWorld, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A case of the test's own, whose session ends with it."""
    name = f"auth_{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    yield name
    await portal.channel.let_go(name)


async def yes() -> bool:
    """The engine says: submit."""
    return True


async def no() -> bool:
    """The engine says: do not."""
    return False


async def test_preparing_stops_at_the_boundary_and_submits_nothing(world: PortalWorld, case: str) -> None:
    prepared = await world.channel.prepare(job_of(SCENARIO, case=case))

    assert prepared == AtBoundary(differences=())
    assert world.ledger.claims[case].boundary is BoundaryState.AT_BOUNDARY
    assert await world.counted(case) == 0


async def test_a_prepared_job_is_submitted_from_where_it_stands(world: PortalWorld, case: str) -> None:
    await world.channel.prepare(job_of(SCENARIO, case=case))

    receipt = await world.channel.submit(job_of(SCENARIO, case=case), allowed=(), intend=yes)

    assert isinstance(receipt, PayerReceipt)
    pages = [details["page"] for _, event, details in world.ledger.noted if event == "portal_page"]
    assert pages.count("signed in") == 1, "the browser that the reviewer may have watched went on"
    assert await world.counted(case) == 1


async def test_only_a_pause_at_the_boundary_keeps_a_session(world: PortalWorld, case: str) -> None:
    await world.channel.prepare(job_of(SCENARIO, case=case))
    assert case in world.channel.sessions()

    receipt = await world.channel.submit(job_of(SCENARIO, case=case), allowed=(), intend=yes)
    assert isinstance(receipt, PayerReceipt)
    assert case not in world.channel.sessions()
    assert case not in world.ledger.claims

    await world.channel.read_status(job_of(SCENARIO, case=case), reference_number=receipt.reference_number)
    assert case not in world.channel.sessions()


async def test_a_slow_payer_is_waited_for(world: PortalWorld, case: str) -> None:
    await world.tell(SCENARIO, faults=[{"at": "submit", "kind": "delay", "times": 1, "seconds": 6}])
    await world.channel.prepare(job_of(SCENARIO, case=case))
    world.session(case).page.context.set_default_timeout(3000)

    assert isinstance(await world.channel.submit(job_of(SCENARIO, case=case), allowed=(), intend=yes), PayerReceipt)
    assert await world.counted(case) == 1


async def test_a_button_that_cannot_be_pressed_is_known_not_to_have_been_sent(world: PortalWorld, case: str) -> None:
    async def yes_but_the_button_goes() -> bool:
        await world.session(case).page.evaluate("() => document.querySelector('button.final').remove()")
        return True

    await world.channel.prepare(job_of(SCENARIO, case=case))
    world.session(case).page.context.set_default_timeout(3000)

    assert (
        await world.channel.submit(job_of(SCENARIO, case=case), allowed=(), intend=yes_but_the_button_goes) == NotSent()
    )
    assert await world.counted(case) == 0


async def test_a_search_that_fails_proves_no_absence(world: PortalWorld, case: str) -> None:
    await world.tell(SCENARIO, faults=[{"at": "requests", "kind": "error", "times": 1}])
    job = job_of(SCENARIO, case=case)
    await world.channel.submit(job, allowed=(), intend=yes)

    with pytest.raises(ChannelFault):
        await world.channel.find(job)
    assert isinstance(await world.channel.find(job), PayerReceipt)


async def test_a_job_whose_session_is_gone_is_prepared_anew_and_submitted(world: PortalWorld, case: str) -> None:
    await world.channel.prepare(job_of(SCENARIO, case=case))
    await world.channel.let_go(case)

    assert isinstance(await world.channel.submit(job_of(SCENARIO, case=case), allowed=(), intend=yes), PayerReceipt)
    assert await world.counted(case) == 1


async def test_a_job_that_was_rewritten_meanwhile_is_prepared_anew(world: PortalWorld, case: str) -> None:
    job = job_of(SCENARIO, case=case)
    await world.channel.prepare(job)
    rewritten = replace(job, answers=_with(job.answers, said("service.units", 3)))

    assert isinstance(await world.channel.submit(rewritten, allowed=(), intend=yes), PayerReceipt)
    assert await world.counted(case) == 1


async def test_without_the_engines_yes_nothing_is_sent(world: PortalWorld, case: str) -> None:
    assert await world.channel.submit(job_of(SCENARIO, case=case), allowed=(), intend=no) == Withheld()
    assert await world.counted(case) == 0


@pytest.mark.parametrize("kind", ["reset", "close"])
async def test_an_answer_that_is_lost_leaves_one_submission_which_is_found(
    world: PortalWorld, case: str, kind: str
) -> None:
    await world.tell(SCENARIO, faults=[{"at": "submit_response", "kind": kind, "times": 5}])
    job = job_of(SCENARIO, case=case)

    assert await world.channel.submit(job, allowed=(), intend=yes) == Unresolved()
    assert await world.counted(case) == 1

    found = await world.channel.find(job)
    assert isinstance(found, PayerReceipt)
    assert await world.counted(case) == 1


async def test_a_submission_that_the_payer_refused_is_absent(world: PortalWorld, case: str) -> None:
    await world.tell(SCENARIO, faults=[{"at": "submit", "kind": "error", "times": 1}])
    job = job_of(SCENARIO, case=case)

    assert await world.channel.submit(job, allowed=(), intend=yes) == Unresolved()
    assert await world.channel.find(job) == Absent()
    assert await world.counted(case) == 0


async def test_evidence_of_another_case_is_never_adopted(world: PortalWorld, case: str) -> None:
    receipt = await world.channel.submit(job_of(SCENARIO, case=case), allowed=(), intend=yes)
    assert isinstance(receipt, PayerReceipt)

    other = job_of(SCENARIO, case=f"{case}_other")
    assert await world.channel.find(other) == Absent()
    with pytest.raises(ChannelFault) as fault:
        await world.channel.read_status(other, reference_number=receipt.reference_number)
    assert fault.value.code == "evidence_of_another_case"


async def test_a_status_is_pending_and_then_decided(world: PortalWorld, case: str) -> None:
    await world.tell(SCENARIO, decision=None)
    job = job_of(SCENARIO, case=case)
    receipt = await world.channel.submit(job, allowed=(), intend=yes)
    assert isinstance(receipt, PayerReceipt)
    assert await world.channel.read_status(job, reference_number=receipt.reference_number) == Pending()

    decision = {"outcome": "approved", "afterSeconds": 0, "units": 1, "validDays": 90, "message": "Approved."}
    await world.tell(SCENARIO, decision=decision)
    decided = await world.channel.read_status(job, reference_number=receipt.reference_number)

    assert isinstance(decided, Decision)
    assert decided.outcome is Outcome.APPROVED
    assert (decided.approved_units, decided.effective_from) == (1, date(2026, 12, 3))
    assert decided.authorization_number


async def test_a_member_that_the_payer_does_not_know_is_refused(world: PortalWorld, case: str) -> None:
    job = job_of(SCENARIO, case=case)
    stranger = replace(job, answers=_with(job.answers, said("patient.memberId", "LKS999999999")))

    refused = await world.channel.prepare(stranger)
    assert isinstance(refused, Refused)
    assert refused.code == "member_not_found"


async def test_a_value_that_the_payer_rejects_is_an_issue_on_its_field(world: PortalWorld, case: str) -> None:
    job = job_of(SCENARIO, case=case)
    wrong = replace(job, answers=_with(job.answers, said("clinical.conservativeTreatmentWeeks", 900)))

    rejected = await world.channel.prepare(wrong)
    assert isinstance(rejected, Rejected)
    assert [issue.field for issue in rejected.issues] == ["clinical.conservativeTreatmentWeeks"]


async def test_a_page_that_shows_another_value_is_never_submitted_unapproved(world: PortalWorld, case: str) -> None:
    twist = {"at": "review", "kind": "change_value", "times": 9, "field": "Units requested", "value": "7"}
    await world.tell(SCENARIO, faults=[twist])
    job = job_of(SCENARIO, case=case)

    seen = await world.channel.submit(job, allowed=(), intend=yes)

    assert isinstance(seen, AtBoundary)
    assert [(each.field, each.expected, each.shown) for each in seen.differences] == [("Units requested", "1", "7")]
    assert await world.counted(case) == 0
    assert isinstance(await world.channel.submit(job, allowed=seen.differences, intend=yes), PayerReceipt)
    assert await world.counted(case) == 1


async def test_a_document_that_the_portal_drops_is_a_difference(world: PortalWorld, case: str) -> None:
    await world.tell(SCENARIO, faults=[{"at": "documents", "kind": "drop_document", "times": 1}])

    seen = await world.channel.prepare(job_of(SCENARIO, case=case))
    assert isinstance(seen, AtBoundary)
    assert [each.field for each in seen.differences] == ["Documents"]


@pytest.mark.parametrize("kind", ["error", "reset", "close", "signed_out"])
@pytest.mark.parametrize("point", ["member_search", "service", "documents", "review"])
async def test_a_portal_that_fails_on_the_way_is_a_fault_and_submits_nothing(
    world: PortalWorld, case: str, point: str, kind: str
) -> None:
    await world.tell(SCENARIO, faults=[{"at": point, "kind": kind, "times": 9}])

    with pytest.raises(ChannelFault):
        await world.channel.submit(job_of(SCENARIO, case=case), allowed=(), intend=yes)
    assert await world.counted(case) == 0


async def test_a_browser_that_dies_is_a_fault_and_its_claim_goes(world: PortalWorld, case: str) -> None:
    await world.channel.prepare(job_of(SCENARIO, case=case))
    await world.session(case).close()

    assert world.host.of(case) is None
    assert isinstance(await world.channel.submit(job_of(SCENARIO, case=case), allowed=(), intend=yes), PayerReceipt)
    await world.channel.let_go(case)
    assert world.ledger.claims == {}


def _with(answers: tuple[AnswerItem, ...], changed: AnswerItem) -> tuple[AnswerItem, ...]:
    return tuple(changed if each.link_id == changed.link_id else each for each in answers)
