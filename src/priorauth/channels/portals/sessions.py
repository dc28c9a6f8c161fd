"""Browser sessions: one browser per case, behind its own gate, under a claim that its host keeps renewing.

The host promises that a session's browser has no road but its gate, that the guard is armed before the first page,
and that the claim is gone before the browser is. Sessions belong to this process: when it dies, its browsers lose
their road and their driver, and end.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, Playwright, async_playwright

from priorauth import faultpoints
from priorauth.channels.contract import AccountInUse, ChannelFault, Job, SessionLedger
from priorauth.channels.portals.chromium import SandboxMode
from priorauth.channels.portals.gate import Gate, Refusal
from priorauth.channels.portals.guard import Boundary, SubmitGuard
from priorauth.channels.portals.isolation.launching import RunningBrowser, start_browser
from priorauth.channels.portals.isolation.plan import IsolationSettings
from priorauth.channels.portals.screen import PortalScreen
from priorauth.channels.portals.session import PortalSession
from priorauth.channels.portals.submit_guard.cookies import PortalCookies
from priorauth.channels.portals.submit_guard.refusals import Entry, Refusals
from priorauth.channels.portals.upstream.egress import EgressProxy
from priorauth.domain.errors import whereabouts
from priorauth.domain.live_sessions import FOREIGN_SUBMISSION, BoundaryState, SessionClaim
from priorauth.faultpoints import Phase, Point

_log = structlog.get_logger(__name__)

# Why a session is ended before its time, on its authorization's timeline.
_REQUEST_FLOOD: Final = "request_flood"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """How sessions are held. Times in seconds.

    `egress` is the outgoing proxy through which portals are reached; None without one.
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
    isolation: IsolationSettings = field(default_factory=IsolationSettings)
    egress: EgressProxy | None = None


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
        self._unreleased: dict[str, tuple[SessionClaim, str | None]] = {}
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

    async def open(
        self,
        job: Job,
        *,
        boundary: Boundary,
        state: bytes | None = None,
    ) -> PortalSession:
        """Start a browser for the job, ending the case's earlier one, with the `state` of an earlier session if given.

        Raises AccountInUse where it has to wait for its account, ChannelFault when none can be started.
        """
        await self.close(job.authorization_id)
        claim = self._new_claim(job)
        if not await self._ledger.claim(claim):
            raise AccountInUse
        guard = SubmitGuard(boundary, stands=self._stands)
        refusals = Refusals()
        gate = Gate(
            guard,
            on_refused=lambda refusal: self._note_refusal(claim, refusal, refusals),
            on_foreign=lambda _: self._end_for(claim, FOREIGN_SUBMISSION),
            on_answered=lambda: self._logged(self._note_answer(job.authorization_id, guard)),
            cookies=PortalCookies(state),
            egress=self._settings.egress,
        )
        try:
            await faultpoints.passing(Point.BROWSER_START, Phase.BEFORE)
            running, page = await self._launch(gate, state=state)
        except Exception as error:  # noqa: BLE001 - a browser that does not start is a fault of the way, whatever it says
            await gate.close()
            await self._logged(self._release(claim))
            _log.error("browser_failed", authorization_id=job.authorization_id, **whereabouts(error))
            raise ChannelFault("browser_failed", "The browser could not be started.") from None
        session = PortalSession(
            job=job,
            running=running,
            page=page,
            gate=gate,
            guard=guard,
            claim=claim,
            page_timeout_seconds=self._settings.page_timeout_seconds,
            refusals=refusals,
        )
        self._sessions[job.authorization_id] = session
        running.browser.on("disconnected", lambda _: self._lost(session))
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

    async def intend_for_person(self, session: PortalSession) -> bool:
        """Commit that the held final request of the session's person is about to leave; False when it must not."""
        return await self._ledger.intend_for_person(session.job.authorization_id, session_id=session.claim.session_id)

    async def note_answer(self, session: PortalSession) -> None:
        """Record, if the portal answered the session's final request with a success, that it did.

        It was recorded with the answer, unless that failed: then what is read now must not count without it.
        """
        await self._note_answer(session.job.authorization_id, session.guard)

    async def _note_answer(self, authorization_id: str, guard: SubmitGuard) -> None:
        if guard.is_answered_well:
            await self._ledger.note_answer(authorization_id)

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
        # What was counted is on its way to the database, which closes next.
        while self._pending:
            await asyncio.gather(*self._pending)

    async def _end(self, session: PortalSession) -> None:
        claim, cause = session.claim, session.ended_by
        self._unreleased[claim.session_id] = claim, cause
        # Whether or not it can be written down now: nobody else knows of this browser.
        await self._logged(self._release(claim, cause))
        try:
            await session.close()
        finally:
            self._write(claim, session.refusals.rest())

    async def _release(self, claim: SessionClaim, cause: str | None = None) -> None:
        await self._ledger.release(authorization_id=claim.authorization_id, session_id=claim.session_id, cause=cause)
        self._unreleased.pop(claim.session_id, None)

    async def _launch(self, gate: Gate, *, state: bytes | None) -> tuple[RunningBrowser, Page]:
        driver = await self._running_driver()
        settings = self._settings
        try:
            running = await start_browser(
                driver,
                chromium=settings.chromium,
                sandbox=settings.sandbox,
                isolation=settings.isolation,
                gate=gate,
            )
        except PlaywrightError:
            # One browser that does not start is no reason to end the others; a driver that has died is.
            if not await _answers(driver):
                await self._drop_driver(driver)
            raise
        try:
            return running, await running.open_page(state=state, timeout_seconds=settings.page_timeout_seconds)
        except BaseException:
            await running.close()
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

    def _note_refusal(self, claim: SessionClaim, refusal: Refusal, refusals: Refusals) -> None:
        entry = refusals.add(refusal, now=time.monotonic())
        if entry is not None:
            self._write(claim, [entry])
        session = self._sessions.get(claim.authorization_id)
        if session is None:
            return
        if refusals.is_flood:
            self._end_for(claim, _REQUEST_FLOOD)
        elif refusal.words:
            session.screen.tell(refusal.words, refusal.code)
        else:
            session.screen.explain_refusal(
                reason=refusal.reason.value,
                method=refusal.method,
                address=refusal.origin + refusal.path,
                final=refusal.final,
            )

    def _write(self, claim: SessionClaim, entries: list[Entry]) -> None:
        for event, details in entries:
            self._later(self._ledger.note(claim.authorization_id, event, details, repeated=True))

    def _end_for(self, claim: SessionClaim, cause: str) -> None:
        """End a session because of what its page does, for example because it tried to use the permit for another."""
        session = self._sessions.get(claim.authorization_id)
        if session is not None and session.claim.session_id == claim.session_id:
            session.end_for(cause)
            self._later(self.close(claim.authorization_id))

    async def _logged(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - a refusal stands and a browser is gone, whether or not that is noted
            _log.error("session_event_not_noted", **whereabouts(error))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._settings.claim_seconds / 3)
            for claim, cause in list(self._unreleased.values()):
                # A session has ended while the database was not to be had.
                await self._logged(self._release(claim, cause))
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
            self._write(session.claim, session.refusals.due(now=time.monotonic()))


async def _answers(driver: Playwright) -> bool:
    try:
        # A round trip that needs no browser.
        await (await driver.request.new_context()).dispose()
    except PlaywrightError:
        return False
    return True
