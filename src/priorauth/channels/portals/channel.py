"""The portal channel: operates a payer's portal through its adapter, in a guarded browser session.

What it promises beyond `contract.Channel`: the final request is released only after the portal's own review page was
read again and found to be the package, and only after `intend` has committed the intent. A session signs in by the
credential of its job; of a credential that has signed in before, the browser is what it was then.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from priorauth.channels.contract import (
    Absent,
    AtBoundary,
    ChannelFault,
    CredentialSource,
    DocumentSource,
    Evidence,
    HumanNeeded,
    Intend,
    Job,
    NotSent,
    Obstacle,
    Pending,
    Preparation,
    Submission,
    Unresolved,
    Withheld,
)
from priorauth.channels.portals.adapter import PortalAdapter, PortalForm
from priorauth.channels.portals.pages import portal_faults, visit
from priorauth.channels.portals.sessions import PortalSession, SessionHost
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.credentials import Credential
from priorauth.domain.errors import whereabouts
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.live_sessions import BoundaryState
from priorauth.domain.replies import Inquiry
from priorauth.domain.reviews import Difference
from priorauth.domain.submissions import Decision

_log = structlog.get_logger(__name__)


_CUSTOMER_SIGNS_IN = HumanNeeded(OfferReason.SIGN_IN, "The customer signs in to the payer's portal in person.")


@dataclass(frozen=True, slots=True)
class PortalAccess:
    """A payer's portal: how it is operated, and where it is."""

    adapter: PortalAdapter
    base_url: str


