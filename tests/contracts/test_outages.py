"""A payer that cannot be reached is waited for by time, and its portal is left alone meanwhile.

Real engine steps over a real database; whether the payer is there is told to a scripted channel.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from priorauth.channels.contract import (
    Absent,
    AccountInUse,
    AtBoundary,
    ChannelFault,
    CredentialSuspended,
    HumanNeeded,
    PayerOutOfReach,
    Pending,
    SignInRefused,
    SignInsExhausted,
)
from priorauth.domain import interactions, processing
from priorauth.domain.authorizations import Authorization
from priorauth.domain.handoffs import HandoffResult, OfferReason, Report, ReportedOutcome
from priorauth.domain.lifecycle import Status
from priorauth.domain.portals.health import DOWN_AFTER, PortalHealth
from priorauth.engine.following import Following
from priorauth.engine.processing import Processing, Verdict
from priorauth.engine.retries import Bounds, Retries
from priorauth.store.transaction import Transaction
from tests.factories import cases
from tests.factories.claims import claims_of
from tests.factories.databases import Home
from tests.factories.moments import Clock
from tests.factories.scripted import ScriptedChannel

Build = Callable[[Clock], Authorization]
PATIENCE = timedelta(hours=72)


@dataclass
class World:
    """The engine's steps over one database, a channel, and the cases that a test puts there."""

    home: Home
    channel: ScriptedChannel

    def stored(self, build: Build) -> str:
        """Store a case, and return its id."""
        organization_id, payer_version = self.home.caller.organization_id, self.home.payer_version
        case = replace(
            build(self.home.clock),
            organization_id=organization_id,
            payer_version=payer_version,
            attachments=(),
        )
        self.home.database.write_now(lambda tx: tx.authorizations.add(case))
        return case.id

    def case(self, case_id: str) -> Authorization:
        found = self.home.database.read_now(lambda tx: tx.authorizations.get(case_id))
        assert found is not None
        return found

    async def advance(self, case_id: str) -> str:
        return await self._processing().advance(case_id, *self._place(case_id))

    async def settle(self, case_id: str) -> str:
        return await self._processing().settle(case_id, *self._place(case_id))

    async def look(self, case_id: str) -> str:
        database, present = self.home.database, self.home.clock.moment
        following = Following(database=database, channels={"portal": self.channel}, present=present)
        return await following.look(case_id, *self._place(case_id))

    def health(self) -> PortalHealth:
        """What is known of the only portal."""
        (found,) = self.home.database.read_now(lambda tx: tx.portal_health.all())
        return found

    def told(self, case_id: str) -> list[str]:
        """What the case's timeline says, oldest first."""

        def operation(tx: Transaction) -> list[str]:
            return [entry.type for entry in tx.timeline.page(case_id, before=None, limit=100)][::-1]

        return self.home.database.read_now(operation)

    def _place(self, case_id: str) -> tuple[int, int]:
        journal = self.case(case_id).journal
        return journal.run, journal.turn

    def _processing(self) -> Processing:
        database, present = self.home.database, self.home.clock.moment
        retries = Retries(database, present, Bounds(at_most=2, outage_patience=PATIENCE))
        return Processing(
            database=database,
            claims=claims_of(self.home),
            channels={"portal": self.channel},
            present=present,
            retries=retries,
        )


@pytest.fixture
def world(home: Home) -> World:
    """A payer that is out of reach."""
    return World(home, ScriptedChannel(fault=PayerOutOfReach()))


async def test_an_outage_is_waited_out_by_time_and_not_by_count(world: World) -> None:
    case = world.stored(cases.approved)
    for _ in range(12):
        assert await world.advance(case) == Verdict.AGAIN
        world.home.clock.moment(later=3600)

    assert (world.case(case).status, world.case(case).journal.faults) == (Status.PROCESSING, 0)
    assert world.told(case).count("payer_out_of_reach") == 1

    world.channel.fault, world.channel.preparation = None, AtBoundary(())
    world.channel.submission = cases.receipt(world.home.clock)
    assert await world.advance(case) == Verdict.ENDED
    assert world.case(case).status is Status.WAITING_ON_PAYER
    assert world.told(case).count("payer_reached") == 1
    assert world.case(case).journal.outage is None


async def test_an_outage_beyond_all_patience_fails_the_case_with_the_reason(world: World) -> None:
    case = world.stored(cases.approved)
    await world.advance(case)
    world.home.clock.moment(later=PATIENCE.total_seconds() - 1)
    await world.advance(case)
    assert world.case(case).status is Status.PROCESSING

    world.home.clock.moment(later=1)
    await world.advance(case)

    failed = world.case(case)
    assert failed.status is Status.COMPLETED
    assert failed.status_reason is not None
    assert failed.status_reason.code == "portal_unavailable"


async def test_what_may_have_been_submitted_is_never_called_unsubmitted(world: World) -> None:
    case = world.stored(cases.attempted)
    await world.settle(case)
    world.home.clock.moment(later=PATIENCE.total_seconds())
    await world.settle(case)

    failed = world.case(case)
    assert failed.status_reason is not None
    assert failed.status_reason.code == "submission_unresolved"


async def test_other_faults_stay_bounded_by_count(world: World) -> None:
    case = world.stored(cases.approved)
    world.channel.fault = ChannelFault("unexpected_page", "The portal showed another page.")
    for _ in range(3):
        await world.advance(case)
    failed = world.case(case)
    assert failed.status_reason is not None
    assert failed.status_reason.code == "unexpected_page"
    assert (world.health().faults, world.health().last_fault, world.health().down_since) == (3, "unexpected_page", None)


