"""Browser sessions: what a host promises when processes die, when too many are held, and when it is shut down."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Error as PlaywrightError

from priorauth.channels.contract import ChannelFault
from priorauth.channels.portals.chromium import find_chromium
from priorauth.channels.portals.larkspur.portal import LarkspurPortal
from priorauth.channels.portals.session import PortalSession
from priorauth.channels.portals.sessions import SessionHost, SessionSettings
from priorauth.channels.portals.submit_guard import refusals
from priorauth.domain.errors import TemporarilyUnavailable
from priorauth.formats.documents.inspection import close_resting
from tests.factories.channels import Remembering
from tests.factories.jobs import job_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found through /proc"),
]

PORTAL = "http://127.0.0.1:8180"
ELSEWHERE = "http://127.0.0.1:8999"
PATIENCE = 20.0


# --- processes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Process:
    """A process below this one; its handle means no other one, even when the number is given out again."""

    pid: int
    parent: int
    command: str
    handle: int

    def kill(self) -> None:
        """End it as a crash would."""
        signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def has_ended(self, *, within: float) -> bool:
        """Wait for its end."""
        return bool(select.select([self.handle], [], [], within)[0])


class Processes:
    """What runs below this process. Handles stay open until the end of the test."""

    def __init__(self) -> None:
        self._known: list[Process] = []

    def below(self) -> list[Process]:
        """Return every process that runs below this one, children's children too."""
        found = [process for below in _below(os.getpid()) if (process := _opened(*below)) is not None]
        self._known += found
        return found

    def drivers(self) -> list[Process]:
        """Return the Playwright drivers."""
        return [each for each in self.below() if "playwright" in each.command and "run-driver" in each.command]

    def browsers(self) -> list[Process]:
        """Return the browsers: of each one its main process. Some are started by a shell with the same arguments."""
        found = [each for each in self.below() if "--proxy-server=" in each.command and "--type=" not in each.command]
        starters = {each.parent for each in found}
        return [each for each in found if each.pid not in starters]

    def close(self) -> None:
        """Let go of the handles."""
        for process in self._known:
            os.close(process.handle)


def _below(pid: int) -> Iterable[tuple[int, int]]:
    """Yield every process below `pid`, with its parent."""
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in tasks.read_text().split()]
        except OSError:
            continue
        for child in children:
            yield child, pid
            yield from _below(child)


def _opened(pid: int, parent: int) -> Process | None:
    try:
        handle = os.pidfd_open(pid)
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return None
    return Process(pid, parent, command, handle)


async def ended(*processes: Process) -> bool:
    """Wait until all of these have ended; False when one of them stays."""
    for process in processes:
        if not await asyncio.to_thread(process.has_ended, within=PATIENCE):
            return False
    return True


@pytest.fixture
def processes() -> Iterable[Processes]:
    """The processes of this test: what ran before it is not among them."""
    found = Processes()
    # Whoever completed a file in this process has left the one that judges documents, for the next file.
    close_resting()
    assert found.below() == [], "another test has left processes behind"
    yield found
    found.close()


# --- hosts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """A host, and the ledger that it writes to."""

    host: SessionHost
    ledger: Remembering

    async def open(self, case: str) -> PortalSession:
        """Open the session of a case; no portal is there yet."""
        boundary = LarkspurPortal().boundary(PORTAL)
        return await self.host.open(job_of("approved_after_review", case=case), boundary=boundary)

    async def hold(self, *some: str) -> None:
        """Open the sessions of cases and hold them, one after the other."""
        for case in some:
            await self.host.hold(await self.open(case))


@asynccontextmanager
async def hosting(
    *, held_at_most: int = 8, claim_seconds: float = 15.0, chromium: Path | None = None
) -> AsyncIterator[World]:
    """Run a host."""
    ledger = Remembering()
    settings = SessionSettings(
        worker="worker_test",
        chromium=chromium,
        sandbox="auto",
        held_at_most=held_at_most,
        claim_seconds=claim_seconds,
    )
    host = SessionHost(settings, ledger)
    try:
        yield World(host, ledger)
    finally:
        await host.shut_down()


async def until(session: PortalSession, *, act: Callable[[], None]) -> None:
    """Act, and wait until Playwright knows that the session's browser is gone."""
    browser = session.page.context.browser
    assert browser is not None
    gone = asyncio.Event()
    browser.once("disconnected", lambda _: gone.set())
    act()
    async with asyncio.timeout(PATIENCE):
        await gone.wait()


