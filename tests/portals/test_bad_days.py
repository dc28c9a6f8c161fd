"""Payers' bad days as the portal channel lives through them: pages that kill the browser, portals that are down."""

import hashlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from priorauth.channels.contract import AtBoundary, ChannelFault
from tests.factories.channels import PortalWorld, portal_world
from tests.factories.jobs import job_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path_factory.mktemp("portal")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def case(world: PortalWorld, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A case of the test's own, whose session ends with it."""
    name = f"auth_{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    world.ledger.forget()
    yield name
    await world.channel.let_go(name)


async def test_a_page_that_kills_the_browser_costs_one_try(world: PortalWorld, case: str) -> None:
    job = job_of("session_lost", case=case, documents=False)

    with pytest.raises(ChannelFault) as fault:
        await world.channel.prepare(job)
    assert fault.value.code == "portal_unreachable", "the page is gone, and not just another one than expected"
    assert (await world.ledger.until_noted("portal_page", times=4))[-1] == {"page": "clinical information"}
    await world.ledger.until_released(case)

    assert await world.channel.prepare(job) == AtBoundary(differences=())
