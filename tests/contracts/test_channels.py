"""What every channel promises, run over each of them: the portal channel at each portal, in a real browser."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
import pytest_asyncio

from priorauth.channels.contract import (
    Absent,
    AtBoundary,
    ChannelFault,
    EvidenceMismatch,
    ForeignSubmission,
    HumanNeeded,
    Job,
    NotSent,
    Pending,
    Refused,
    Rejected,
    Unresolved,
    Withheld,
)
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.live_sessions import BoundaryState
from priorauth.domain.questionnaires import AnswerItem
from priorauth.domain.reviews import Package
from priorauth.domain.submissions import Decision, Outcome, PayerReceipt
from tests.factories.answers import said
from tests.factories.channels import PortalWorld, portal_world
from tests.factories.jobs import job_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@dataclass(frozen=True)
class Plan:
    """The words of one plan for what the tests speak of."""

    scenario: str
    quantity: str
    weeks: str
    starts: date


PLANS = {
    "larkspur": Plan(
        "approved_after_review", "Units requested", "clinical.conservativeTreatmentWeeks", date(2026, 12, 3)
    ),
    "juniper": Plan("juniper_approved_after_review", "Quantity", "joint.therapyWeeks", date(2026, 12, 8)),
}

# What a hostile script does in the page that is open, the review page of a draft.
REWRITES = {
    "larkspur": """async () => {
        const form = document.querySelector('form[action$="/submit"]');
        const address = form.action.replace('/submit', '/service');
        const fields = new URLSearchParams({form_token: form.form_token.value, units: '7'});
        return (await fetch(address, {method: 'POST', body: fields})).status;
    }""",
    "juniper": """async () => {
        const address = location.pathname.replace(/^(.drafts.\\d+).*/, '/api$1/service');
        const headers = {'Content-Type': 'application/json'};
        return (await fetch(address, {method: 'PATCH', headers, body: '{"units": "7"}'})).status;
    }""",
}
AIMS_ELSEWHERE = {
    "larkspur": """() => { document.querySelector('form[action$="/submit"]').action = '/drafts/999999/submit'; }""",
    "juniper": """() => {
        const sent = window.fetch;
        window.fetch = (address, options) => sent(String(address).replace(/drafts.\\d+.submission/,
            'drafts/999999/submission'), options);
    }""",
}
INVENTS_A_RECEIPT = {
    "larkspur": """() => document.querySelector('form[action$="/submit"]').addEventListener('submit', event => {
        event.preventDefault();
        location.href = '/requests/LHP-1/confirmation';
    })""",
    "juniper": """() => { window.fetch = async () => new Response(JSON.stringify({request: {
        number: 'JR-1', reference: 'x', memberId: 'x', patient: 'x', service: 'x', receivedAt: '2026-01-01T00:00:00Z',
        status: 'In review', documents: 0, decision: null}}), {status: 201}); }""",
}


@dataclass(frozen=True)
class World(PortalWorld):
    """A payer with what its plan calls things."""

    @property
    def plan(self) -> Plan:
        """The words of its plan."""
        return PLANS[self.portal]

    def job(self, case: str) -> Job:
        """A job of the plan's scenario."""
        return job_of(self.plan.scenario, case=case)

    async def told(self, **behaviour: Any) -> None:
        """Tell the payer how to treat the scenario's member."""
        await self.tell(self.plan.scenario, **behaviour)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PLANS)