# --- what dies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("busy", [True, False], ids=["with a session", "with none"])
async def test_a_driver_that_was_killed_is_replaced(processes: Processes, busy: bool) -> None:
    async with hosting() as world, asyncio.timeout(3 * PATIENCE):
        await world.open("auth_1")
        if not busy:
            await world.host.close("auth_1")
        (driver,) = processes.drivers()
        browsers = processes.browsers()
        driver.kill()
        assert await ended(driver, *browsers), "without its driver a browser has no master"

        with suppress(ChannelFault):
            await world.open("auth_2")
        assert (world.host.of("auth_2") is not None) == ("auth_2" in world.ledger.claims)

        again = await world.open("auth_3")
        assert world.host.of("auth_3") is again
        assert await again.page.evaluate("() => 1 + 1") == 2
        assert world.host.of("auth_1") is None
        (replacement,) = processes.drivers()
        assert replacement.pid != driver.pid

        assert "auth_1" not in world.ledger.claims


async def test_the_case_whose_driver_was_killed_gets_a_new_session(processes: Processes) -> None:
    async with hosting() as world, asyncio.timeout(3 * PATIENCE):
        await world.open("auth_1")
        (driver,) = processes.drivers()
        driver.kill()
        assert await ended(driver)

        try:
            session = await world.open("auth_1")
        except ChannelFault:
            session = await world.open("auth_1")

        assert world.host.of("auth_1") is session
        assert world.ledger.claims["auth_1"] == session.claim


async def test_a_host_whose_driver_was_killed_shuts_down(processes: Processes) -> None:
    async with asyncio.timeout(2 * PATIENCE):
        async with hosting() as world:
            await world.hold("auth_1", "auth_2")
            (driver,) = processes.drivers()
            everything = processes.below()
            driver.kill()

        assert await ended(*everything)
        assert world.ledger.claims == {}


async def test_a_session_whose_browser_was_killed_is_gone(processes: Processes) -> None:
    async with hosting() as world:
        session = await world.open("auth_1")
        (browser,) = processes.browsers()
        assert world.host.of("auth_1") is session

        await until(session, act=browser.kill)

        assert world.host.of("auth_1") is None
        with pytest.raises(PlaywrightError):
            await session.page.evaluate("() => 1")
        again = await world.open("auth_1")
        assert world.host.of("auth_1") is again
        assert world.ledger.claims["auth_1"].session_id == again.claim.session_id


async def test_a_killed_browser_takes_no_other_session_with_it(processes: Processes) -> None:
    async with hosting() as world:
        first = await world.open("auth_1")
        (browser,) = processes.browsers()
        second = await world.open("auth_2")

        await until(first, act=browser.kill)

        assert world.host.of("auth_2") is second
        assert await second.page.evaluate("() => 1 + 1") == 2


