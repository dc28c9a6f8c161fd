"""Juniper Ridge Workspace as the portal channel operates it."""

from collections.abc import Iterable

from playwright.async_api import Page

from priorauth.channels.contract import ChannelFault, EvidenceMismatch, HumanNeeded, Job, Pending
from priorauth.channels.portals.guard import Boundary, PermittedRequest
from priorauth.channels.portals.juniper.boundary import (
    draft_of,
    draft_of_request,
    final_request,
    handoff_boundary,
    is_reference_number,
    portal_boundary,
)
from priorauth.channels.portals.juniper.requests import RequestForm
from priorauth.channels.portals.juniper.status import read_status, receipt_of
from priorauth.channels.portals.juniper.verification import asks_for_code, pass_by, require_not_refused
from priorauth.channels.portals.juniper.views import open_view, press, settled
from priorauth.channels.portals.one_time_codes import BeforeOffer, OneTimeCodes, unlimited
from priorauth.channels.portals.pages import fill_field, portal_faults
from priorauth.domain.credentials import Credential
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.submissions import Decision, PayerReceipt


class JuniperPortal:
    """The adapter of Juniper Ridge Workspace."""

    id = "juniper"
    draws_by_script = True

    def __init__(self, codes: OneTimeCodes | None = None) -> None:
        self._codes = codes or OneTimeCodes()

    def boundary(self, base_url: str) -> Boundary:
        """Return what may leave the browser at this portal."""
        return portal_boundary(base_url)

    def draft_of(self, url: str) -> str | None:
        """Return what identifies the draft whose page is open; None where no draft's page is."""
        return draft_of(url)

    def final_request(self, base_url: str, draft_id: str) -> PermittedRequest:
        """Return the request that submits a draft. Raises ValueError where `draft_id` is none."""
        return final_request(base_url, draft_id)

    def draft_of_request(self, path: str) -> str | None:
        """Return what identifies the draft that a final request to this path submits; None for other paths."""
        return draft_of_request(path)

    def handoff_boundary(
        self,
        base_url: str,
        reason: OfferReason,
        *,
        draft_id: str | None,
        case_reference: str,
        reference_number: str | None,
        start_url: str,
        interstitials: Iterable[str],
    ) -> Boundary:
        """Return what may leave the browser while a person acts in it."""
        return handoff_boundary(
            base_url,
            reason,
            draft_id=draft_id,
            case_reference=case_reference,
            reference_number=reference_number,
            start_url=start_url,
            interstitials=interstitials,
        )

    async def sign_in(
        self, page: Page, *, base_url: str, credential: Credential, before_offer: BeforeOffer = unlimited
    ) -> HumanNeeded | None:
        """Sign in with user name and password, and with the code of an authenticator app where that is asked for."""
        await self.open_sign_in(page, base_url=base_url)
        async with portal_faults():
            await fill_field(page, "User name", credential.user_name)
            await fill_field(page, "Password", credential.password)
        await before_offer()
        await press(page, "Sign in")
        await require_not_refused(page)
        if await asks_for_code(page):
            needed = await pass_by(page, credential, self._codes, before_offer=before_offer)
            if needed is not None:
                return needed
        if not await self.is_signed_in(page):
            raise ChannelFault("unexpected_page", "The portal showed another page than its home after the sign-in.")
        return None

    async def open_sign_in(self, page: Page, *, base_url: str) -> None:
        """Open the view in which a user signs in."""
        await open_view(page, f"{base_url}/sign-in")

    async def is_signed_in(self, page: Page) -> bool:
        """Look for what the portal shows to its users alone."""
        await settled(page)
        async with portal_faults():
            return await page.get_by_role("button", name="Sign out", exact=True).count() > 0

    def form(self, job: Job, *, base_url: str) -> RequestForm:
        """Return the form of a request. Raises ChannelFault for a reply: the plan asks nothing after its receipt."""
        if job.reply is not None:
            raise ChannelFault("reply_not_possible", "The portal takes no replies: answer this payer by other means.")
        return RequestForm(job, base_url=base_url)

    async def read_status(
        self, page: Page, *, base_url: str, job: Job, reference_number: str
    ) -> Decision | Pending | EvidenceMismatch:
        """Open the request and read its status."""
        return await read_status(page, base_url=base_url, job=job, reference_number=reference_number)

    async def open_reference(
        self, page: Page, *, base_url: str, job: Job, reference_number: str
    ) -> PayerReceipt | EvidenceMismatch | None:
        """Open a request that a human reported; None when the portal does not know it, or it is of another case."""
        if not is_reference_number(reference_number):
            return None
        return await receipt_of(page, base_url=base_url, job=job, reference_number=reference_number)
