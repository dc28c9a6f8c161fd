"""How any portal's pages are waited for and read: by what a person sees on them, with every surprise a ChannelFault.

No fault carries text from a page or from Playwright: both may hold a patient's data.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Locator, Page, Response
from playwright.async_api import TimeoutError as PlaywrightTimeout

from priorauth.channels.contract import ChannelFault
from priorauth.channels.portals.gate_wire import REFUSED_HEADER

Done = TypeVar("Done")
Read = TypeVar("Read")

# In CSS pixels, and bytes.
_TALLEST_PICTURE: Final = 20_000
_LARGEST_PICTURE: Final = 5_000_000
_LARGEST_RESOURCE: Final = 2_000_000
# In characters: of one text, and of all that is read at once. A customer's longest answer is shorter.
_LONGEST_TEXT: Final = 50_000
_LONGEST_READING: Final = 500_000
_TOO_LONG: Final = "too long"
_TOO_MUCH: Final = ("unexpected_page", "The portal's page has a longer text than any that it should have.")
# The last step of a script that reads texts: those that are too long stay in the browser.
_BOUNDED: Final = f"""
    const texts = found.flat(Infinity), all = texts.reduce((sum, each) => sum + each.length, 0);
    if (all > {_LONGEST_READING} || texts.some(each => each.length > {_LONGEST_TEXT})) return "{_TOO_LONG}";
    return found;"""

# Markup of what is read, where a browser takes it for text: something before it was left open.
_MARKUP: Final = r"</?(dl|dt|dd|table|tr|td)\b"

_REPEATS: Final = 2
# A field is on its page when that is loaded, or it is drawn at once.
_FIELD_MILLISECONDS: Final = 5_000.0
# What may go by itself, and what each of it costs of the repeats: waiting for nothing is dear.
_PASSING: Final = {"portal_error": 1, "portal_refused": 1, "portal_unreachable": 1, "portal_timeout": 2}


async def persistently(
    do: Callable[[], Awaitable[Done]], *, back: Callable[[], Awaitable[object]] | None = None
) -> Done:
    """Do what may be done twice; where the portal fails at it, go `back` and do it again, twice at most.

    Only for what leaves the portal the same however often it is done: that is for the caller to know, of this portal.
    """
    left, failed = _REPEATS, False
    while True:
        try:
            if failed and back is not None:
                await back()
            return await do()
        except ChannelFault as fault:
            failed, left = True, left - _PASSING.get(fault.code, _REPEATS + 1)
            if left < 0:
                raise


async def again_from_here(page: Page, do: Callable[[], Awaitable[Done]]) -> Done:
    """Do what may be done twice, from the address that is open now, to which it goes back where the portal fails."""
    address = page.url.partition("?")[0]
    return await persistently(do, back=lambda: visit(page, address))


@asynccontextmanager
async def portal_faults() -> AsyncIterator[None]:
    """Turn what the browser raises into a ChannelFault: too slow, or not reachable."""
    try:
        yield
    except PlaywrightTimeout:
        raise ChannelFault("portal_timeout", "The portal did not show the expected page in time.") from None
    except PlaywrightError:
        raise ChannelFault("portal_unreachable", "The portal could not be reached or the browser has ended.") from None


async def require_field(field: Locator, name: str) -> None:
    """Wait a few seconds for a field of the page. Raises ChannelFault that names it where there is none."""
    try:
        await field.first.wait_for(state="attached", timeout=_FIELD_MILLISECONDS)
    except PlaywrightTimeout:
        raise ChannelFault("field_missing", f"The portal's page has no field “{name}”.") from None


async def fill_field(page: Page | Frame, label: str, text: str, *, exact: bool = False) -> None:
    """Fill the field with this label. Raises ChannelFault that names it where the page has none."""
    async with portal_faults():
        field = page.get_by_label(label, exact=exact)
        await require_field(field, label)
        await field.fill(text)


async def choose(do: Callable[..., Awaitable[object]], name: str) -> None:
    """Choose an option of a field that is there.

    Args:
        do: chooses it; takes Playwright's `timeout`, in milliseconds.
        name: of the field. The option is not named: it is the patient's answer.

    Raises:
        ChannelFault: the field does not have the option.
    """
    try:
        await do(timeout=_FIELD_MILLISECONDS)
    except PlaywrightTimeout:
        raise ChannelFault(
            "option_missing", f"The portal's field “{name}” does not have the option that was answered."
        ) from None


async def visit(page: Page, address: str) -> None:
    """Open an address. Raises ChannelFault when the portal answers with an error."""
    async with portal_faults():
        require_success(await page.goto(address, wait_until="domcontentloaded"))


async def visit_if_there(page: Page, address: str) -> bool:
    """Open an address and say whether the portal knows it. Raises ChannelFault for any error but 404."""
    async with portal_faults():
        response = await page.goto(address, wait_until="domcontentloaded")
    require_success(response, but=404)
    return response is None or response.status != 404


async def press(page: Page, name: str, *, patience_seconds: float | None = None) -> None:
    """Press the button `name` and wait for the page that it leads to, if need be longer than the session's pages take.

    Raises ChannelFault when the portal answers with an error; a form that it returns with remarks (422) is none.
    """
    patience = patience_seconds * 1000 if patience_seconds is not None else None
    async with portal_faults():
        async with page.expect_navigation(wait_until="domcontentloaded", timeout=patience) as navigation:
            # It would wait for the next page too, and only as long as pages usually take.
            await page.get_by_role("button", name=name, exact=True).click(no_wait_after=True)
        require_success(await navigation.value, but=422)


async def heading(page: Page) -> str:
    """Return the page's first heading; empty when it has none."""
    async with portal_faults():
        first = page.locator("h1").first
        return (await first.inner_text()).strip() if await first.count() else ""


