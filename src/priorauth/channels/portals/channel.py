"""The portal channel: operates a payer's portal through its adapter, in a guarded browser session.

What it promises beyond `contract.Channel`: the final request is released only after the portal's own review page was
read again and found to be the package, and only after `intend` has committed the intent. Where a human is needed, its
session is left at the page that needs one, and nothing here touches it until `reconcile` takes it back.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import structlog
from playwright.async_api import Page

from priorauth.channels.contract import (
    Absent,
    Answered,
    AtBoundary,
    ChannelFault,
    Discovered,
    DocumentSource,
    Evidence,
    EvidenceMismatch,
    HumanNeeded,
    Intend,
    Job,
    NothingFound,
    NotRequired,
    Obstacle,
    PayerOutOfReach,
    Pending,
    Preparation,
    Submission,
    Withheld,
)
from priorauth.channels.portals.adapter import PortalForm
from priorauth.channels.portals.entrance import Entrance, PortalAccess
from priorauth.channels.portals.pages import persistently, portal_faults
from priorauth.channels.portals.session import PortalSession
from priorauth.channels.portals.sessions import SessionHost
from priorauth.channels.portals.submitting import ReadDraft, Submitting, evidence_left
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.live_sessions import BoundaryState
from priorauth.domain.questionnaires import all_items
from priorauth.domain.replies import Inquiry
from priorauth.domain.reviews import Difference
from priorauth.domain.submissions import Decision, PayerReceipt
from priorauth.telemetry import traces

_log = structlog.get_logger(__name__)

Found = TypeVar("Found")


# A page that is not the expected one may be a hiccup. After so many tries in a row it is for a human to see.
_TRIES_AT_UNKNOWN_PAGES = 2
_ASKED_AGAIN = "The payer's form asks again what the case has answered. Nothing was submitted."
_ANSWERED = HumanNeeded(
    OfferReason.SUBMISSION_UNRESOLVED,
    "The payer's portal answered the submission with a success, and its search does not show it. Look for it in the "
    "payer's portal. It is not submitted again.",
)
# What a portal that is down looks like from its pages.
_SIGNS_OF_OUTAGE = frozenset(
    {
        *("portal_error", "portal_refused", "portal_timeout", "portal_unreachable"),
        *("unexpected_page", "field_missing", "option_missing"),
    }
)
# The page is another one than the adapter knows: a person may find the way.
_UNKNOWN_PAGE = frozenset({"unexpected_page", "field_missing", "option_missing"})


class PortalChannel:
    """Payers that are reached through their web portals."""

    def __init__(self, *, host: SessionHost, entrance: Entrance, documents: DocumentSource) -> None:
        self._host = host
        self._entrance = entrance
        self._documents = documents
        self._submitting = Submitting(host=host, entrance=entrance)

    async def prepare(self, job: Job) -> Preparation:
        """Fill the portal's form up to its review page and compare that page with the job."""
        async with self._ending_unless_held(job):
            session = await self._walk(job)
            if not isinstance(session, PortalSession):
                return session
            return await self._stopped(session, await self._submitting.read(session))

    async def submit(self, job: Job, *, allowed: tuple[Difference, ...], intend: Intend) -> Submission:
        """Submit the job, once, from a review page that was read just before."""
        async with self._ending_unless_held(job):
            session = await self._at_boundary(job)
            if not isinstance(session, PortalSession):
                return session
            try:
                # Until the permit is spent or withdrawn nobody rewrites the draft that is read now.
                await session.freeze_writes()
                read = await self._submitting.read(session, allowed=allowed)
                if not read.is_approved:
                    return await self._stopped(session, read)
                if not await intend():
                    return Withheld()
                outcome = await self._submitting.cross(session, read)
            finally:
                session.thaw_writes()
            return await self._told(session, outcome)

    async def find(self, job: Job) -> Evidence | EvidenceMismatch | Absent | HumanNeeded:
        """Read what is left open of the case, then search it by its own reference, or read the message that it answers.

        What is left open is a human's page, where the case was canceled meanwhile.
        """
        async with self._ending_unless_held(job):
            shown = await self._left_open(job)
            if isinstance(shown, PayerReceipt | Answered | EvidenceMismatch):
                return shown
            session = await self._entrance.enter(job)
            if not isinstance(session, PortalSession):
                return await self._for_human(job, session)
            try:
                async with session.clean_page() as page:
                    found = await self._searched(page, job)
            except ChannelFault as fault:
                if fault.code != "search_unavailable":
                    raise
                return await self._for_human(job, HumanNeeded(OfferReason.SUBMISSION_UNRESOLVED, fault.message))
            await self._host.step(session, "case searched")
            if found is None and job.needs_person:
                return await self._for_human(job, _ANSWERED)
            return await self._told(session, found) if found is not None else Absent()

    async def read_status(
        self, job: Job, *, reference_number: str
    ) -> Decision | Inquiry | Pending | EvidenceMismatch | HumanNeeded:
        """Open the case's status page at the portal."""
        async with self._ending_unless_held(job):
            session = await self._entrance.enter(job)
            if not isinstance(session, PortalSession):
                return await self._for_human(job, session)
            access = self._entrance.access(job)

            async def read(page: Page) -> Decision | Inquiry | Pending | EvidenceMismatch:
                return await access.adapter.read_status(
                    page, base_url=access.base_url, job=job, reference_number=reference_number
                )

            async with session.clean_page() as page:
                status = await persistently(lambda: read(page))
            await self._host.step(session, "status read")
            return await self._told(session, status)

    async def reconcile(
        self, job: Job, *, reference_number: str | None
    ) -> Evidence | EvidenceMismatch | NotRequired | NothingFound | HumanNeeded:
        """Read the page that the human has left, then look for the case in a page of our own."""
        async with self._ending_unless_held(job):
            left = self._host.of(job.authorization_id)
            # A session in which the person never acted does not know what they sent from an earlier one.
            unsent = left is not None and left.turn.was_begun and left.take_back()
            shown = await self._left_open(job)
            if isinstance(shown, PayerReceipt | Answered | EvidenceMismatch):
                return shown
            session = await self._entrance.enter(job)
            if not isinstance(session, PortalSession):
                return await self._for_human(job, session)
            await self._entrance.remember(session)
            found = await self._looked_for(session, job, reference_number)
            await self._host.step(session, "case searched")
            if not isinstance(found, NothingFound):
                return await self._told(session, found)
            if shown is not None and (unsent or found.searched):
                # The payer wants no authorization; what a human may have sent all the same would have been found.
                return shown
            session.turn.offer = self._submitting.offer(session, OfferReason.SUBMISSION_UNRESOLVED)
            await self._host.hold(session, for_human=job.needs_person or not found.searched)
            return replace(found, unsent=unsent)

    def sessions(self) -> tuple[str, ...]:
        """Return the cases that have a browser session."""
        return self._host.sessions()

    def take_back(self, authorization_id: str) -> None:
        """End a human's turn at once; what they left open stays, for `reconcile` to read."""
        session = self._host.of(authorization_id)
        # Only a human's: automation may be about to use a permit of its own.
        if session is not None and session.screen.is_in_hand:
            session.screen.take_back()

    async def let_go(self, authorization_id: str) -> None:
        """End the case's browser session."""
        await self._host.close(authorization_id)

    async def _stopped(self, session: PortalSession, read: ReadDraft) -> AtBoundary | HumanNeeded:
        """Hold the session at a draft that is not sent now."""
        boundary = self._submitting.boundary(session, read)
        # Held last: what goes wrong before must end the session, not leave it up for nobody.
        await self._host.hold(session, for_human=isinstance(boundary, HumanNeeded))
        return boundary

    async def _at_boundary(self, job: Job) -> PortalSession | Obstacle:
        """Return the job's session at the portal's review page, freshly loaded; fill the form anew if it is lost."""
        session = self._host.of(job.authorization_id)
        if (
            session is not None
            and session.claim.boundary is BoundaryState.AT_BOUNDARY
            and not session.guard.is_spent
            and _same_package(session.job, job)
        ):
            # No longer held before it is used: what is held may be ended at any moment to make room.
            session.take_up(job)
            try:
                async with portal_faults():
                    await session.page.reload(wait_until="domcontentloaded")
                await self._form(job).require_review(session.page)
            except ChannelFault as fault:
                _log.info("review_page_lost", authorization_id=job.authorization_id, code=fault.code)
            else:
                return session
        return await self._walk(job)

    async def _walk(self, job: Job) -> PortalSession | Obstacle:
        left = self._host.of(job.authorization_id)
        if left is not None and left.guard.is_spent:
            # Its one request has left, and the payer has nothing of it: nobody could submit in this browser any more.
            await self._host.close(job.authorization_id)
        session = await self._entrance.enter(job)
        if not isinstance(session, PortalSession):
            return await self._for_human(job, session)
        try:
            obstacle = await self._filled(session)
        except ChannelFault as fault:
            unknown = fault.code in _UNKNOWN_PAGE and session.outage is None
            if not unknown or job.faults < _TRIES_AT_UNKNOWN_PAGES:
                raise
            obstacle = HumanNeeded(OfferReason.UNKNOWN_PAGE, fault.message)
        if isinstance(obstacle, Discovered) and _asks_again(job, obstacle):
            obstacle = HumanNeeded(OfferReason.UNKNOWN_PAGE, _ASKED_AGAIN)
        if isinstance(obstacle, HumanNeeded):
            return await self._for_human(job, obstacle)
        if obstacle is not None:
            return obstacle
        await self._host.mark(session, BoundaryState.AT_BOUNDARY)
        return session

    async def _filled(self, session: PortalSession) -> Obstacle | None:
        """Fill the job's form, unless something stands in its way already."""
        form = self._form(session.job)
        if (named := form.own_draft()) is not None:
            session.guard.own(named)
        if session.job.reply is not None:
            async with session.clean_page() as page:
                obstacle = await form.obstacle(page)
            if obstacle is not None:
                return obstacle
        obstacle = await form.fill(session.page, documents=self._documents, step=self._stepper(session))
        return await self._confirmed(session, form, obstacle)

    async def _confirmed(self, session: PortalSession, form: PortalForm, shown: Obstacle | None) -> Obstacle | None:
        """Read again on a clean page what would end the job: a script of the session's own page may have invented it.

        Raises ChannelFault where the portal does not say it there.
        """
        match shown:
            case NotRequired():
                said: Obstacle | None = await self._needless(session, session.page)
            case Answered() | Decision() | EvidenceMismatch():
                async with session.clean_page() as page:
                    said = await form.obstacle(page)
            case _:
                return shown
        if said is None:
            raise ChannelFault("unexpected_page", "The portal does not say by itself what its page has shown.")
        return said

    async def _needless(self, session: PortalSession, shown: Page) -> NotRequired | None:
        """Read on a clean page whether the portal wants no authorization for the draft that is open in a page."""
        draft_id = self._entrance.access(session.job).adapter.draft_of(shown.url)
        if draft_id is None or not session.guard.is_own(draft_id):
            return None
        async with session.clean_page() as page:
            return await self._form(session.job).not_required(page, draft_id)

    async def _left_open(self, job: Job) -> Evidence | EvidenceMismatch | NotRequired | None:
        """Take the case's session back, if one is up, and return what any of the pages shows that were left open."""
        session = self._host.of(job.authorization_id)
        if session is None:
            return None
        session.take_back()
        await session.settled()
        await self._host.note_answer(session)
        if session.is_unanswered:
            # Nothing is written or read in this browser any more: another one looks for what became of it.
            await self._host.close(job.authorization_id)
            return None
        for left in session.pages:
            try:
                async with session.clean_page() as page:
                    # What a page shows, a person or a script may have put there: its address is opened again.
                    shown = await evidence_left(session, self._form(job), page, left.url)
                needless = await self._needless(session, left) if shown is None else None
            except ChannelFault as fault:
                _log.info("page_not_read", authorization_id=job.authorization_id, code=fault.code)
                continue
            if shown is not None:
                return await self._told(session, shown)
            if needless is not None:
                return needless
        return None

    async def _looked_for(
        self, session: PortalSession, job: Job, reference_number: str | None
    ) -> Evidence | EvidenceMismatch | NothingFound:
        """Look the case up in a page of our own: the human's may be the one to go on from."""
        access = self._entrance.access(job)
        async with session.clean_page() as page:
            # That the payer has the request says nothing of a reply to its message.
            if reference_number is not None and job.reply is None:
                reported = await self._reported(page, access, job, reference_number)
                if reported is not None:
                    return reported
            try:
                return await self._searched(page, job) or NothingFound(searched=True, unsent=False)
            except ChannelFault as fault:
                if fault.code != "search_unavailable":
                    raise
                return NothingFound(searched=False, unsent=False)

    async def _searched(self, page: Page, job: Job) -> Evidence | EvidenceMismatch | None:
        return await persistently(lambda: self._form(job).find(page))

    async def _reported(
        self, page: Page, access: PortalAccess, job: Job, reference_number: str
    ) -> PayerReceipt | EvidenceMismatch | None:
        """Open a number that a human reported. It may be anything, so no fault of opening it keeps from searching."""
        try:
            return await persistently(
                lambda: access.adapter.open_reference(
                    page, base_url=access.base_url, job=job, reference_number=reference_number
                )
            )
        except ChannelFault as fault:
            _log.info("reported_number_not_opened", authorization_id=job.authorization_id, code=fault.code)
            return None

    async def _for_human(self, job: Job, needed: HumanNeeded) -> HumanNeeded:
        """Keep the session up for a human at the page where it stands."""
        session = self._host.of(job.authorization_id)
        if session is None:
            raise ChannelFault("browser_failed", "The browser ended before a human could take it over.")
        await self._host.step(session, "a human is needed")
        session.turn.offer = self._submitting.offer(session, needed.reason)
        await self._host.hold(session, for_human=True)
        return needed

    async def _told(self, session: PortalSession, found: Found) -> Found:
        """Return what was found; where it names something else than was sent, the session stays up for a person."""
        if isinstance(found, EvidenceMismatch):
            session.turn.offer = self._submitting.offer(
                session, OfferReason.SUBMISSION_UNRESOLVED, reference_number=found.receipt.reference_number
            )
            await self._host.hold(session, for_human=True)
        return found

    @asynccontextmanager
    async def _ending_unless_held(self, job: Job) -> AsyncIterator[None]:
        """End the job's session on leaving, before anybody hears of the outcome and starts the case's next work.

        One that its customer has signed in stays, so that the next look at the payer does not ask for it again.
        """
        known = {traces.CASE: job.authorization_id, traces.PAYER: job.request.payer_id, traces.PORTAL: job.portal.id}
        left = self._host.of(job.authorization_id)
        if left is not None:
            left.forget_outage()
        try:
            with traces.span("portal session", known):
                yield
        except ChannelFault as fault:
            raise self._in_its_true_light(job, fault) from None
        finally:
            session = self._host.of(job.authorization_id)
            if session is None:
                await self._host.close(job.authorization_id)
            elif session.held_until is None and session.is_customers:
                await self._host.hold(session, for_human=True)
            elif session.held_until is None:
                await self._host.close(job.authorization_id)

    def _in_its_true_light(self, job: Job, fault: ChannelFault) -> ChannelFault:
        """Tell what the pages could only guess: whether the portal is down, or the browser has ended."""
        session = self._host.of(job.authorization_id)
        if session is None and fault.code == "portal_unreachable":
            return ChannelFault("browser_lost", "The browser ended in the middle of its work.")
        outage = session.outage if session is not None else None
        if outage is not None and fault.code in _SIGNS_OF_OUTAGE:
            return PayerOutOfReach(outage.cause.value, outage.words)
        return fault

    def _stepper(self, session: PortalSession) -> Callable[[str], Awaitable[None]]:
        async def step(name: str) -> None:
            await self._host.step(session, name)

        return step

    def _form(self, job: Job) -> PortalForm:
        access = self._entrance.access(job)
        return access.adapter.form(job, base_url=access.base_url)


def _asks_again(job: Job, asked: Discovered) -> bool:
    known = {item.link_id for item in all_items(job.questionnaires)}
    return all(item.link_id in known for item in asked.items)


def _same_package(one: Job, other: Job) -> bool:
    # What was approved since is that very package, as its page was read.
    return replace(one, run=other.run, faults=other.faults, approved=other.approved, sent=other.sent) == other
