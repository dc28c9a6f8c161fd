"""Browser sessions: one browser per case, behind its own gate, under a claim that its host keeps renewing.

The host promises that a session's browser has no road but its gate, that the guard is armed before the first page,
and that the claim is gone before the browser is. Sessions belong to this process: when it dies, its browsers lose
their road and their driver, and end.
"""

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from opentelemetry.context import get_current
from playwright.async_api import Browser, Page, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from priorauth import faultpoints
from priorauth.channels.contract import AccountInUse, ChannelFault, Job, SessionLedger
from priorauth.channels.portals.chromium import SandboxMode, find_chromium, keeps_sandbox, launch_arguments
from priorauth.channels.portals.gate import Gate, Refusal
from priorauth.channels.portals.guard import Boundary, SubmitGuard
from priorauth.channels.portals.pages import portal_faults
from priorauth.channels.portals.screen import PortalScreen
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.errors import whereabouts
from priorauth.domain.live_sessions import BoundaryState, SessionClaim
from priorauth.faultpoints import Phase, Point
from priorauth.telemetry import traces

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """How sessions are held. Times in seconds.

    `hold_seconds`, `human_hold_seconds` and `held_at_most` bound the browsers that stay up while a human reviews, or is
    to act: how long, and how many.
    """

    worker: str
    chromium: Path | None
    sandbox: SandboxMode
    claim_seconds: float = 15.0
    page_timeout_seconds: float = 15.0
    hold_seconds: float = 900.0
    human_hold_seconds: float = 86_400.0
    held_at_most: int = 8
    screenshots: Path | None = None


class PortalSession:
    """One browser at one portal for one case."""

    def __init__(
        self, *, job: Job, browser: Browser, page: Page, gate: Gate, guard: SubmitGuard, claim: SessionClaim
    ) -> None:
        self.job = job
        self.page = page
        self.guard = guard
        self.claim = claim
        self.held_until: datetime | None = None
        # Signed in by a human, or left by one: the case goes on in this very browser.
        self.is_given_back = False
        self.has_ended = False
        self.screen = PortalScreen(context=page.context, page=page, guard=guard)
        self._browser = browser
        self._gate = gate
        self._page_since = time.time_ns()

    @property
    def is_up(self) -> bool:
        """Whether the browser still runs."""
        return not self.has_ended and self._browser.is_connected() and not self.page.is_closed()

    @property
    def is_customers(self) -> bool:
        """Whether its customer signs in in person."""
        return self.job.portal_auth_mode is PortalAuthMode.CUSTOMER_LOGIN

    @property
    def met_outage(self) -> bool:
        """Whether the portal was down for this session, since the last page that it reached."""
        return self._gate.met_outage

    def forget_outage(self) -> None:
        """The portal has shown what was expected of it."""
        self._gate.forget_outage()

    @property
    def pages(self) -> tuple[Page, ...]:
        """The open pages, the one that automation works in first."""
        others = (page for page in self.page.context.pages if page is not self.page)
        return tuple(page for page in (self.page, *others) if not page.is_closed())

    def take_up(self, job: Job) -> None:
        """Let automation have the session again: it is held no more."""
        # What is held may be ended at any moment to make room.
        self.job, self.held_until = job, None
        self._page_since = time.time_ns()

    def release(self) -> None:
        """Let the one final request pass, as a part of the work that is traced now."""
        self._gate.final_within = get_current()
        self.guard.release()

    def reached(self, page: str) -> None:
        """Put a page that was reached on the trace, and how long that took."""
        known = {traces.CASE: self.job.authorization_id, traces.PAGE: page}
        traces.point(f"portal page: {page}", known, since_ns=self._page_since)
        self._page_since = time.time_ns()

    def take_back(self) -> bool:
        """End a human's turn. True: no final request has left in it, nor will."""
        self.is_given_back = True
        return self.screen.take_back()

    @asynccontextmanager
    async def another_page(self) -> AsyncIterator[Page]:
        """Give a page beside those that are open, and close it afterwards."""
        async with portal_faults():
            page = await self.page.context.new_page()
        try:
            yield page
        finally:
            with suppress(PlaywrightError):
                await page.close()

    async def state(self) -> bytes:
        """Return what the portal has given the browser, cookies and storage, for another session to begin with."""
        async with portal_faults():
            return json.dumps(await self.page.context.storage_state()).encode()

    async def close(self) -> None:
        """End browser and gate; a browser that has died already is no fault."""
        with suppress(PlaywrightError):
            await self.screen.close()
        with suppress(PlaywrightError):
            await self._browser.close()
        await self._gate.close()


