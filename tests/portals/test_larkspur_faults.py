"""Every fault of the simulated portal, on the wire; and whatever happens, each accepted submission is counted once."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from priorauth.sandbox.larkspur.control import POINTS
from priorauth.sandbox.server import PortalServer
from tests.portals.larkspur_visitor import INQUIRY, SLEEP, Clock, Visitor, browser, entries, heading, service

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Waits(list[float]):
    """Takes the place of sleeping."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(stopping: list[asyncio.Task[None]], tmp_path: Path, waits: Waits) -> AsyncIterator[Visitor]:
    server = PortalServer(tmp_path, sleep=waits)
    base_url = await server.start()
    async with browser(base_url) as http:
        visitor = Visitor(http)
        await visitor.sign_in()
        yield visitor
    stopping.append(asyncio.create_task(server.stop()))


async def _submitted(visitor: Visitor) -> str:
    return await visitor.submit(await visitor.fill("case-1"))


async def _reach(visitor: Visitor, point: str) -> Callable[[], Awaitable[httpx.Response]]:
    """Prepare everything before a point, and return what makes the request that meets it."""
    if point == "member_search":
        return visitor.search_member
    if point == "start":
        return lambda: visitor.post("/requests/start", {"member_id": "LKS900000001"})
    if point == "requests":
        await _submitted(visitor)
        return lambda: visitor.get("/requests?q=case-1")
    if point == "status":
        reference = await _submitted(visitor)
        return lambda: visitor.get(f"/requests/{reference}")
    if point in ("message", "reply", "reply_response"):
        await visitor.put_member(inquiries=(INQUIRY,))
        reference = await _submitted(visitor)
        path = await visitor.write_reply(reference)
        return lambda: visitor.get(path) if point == "message" else visitor.post(f"{path}/send", {})
    if point in ("service", "clinical"):
        draft = await visitor.start()
        if point == "service":
            return lambda: visitor.post(f"{draft}/service", service("case-1"))
        await visitor.post(f"{draft}/service", service("case-1"))
        return lambda: visitor.post(f"{draft}/clinical", SLEEP)
    draft = await visitor.fill("case-1")
    requests: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
        "documents": lambda: visitor.post(f"{draft}/documents", {"action": "continue"}),
        "upload": lambda: visitor.upload(draft),
        "review": lambda: visitor.get(f"{draft}/review"),
        "submit": lambda: visitor.post(f"{draft}/submit", {}),
        "submit_response": lambda: visitor.post(f"{draft}/submit", {}),
    }
    return requests[point]


@pytest.mark.parametrize("point", POINTS)
async def test_a_fault_is_met_at_its_point_as_often_as_told(visitor: Visitor, point: str) -> None:
    await visitor.put_member()
    request = await _reach(visitor, point)
    await visitor.put_member({"at": point, "kind": "error", "times": 2}, inquiries=(INQUIRY,))
    answers = [await request() for _ in range(3)]
    # The plan took the reply with the first answer that was lost, and takes no second one.
    again = point != "reply_response"
    assert [answer.status_code == 500 for answer in answers] == [True, again, False]
    assert heading(answers[0]) == "System error"


@pytest.mark.parametrize("point", POINTS)
async def test_signed_out_at_any_point(visitor: Visitor, point: str) -> None:
    await visitor.put_member()
    request = await _reach(visitor, point)
    await visitor.put_member({"at": point, "kind": "signed_out"}, inquiries=(INQUIRY,))
    assert (await request()).headers["location"] == "/login"
    assert (await visitor.http.get("/home")).headers["location"] == "/login"
    await visitor.sign_in()
    assert (await request()).headers.get("location") != "/login"


@pytest.mark.parametrize(
    ("point", "accepted"), [("submit", 0), ("submit_response", 1)], ids=["before acceptance", "after acceptance"]
)
@pytest.mark.parametrize("kind", ["error", "reset", "close", "signed_out"])
async def test_a_lost_answer_leaves_one_submission_or_none(
    visitor: Visitor, kind: str, point: str, accepted: int
) -> None:
    await visitor.put_member({"at": point, "kind": kind, "times": 1})
    draft = await visitor.fill("case-1")
    if kind in ("reset", "close"):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await visitor.post(f"{draft}/submit", {})
    else:
        await visitor.post(f"{draft}/submit", {})
    assert len(await visitor.submissions()) == accepted
    if kind == "signed_out":
        await visitor.sign_in()
    assert ("No requests found." in (await visitor.get("/requests?q=case-1")).text) == (accepted == 0)
    await visitor.submit(draft)
    assert len(await visitor.submissions()) == accepted + 1


async def _raw_answers(visitor: Visitor, *requests: tuple[str, str, str]) -> list[bytes]:
    """Send requests over one kept-alive connection; an answer is what arrives for each, b"" after a close."""
    url = visitor.http.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.http.cookies.items())
    answers = []
    try:
        for method, path, body in requests:
            writer.write(
                f"{method} {path} HTTP/1.1\r\nHost: portal\r\nCookie: {cookie}\r\nContent-Length: {len(body)}\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}".encode()
            )
            answers.append(await _raw_answer(reader))
    finally:
        writer.close()
    return answers


