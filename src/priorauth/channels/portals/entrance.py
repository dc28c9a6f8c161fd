"""How a session comes to be at a portal, signed in: anew, as its credential left it, or as a human did.

A session signs in by the credential of its job; of a credential that has signed in before, the browser is what it was
then. Where the customer signs in, or the portal wants what the service does not have, only a human can go on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from priorauth import faultpoints
from priorauth.channels.contract import ChannelFault, CredentialSource, HumanNeeded, Job
from priorauth.channels.portals.adapter import PortalAdapter
from priorauth.channels.portals.guard import Content, FinalRule
from priorauth.channels.portals.pages import persistently, visit
from priorauth.channels.portals.session import PortalSession
from priorauth.channels.portals.sessions import SessionHost
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.credentials import Credential
from priorauth.domain.handoffs import OfferReason
from priorauth.faultpoints import Phase, Point

_log = structlog.get_logger(__name__)

_CUSTOMER_SIGNS_IN = HumanNeeded(OfferReason.SIGN_IN, "The customer signs in to the payer's portal in person.")


@dataclass(frozen=True, slots=True)
class PortalAccess:
    """A payer's portal: how it is operated, and where it is."""

    adapter: PortalAdapter
    base_url: str

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

        Where a human is needed the session stays up at the page that asks. Raises ChannelFault.
        """
        access, credential = self.access(job), await self._credential(job)
        kept = await self._credentials.state_of(credential) if credential is not None else None
        given_back = self._host.take_up(job)
        if given_back is not None and await access.adapter.is_signed_in(given_back.page):
            return given_back
        boundary = access.adapter.boundary(access.base_url).showing(job.portal.interstitials)
        session = given_back or await self._host.open(job, boundary=boundary, state=kept)
        may_be_in = given_back is not None or kept is not None
        if not (may_be_in and await self._is_still_signed_in(session, access)):
            await faultpoints.passing(Point.SIGN_IN, Phase.BEFORE)
            needed = await self._sign_in(session, access, credential)
            await faultpoints.passing(Point.SIGN_IN, Phase.AFTER)
            if needed is not None:
                return needed
        await self._host.step(session, "signed in")
        return session

    async def remember(self, session: PortalSession) -> None:
        """Keep what a human's sign-in has given the browser, so that the credential's next session needs none."""
        credential = await self._credential(session.job)
        if credential is not None:
            await self._credentials.signed_in(credential, state=await session.state())

    async def _sign_in(
        self, session: PortalSession, access: PortalAccess, credential: Credential | None
    ) -> HumanNeeded | None:
        if credential is None:
            await persistently(lambda: access.adapter.open_sign_in(session.page, base_url=access.base_url))
            signed_in = await access.adapter.is_signed_in(session.page)
            return None if signed_in else _CUSTOMER_SIGNS_IN

        async def sign_in() -> HumanNeeded | None:
            return await access.adapter.sign_in(session.page, base_url=access.base_url, credential=credential)

        # Whoever starts the walk anew signs in anew as well; a portal that says no is not asked again here.
        needed = await persistently(sign_in)
        if needed is None:
            await self._credentials.signed_in(credential, state=await session.state())
        return needed

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
