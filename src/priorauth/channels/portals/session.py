"""One browser at one portal for one authorization, behind its proxy and submit guard.

Must not depend on where sessions are held, nor on the pages of any portal.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from opentelemetry.context import get_current
from playwright.async_api import BrowserContext, Page
from playwright.async_api import Error as PlaywrightError

from priorauth.channels.contract import ChannelFault, Job
from priorauth.channels.portals.adapter import FINAL_PATIENCE_SECONDS
from priorauth.channels.portals.gate import Gate
from priorauth.channels.portals.guard import PermitState, PermittedRequest, SubmitGuard
from priorauth.channels.portals.isolation.launching import RunningBrowser
from priorauth.channels.portals.pages import portal_faults
from priorauth.channels.portals.screen import PortalScreen
from priorauth.channels.portals.submit_guard.cookies import Cookie
from priorauth.channels.portals.submit_guard.forwarding import WritesUnderWay
from priorauth.channels.portals.submit_guard.refusals import Refusals
from priorauth.channels.portals.turns import PersonsTurn
from priorauth.channels.portals.upstream.failures import UpstreamFailed
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.live_sessions import SessionClaim
from priorauth.telemetry import traces


class PortalSession:
    """One browser at one portal for one case."""

    def __init__(
        self,
        *,
        job: Job,
        running: RunningBrowser,
        page: Page,
        gate: Gate,
        guard: SubmitGuard,
        claim: SessionClaim,
        page_timeout_seconds: float,
        refusals: Refusals | None = None,
    ) -> None:
        self.job = job
        self.page = page
        self.guard = guard
        self.claim = claim
        self.held_until: datetime | None = None
        # Signed in by a human, or left by one: the case goes on in this very browser.
        self.is_given_back = False
        self.has_ended = False
        self.refusals = refusals or Refusals()
        self.turn = PersonsTurn(guard, gate)
        self.screen = PortalScreen(
            context=page.context, page=page, guard=guard, turn=self.turn, downloads=running.downloads
        )
        self._running = running
        self._gate = gate
        self._page_timeout_seconds = page_timeout_seconds
        self._page_since = time.time_ns()
        self._ended_by: str | None = None

    @property
    def ended_by(self) -> str | None:
        """The cause for which the service ended the session before its time, as the timeline's code; None: no such."""
        return self._ended_by or self._running.ended_by

    def end_for(self, cause: str) -> None:
        """Note why the session is about to be ended before its time."""
        self._ended_by = self._ended_by or cause

    @property
    def is_up(self) -> bool:
        """Whether the browser still runs."""
        return not self.has_ended and self._running.browser.is_connected() and not self.page.is_closed()

    @property
    def is_customers(self) -> bool:
        """Whether its customer signs in in person."""
        return self.job.portal_auth_mode is PortalAuthMode.CUSTOMER_LOGIN

    @property
    def outage(self) -> UpstreamFailed | None:
        """Why the portal was down for this session, since the last page that it reached; None: it was up."""
        return self._gate.outage

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
        # What was offered to a person was offered of the work before.
        self.turn.forget()
        self._page_since = time.time_ns()

    def release(self, permitted: PermittedRequest) -> None:
        """Let this one final request pass, as a part of the work that is traced now. Raises GuardError."""
        self._gate.final_within = get_current()
        self.guard.release(permitted)

    async def freeze_writes(self) -> None:
        """Refuse the session's writes from now on, and wait for those under way. Raises ChannelFault."""
        try:
            await self._gate.freeze_writes()
        except WritesUnderWay:
            raise ChannelFault("portal_timeout", "The portal did not answer what was written to it.") from None

    def thaw_writes(self) -> None:
        """Let the session's writes pass again; while a final request is being sent, only after its end."""
        self._gate.thaw_writes()

    async def settled(self) -> None:
        """Wait until the portal has answered a final request that is being sent, at most as long as for its page."""
        if self.guard.state is PermitState.SENDING:
            with suppress(TimeoutError):
                async with asyncio.timeout(FINAL_PATIENCE_SECONDS):
                    await self._gate.settled()

    @property
    def is_unanswered(self) -> bool:
        """Whether its final request was sent and the portal has not answered: it may still be at it."""
        return self.guard.state in (PermitState.SENDING, PermitState.LOST)

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
    async def clean_page(self) -> AsyncIterator[Page]:
        """Give a page of a fresh context and close it afterwards: the portal's cookies, and nothing of its scripts.

        All that counts is read on such a page: scripts and service workers are off, so that only what the portal's
        server sends is shown. A cookie that a script has set or changed would show what another user sees, so only
        those that the portal's answers have set are used. Raises ChannelFault.
        """
        async with portal_faults():
            context = await self._running.browser.new_context(
                java_script_enabled=False,
                service_workers="block",
                accept_downloads=False,
                viewport=self.page.viewport_size,
                # A portal that asks each page for them would answer none without.
                http_credentials=self.screen.credentials,
            )
        try:
            async with portal_faults():
                await _add_cookies(context, self._gate.cookies.current())
                context.set_default_timeout(self._page_timeout_seconds * 1000)
                page = await context.new_page()
            yield page
        finally:
            with suppress(PlaywrightError):
                await context.close()

    async def state(self) -> bytes:
        """Return the portal's cookies and the browser's storage, for another session to begin with.

        Cookies of scripts are not kept: the next session takes all that it begins with for the portal's own.
        """
        async with portal_faults():
            state = await self.page.context.storage_state()
        return json.dumps({**state, "cookies": self._gate.cookies.current()}).encode()

    async def close(self) -> None:
        """End browser and gate; a browser that has died already is no fault."""
        with suppress(PlaywrightError):
            await self.screen.close()
        await self._running.close()
        await self._gate.close()


async def _add_cookies(context: BrowserContext, cookies: list[Cookie]) -> None:
    try:
        await context.add_cookies(cookies)  # type: ignore[arg-type]
    except PlaywrightError:
        # A browser refuses all where it refuses one, for example of a domain that is a public suffix.
        for each in cookies:
            with suppress(PlaywrightError):
                await context.add_cookies([each])  # type: ignore[list-item]