async def require_heading(page: Page, expected: str) -> None:
    """Raise ChannelFault unless the open page is the expected one."""
    if await heading(page) != expected:
        raise ChannelFault("unexpected_page", f"The portal showed another page than “{expected}”.")


async def described(page: Page, selector: str) -> dict[str, str]:
    """Return the page's one definition list as label -> value; a <time> counts with its datetime.

    Raises ChannelFault unless the list matches `selector` and is the only one, made of pairs of plain text: stored
    markup, for example in a member's name, can end a list early and begin another one.
    """
    script = (
        """(root, [selector, markup]) => {
        const lists = root.querySelectorAll('dl'), parts = [...(lists[0]?.children ?? [])];
        const swallowed = node => new RegExp(markup, 'i').test(node.nodeValue ?? '')
            || [...(node.attributes ?? [])].some(each => new RegExp(markup, 'i').test(each.value));
        const plain = value => [...value.querySelectorAll('*')].every(each => each.localName === 'time')
            && value.children.length <= 1
            && (!value.children.length || value.textContent.trim() === value.children[0].textContent.trim());
        if (lists.length !== 1 || !lists[0].matches(selector) || parts.length % 2
            || root.querySelectorAll('dt, dd').length !== parts.length || root.querySelector('template, plaintext')
            || !parts.every((each, at) => each.localName === (at % 2 ? 'dd' : 'dt'))
            || !parts.every((each, at) => at % 2 ? plain(each) : !each.children.length)
            || [...lists[0].childNodes].some(each => each.nodeType === 3 && each.data.trim())) return null;
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_ALL);
        while (walker.nextNode())
            if (walker.currentNode.parentNode.localName !== 'script' && swallowed(walker.currentNode)) return null;
        const found = parts.filter(each => each.localName === 'dt').map(term => {
            const value = term.nextElementSibling, time = value.querySelector('time');
            return [term.textContent.trim(), time ? time.dateTime : value.textContent.trim()];
        });"""
        + _BOUNDED
        + "}"
    )
    async with portal_faults():
        found: list[tuple[str, str]] | str | None = await page.locator("html").evaluate(script, [selector, _MARKUP])
    return once_each(_bounded(found))