async def test_a_browser_that_does_not_start_takes_no_other_session_with_it(tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.write_text(f'#!/bin/sh\nexec "{find_chromium()}" "$@"\n')
    program.chmod(0o755)
    async with hosting(chromium=program) as world:
        first = await world.open("auth_1")
        program.write_text("#!/bin/sh\nexit 1\n")

        with pytest.raises(ChannelFault) as fault:
            await world.open("auth_2")

        assert fault.value.code == "browser_failed"
        assert world.host.of("auth_2") is None
        assert world.host.of("auth_1") is first
        assert await first.page.evaluate("() => 1 + 1") == 2
        assert set(world.ledger.claims) == {"auth_1"}


async def test_the_claim_of_a_killed_browser_is_let_go_by_itself(processes: Processes) -> None:
    async with hosting(claim_seconds=0.3) as world:
        released = asyncio.Event()
        release = world.ledger.release

        async def watched(*, authorization_id: str, session_id: str, cause: str | None = None) -> None:
            await release(authorization_id=authorization_id, session_id=session_id, cause=cause)
            released.set()

        world.ledger.release = watched  # type: ignore[method-assign]
        session = await world.open("auth_1")
        (browser,) = processes.browsers()

        await until(session, act=browser.kill)

        async with asyncio.timeout(PATIENCE):
            await released.wait()
        assert world.ledger.claims == {}
        assert world.host.sessions() == ()


async def test_a_session_that_ends_while_nothing_can_be_written_down_leaves_no_browser_and_in_the_end_no_claim(
    processes: Processes,
) -> None:
    async with hosting(claim_seconds=0.3) as world:
        released, release = asyncio.Event(), world.ledger.release
        outage = [TemporarilyUnavailable(), TemporarilyUnavailable()]

        async def unsteady(*, authorization_id: str, session_id: str, cause: str | None = None) -> None:
            if outage:
                raise outage.pop()
            await release(authorization_id=authorization_id, session_id=session_id, cause=cause)
            released.set()

        world.ledger.release = unsteady  # type: ignore[method-assign]
        await world.open("auth_1")
        browsers = processes.browsers()

        await world.host.close("auth_1")

        assert await ended(*browsers)
        async with asyncio.timeout(PATIENCE):
            await released.wait()
        assert world.ledger.claims == {}


# --- what is held ----------------------------------------------------------------------------------------------------


async def test_of_too_many_that_are_held_the_oldest_ends(processes: Processes) -> None:
    async with hosting(held_at_most=2) as world:
        await world.hold("auth_1")
        oldest = processes.browsers()
        await world.hold("auth_2")
        assert set(world.host.sessions()) == {"auth_1", "auth_2"}

        await world.hold("auth_3")

        assert set(world.host.sessions()) == set(world.ledger.claims) == {"auth_2", "auth_3"}
        assert world.host.of("auth_1") is None
        assert await ended(*oldest)
        assert len(processes.browsers()) == 2


async def test_a_session_that_is_worked_with_is_not_among_the_held() -> None:
    async with hosting(held_at_most=1) as world:
        working = await world.open("auth_1")
        await world.hold("auth_2", "auth_3")

        assert set(world.host.sessions()) == {"auth_1", "auth_3"}
        assert world.host.of("auth_1") is working


async def test_holding_again_makes_a_session_the_youngest() -> None:
    async with hosting(held_at_most=2) as world:
        await world.hold("auth_1", "auth_2")
        first = world.host.of("auth_1")
        assert first is not None

        await world.host.hold(first)
        await world.hold("auth_3")

        assert set(world.host.sessions()) == {"auth_1", "auth_3"}


async def test_nobody_loses_the_session_in_hand_to_those_that_only_wait() -> None:
    async with hosting(held_at_most=2) as world:
        await world.hold("auth_1")
        acting = world.host.of("auth_1")
        assert acting is not None
        acting.screen.hand_over(may_submit=True)

        await world.hold("auth_2", "auth_3")

        assert set(world.host.sessions()) == {"auth_1", "auth_3"}
        assert world.host.of("auth_1") is acting


# --- what is left ----------------------------------------------------------------------------------------------------


async def test_after_the_shutdown_nothing_runs(processes: Processes) -> None:
    async with hosting() as world:
        await world.hold("auth_1")
        await world.open("auth_2")
        running = processes.below()
        assert len(processes.browsers()) == 2

        await world.host.shut_down()

        assert await ended(*running)
        assert processes.below() == []
        assert (world.ledger.claims, world.host.sessions()) == ({}, ())


async def test_closing_a_session_leaves_nothing_of_its_browser(processes: Processes) -> None:
    async with hosting() as world:
        await world.open("auth_1")
        (driver,) = processes.drivers()
        browser = [each for each in processes.below() if each.pid != driver.pid]

        await world.host.close("auth_1")

        assert browser
        assert await ended(*browser)
        assert [each.pid for each in processes.below()] == [driver.pid]


# --- what is refused -------------------------------------------------------------------------------------------------


async def test_a_refusal_is_noted_with_its_origin_and_without_its_path() -> None:
    async with hosting() as world:
        session = await world.open("auth_1")
        secret = "LKS100000003"
        await session.page.goto(f"{ELSEWHERE}/members/{secret};v={secret}?member={secret}#{secret}")

        (noted,) = await world.ledger.until_noted("request_refused")
        assert noted == {"method": "GET", "origin": ELSEWHERE, "reason": "foreign_host"}
        assert secret not in repr(world.ledger.noted)
        assert {case for case, _, _ in world.ledger.noted} == {"auth_1"}


async def test_a_page_that_goes_on_and_on_ends_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "FLOOD", 20)
    async with hosting() as world:
        session = await world.open("auth_1")
        with suppress(PlaywrightError):
            await session.page.evaluate(
                "address => Promise.all([...Array(40)].map(() => fetch(address, {mode: 'no-cors'})))", ELSEWHERE
            )

        (noted,) = await world.ledger.until_noted("session_ended")
        assert noted == {"cause": "request_flood"}
        assert world.ledger.claims == {}
        assert world.host.of("auth_1") is None
