"""A portal that takes its time to answer the final request: until then nothing of the session is written to it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from priorauth.channels.contract import HumanNeeded
from priorauth.channels.portals.guard import PermitState
from priorauth.domain.submissions import PayerReceipt
from priorauth.sandbox.larkspur.records import Records
from tests.factories.channels import PortalWorld, portal_world, taken_by_a_person
from tests.factories.jobs import job_of
from tests.factories.offices import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

AUTOMATIC, BY_PERSON = "approved_after_review", "handoff_review_backed"
SLOW = {"at": "submit", "kind": "delay", "seconds": 2}
NO_SEARCH = {"at": "requests", "kind": "error", "times": 99}
# The page sends the final request itself, goes elsewhere before the answer, and keeps rewriting the draft.
HOSTILE = """async () => {
    const service = location.pathname.replace('review', 'service'), opened = window.open(service);
    await new Promise(done => opened.addEventListener('load', done));
    const body = new URLSearchParams(new FormData(opened.document.querySelector('form.box')));
    body.set('units', '9');
    opened.close();
    addEventListener('click', event => {
        const form = event.target.closest('button.final')?.closest('form');
        if (!form) return;
        event.preventDefault();
        fetch(form.action, {method: 'POST', body: new URLSearchParams(new FormData(form)), redirect: 'manual'});
        setTimeout(() => history.pushState({}, '', '/home'), 300);
        setInterval(() => fetch(service, {method: 'POST', body, redirect: 'manual'}).catch(() => 0), 50);
    }, true);
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path_factory.mktemp("portal")) as running:
        yield running


async def test_a_page_that_leaves_early_rewrites_nothing_before_the_answer(
    world: PortalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.tell(AUTOMATIC, faults=[SLOW, NO_SEARCH])
    job = job_of(AUTOMATIC, case="auth_hostile")
    await world.channel.prepare(job)
    session, save = world.session("auth_hostile"), Records.save_service
    saved_in: list[PermitState] = []

    def saves(self: Records, *args: Any, **named: Any) -> Any:
        saved_in.append(session.guard.state)
        return save(self, *args, **named)

    async def intend() -> bool:
        await session.page.evaluate(HOSTILE)
        return True

    monkeypatch.setattr(Records, "save_service", saves)
    receipt = await world.channel.submit(job, allowed=(), intend=intend)

    assert isinstance(receipt, PayerReceipt), "the portal's answer says where it is, whatever page is open"
    assert "auth_hostile" in world.ledger.answered
    assert session.guard.state is PermitState.ANSWERED
    assert PermitState.SENDING not in saved_in
    await world.channel.let_go("auth_hostile")


async def test_a_persons_request_that_is_under_way_is_waited_for(world: PortalWorld) -> None:
    await world.tell(BY_PERSON, faults=[SLOW])
    job = job_of(BY_PERSON, case="auth_person")
    assert isinstance(await world.channel.prepare(job), HumanNeeded)
    session = world.session("auth_person")
    await taken_by_a_person(session)
    await session.page.get_by_role("button", name="Submit request").click(no_wait_after=True)
    await until(lambda: session.guard.state is PermitState.SENDING)

    found = await world.channel.reconcile(job, reference_number=None)

    assert isinstance(found, PayerReceipt)
    assert await world.counted("auth_person") == 1