async def _raw_answer(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    length = re.search(rb"content-length: (\d+)", head)
    return head + await reader.readexactly(int(length[1]) if length else 0)


async def test_a_reset_is_a_reset_on_the_wire(visitor: Visitor) -> None:
    await visitor.put_member({"at": "submit_response", "kind": "reset", "times": 1})
    draft = await visitor.fill("case-1")
    with pytest.raises(ConnectionResetError):
        await _raw_answers(
            visitor,
            ("GET", "/static/portal.js", ""),
            ("POST", f"{draft}/submit", f"form_token={visitor.form_token}"),
        )
    assert len(await visitor.submissions()) == 1


async def test_a_close_is_an_orderly_end_without_an_answer(visitor: Visitor) -> None:
    await visitor.put_member({"at": "submit_response", "kind": "close", "times": 1})
    draft = await visitor.fill("case-1")
    first, second = await _raw_answers(
        visitor,
        ("GET", f"{draft}/submit", ""),
        ("POST", f"{draft}/submit", f"form_token={visitor.form_token}"),
    )
    assert first.startswith(b"HTTP/1.1 404")
    assert second == b""
    assert len(await visitor.submissions()) == 1


async def test_a_delay_waits_and_goes_on(visitor: Visitor, waits: Waits) -> None:
    await visitor.put_member(
        {"at": "status", "kind": "delay", "times": 1, "seconds": 7.5}, {"at": "status", "kind": "error", "times": 1}
    )
    reference = await visitor.submit(await visitor.fill("case-1"))
    assert (await visitor.get(f"/requests/{reference}")).status_code == 500
    assert (await visitor.get(f"/requests/{reference}")).status_code == 200
    assert waits == [7.5]


async def test_an_outage_says_so_or_nothing_by_turns_until_it_is_over(tmp_path: Path) -> None:
    clock = Clock()
    server = PortalServer(tmp_path, clock=clock)
    try:
        async with browser(await server.start()) as http:
            visitor = Visitor(http)
            await visitor.sign_in()
            await visitor.put_member({"at": "service", "kind": "outage", "seconds": 30})
            draft = await visitor.start()
            answer = await visitor.post(f"{draft}/service", service("case-1"))
            assert (answer.status_code, heading(answer)) == (503, "Service unavailable")
            clock.advance(29)
            with pytest.raises(httpx.RemoteProtocolError):
                await visitor.post(f"{draft}/service", service("case-1"))
            clock.advance(1)
            answer = await visitor.post(f"{draft}/service", service("case-1"))
            assert answer.headers["location"] == f"{draft}/clinical"
    finally:
        await server.stop()


async def test_another_value_is_shown_and_submitted(visitor: Visitor) -> None:
    await visitor.put_member(
        {"at": "review", "kind": "change_value", "times": 1, "field": "Your reference", "value": "case-9"}
    )
    draft = await visitor.fill("case-1")
    assert entries(await visitor.get(f"{draft}/review"), "review")["Your reference"] == "case-9"
    await visitor.submit(draft)
    # Shown again, the page is right, and so is what it sends.
    assert entries(await visitor.get(f"{draft}/review"), "review")["Your reference"] == "case-1"
    await visitor.submit(draft)
    assert [each["caseReference"] for each in await visitor.submissions()] == ["case-9", "case-1"]


async def test_a_document_is_forgotten_silently(visitor: Visitor) -> None:
    await visitor.put_member({"at": "documents", "kind": "drop_document", "times": 1})
    draft = await visitor.start()
    await visitor.post(f"{draft}/service", service("case-1"))
    await visitor.post(f"{draft}/clinical", SLEEP)
    for name in ("first.pdf", "second.pdf"):
        await visitor.upload(draft, name=name)
    answer = await visitor.post(f"{draft}/documents", {"action": "continue"})
    assert answer.headers["location"] == f"{draft}/review"
    page = await visitor.get(f"{draft}/review")
    assert "first.pdf" in page.text
    assert "second.pdf" not in page.text


async def test_each_new_case_meets_the_fault_again(visitor: Visitor) -> None:
    await visitor.put_member(
        {"at": "member_search", "kind": "error", "times": 1}, {"at": "submit_response", "kind": "error", "times": 1}
    )
    for reference in ("case-1", "case-2"):
        assert [(await visitor.search_member()).status_code for _ in range(2)] == [500, 200]
        draft = await visitor.fill(reference)
        assert [(await visitor.post(f"{draft}/submit", {})).status_code for _ in range(2)] == [500, 303]
    assert len(await visitor.submissions()) == 4


async def test_only_a_search_that_hits_the_case_meets_the_fault(visitor: Visitor) -> None:
    fault: dict[str, Any] = {"at": "requests", "kind": "error", "times": 99}
    await visitor.put_member(fault)
    assert (await visitor.get("/requests?q=case-1")).status_code == 200
    await _submitted(visitor)
    assert (await visitor.get("/requests?q=case-1")).status_code == 500
    assert (await visitor.get("/requests?q=case-2")).status_code == 200
    assert (await visitor.get("/requests")).status_code == 200


async def test_counts_survive_a_restart(tmp_path: Path) -> None:
    for statuses in ([500], [500, 200]):
        server = PortalServer(tmp_path)
        async with browser(await server.start()) as http:
            visitor = Visitor(http)
            if statuses == [500]:
                await visitor.put_member({"at": "member_search", "kind": "error", "times": 2})
            await visitor.sign_in()
            assert [(await visitor.search_member()).status_code for _ in statuses] == statuses
        await server.stop()
