"""How the one page of Juniper's portal is waited for: it changes what it shows without being loaded anew.

While something is under way the page says so (`aria-busy`); what failed it says in an alert.
"""

from collections.abc import Awaitable, Callable

from playwright.async_api import Frame, Page

from priorauth.channels.contract import ChannelFault
from priorauth.channels.portals.pages import Done, heading, persistently, portal_faults, visit


async def open_view(page: Page, address: str) -> None:
    """Open an address and wait until its view is drawn. Raises ChannelFault."""
    await visit(page, address)
    await settled(page)


async def again_from_here(page: Page, do: Callable[[], Awaitable[Done]]) -> Done:
    """Do what may be done twice, from the view that is open now, to which it goes back where the portal fails."""
    address = page.url
    return await persistently(do, back=lambda: open_view(page, address))


async def press(page: Page, name: str, *, patience_seconds: float | None = None) -> None:
    """Press a button and wait until what it started is done. Raises ChannelFault when the page says that it failed."""
    async with portal_faults():
        # Its handler marks the page as busy before the click is over.
        await page.get_by_role("button", name=name, exact=True).click()
    await settled(page, patience_seconds=patience_seconds)


async def settled(page: Page, *, patience_seconds: float | None = None) -> None:
    """Wait until nothing is under way on the page. Raises ChannelFault when it says that something failed."""
    patience = patience_seconds * 1000 if patience_seconds is not None else None
    async with portal_faults():
        await page.locator("main[aria-busy=false]").wait_for(timeout=patience)
        alerts = await page.get_by_role("alert").count()
    if alerts:
        raise ChannelFault("portal_error", "The portal said that something has failed.")


async def clinical_frame(page: Page) -> Frame:
    """Return the frame with the clinical questions once they are drawn. Raises ChannelFault."""
    async with portal_faults():
        element = await page.get_by_title("Clinical questions", exact=True).element_handle()
        frame = await element.content_frame()
    if frame is None:
        raise ChannelFault("unexpected_page", "The portal showed no clinical questions.")
    async with portal_faults():
        await frame.locator("main[aria-busy=false]").wait_for()
        failed = await frame.get_by_role("alert").count()
    if failed:
        raise ChannelFault("portal_error", "The portal said that something has failed.")
    return frame


async def require_view(page: Page, expected: str) -> None:
    """Wait for the view, which may take a moment to follow. Raises ChannelFault where another one is shown."""
    await settled(page)
    if await heading(page) != expected:
        raise ChannelFault("unexpected_page", f"The portal showed another page than “{expected}”.")
