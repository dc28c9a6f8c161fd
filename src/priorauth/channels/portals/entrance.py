"""How a session comes to be at a portal, signed in: anew, as its credential left it, or as a human did.

A session signs in by the credential of its job; of a credential that has signed in before, the browser is what it was
then. Where the customer signs in, or the portal wants what the service does not have, only a human can go on.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from priorauth import faultpoints
from priorauth.channels.contract import ChannelFault, CredentialSource, HumanNeeded, Job, SignInRefused
from priorauth.channels.portals.adapter import PortalAdapter
from priorauth.channels.portals.guard import Boundary, Content, FinalRule
from priorauth.channels.portals.pages import persistently, visit
from priorauth.channels.portals.session import PortalSession
from priorauth.channels.portals.sessions import SessionHost
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.credentials import Credential
from priorauth.domain.errors import whereabouts
from priorauth.domain.handoffs import OfferReason
from priorauth.faultpoints import Phase, Point

_log = structlog.get_logger(__name__)

_CUSTOMER_SIGNS_IN = HumanNeeded(OfferReason.SIGN_IN, "The customer signs in to the payer's portal in person.")


@asynccontextmanager
async def _at_sign_in() -> AsyncIterator[None]:
    await faultpoints.passing(Point.SIGN_IN, Phase.BEFORE)
    yield
    await faultpoints.passing(Point.SIGN_IN, Phase.AFTER)


class SignInTurn:
    """One session's turn to sign in with its account; it ends on leaving, if it was begun.

    Where the end cannot be written down, the claim ends by itself, or with the worker.
    """

    def __init__(self, credentials: CredentialSource, credential: Credential, job: Job) -> None:
        self.credential = credential
        self._credentials = credentials
        self._authorization_id = job.authorization_id
        self._begun = False

    async def __aenter__(self) -> "SignInTurn":
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._begun:
            return
        try:
            await self._credentials.end_claim(self.credential, authorization_id=self._authorization_id)
        except Exception as error:  # noqa: BLE001 - what ended the turn must be heard of, and not this
            _log.warning("sign_in_claim_not_ended", authorization_id=self._authorization_id, **whereabouts(error))

    async def begin(self, began_with: bytes | None, *, is_lost: bool = False) -> None:
        """Claim the account. Raises ChannelFault when it is not this session's turn."""
        # Before it is known: the database may fail after it has committed.
        self._begun = True
        await self._credentials.claim_sign_in(
            self.credential, authorization_id=self._authorization_id, began_with=began_with, is_lost=is_lost
        )

    async def count_try(self) -> None:
        """Count that secrets are about to be offered. Raises ChannelFault when they must not be."""
        await self._credentials.count_try(self.credential, authorization_id=self._authorization_id)

    async def succeed(self, state: bytes) -> None:
        """Keep what the portal has given the browser: the account's other sessions need no sign-in now."""
        await self._credentials.signed_in(self.credential, state=state)

    async def suspend(self, refusal: SignInRefused) -> None:
        """Suspend the credential for all. Raises AccountInUse where it has other secrets by now."""
        await self._credentials.suspend(
            self.credential, authorization_id=self._authorization_id, reason=refusal.message
        )


@dataclass(frozen=True, slots=True)
class PortalAccess:
    """A payer's portal: how it is operated, and where it is."""

    adapter: PortalAdapter
    base_url: str

    def boundary(self, job: Job) -> Boundary:
        """Return what may leave the browser of the job, with the pages that the payer's file lists beside."""
        return self.adapter.boundary(self.base_url).showing(job.portal.interstitials)

    @property
    def may_submit(self) -> bool:
        """Whether a final request of the portal can be compared with what was approved."""
        rules = self.adapter.boundary(self.base_url).final
        return any(isinstance(rule, FinalRule) and rule.content is not Content.NONE for rule in rules)


