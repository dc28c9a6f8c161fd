"""The simulated portals' hostility bites: in a browser without a guard each way of submitting reaches the payer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from priorauth.sandbox.hostile.kinds import WAYS
from priorauth.sandbox.server import PortalServer
from tests.portals import juniper_visitor, larkspur_visitor
from tests.portals.larkspur_visitor import browser, entries

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORTALS = ("larkspur", "juniper")
# The portal wants JSON with a token: a form cannot send that, but a portal that is hostile takes what it gets.
_VISITORS: dict[str, Any] = {"larkspur": larkspur_visitor.Visitor, "juniper": juniper_visitor.Visitor}


@dataclass
class Besieged:
    """A portal with a visitor who has signed in, and a browser that nothing guards."""

    portal: str
    url: str
    visitor: Any
    browser: Browser

    async def draft(self, reference: str) -> int:
        """Make a draft that could be submitted."""
        path: str = await self.visitor.fill(reference)
        return int(path.rpartition("/")[2])

    async def be_hostile(self, *kinds: str, draft: int | None = None) -> None:
        """Tell the portal in which ways to be hostile."""
        told = {"kinds": list(kinds), "draft": draft}
        answer = await self.visitor.http.put("/sandbox/hostility", json=told)
        assert answer.status_code == 200, answer.text

    async def open_review(self, draft: int) -> Page:
        """Open a draft's review in a browser of the visitor's."""
        context = await self.browser.new_context()
        cookies = [{"name": n, "value": v, "url": self.url} for n, v in self.visitor.http.cookies.items()]
        await context.add_cookies(cookies)  # type: ignore[arg-type]
        page = await context.new_page()
        await page.goto(f"{self.url}/drafts/{draft}/review")
        await page.locator("button.final").wait_for()
        return page

    async def press(self, page: Page) -> None:
        """Press the last button as a person does."""
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
        if self.portal == "juniper":
            await page.get_by_role("checkbox").check()
        await page.locator("button.final").click()

    async def submitted(self) -> list[str]:
        """The references of everything that was submitted."""
        return [each["caseReference"] for each in await self.visitor.submissions()]


@pytest_asyncio.fixture(loop_scope="module", params=PORTALS)
async def besieged(
    request: pytest.FixtureRequest,
    stopping: list[asyncio.Task[None]],
    browsers: tuple[Browser, Browser],
    tmp_path: Path,
) -> AsyncIterator[Besieged]:
    server = PortalServer(tmp_path, portal=request.param)
    url = await server.start()
    async with browser(url) as http:
        visitor = _VISITORS[request.param](http)
        await visitor.put_member()
        await visitor.sign_in()
        yield Besieged(request.param, url, visitor, browsers[1])
    stopping.append(asyncio.create_task(server.stop()))


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition that only asking can tell."""
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110 - the portal tells nobody
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", WAYS)
async def test_each_way_of_a_hostile_page_submits_another_draft_where_nothing_guards(
    besieged: Besieged, way: str
) -> None:
    other, own = await besieged.draft("other"), await besieged.draft("own")
    await besieged.be_hostile(f"other_{way}", draft=other)

    page = await besieged.open_review(own)

    async def submitted() -> bool:
        return "other" in await besieged.submitted()

    await until(submitted)
    assert "own" not in await besieged.submitted()
    await page.context.close()


@pytest.mark.parametrize("kind", ["swap_draft", "redirect_final"])
async def test_a_press_on_one_draft_submits_another(besieged: Besieged, kind: str) -> None:
    other, own = await besieged.draft("other"), await besieged.draft("own")
    await besieged.be_hostile(kind, draft=other)
    page = await besieged.open_review(own)

    await besieged.press(page)

    async def submitted() -> bool:
        return bool(await besieged.submitted())

    await until(submitted)
    assert await besieged.submitted() == ["other"]
    await page.context.close()


@pytest.mark.parametrize("kind", ["rewrite_once", "rewrite_member"])
async def test_the_draft_is_rewritten_behind_a_review_that_shows_the_former_one(besieged: Besieged, kind: str) -> None:
    own = await besieged.draft("own")
    await besieged.be_hostile(kind)
    page = await besieged.open_review(own)
    shown = await page.locator("dl.review").inner_text()

    async def rewritten() -> bool:
        await page.reload()
        await page.locator("button.final").wait_for()
        return await page.evaluate("sessionStorage.length") == 1 and await is_other(besieged, own)

    if kind == "rewrite_once":
        await until(rewritten)
        same = "shown => document.querySelector('dl.review').innerText === shown"
        await page.wait_for_function(same, arg=shown)
    else:
        # The other member is one that the plan does not know: the draft is gone from its owner.
        await until(lambda: is_gone(besieged, own))
    await page.context.close()


async def is_other(besieged: Besieged, draft: int) -> bool:
    """Whether the draft asks for other units than it was filled with."""
    if besieged.portal == "juniper":
        read = await besieged.visitor.call("GET", f"/drafts/{draft}")
        return bool(read.json()["service"]["quantity"] == "9")
    return entries(await besieged.visitor.get(f"/drafts/{draft}/review"), "review")["Units requested"] == "9"


async def is_gone(besieged: Besieged, draft: int) -> bool:
    """Whether the draft's member is not the visitor's any more."""
    path = f"/drafts/{draft}" if besieged.portal == "juniper" else f"/drafts/{draft}/review"
    answer = await (besieged.visitor.call("GET", path) if besieged.portal == "juniper" else besieged.visitor.get(path))
    return bool(answer.status_code == 404)


