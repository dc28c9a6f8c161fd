"""Payers' bad days as the portal channel lives through them: pages that kill the browser, portals that are down."""

import hashlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from priorauth.channels.contract import AtBoundary, ChannelFault, Discovered, HumanNeeded, PayerOutOfReach
from priorauth.channels.portals.channel import PortalChannel
from priorauth.channels.portals.entrance import Entrance
from priorauth.domain.handoffs import OfferReason
from tests.factories.channels import ADAPTERS, PortalWorld, portal_world
from tests.factories.jobs import Documents, job_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


SCENARIOS = {"larkspur": "approved_after_review", "juniper": "juniper_approved_after_review"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SCENARIOS)
async def either(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path_factory.mktemp("portal"), portal=request.param) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path_factory.mktemp("portal")) as running:
        yield running


@pytest.fixture
def case(request: pytest.FixtureRequest) -> str:
    """A case of the test's own."""
    return f"auth_{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"


async def test_a_page_that_kills_the_browser_costs_one_try(world: PortalWorld, case: str) -> None:
    job = job_of("session_lost", case=case, documents=False)

    with pytest.raises(ChannelFault) as fault:
        await world.channel.prepare(job)
    assert fault.value.code == "browser_lost", "the page is gone, and not just another one than expected"
    assert (await world.ledger.until_noted("portal_page", times=4))[-1] == {"page": "clinical information"}
    await world.ledger.until_released(case)

    prepared = await world.channel.prepare(job)
    assert isinstance(prepared, AtBoundary)
    assert prepared.differences == ()
    await world.channel.let_go(case)


async def test_a_portal_that_does_not_listen_is_out_of_reach(either: PortalWorld, case: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    addresses = {either.portal: address}
    entrance = Entrance(host=either.host, adapters=ADAPTERS, credentials=either.accounts, addresses=addresses)
    channel = PortalChannel(host=either.host, entrance=entrance, documents=Documents())

    with pytest.raises(PayerOutOfReach):
        await channel.prepare(job_of(SCENARIOS[either.portal], case=case))
    with pytest.raises(PayerOutOfReach):
        await channel.find(job_of(SCENARIOS[either.portal], case=case))


@pytest.mark.parametrize("at", ["member_search", "clinical", "upload"])
async def test_a_portal_that_says_that_it_is_down_is_out_of_reach(either: PortalWorld, case: str, at: str) -> None:
    scenario = SCENARIOS[either.portal]
    await either.tell(scenario, faults=[{"at": at, "kind": "unavailable", "times": 9}])

    with pytest.raises(PayerOutOfReach):
        await either.channel.prepare(job_of(scenario, case=case))


async def test_a_portal_that_fails_in_its_own_way_is_not_out_of_reach(either: PortalWorld, case: str) -> None:
    scenario = SCENARIOS[either.portal]
    await either.tell(scenario, faults=[{"at": "clinical", "kind": "error", "times": 9}])

    with pytest.raises(ChannelFault) as fault:
        await either.channel.prepare(job_of(scenario, case=case))
    assert fault.value.code == "portal_error"


async def test_a_form_that_asks_again_what_was_answered_is_offered_to_a_human(world: PortalWorld, case: str) -> None:
    scenario = "approved_after_review"
    await world.tell(scenario, questions=[{"label": "Prior visits?", "kind": "number", "required": True}])
    job = job_of(scenario, case=case)
    asked = await world.channel.prepare(job)
    assert isinstance(asked, Discovered)
    assert world.host.of(case) is None

    # Answered under the label of that day; today the portal words it otherwise.
    answered = replace(asked.items[0], text="Prior visits")
    questionnaire = replace(job.questionnaires[0], id="discovered", item=(answered,))
    again = await world.channel.prepare(replace(job, questionnaires=(*job.questionnaires, questionnaire)))

    assert isinstance(again, HumanNeeded)
    assert again.reason is OfferReason.UNKNOWN_PAGE
    assert world.session(case).is_up, "the human finds the form where it stands"
    await world.channel.let_go(case)