async def portal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A payer and a channel, for all tests of this file."""
    async with portal_world(tmp_path_factory.mktemp("portal"), portal=request.param) as running:
        yield World(**vars(running))


@pytest_asyncio.fixture(loop_scope="module")
async def world(portal: World) -> World:
    """The payer as its scenario has it, whatever the test before told it."""
    await portal.told()
    portal.ledger.forget()
    return portal


@pytest_asyncio.fixture(loop_scope="module")
async def case(portal: World, request: pytest.FixtureRequest) -> AsyncIterator[str]:
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


async def test_preparing_stops_at_the_boundary_and_submits_nothing(world: World, case: str) -> None:
    prepared = await world.channel.prepare(world.job(case))

    assert isinstance(prepared, AtBoundary)
    assert prepared.differences == ()
    assert prepared.page is not None
    assert dict(prepared.page.package.fields)["Your reference"] == case
    assert len(prepared.page.package.documents) == 1
    assert prepared.page.picture is not None
    assert prepared.page.picture.startswith(b"\x89PNG")
    assert world.ledger.claims[case].boundary is BoundaryState.AT_BOUNDARY
    assert await world.counted(case) == 0


async def test_a_prepared_job_is_submitted_from_where_it_stands(world: World, case: str) -> None:
    prepared = await world.channel.prepare(world.job(case))
    assert isinstance(prepared, AtBoundary)
    assert prepared.page is not None
    approved = replace(world.job(case), run=2, approved=prepared.page.package)

    receipt = await world.channel.submit(approved, allowed=(), intend=yes)

    assert isinstance(receipt, PayerReceipt)
    pages = [details["page"] for _, event, details in world.ledger.noted if event == "portal_page"]
    assert pages.count("signed in") == 1, "the browser that the reviewer may have watched went on"
    assert await world.counted(case) == 1


async def test_only_a_pause_at_the_boundary_keeps_a_session(world: World, case: str) -> None:
    await world.channel.prepare(world.job(case))
    assert case in world.channel.sessions()

    receipt = await world.channel.submit(world.job(case), allowed=(), intend=yes)
    assert isinstance(receipt, PayerReceipt)
    assert case not in world.channel.sessions()
    assert case not in world.ledger.claims

    await world.channel.read_status(world.job(case), reference_number=receipt.reference_number)
    assert case not in world.channel.sessions()


async def test_a_slow_payer_is_waited_for(world: World, case: str) -> None:
    await world.told(faults=[{"at": "submit", "kind": "delay", "times": 1, "seconds": 6}])
    await world.channel.prepare(world.job(case))
    world.session(case).page.context.set_default_timeout(3000)

    assert isinstance(await world.channel.submit(world.job(case), allowed=(), intend=yes), PayerReceipt)
    assert await world.counted(case) == 1


async def test_a_button_that_cannot_be_pressed_is_known_not_to_have_been_sent(world: World, case: str) -> None:
    async def yes_but_the_button_goes() -> bool:
        await world.session(case).page.evaluate("() => document.querySelector('button.final').remove()")
        return True

    await world.channel.prepare(world.job(case))
    world.session(case).page.context.set_default_timeout(3000)

    assert await world.channel.submit(world.job(case), allowed=(), intend=yes_but_the_button_goes) == NotSent()
    assert await world.counted(case) == 0


async def test_draft_cannot_be_rewritten_between_reading_and_sending(world: World, case: str) -> None:
    written: list[int] = []

    async def yes_while_a_script_writes() -> bool:
        written.append(await world.session(case).page.evaluate(REWRITES[world.portal]))
        return True

    await world.channel.prepare(world.job(case))

    assert isinstance(
        await world.channel.submit(world.job(case), allowed=(), intend=yes_while_a_script_writes), PayerReceipt
    )
    assert written == [403]
    assert await world.counted(case) == 1


async def test_page_that_opens_anothers_draft_shows_its_reviewer_nothing(world: World, case: str) -> None:
    another = f"{case}_another"
    await world.channel.prepare(world.job(another))
    await world.channel.prepare(world.job(case))
    address = world.session(another).page.url
    await world.session(case).page.evaluate("address => history.replaceState(null, '', address)", address)

    with pytest.raises(ChannelFault) as fault:
        await world.channel.submit(world.job(case), allowed=(), intend=yes)

    assert fault.value.code == "draft_of_another_case"
    assert await world.counted(another) == 0
    await world.channel.let_go(another)


async def test_foreign_submission_is_refused_and_ends_the_session(world: World, case: str) -> None:
    async def yes_while_a_script_aims_elsewhere() -> bool:
        await world.session(case).page.evaluate(AIMS_ELSEWHERE[world.portal])
        return True

    await world.channel.prepare(world.job(case))

    outcome = await world.channel.submit(world.job(case), allowed=(), intend=yes_while_a_script_aims_elsewhere)

    assert outcome == ForeignSubmission()
    assert await world.counted(case) == 0
    assert case not in world.channel.sessions()
    (noted,) = await world.ledger.until_noted("foreign_submission_refused")
    assert set(noted) == {"method", "origin", "reason"}
    assert await world.ledger.until_noted("session_ended") == [{"cause": "foreign_submission_refused"}]


async def test_receipt_that_the_page_invents_is_not_sent(world: World, case: str) -> None:
    async def yes_while_a_script_invents() -> bool:
        await world.session(case).page.evaluate(INVENTS_A_RECEIPT[world.portal])
        return True

    await world.channel.prepare(world.job(case))
    world.session(case).page.context.set_default_timeout(3000)

    assert await world.channel.submit(world.job(case), allowed=(), intend=yes_while_a_script_invents) == NotSent()
    assert await world.counted(case) == 0


async def test_evidence_that_names_another_member_is_a_mismatch(world: World, case: str) -> None:
    job = world.job(case)
    receipt = await world.channel.submit(job, allowed=(), intend=yes)
    assert isinstance(receipt, PayerReceipt)
    other = replace(job, sent=Package((("Member ID", "LKS999999999"),), ()))

    found = await world.channel.read_status(other, reference_number=receipt.reference_number)

    assert isinstance(found, EvidenceMismatch)
    assert ("Member ID", "LKS999999999") in found.approved
    assert found.receipt == receipt
    assert case in world.channel.sessions(), "a person is to look"
    accepting = replace(other, accepted_evidence=found.shown)
    assert isinstance(await world.channel.find(accepting), PayerReceipt)


async def test_a_search_that_fails_proves_no_absence(world: World, case: str) -> None:
    # As often as the channel and its gate try a search.
    await world.told(faults=[{"at": "requests", "kind": "error", "times": 9}])
    job = world.job(case)
    await world.channel.submit(job, allowed=(), intend=yes)

    with pytest.raises(ChannelFault):
        await world.channel.find(job)
    assert isinstance(await world.channel.find(job), PayerReceipt)


async def test_a_job_whose_session_is_gone_is_prepared_anew_and_submitted(world: World, case: str) -> None:
    await world.channel.prepare(world.job(case))
    await world.channel.let_go(case)

    assert isinstance(await world.channel.submit(world.job(case), allowed=(), intend=yes), PayerReceipt)
    assert await world.counted(case) == 1


async def test_a_job_that_was_rewritten_meanwhile_is_prepared_anew(world: World, case: str) -> None:
    job = world.job(case)
    await world.channel.prepare(job)
    rewritten = replace(job, answers=_with(job.answers, said("service.units", 3)))

    assert isinstance(await world.channel.submit(rewritten, allowed=(), intend=yes), PayerReceipt)
    assert await world.counted(case) == 1


async def test_without_the_engines_yes_nothing_is_sent(world: World, case: str) -> None:
    assert await world.channel.submit(world.job(case), allowed=(), intend=no) == Withheld()
    assert await world.counted(case) == 0


@pytest.mark.parametrize("kind", ["reset", "close"])
async def test_an_answer_that_is_lost_leaves_one_submission_which_is_found(world: World, case: str, kind: str) -> None:
    await world.told(faults=[{"at": "submit_response", "kind": kind, "times": 5}])
    job = world.job(case)

    assert await world.channel.submit(job, allowed=(), intend=yes) == Unresolved()
    assert await world.counted(case) == 1

    found = await world.channel.find(job)
    assert isinstance(found, PayerReceipt)
    assert await world.counted(case) == 1


async def test_a_submission_that_the_payer_refused_is_absent(world: World, case: str) -> None:
    await world.told(faults=[{"at": "submit", "kind": "error", "times": 1}])
    job = world.job(case)

    assert await world.channel.submit(job, allowed=(), intend=yes) == Unresolved()
    assert await world.channel.find(job) == Absent()
    assert await world.counted(case) == 0
    assert case not in world.ledger.answered


async def test_what_the_payer_answered_well_and_does_not_show_is_for_a_person(world: World, case: str) -> None:
    found = await world.channel.find(replace(world.job(case), needs_person=True))

    assert isinstance(found, HumanNeeded)
    assert found.reason is OfferReason.SUBMISSION_UNRESOLVED
    assert world.session(case).held_until is not None


async def test_evidence_of_another_case_is_never_adopted(world: World, case: str) -> None:
    receipt = await world.channel.submit(world.job(case), allowed=(), intend=yes)
    assert isinstance(receipt, PayerReceipt)

    other = world.job(f"{case}_other")
    assert await world.channel.find(other) == Absent()
    with pytest.raises(ChannelFault) as fault:
        await world.channel.read_status(other, reference_number=receipt.reference_number)
    assert fault.value.code == "evidence_of_another_case"


async def test_a_status_is_pending_and_then_decided(world: World, case: str) -> None:
    await world.told(decision=None)
    job = world.job(case)
    receipt = await world.channel.submit(job, allowed=(), intend=yes)
    assert isinstance(receipt, PayerReceipt)
    assert await world.channel.read_status(job, reference_number=receipt.reference_number) == Pending()

    decision = {"outcome": "approved", "afterSeconds": 0, "units": 1, "validDays": 90, "message": "Approved."}
    await world.told(decision=decision)
    decided = await world.channel.read_status(job, reference_number=receipt.reference_number)

    assert isinstance(decided, Decision)
    assert decided.outcome is Outcome.APPROVED
    assert (decided.approved_units, decided.effective_from) == (1, world.plan.starts)
    assert decided.authorization_number


async def test_a_member_that_the_payer_does_not_know_is_refused(world: World, case: str) -> None:
    job = world.job(case)
    stranger = replace(job, answers=_with(job.answers, said("patient.memberId", "LKS999999999")))

    refused = await world.channel.prepare(stranger)
    assert isinstance(refused, Refused)
    assert refused.code == "member_not_found"


async def test_a_value_that_the_payer_rejects_is_an_issue_on_its_field(world: World, case: str) -> None:
    job = world.job(case)
    wrong = replace(job, answers=_with(job.answers, said(world.plan.weeks, 900)))

    rejected = await world.channel.prepare(wrong)
    assert isinstance(rejected, Rejected)
    assert [issue.field for issue in rejected.issues] == [world.plan.weeks]


async def test_a_page_that_shows_another_value_is_never_submitted_unapproved(world: World, case: str) -> None:
    twist = {"at": "review", "kind": "change_value", "times": 9, "field": world.plan.quantity, "value": "7"}
    await world.told(faults=[twist])
    job = world.job(case)

    seen = await world.channel.submit(job, allowed=(), intend=yes)

    assert isinstance(seen, AtBoundary)
    assert [(each.field, each.expected, each.shown) for each in seen.differences] == [(world.plan.quantity, "1", "7")]
    assert await world.counted(case) == 0
    assert isinstance(await world.channel.submit(job, allowed=seen.differences, intend=yes), PayerReceipt)
    assert await world.counted(case) == 1


async def test_a_document_that_the_portal_drops_is_a_difference(world: World, case: str) -> None:
    await world.told(faults=[{"at": "documents", "kind": "drop_document", "times": 1}])

    seen = await world.channel.prepare(world.job(case))
    assert isinstance(seen, AtBoundary)
    assert [each.field for each in seen.differences] == ["Documents"]


@pytest.mark.parametrize("kind", ["error", "reset", "close", "signed_out"])
@pytest.mark.parametrize("point", ["member_search", "service", "documents", "review"])
async def test_a_portal_that_fails_on_the_way_is_a_fault_and_submits_nothing(
    world: World, case: str, point: str, kind: str
) -> None:
    await world.told(faults=[{"at": point, "kind": kind, "times": 9}])

    with pytest.raises(ChannelFault):
        await world.channel.submit(world.job(case), allowed=(), intend=yes)
    assert await world.counted(case) == 0


async def test_a_browser_that_dies_is_a_fault_and_its_claim_goes(world: World, case: str) -> None:
    await world.channel.prepare(world.job(case))
    await world.session(case).close()

    assert world.host.of(case) is None
    assert isinstance(await world.channel.submit(world.job(case), allowed=(), intend=yes), PayerReceipt)
    await world.channel.let_go(case)
    assert world.ledger.claims == {}


def _with(answers: tuple[AnswerItem, ...], changed: AnswerItem) -> tuple[AnswerItem, ...]:
    return tuple(changed if each.link_id == changed.link_id else each for each in answers)


@pytest.mark.parametrize("number", ["..", "%00", "a/../b c", "ü"])
async def test_a_reported_number_that_no_portal_understands_keeps_nobody_from_searching(
    world: World, case: str, number: str
) -> None:
    receipt = await world.channel.submit(world.job(case), allowed=(), intend=yes)

    assert await world.channel.reconcile(world.job(case), reference_number=number) == receipt


async def test_page_that_is_refused_over_and_over_fills_no_timeline(world: World, case: str) -> None:
    await world.channel.prepare(world.job(case))
    page = world.session(case).page

    refused = await page.evaluate(
        """async () => {
            const asked = [...Array(60)].map((_, n) => fetch(`/not-declared-${n}`, {method: 'POST'}));
            return (await Promise.all(asked)).filter(answer => answer.status === 403).length;
        }"""
    )

    assert refused == 60
    (first,) = await world.ledger.until_noted("request_refused")
    assert "times" not in first
    await world.channel.let_go(case)
    _, others = await world.ledger.until_noted("request_refused", times=2)
    assert others["times"] == "59"