class PortalChannel:
    """Payers that are reached through their web portals.

    `addresses` are those of simulated portals, which go before what payers themselves say of their real ones.
    """

    def __init__(
        self,
        *,
        host: SessionHost,
        adapters: Mapping[str, PortalAdapter],
        documents: DocumentSource,
        credentials: CredentialSource,
        addresses: Mapping[str, str],
    ) -> None:
        self._host = host
        self._adapters = adapters
        self._documents = documents
        self._credentials = credentials
        self._addresses = addresses

    async def prepare(self, job: Job) -> Preparation:
        """Fill the portal's form up to its review page and compare that page with the job."""
        async with self._ending_unless_held(job):
            session = await self._walk(job)
            if not isinstance(session, PortalSession):
                return session
            boundary = AtBoundary(await self._differences(session))
            # Held last: what goes wrong before must end the session, not leave it up for nobody.
            await self._host.hold(session)
            return boundary

    async def submit(self, job: Job, *, allowed: tuple[Difference, ...], intend: Intend) -> Submission:
        """Submit the job, once, from a review page that was read just before."""
        async with self._ending_unless_held(job):
            session = await self._at_boundary(job)
            if not isinstance(session, PortalSession):
                return session
            differences = await self._differences(session)
            if differences != allowed:
                await self._host.hold(session)
                return AtBoundary(differences)
            if not await intend():
                return Withheld()
            return await self._cross(session)

    async def find(self, job: Job) -> Evidence | Absent:
        """Search the case at the portal by its own reference, or read the message that it answers."""
        async with self._signed_in(job) as (session, _):
            found = await self._form(job).find(session.page)
            await self._host.step(session, "case searched")
            return found or Absent()

    async def read_status(self, job: Job, *, reference_number: str) -> Decision | Inquiry | Pending:
        """Open the case's status page at the portal."""
        async with self._signed_in(job) as (session, access):
            status = await access.adapter.read_status(
                session.page, base_url=access.base_url, job=job, reference_number=reference_number
            )
            await self._host.step(session, "status read")
            return status

    def sessions(self) -> tuple[str, ...]:
        """Return the cases that have a browser session."""
        return self._host.sessions()

    async def let_go(self, authorization_id: str) -> None:
        """End the case's browser session."""
        await self._host.close(authorization_id)

    async def _cross(self, session: PortalSession) -> Submission:
        """Release the one final request and look for what came back. From here on nothing is known for sure."""
        evidence = None
        session.guard.release()
        try:
            await self._host.mark(session, BoundaryState.CROSSED)
            evidence = await self._form(session.job).submit(session.page)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the request may have left
            code = error.code if isinstance(error, ChannelFault) else None
            _log.warning(
                "final_submit_unresolved",
                authorization_id=session.job.authorization_id,
                code=code,
                **whereabouts(error),
            )
        finally:
            # A permit that nothing has used must not lie around for a page's script.
            unused = session.guard.withdraw()
        if unused:
            return NotSent()
        if evidence is None:
            return Unresolved()
        await self._host.step(session, "receipt")
        return evidence

    async def _at_boundary(self, job: Job) -> PortalSession | Obstacle:
        """Return the job's session at the portal's review page, freshly loaded; fill the form anew if it is lost."""
        session = self._host.of(job.authorization_id)
        if (
            session is not None
            and session.claim.boundary is BoundaryState.AT_BOUNDARY
            and _same_package(session.job, job)
        ):
            # No longer held before it is used: what is held may be ended at any moment to make room.
            session.job, session.held_until = job, None
            try:
                async with portal_faults():
                    await session.page.reload(wait_until="domcontentloaded")
                await self._form(job).read_review(session.page)
            except ChannelFault as fault:
                _log.info("review_page_lost", authorization_id=job.authorization_id, code=fault.code)
            else:
                return session
        return await self._walk(job)

    async def _walk(self, job: Job) -> PortalSession | Obstacle:
        session = await self._open(job)
        if not isinstance(session, PortalSession):
            return session
        obstacle = await self._form(job).fill(session.page, documents=self._documents, step=self._stepper(session))
        if obstacle is not None:
            return obstacle
        await self._host.mark(session, BoundaryState.AT_BOUNDARY)
        return session

    async def _open(self, job: Job) -> PortalSession | HumanNeeded:
        """Start a session and sign in, unless the browser of the job's credential still is signed in."""
        access, credential = self._access(job), await self._credential(job)
        kept = await self._credentials.state_of(credential) if credential is not None else None
        session = await self._host.open(job, boundary=access.adapter.boundary(access.base_url), state=kept)
        if credential is None:
            await visit(session.page, access.base_url)
            return _CUSTOMER_SIGNS_IN
        if kept is None or not await self._is_still_signed_in(session, access):
            needed = await access.adapter.sign_in(session.page, base_url=access.base_url, credential=credential)
            if needed is not None:
                return needed
            await self._credentials.signed_in(credential, state=await session.state())
        await self._host.step(session, "signed in")
        return session

    async def _is_still_signed_in(self, session: PortalSession, access: PortalAccess) -> bool:
        try:
            await visit(session.page, access.base_url)
            return await access.adapter.is_signed_in(session.page)
        except ChannelFault as fault:
            # A portal may answer a session that it has ended with an error; if it is anything else, signing in tells.
            _log.info("signed_in_state_lost", authorization_id=session.job.authorization_id, code=fault.code)
            return False

    async def _credential(self, job: Job) -> Credential | None:
        """Return what signs in; None where the customer does. Raises ChannelFault where there is nothing."""
        if job.portal_auth_mode is PortalAuthMode.CUSTOMER_LOGIN:
            return None
        credential = await self._credentials.get(job.credential_id) if job.credential_id is not None else None
        if credential is None:
            raise ChannelFault(
                "credential_missing",
                "The service has no credential for this payer's portal. "
                f"Its operator adds one with `priorauth credentials add --payer {job.request.payer_id}`.",
            )
        return credential

    async def _differences(self, session: PortalSession) -> tuple[Difference, ...]:
        form = self._form(session.job)
        return form.package().differences(await form.read_review(session.page))

    @asynccontextmanager
    async def _signed_in(self, job: Job) -> AsyncIterator[tuple[PortalSession, PortalAccess]]:
        """Give a fresh session that is signed in, and end it afterwards."""
        async with self._ending_unless_held(job):
            session = await self._open(job)
            if not isinstance(session, PortalSession):
                raise ChannelFault("sign_in_needs_a_human", session.message)
            yield session, self._access(job)

    @asynccontextmanager
    async def _ending_unless_held(self, job: Job) -> AsyncIterator[None]:
        """End the job's session on leaving, before anybody hears of the outcome and starts the case's next work."""
        try:
            yield
        finally:
            session = self._host.of(job.authorization_id)
            if session is None or session.held_until is None:
                await self._host.close(job.authorization_id)

    def _stepper(self, session: PortalSession) -> Callable[[str], Awaitable[None]]:
        async def step(name: str) -> None:
            await self._host.step(session, name)

        return step

    def _form(self, job: Job) -> PortalForm:
        access = self._access(job)
        return access.adapter.form(job, base_url=access.base_url)

    def _access(self, job: Job) -> PortalAccess:
        adapter = self._adapters.get(job.portal.id)
        base_url = self._addresses.get(job.portal.id, job.portal.base_url)
        if adapter is None or base_url is None:
            raise ChannelFault("portal_not_configured", "The portal of this payer is not configured on this server.")
        return PortalAccess(adapter, base_url)


def _same_package(one: Job, other: Job) -> bool:
    return replace(one, run=other.run) == other