class Entrance:
    """The way into portals. `addresses` are those of simulated portals, which go before what payers say themselves."""

    def __init__(
        self,
        *,
        host: SessionHost,
        adapters: Mapping[str, PortalAdapter],
        credentials: CredentialSource,
        addresses: Mapping[str, str],
    ) -> None:
        self._host = host
        self._adapters = adapters
        self._credentials = credentials
        self._addresses = addresses

    def access(self, job: Job) -> PortalAccess:
        """Return the job's portal. Raises ChannelFault where none is configured."""
        adapter = self._adapters.get(job.portal.id)
        base_url = self._addresses.get(job.portal.id, job.portal.base_url)
        if adapter is None or base_url is None:
            raise ChannelFault("portal_not_configured", "The portal of this payer is not configured on this server.")
        return PortalAccess(adapter, base_url)

    async def enter(self, job: Job) -> PortalSession | HumanNeeded:
        """Return a session that is signed in, on whatever page; the one that the job's case was given back, if any.

        Where a human is needed the session stays up at the page that asks. Raises ChannelFault; AccountInUse,
        CredentialSuspended or SignInsExhausted where its account may not sign in now, which starts no browser unless
        one is needed to find out.
        """
        access, credential = self.access(job), await self._credential(job)
        given_back = self._host.take_up(job)
        if given_back is not None and await access.adapter.is_signed_in(given_back.page):
            return given_back
        if credential is None:
            session = given_back or await self._host.open(job, boundary=access.boundary(job))
            needed = await self._let_customer_in(session, access, may_be_in=given_back is not None)
        else:
            async with SignInTurn(self._credentials, credential, job) as turn:
                session, needed = await self._sign_in(job, access, given_back, turn=turn)
        if needed is not None:
            return needed
        await self._host.step(session, "signed in")
        return session

    async def remember(self, session: PortalSession) -> None:
        """Keep what a human's sign-in has given the browser, so that the credential's next session needs none.

        A suspension stays: it is of the password, and the work goes on with what is kept as long as that lasts.
        """
        credential = await self._credential(session.job)
        if credential is not None:
            await self._credentials.signed_in(credential, state=await session.state())

    async def _let_customer_in(
        self, session: PortalSession, access: PortalAccess, *, may_be_in: bool
    ) -> HumanNeeded | None:
        if may_be_in and await self._signed_in(session, access):
            return None
        async with _at_sign_in():
            await persistently(lambda: access.adapter.open_sign_in(session.page, base_url=access.base_url))
            return None if await access.adapter.is_signed_in(session.page) else _CUSTOMER_SIGNS_IN

    async def _sign_in(
        self, job: Job, access: PortalAccess, given_back: PortalSession | None, *, turn: SignInTurn
    ) -> tuple[PortalSession, HumanNeeded | None]:
        """Return the job's session, signed in by its credential, or why only a human can go on."""
        kept = await self._credentials.state_of(turn.credential)
        may_be_in = given_back is not None or not await self._credentials.needs_sign_in(turn.credential)
        if not may_be_in:
            await turn.begin(kept)
        session = given_back or await self._host.open(job, boundary=access.boundary(job), state=kept)
        if may_be_in:
            signed_in = await self._signed_in(session, access)
            if signed_in:
                return session, None
            # A browser that a human has given back began with what was kept then.
            await turn.begin(kept, is_lost=signed_in is False and given_back is None)
        async with _at_sign_in():
            needed = await self._offer(session, access, turn)
            if needed is None:
                await turn.succeed(await session.state())
        return session, needed

    async def _offer(self, session: PortalSession, access: PortalAccess, turn: SignInTurn) -> HumanNeeded | None:
        """Offer the credential to the portal. What the portal refuses is never offered again by the service."""

        async def sign_in() -> HumanNeeded | None:
            return await access.adapter.sign_in(
                session.page, base_url=access.base_url, credential=turn.credential, before_offer=turn.count_try
            )

        try:
            return await persistently(sign_in)
        except SignInRefused as refusal:
            await turn.suspend(refusal)
            raise

    async def _signed_in(self, session: PortalSession, access: PortalAccess) -> bool | None:
        """Say whether the portal still knows the browser; None where its page could not be read."""
        try:
            await visit(session.page, access.base_url)
            return await access.adapter.is_signed_in(session.page)
        except ChannelFault as fault:
            # A portal may answer a session that it has ended with an error; if it is anything else, signing in tells.
            _log.info("signed_in_state_lost", authorization_id=session.job.authorization_id, code=fault.code)
            return None

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
