"""What a payer's portal must be described by, so that the portal channel can operate it.

An adapter knows pages and nothing else: no session, no guard, no case. Each of its methods starts from whatever page
is open and says what it saw.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from playwright.async_api import Page

from priorauth import faultpoints
from priorauth.channels.contract import (
    DocumentSource,
    Evidence,
    EvidenceMismatch,
    HumanNeeded,
    Job,
    NotRequired,
    Obstacle,
    Pending,
)
from priorauth.channels.portals.guard import Boundary, PermittedRequest
from priorauth.channels.portals.one_time_codes import BeforeOffer, unlimited
from priorauth.domain.credentials import Credential
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.replies import Inquiry
from priorauth.domain.reviews import Package
from priorauth.domain.submissions import Decision, PayerReceipt
from priorauth.faultpoints import Phase, Point

# Whoever stops waiting for the last answer no longer knows: so this once the slowest portal is waited for.
FINAL_PATIENCE_SECONDS = 120.0


# Called at each page that an adapter reaches, with the page's name.
Step = Callable[[str], Awaitable[None]]


@asynccontextmanager
async def final_click() -> AsyncIterator[None]:
    """Stand around the press of a portal's last button, and the wait for what it leads to."""
    await faultpoints.passing(Point.FINAL_CLICK, Phase.BEFORE)
    yield
    await faultpoints.passing(Point.FINAL_CLICK, Phase.AFTER)


class PortalAdapter(Protocol):
    """One payer portal."""

    id: str
    draws_by_script: bool
    """Whether scripts draw the portal's pages: then a picture is of the session's own page."""

    def boundary(self, base_url: str) -> Boundary:
        """Return what may leave the browser at this portal: its origins, its writes, its final requests."""
        ...

    def draft_of(self, url: str) -> str | None:
        """Return what identifies the draft whose page is at `url`; None where no draft's page is."""
        ...

    def final_request(self, base_url: str, draft_id: str) -> PermittedRequest:
        """Return the request that submits a draft. Raises ValueError where `draft_id` is none."""
        ...

    def draft_of_request(self, path: str) -> str | None:
        """Return what identifies the draft that a final request to this path submits; None for other paths."""
        ...

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
        ...

    async def sign_in(
        self, page: Page, *, base_url: str, credential: Credential, before_offer: BeforeOffer = unlimited
    ) -> HumanNeeded | None:
        """Sign in; None when that is done, otherwise why only a human can go on, on the page that is open.

        Args:
            page: Whatever is open.
            base_url: Where the portal is.
            credential: What to sign in with.
            before_offer: To be awaited just before each time that the password, or a second code, is offered.

        Raises:
            SignInRefused: The portal says that user name or password is wrong, or the account locked: only that.
            ChannelFault: Anything else that keeps the service out.
        """
        ...

    async def open_sign_in(self, page: Page, *, base_url: str) -> None:
        """Open the page at which a customer signs in in person."""
        ...

    async def is_signed_in(self, page: Page) -> bool:
        """Say whether the page that is open is one that only a signed-in user sees, without leaving it."""
        ...

    def form(self, job: Job, *, base_url: str) -> "PortalForm":
        """Return the form that takes the job over the payer's boundary."""
        ...

    async def read_status(
        self, page: Page, *, base_url: str, job: Job, reference_number: str
    ) -> Decision | Inquiry | Pending | EvidenceMismatch:
        """Read on a clean page what the payer has decided about the request of that number, or what it asks.

        Raises ChannelFault, with the code `evidence_of_another_case` where the request is not ours.
        """
        ...

    async def open_reference(
        self, page: Page, *, base_url: str, job: Job, reference_number: str
    ) -> PayerReceipt | EvidenceMismatch | None:
        """Read on a clean page the request of a number that a person reported; None for none, and for another's."""
        ...


@dataclass(frozen=True, slots=True)
class DraftPage:
    """What a draft would submit, as the portal shows it.

    `case_reference` is our own reference as the draft names it; None where it names none. `person_required` holds the
    portal's words where it wants a person to press the button; else None.
    """

    package: Package
    case_reference: str | None
    person_required: str | None = None


class PortalForm(Protocol):
    """What takes one job over the payer's boundary: the form of a request, or of a reply to a message."""

    async def fill(self, page: Page, *, documents: DocumentSource, step: Step) -> Obstacle | None:
        """Fill the form up to its review page; None when it is reached.

        After a human was needed on the way it is filled again, from the page that the human has left open.
        """
        ...

    def own_draft(self) -> str | None:
        """Return the draft that the job itself names, such as a reply; None where the portal's answer names it."""
        ...

    def package(self) -> Package:
        """Return what the review page should show."""
        ...

    async def obstacle(self, page: Page) -> Obstacle | None:
        """Read on a clean page what stands in the way before anything is filled; None where nothing does."""
        ...

    async def require_review(self, page: Page) -> None:
        """Wait for the review page in the session's own page. Raises ChannelFault where another one is open."""
        ...

    async def read_draft(self, page: Page, draft_id: str) -> DraftPage:
        """Read on a clean page what a draft would submit.

        Args:
            page: a page of a fresh context: no scripts, no service workers, the session's cookies.
            draft_id: what `PortalAdapter.draft_of` or `draft_of_request` returned.

        Raises:
            ChannelFault: the portal shows something else than the draft, or shows it in two ways.
        """
        ...

    async def press(self, page: Page) -> None:
        """Press the final button in the session's own page and wait for what it leads to. Raises ChannelFault."""
        ...

    async def evidence_at(self, page: Page, url: str) -> Evidence | EvidenceMismatch | None:
        """Read on a clean page what the payer has at an address that the session's own page has come to.

        Returns:
            None where the address is not that of a request at the payer, or the request is not this authorization's.
        """
        ...

    async def find(self, page: Page) -> Evidence | EvidenceMismatch | None:
        """Look on a clean page for what was submitted, by the authorization's own reference.

        Returns:
            None when the portal says that it is not there.

        Raises:
            ChannelFault: what is found belongs to another authorization; with the code `search_unavailable` the portal
                cannot be searched.
        """
        ...

    async def not_required(self, page: Page, draft_id: str) -> NotRequired | None:
        """Read on a clean page whether the portal says of a draft that this very request needs no authorization.

        Args:
            page: a clean page.
            draft_id: what `PortalAdapter.draft_of` returned for the page that is open in the session.
        """
        ...