def once_each(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return labels and values. Raises ChannelFault for a label that is there twice: it can be read in two ways."""
    found: dict[str, str] = {}
    for label, value in fields:
        if label in found:
            raise ChannelFault("unexpected_page", "The portal showed a field twice.")
        found[label] = value
    return found


async def picture_of(page: Page) -> bytes | None:
    """Return the whole page as PNG; None where it is too large to be kept, or cannot be drawn."""
    try:
        height = await page.evaluate("document.documentElement.scrollHeight")
        if not isinstance(height, int | float) or height > _TALLEST_PICTURE:
            return None
        picture = await page.screenshot(full_page=True, type="png", animations="disabled")
    except PlaywrightError:
        # A snapshot without its picture is a snapshot all the same.
        return None
    return picture if len(picture) <= _LARGEST_PICTURE else None


async def read_json(page: Page, address: str) -> dict[str, Any] | None:
    """Open a JSON resource of the portal; None where the portal knows none. Raises ChannelFault."""
    async with portal_faults():
        response = await page.goto(address, wait_until="domcontentloaded")
        if response is None or response.status in (401, 403):
            raise ChannelFault("unexpected_page", "The portal asked for a sign-in in place of an answer.")
        require_success(response, but=404)
        if response.status == 404:
            return None
        body = await response.body()
    if len(body) > _LARGEST_RESOURCE:
        raise ChannelFault("unexpected_page", "The portal gave a larger answer than any that it has.")
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ChannelFault("unexpected_page", "The portal gave no answer that the service can read.")
    return found


async def table_rows(page: Page, selector: str, *, required: bool = False) -> list[list[str]]:
    """Return the body of the page's one such table, cell by cell, as text; of none unless it is `required`.

    Raises ChannelFault where several match, or one has a table inside or several bodies: that can be read in two ways.
    """
    script = (
        """(tables, required) => {
        const rows = tables.flatMap(table => [...table.tBodies].flatMap(body => [...body.rows]));
        const nested = tables.some(table => table.querySelector('table') || table.tBodies.length > 1);
        if (tables.length > 1 || nested || (required && !tables.length)) return null;
        const found = rows.map(row => [...row.cells].map(cell => cell.textContent.trim()));"""
        + _BOUNDED
        + "}"
    )
    async with portal_faults():
        found: list[list[str]] | str | None = await page.locator(selector).evaluate_all(script, required)
    return _bounded(found)


async def list_items(page: Page, selector: str) -> tuple[str, ...]:
    """Return the items of a list, as text; none when there is no such list."""
    # By the browser's own means: it is asked of pages whose scripts run.
    async with portal_faults():
        found = await page.locator(f"{selector} > li").all_text_contents()
    if sum(map(len, found)) > _LONGEST_READING:
        raise ChannelFault(*_TOO_MUCH)
    return tuple(text.strip() for text in found)


def _bounded(found: list[Read] | str | None) -> list[Read]:
    """Return what a script has read. Raises ChannelFault where it read nothing for sure, or too much."""
    if found is None:
        raise ChannelFault("unexpected_page", "The portal's page can be read in two ways.")
    if isinstance(found, str):
        raise ChannelFault(*_TOO_MUCH)
    return found


def require_success(response: Response | None, *, but: int | None = None) -> None:
    """Raise ChannelFault where the answer is an error: the portal's (5xx), about the request (4xx), or of our guard.

    Args:
        response: the answer; None where the page was not loaded anew.
        but: the one error status that the caller deals with.
    """
    if response is None or response.status < 400:
        return
    if (reason := response.headers.get(REFUSED_HEADER.lower())) is not None:
        raise ChannelFault("refused_by_guard", f"The service's own submit guard refused the request ({reason}).")
    if response.status == but:
        return
    if response.status < 500:
        raise ChannelFault("portal_refused", f"The portal refused the request (HTTP {response.status}).")
    raise ChannelFault("portal_error", f"The portal answered with an error (HTTP {response.status}).")