async def test_a_faked_receipt_is_shown_while_nothing_was_sent(besieged: Besieged) -> None:
    own = await besieged.draft("own")
    await besieged.be_hostile("fake_received")
    page = await besieged.open_review(own)

    await besieged.press(page)

    await page.get_by_role("heading", name="Request received").wait_for()
    assert "own" in await page.locator("dl.request").inner_text()
    assert await besieged.submitted() == []
    await page.context.close()


async def test_a_receipt_names_another_member_and_other_units(besieged: Besieged) -> None:
    own = await besieged.visitor.fill("own")
    await besieged.be_hostile("receipt_of_another")
    answer = await besieged.visitor.submit(own)

    if besieged.portal == "juniper":
        rows = {each["label"]: each["value"] for each in answer.json()["request"]["rows"]}
        assert (rows["Member ID"], rows["Quantity"], rows["Your reference"]) == ("X00000000000", "77", "own")
    else:
        rows = entries(await besieged.visitor.get(f"/requests/{answer}/confirmation"), "request")
        assert (rows["Member ID"], rows["Units requested"]) == ("X00000000000", "77")
    (taken,) = await besieged.visitor.submissions()
    sent = (await besieged.visitor.http.get(f"/sandbox/submissions/{taken['referenceNumber']}")).json()["data"]
    assert "X00000000000" not in [row["value"] for row in sent["rows"]], "what is counted stays true"


@pytest.mark.parametrize(
    ("header", "value"),
    [("X-HTTP-Method-Override", "POST"), ("X-Original-URL", "FINAL"), ("X-Rewrite-URL", "FINAL"), ("_method", "POST")],
)
async def test_a_front_that_honours_overrides_submits_what_looks_like_a_read(
    besieged: Besieged, header: str, value: str
) -> None:
    own = await besieged.draft("own")
    final = f"/api/drafts/{own}/submission" if besieged.portal == "juniper" else f"/drafts/{own}/submit"
    overrides = header if header == "_method" else {header: value.replace("FINAL", final)}
    await besieged.be_hostile("overrides")

    if "URL" in header:
        await besieged.visitor.http.post("/login", headers=overrides)
    elif isinstance(overrides, dict):
        await besieged.visitor.http.get(final, headers=overrides)
    else:
        await besieged.visitor.http.get(final, params={"_method": "POST"})

    assert await besieged.submitted() == ["own"]


async def test_a_script_in_a_members_name_submits_by_itself(besieged: Besieged) -> None:
    own = await besieged.draft("own")
    await besieged.visitor.put_member(hostile=["stored_script"])
    module = larkspur_visitor if besieged.portal == "larkspur" else juniper_visitor
    final = f"/api/drafts/{own}/submission" if besieged.portal == "juniper" else f"/drafts/{own}/submit"
    name = f"<img src=x onerror=\"fetch('{final}',{{method:'POST'}})\">"
    told = {"member": module.MEMBER | {"lastName": name}, "behaviour": {"hostile": ["stored_script"]}}
    answer = await besieged.visitor.http.put(f"/sandbox/members/{module.MEMBER['memberId']}", json=told)
    assert answer.status_code == 200, answer.text

    page = await besieged.open_review(own)

    async def submitted() -> bool:
        return set(await besieged.submitted()) == {"own"}

    await until(submitted)
    await page.context.close()


async def test_a_portal_is_hostile_only_as_long_as_it_is_told_to_be(besieged: Besieged) -> None:
    assert "ORDERS" not in (await besieged.visitor.http.get("/login")).text
    own = await besieged.draft("own")
    plain = (await besieged.visitor.http.get(f"/drafts/{own}/review")).text
    await besieged.be_hostile("lie_receipt")
    assert "lie_receipt" in (await besieged.visitor.http.get(f"/drafts/{own}/review")).text
    await besieged.be_hostile()
    assert (await besieged.visitor.http.get(f"/drafts/{own}/review")).text == plain


@pytest.mark.parametrize(
    "told", [{"kinds": ["unheard_of"]}, {"kinds": "tabs"}, {"kinds": [], "draft": "1"}, {"draft": 1}, [], {}], ids=str
)
async def test_a_hostility_that_makes_no_sense_is_refused(besieged: Besieged, told: object) -> None:
    answer = await besieged.visitor.http.put("/sandbox/hostility", json=told)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"


async def test_a_members_hostility_that_makes_no_sense_is_refused(besieged: Besieged) -> None:
    module = larkspur_visitor if besieged.portal == "larkspur" else juniper_visitor
    told = {"member": module.MEMBER, "behaviour": {"hostile": ["unheard_of"]}}

    answer = await besieged.visitor.http.put(f"/sandbox/members/{module.MEMBER['memberId']}", json=told)

    assert answer.status_code == 400
    assert "hostile" in answer.json()["error"]["message"]


async def test_a_confirmation_lies_about_its_number(besieged: Besieged) -> None:
    own = await besieged.draft("own")
    await besieged.be_hostile("lie_receipt")
    page = await besieged.open_review(own)

    await besieged.press(page)

    await page.get_by_role("heading", name="Request received").wait_for()
    (taken,) = await besieged.visitor.submissions()
    await page.get_by_text("999999").first.wait_for()
    assert "999999" not in taken["referenceNumber"]
    await page.context.close()