async def test_a_portal_that_is_down_is_tried_by_one_case_at_a_time(world: World) -> None:
    first, second, attempted = world.stored(cases.approved), world.stored(cases.approved), world.stored(cases.attempted)
    for _ in range(DOWN_AFTER):
        await world.advance(first)
    began = world.health().down_since
    assert began is not None
    assert len(world.channel.asked) == DOWN_AFTER

    assert await world.advance(second) == Verdict.AGAIN
    assert await world.settle(attempted) == Verdict.AGAIN
    assert len(world.channel.asked) == DOWN_AFTER, "nobody asked a portal that is known to be down"
    assert world.told(second)[-1] == "payer_out_of_reach"

    world.home.clock.moment(later=1)
    await world.advance(second)
    await world.settle(attempted)
    assert world.channel.asked[DOWN_AFTER:] == ["submit"], "one tries it for all"
    assert world.health().down_since == began

    world.home.clock.moment(later=60)
    world.channel.fault, world.channel.found = None, Absent()
    await world.settle(attempted)
    assert (world.health().down_since, world.health().outages) == (None, 0)
    world.channel.submission = cases.receipt(world.home.clock)
    assert await world.advance(first) == Verdict.ENDED
    assert await world.advance(second) == Verdict.ENDED


async def test_the_status_of_a_case_is_not_read_at_a_portal_that_is_down(world: World) -> None:
    processing, submitted = world.stored(cases.approved), world.stored(cases.submitted)
    world.channel.status = Pending()
    for _ in range(DOWN_AFTER):
        await world.advance(processing)

    assert await world.look(submitted) == Verdict.AGAIN
    assert "read_status" not in world.channel.asked
    assert world.case(submitted).status is Status.WAITING_ON_PAYER


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (SignInRefused(), "credential_suspended"),
        (CredentialSuspended(), "credential_suspended"),
        (SignInsExhausted(), "sign_ins_exhausted"),
    ],
)
async def test_an_account_that_may_not_sign_in_is_waited_for_as_in_an_outage(
    world: World, fault: ChannelFault, code: str
) -> None:
    case, submitted = world.stored(cases.approved), world.stored(cases.attempted)
    world.channel.fault = fault
    for _ in range(12):
        assert await world.advance(case) == Verdict.AGAIN
        assert await world.settle(submitted) == Verdict.AGAIN
        world.home.clock.moment(later=3600)

    assert (world.case(case).status, world.case(case).journal.faults) == (Status.PROCESSING, 0)
    assert world.told(case).count("sign_in_awaited") == 1
    assert "payer_out_of_reach" not in world.told(case)
    assert world.home.database.read_now(lambda tx: tx.portal_health.all()) == [], "nothing of it is the portal's fault"

    world.home.clock.moment(later=PATIENCE.total_seconds())
    await world.advance(case)
    await world.settle(submitted)
    ended = [world.case(each).status_reason for each in (case, submitted)]
    assert [each.code for each in ended if each is not None] == [code, "submission_unresolved"]


async def test_a_case_whose_account_may_sign_in_again_goes_on(world: World) -> None:
    case = world.stored(cases.approved)
    world.channel.fault = CredentialSuspended()
    await world.advance(case)

    world.channel.fault, world.channel.submission = None, cases.receipt(world.home.clock)
    assert await world.advance(case) == Verdict.ENDED
    assert world.case(case).status is Status.WAITING_ON_PAYER
    assert world.case(case).journal.outage is None


@pytest.mark.parametrize("fault", [AccountInUse(), SignInRefused(), CredentialSuspended(), SignInsExhausted()], ids=str)
async def test_a_look_for_which_the_account_may_not_sign_in_brings_nothing_new(
    world: World, fault: ChannelFault
) -> None:
    case = world.stored(cases.submitted)
    before, world.channel.fault = world.told(case), fault

    assert await world.look(case) == Verdict.AGAIN

    assert world.case(case).status is Status.WAITING_ON_PAYER
    assert world.told(case) == before
    assert world.home.database.read_now(lambda tx: tx.portal_health.all()) == []


async def test_nobody_is_asked_to_sign_in_more_than_once_a_day_merely_to_read_a_status(world: World) -> None:
    def helped(clock: Clock) -> Authorization:
        """The payer has it, after a human had signed in."""
        report = Report(result=HandoffResult.COMPLETED_REPORTED, outcome=ReportedOutcome.SIGNED_IN)
        back = interactions.go_on(cases.given_back(clock, report), clock.moment())
        return processing.record_receipt(back, clock.moment(), receipt=cases.receipt(clock))

    case = world.stored(helped)
    world.channel.fault, world.channel.status = None, HumanNeeded(OfferReason.SIGN_IN, "Sign in.")

    assert await world.look(case) == Verdict.AGAIN
    assert world.case(case).status is Status.WAITING_ON_PAYER
    assert world.channel.let_gone == [case], "nobody waits in the browser"

    world.home.clock.moment(later=86_400)
    assert await world.look(case) == Verdict.ENDED
    assert world.case(case).status is Status.REQUIRES_ACTION


async def test_who_was_never_asked_is_asked_to_sign_in_at_once(world: World) -> None:
    case = world.stored(cases.submitted)
    world.channel.fault, world.channel.status = None, HumanNeeded(OfferReason.SIGN_IN, "Sign in.")
    assert await world.look(case) == Verdict.ENDED
    assert world.case(case).status is Status.REQUIRES_ACTION
