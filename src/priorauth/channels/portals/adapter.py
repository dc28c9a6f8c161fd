"""What a payer's portal must be described by, so that the portal channel can operate it.

An adapter knows pages and nothing else: no session, no guard, no case. Each of its methods starts from whatever page
is open and says what it saw.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from playwright.async_api import Page

from priorauth import faultpoints
from priorauth.channels.contract import DocumentSource, Evidence, HumanNeeded, Job, NotRequired, Obstacle, Pending
from priorauth.channels.portals.guard import Boundary
from priorauth.channels.portals.one_time_codes import BeforeOffer, unlimited
from priorauth.domain.credentials import Credential
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

    def boundary(self, base_url: str) -> Boundary:
        """Return what may leave the browser at this portal: its origins, its writes, its final requests."""
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
    ) -> Decision | Inquiry | Pending:
        """Open the case by the payer's reference and read its decision, or what the payer asks."""
        ...

    async def open_reference(
        self, page: Page, *, base_url: str, job: Job, reference_number: str
    ) -> PayerReceipt | None:
        """Open a reference number that a human reported; None when the portal has no such case, or it is another one.

        Only reads.
        """
        ...


class PortalForm(Protocol):
    """What takes one job over the payer's boundary: the form of a request, or of a reply to a message."""

    async def fill(self, page: Page, *, documents: DocumentSource, step: Step) -> Obstacle | None:
        """Fill the form up to its review page; None when it is reached.

        After a human was needed on the way it is filled again, from the page that the human has left open.
        """
        ...

    def package(self) -> Package:
        """Return what the review page should show."""
        ...

    async def read_review(self, page: Page) -> Package:
        """Read the review page that is open."""
        ...

    async def person_required(self, page: Page) -> str | None:
        """Return what the review page says where the portal wants a person to press its button; else None."""
        ...

    async def submit(self, page: Page) -> Evidence:
        """Press the final button and read the confirmation. Raises ChannelFault when it is not of this very case."""
        ...

    async def find(self, page: Page) -> Evidence | None:
        """Look for what was submitted by the case's own reference; None when the portal says that it is not there.

        Raises ChannelFault when what is found belongs to another case, with the code `search_unavailable` where the
        portal cannot be searched.
        """
        ...

    async def shown(self, page: Page) -> Evidence | NotRequired | None:
        """Return what the open page shows of this very case, without leaving it; None when it is none of its."""
        ...