class SessionHost:
    """Holds the sessions of this process, which may submit as long as it `stands`."""

    def __init__(
        self, settings: SessionSettings, ledger: SessionLedger, *, stands: Callable[[], bool] = lambda: True
    ) -> None:
        self._settings = settings
        self._stands = stands
        self._ledger = ledger
        self._sessions: dict[str, PortalSession] = {}
        self._driver: Playwright | None = None
        self._starting = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self._pending: set[asyncio.Task[None]] = set()
        # Claims of sessions that have ended, until that is on disk.
        self._unreleased: dict[str, SessionClaim] = {}
        self._screenshots_taken = 0

    def of(self, authorization_id: str) -> PortalSession | None:
        """Return the case's session while its browser runs."""
        session = self._sessions.get(authorization_id)
        return session if session is not None and session.is_up else None

    def screen(self, authorization_id: str, *, session_id: str) -> PortalScreen | None:
        """Return the screen of a session that is up, or None."""
        session = self.of(authorization_id)
        return session.screen if session is not None and session.claim.session_id == session_id else None

    def sessions(self) -> tuple[str, ...]:
        """Return the cases that have a session."""
        return tuple(self._sessions)

    def census(self) -> Counter[str]:
        """Return how many sessions are `working`, `held`, or `in_human_hands`."""
        return Counter(
            "in_human_hands" if each.screen.is_in_hand else "held" if each.held_until is not None else "working"
            for each in self._sessions.values()
        )

    async def open(self, job: Job, *, boundary: Boundary, state: bytes | None = None) -> PortalSession:
        """Start a browser for the job, ending the case's earlier one, with the `state` of an earlier session if given.

        Raises AccountInUse where it has to wait for its account, ChannelFault when none can be started.
        """
        await self.close(job.authorization_id)
        claim = self._new_claim(job)
        if not await self._ledger.claim(claim):
            raise AccountInUse
        guard = SubmitGuard(boundary, stands=self._stands)
        gate = Gate(guard, on_refused=lambda refusal: self._note_refusal(job.authorization_id, refusal))
        proxy = await gate.start()
        try:
            await faultpoints.passing(Point.BROWSER_START, Phase.BEFORE)
            browser, page = await self._launch(proxy, pins=gate.spki_pins, state=state)
        except Exception as error:  # noqa: BLE001 - a browser that does not start is a fault of the way, whatever it says
            await gate.close()
            await self._logged(self._release(claim))
            _log.error("browser_failed", authorization_id=job.authorization_id, **whereabouts(error))
            raise ChannelFault("browser_failed", "The browser could not be started.") from None
        session = PortalSession(job=job, browser=browser, page=page, gate=gate, guard=guard, claim=claim)
        self._sessions[job.authorization_id] = session
        browser.on("disconnected", lambda _: self._lost(session))
        page.on("crash", lambda _: self._lost(session))
        await faultpoints.passing(Point.BROWSER_START, Phase.AFTER)
        # It may have been long ago.
        await self._keep_one(job.authorization_id, session)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="portal-session-keeper")
        return session

    async def mark(self, session: PortalSession, boundary: BoundaryState) -> None:
        """Say where the session stands before the final boundary."""
        if session.claim.boundary is not boundary:
            session.claim = replace(self._renewed(session.claim), boundary=boundary)
            await self._ledger.claim(session.claim)

    async def step(self, session: PortalSession, name: str) -> None:
        """Put a page reached on the timeline and, where the settings say so, keep a picture of it."""
        session.forget_outage()
        session.reached(name)
        await faultpoints.passing(Point.of_page(name), Phase.REACHED)
        await self._ledger.note(session.job.authorization_id, "portal_page", {"page": name})
        if self._settings.screenshots is not None:
            self._screenshots_taken += 1
            file = f"{self._screenshots_taken:02d}-{name.replace(' ', '-')}.png"
            with suppress(PlaywrightError):
                await session.page.screenshot(path=self._settings.screenshots / file, full_page=True)

    def take_up(self, job: Job) -> PortalSession | None:
        """Return the session that a human gave back to the job's case, no longer held; None when there is none."""
        session = self.of(job.authorization_id)
        if session is None or not session.is_given_back:
            return None
        session.take_up(job)
        return session

    async def hold(self, session: PortalSession, *, for_human: bool = False) -> None:
        """Keep the session up for a reviewer's pause, or `for_human` for one who is to act in it.

        Of too many that are held, the one ends that would end first: reviewers' before those that wait for a human, and
        those before one in which a human acts.
        """
        session.is_given_back = session.is_given_back or session.is_customers
        long = for_human or session.is_customers
        seconds = self._settings.human_hold_seconds if long else self._settings.hold_seconds
        session.held_until = datetime.now(UTC) + timedelta(seconds=seconds)
        held = sorted(
            (each.screen.is_in_hand, held_until, case)
            for case, each in self._sessions.items()
            if (held_until := each.held_until) is not None
        )
        for _, _, case in held[: -self._settings.held_at_most]:
            await self.close(case)

    async def close(self, authorization_id: str) -> None:
        """End the case's session: the claim first, then the browser."""
        session = self._sessions.pop(authorization_id, None)
        if session is not None:
            await self._end(session)

    async def shut_down(self) -> None:
        """End every session and the driver."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        for authorization_id in list(self._sessions):
            await self.close(authorization_id)
        if self._driver is not None:
            await self._drop_driver(self._driver)

    async def _end(self, session: PortalSession) -> None:
        claim = session.claim
        self._unreleased[claim.session_id] = claim
        # Whether or not it can be written down now: nobody else knows of this browser.
        await self._logged(self._release(claim))
        await session.close()

    async def _release(self, claim: SessionClaim) -> None:
        await self._ledger.release(authorization_id=claim.authorization_id, session_id=claim.session_id)
        self._unreleased.pop(claim.session_id, None)

    async def _launch(self, proxy: str, *, pins: tuple[str, ...], state: bytes | None) -> tuple[Browser, Page]:
        executable = find_chromium(self._settings.chromium)
        arguments = await asyncio.to_thread(
            launch_arguments, executable=executable, proxy_server=proxy, sandbox=self._settings.sandbox
        )
        driver = await self._running_driver()
        try:
            browser = await driver.chromium.launch(
                executable_path=executable,
                # The gate ends TLS with keys of its own; it is the gate that verifies the portal's certificate.
                args=[*arguments, f"--ignore-certificate-errors-spki-list={','.join(pins)}"],
                chromium_sandbox=keeps_sandbox(arguments),
                proxy={"server": proxy},
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
        except PlaywrightError:
            # One browser that does not start is no reason to end the others; a driver that has died is.
            if not await _answers(driver):
                await self._drop_driver(driver)
            raise
        try:
            context = await browser.new_context(
                viewport={"width": 1280, "height": 800},
                accept_downloads=False,
                storage_state=json.loads(state) if state is not None else None,
            )
            context.set_default_timeout(self._settings.page_timeout_seconds * 1000)
            return browser, await context.new_page()
        except BaseException:
            await browser.close()
            raise

    async def _running_driver(self) -> Playwright:
        async with self._starting:
            # The driver costs as much memory as the whole server, so it starts with the first session.
            if self._driver is None:
                self._driver = await async_playwright().start()
            return self._driver

    async def _drop_driver(self, driver: Playwright) -> None:
        """Let go of a driver and of the sessions, which are all of it; the next session starts another one."""
        if self._driver is driver:
            lost, self._driver, self._sessions = self._sessions, None, {}
            with suppress(Exception):
                await driver.stop()
            for session in lost.values():
                await self._end(session)

    def _new_claim(self, job: Job) -> SessionClaim:
        return self._renewed(
            SessionClaim(
                authorization_id=job.authorization_id,
                session_id=f"sess_{secrets.token_hex(12)}",
                worker=self._settings.worker,
                channel="portal",
                boundary=BoundaryState.NOT_REACHED,
                expires_at=datetime.now(UTC),
                credential_id=job.credential_id,
            )
        )

    def _renewed(self, claim: SessionClaim) -> SessionClaim:
        return replace(claim, expires_at=datetime.now(UTC) + timedelta(seconds=self._settings.claim_seconds))

    def _lost(self, session: PortalSession) -> None:
        """A browser has ended, or its page has crashed: whoever waits for a human in it must hear of it now."""
        session.has_ended = True
        authorization_id = session.job.authorization_id
        if self._sessions.get(authorization_id) is session:
            self._later(self.close(authorization_id))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(self._logged(work))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    def _note_refusal(self, authorization_id: str, refusal: Refusal) -> None:
        # Without the path, which at some portals names a member.
        details = {"method": refusal.method, "origin": refusal.origin, "reason": refusal.reason.value}
        event = "submit_refused" if refusal.final else "request_refused"
        self._later(self._ledger.note(authorization_id, event, details))
        session = self._sessions.get(authorization_id)
        if session is not None:
            address = refusal.origin + refusal.path
            session.screen.explain_refusal(
                reason=refusal.reason.value, method=refusal.method, address=address, final=refusal.final
            )

    async def _logged(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - a refusal stands and a browser is gone, whether or not that is noted
            _log.error("session_event_not_noted", **whereabouts(error))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._settings.claim_seconds / 3)
            for claim in list(self._unreleased.values()):
                # A session has ended while the database was not to be had.
                await self._logged(self._release(claim))
            for authorization_id, session in list(self._sessions.items()):
                try:
                    await self._keep_one(authorization_id, session)
                except Exception as error:  # noqa: BLE001 - the other sessions must be kept all the same
                    _log.error("session_not_kept", authorization_id=authorization_id, **whereabouts(error))

    async def _keep_one(self, authorization_id: str, session: PortalSession) -> None:
        over = session.held_until is not None and session.held_until <= datetime.now(UTC)
        if over or not session.is_up:
            # Beside the keeping: a browser that ends slowly must not let the claims of the others run out.
            self._later(self.close(authorization_id))
        elif self._sessions.get(authorization_id) is session:
            session.claim = self._renewed(session.claim)
            await self._ledger.claim(session.claim)


async def _answers(driver: Playwright) -> bool:
    try:
        # A round trip that needs no browser.
        await (await driver.request.new_context()).dispose()
    except PlaywrightError:
        return False
    return True
