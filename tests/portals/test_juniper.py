"""The simulated single-page portal over real connections: its API, what it keeps, what it decides, how it fails."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
import pytest_asyncio

from priorauth.sandbox.juniper.control import POINTS
from priorauth.sandbox.server import PortalServer
from tests.portals.juniper_visitor import (
    APP_ACCOUNT,
    MEMBER,
    PDF,
    PHONE_ACCOUNT,
    STAY,
    Visitor,
    service,
)
from tests.portals.larkspur_visitor import Clock, browser

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Waits(list[float]):
    """Takes the place of sleeping."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(
    stopping: list[asyncio.Task[None]], tmp_path: Path, clock: Clock, waits: Waits
) -> AsyncIterator[Visitor]:
    server = PortalServer(tmp_path, portal="juniper", clock=clock, sleep=waits)
    base_url = await server.start()
    async with browser(base_url) as http:
        visitor = Visitor(http)
        await visitor.put_member()
        await visitor.sign_in()
        yield visitor
    stopping.append(asyncio.create_task(server.stop()))


def code_of(answer: httpx.Response) -> str:
    code: str = answer.json()["error"]["code"]
    return code


async def test_without_a_session_the_api_tells_nothing(visitor: Visitor) -> None:
    visitor.http.cookies.clear()
    for method, path in (("GET", "/requests"), ("GET", "/drafts/1"), ("POST", "/drafts"), ("GET", "/requests/JR1")):
        answer = await visitor.call(method, path)
        assert (answer.status_code, code_of(answer)) == (401, "signed_out"), path
    assert (await visitor.call("GET", "/session")).json() == {"session": None}


async def test_a_wrong_password_opens_nothing(visitor: Visitor) -> None:
    visitor.http.cookies.clear()
    answer = await visitor.sign_in(password="wrong")
    assert (answer.status_code, code_of(answer)) == (403, "wrong_credentials")
    assert not visitor.http.cookies


async def test_a_write_without_the_sessions_token_is_refused(visitor: Visitor) -> None:
    draft = await visitor.fill("case-1")
    for token in ("", "wrong"):
        visitor.token = token
        answer = await visitor.submit(draft)
        assert (answer.status_code, code_of(answer)) == (403, "stale_page")
    assert await visitor.submissions() == []


async def test_a_session_ends_by_signing_out_and_after_a_working_day(visitor: Visitor, clock: Clock) -> None:
    cookies = dict(visitor.http.cookies)
    await visitor.call("DELETE", "/session")
    visitor.http.cookies.update(cookies)
    assert (await visitor.call("GET", "/requests")).status_code == 401
    await visitor.sign_in()
    clock.advance(8 * 3600 + 1)
    assert (await visitor.call("GET", "/requests")).status_code == 401


async def test_a_second_factor_is_wanted_before_anything_else(visitor: Visitor) -> None:
    visitor.http.cookies.clear()
    assert (await visitor.sign_in(PHONE_ACCOUNT)).json()["session"]["awaitsCode"] == "text"
    assert (await visitor.call("GET", "/requests")).status_code == 401
    wrong = await visitor.call("POST", "/session/code", {"code": "000000"})
    assert (wrong.status_code, code_of(wrong)) == (403, "wrong_code")
    before = dict(visitor.http.cookies)
    right = await visitor.call("POST", "/session/code", {"code": PHONE_ACCOUNT.message_code})
    assert right.json()["session"]["awaitsCode"] is None
    assert dict(visitor.http.cookies) != before, "whoever knew the unverified session must not be signed in with it"
    assert (await visitor.call("GET", "/requests")).status_code == 200


async def test_an_authenticators_code_is_taken_once(visitor: Visitor, clock: Clock) -> None:
    code = pyotp.TOTP(APP_ACCOUNT.totp_secret or "").at(clock.now)
    taken = []
    for _ in range(2):
        visitor.http.cookies.clear()
        assert (await visitor.sign_in(APP_ACCOUNT)).json()["session"]["awaitsCode"] == "app"
        taken.append((await visitor.call("POST", "/session/code", {"code": code})).is_success)
    assert taken == [True, False]


@pytest.mark.parametrize("changes", [{"memberId": "JR999999999"}, {"birthDate": "1970-02-27"}, {"memberId": ""}])
async def test_a_member_is_found_by_both_details_only(visitor: Visitor, changes: dict[str, str]) -> None:
    assert (await visitor.search_member(**changes)).json() == {"member": None}
    assert (await visitor.search_member()).json()["member"]["name"] == "Brackenridge, Odell"


async def test_the_review_shows_the_package_and_a_submission_keeps_it(visitor: Visitor) -> None:
    draft = await visitor.fill("case-1")

    review = (await visitor.call("GET", f"{draft}/review")).json()
    assert [(each["label"], each["value"]) for each in review["rows"]] == [
        ("Member ID", "JR900000001"),
        ("Patient", "Brackenridge, Odell"),
        ("Date of birth", "February 28, 1970"),
        ("Care setting", "Inpatient hospital"),
        ("Code set", "CPT"),
        ("Service code", "99222"),
        ("Quantity", "1"),
        ("First date of service", "December 1, 2026"),
        ("Servicing provider NPI", "1234567893"),
        ("Your reference", "case-1"),
        ("Principal diagnosis", "J44.1"),
        ("Admission type", "Urgent"),
        ("Expected length of stay in days", "4"),
        ("Severity of illness", "Low oxygen."),
    ]
    digest = hashlib.sha256(PDF).hexdigest()
    document = {"type": "History and physical", "name": "notes.pdf", "size": len(PDF), "sha256": digest}
    assert [{name: value for name, value in each.items() if name != "id"} for each in review["documents"]] == [document]
    assert review["personRequired"] is False

    request = (await visitor.submit(draft)).json()["request"]
    assert request["status"] == "In review"
    assert request["rows"] == review["rows"]
    assert request["documents"] == [document]
    for found in (f"/requests/{request['number']}", "/requests?q=case-1"):
        answer = (await visitor.call("GET", found)).json()
        assert answer.get("request") == request or answer["requests"] == [request]
    (taken,) = await visitor.submissions()
    assert (taken["caseReference"], taken["referenceNumber"]) == ("case-1", request["number"])
    assert [each["sha256"] for each in taken["documents"]] == [digest]


async def test_whoever_sends_twice_has_two_requests(visitor: Visitor) -> None:
    draft = await visitor.fill("case-1")
    numbers = [(await visitor.submit(draft)).json()["request"]["number"] for _ in range(2)]

    assert len(set(numbers)) == 2
    assert [each["referenceNumber"] for each in await visitor.submissions()] == numbers
    found = (await visitor.call("GET", "/requests?q=CASE-1")).json()["requests"]
    assert [each["number"] for each in found] == numbers[::-1]


async def test_nothing_is_submitted_that_is_incomplete_or_not_attested(visitor: Visitor) -> None:
    draft = await visitor.start()
    assert code_of(await visitor.submit(draft)) == "incomplete"
    # Typed is not checked.
    await visitor.call("PATCH", f"{draft}/service", service("case-1"))
    assert code_of(await visitor.submit(draft)) == "incomplete"
    ready = await visitor.fill("case-2")
    for body in ({}, {"attested": "true"}):
        assert code_of(await visitor.call("POST", f"{ready}/submission", body)) == "not_attested"
    assert await visitor.submissions() == []


async def test_what_is_typed_is_kept_field_by_field(visitor: Visitor) -> None:
    draft = await visitor.start()
    for name, value in (("code", "9"), ("quantity", "many"), ("unknown", "x"), ("code", "99223")):
        await visitor.call("PATCH", f"{draft}/service", {name: value})
    assert (await visitor.call("GET", draft)).json()["service"] == {"code": "99223", "quantity": "many"}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"code": "9922"}, {"code"}),
        ({"codeSet": "HCPCS"}, {"code"}),
        ({"quantity": "0", "npi": "1234567890"}, {"quantity", "npi"}),
        ({"serviceDate": "soon", "reference": " "}, {"serviceDate", "reference"}),
    ],
)
async def test_a_wrong_entry_is_told_beside_its_field(
    visitor: Visitor, changes: dict[str, str], wrong: set[str]
) -> None:
    answer = await visitor.call("PUT", f"{await visitor.start()}/service", service("case-1", **changes))
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"].keys() == wrong


async def test_another_service_asks_other_questions_and_forgets_the_answers(visitor: Visitor) -> None:
    draft = await visitor.fill("case-1")
    await visitor.call("PUT", f"{draft}/service", service("case-1", code="27447"))

    asked = (await visitor.call("GET", f"{draft}/clinical")).json()
    assert "Kellgren-Lawrence grade" in [field["label"] for field in asked["fields"]]
    assert asked["values"] == {}
    assert code_of(await visitor.submit(draft)) == "incomplete"


async def test_a_document_is_judged_and_can_be_removed(visitor: Visitor) -> None:
    draft = await visitor.start()
    bad = await visitor.upload(draft, content=b"MZ")
    assert (bad.status_code, bad.json()["error"]["fields"].keys()) == (422, {"file"})
    document = (await visitor.upload(draft)).json()
    await visitor.call("DELETE", f"{draft}/documents/{document['id']}")
    assert (await visitor.call("GET", draft)).json()["documents"] == []


async def test_a_decision_comes_in_its_time(visitor: Visitor, clock: Clock) -> None:
    decision = {"outcome": "modified", "afterSeconds": 60, "units": 2, "validDays": 30, "message": "Two days."}
    await visitor.put_member(decision=decision)
    number = (await visitor.submit(await visitor.fill("case-1"))).json()["request"]["number"]
    assert (await visitor.call("GET", f"/requests/{number}")).json()["request"]["decision"] is None

    clock.advance(60)
    request = (await visitor.call("GET", f"/requests/{number}")).json()["request"]
    assert request["status"] == "Approved with changes"
    decided = request["decision"]
    assert (decided["validFrom"], decided["validThrough"], decided["quantityApproved"]) == (
        "2026-12-01",
        "2026-12-31",
        "2",
    )
    assert decided["authorizationNumber"].startswith("JRA-26-")


async def test_a_person_is_required_where_it_is_told(visitor: Visitor) -> None:
    await visitor.put_member(personRequired=True)
    draft = await visitor.fill("case-1")
    assert (await visitor.call("GET", f"{draft}/review")).json()["personRequired"] is True


@pytest.mark.parametrize(
    "behaviour",
    [
        {"personRequired": "yes"},
        {"inquiries": []},
        {"faults": [{"at": "message", "kind": "error"}]},
        {"decision": {"outcome": "maybe"}},
    ],
)
async def test_the_control_refuses_what_this_plan_does_not_know(visitor: Visitor, behaviour: dict[str, Any]) -> None:
    assert (await visitor.put_member(**behaviour)).status_code == 400


async def test_every_other_address_is_the_page_itself_and_no_api(visitor: Visitor) -> None:
    for path in ("/", "/sign-in", "/drafts/1/review", "/requests/JR1/confirmation"):
        answer = await visitor.http.get(path)
        assert "text/html" in answer.headers["content-type"]
        assert '<main id="view"' in answer.text
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert (await visitor.http.get("/api/nowhere")).status_code == 404
    assert (await visitor.http.get("/sandbox/nowhere")).status_code == 404


async def _reach(visitor: Visitor, point: str) -> Callable[[], Awaitable[httpx.Response]]:
    """Prepare everything before a point, and return what makes the request that meets it."""
    if point == "member_search":
        return visitor.search_member
    if point == "start":
        return lambda: visitor.call("POST", "/drafts", {"memberId": MEMBER["memberId"]})
    draft = await visitor.fill("case-1")
    if point in ("requests", "status"):
        number = (await visitor.submit(draft)).json()["request"]["number"]
        path = "/requests?q=case-1" if point == "requests" else f"/requests/{number}"
        return lambda: visitor.call("GET", path)
    requests: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
        "service": lambda: visitor.call("PUT", f"{draft}/service", service("case-1")),
        "clinical": lambda: visitor.call("PUT", f"{draft}/clinical", STAY),
        "upload": lambda: visitor.upload(draft),
        "documents": lambda: visitor.call("PUT", f"{draft}/documents", {}),
        "review": lambda: visitor.call("GET", f"{draft}/review"),
        "submit": lambda: visitor.submit(draft),
        "submit_response": lambda: visitor.submit(draft),
    }
    return requests[point]


@pytest.mark.parametrize("point", POINTS)
async def test_a_fault_is_met_at_its_point_as_often_as_told(visitor: Visitor, waits: Waits, point: str) -> None:
    request = await _reach(visitor, point)
    faults = [{"at": point, "kind": "delay", "seconds": 7}, {"at": point, "kind": "error", "times": 2}]
    await visitor.put_member(faults=faults)

    answers = [await request() for _ in range(3)]
    assert [answer.status_code == 500 for answer in answers] == [True, True, False]
    assert waits == [7]


@pytest.mark.parametrize(
    ("point", "accepted"), [("submit", 0), ("submit_response", 1)], ids=["before acceptance", "after acceptance"]
)
@pytest.mark.parametrize("kind", ["error", "reset", "close", "signed_out"])
async def test_a_lost_answer_leaves_one_submission_or_none(
    visitor: Visitor, kind: str, point: str, accepted: int
) -> None:
    draft = await visitor.fill("case-1")
    await visitor.put_member(faults=[{"at": point, "kind": kind}])
    if kind in ("reset", "close"):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await visitor.submit(draft)
    else:
        assert (await visitor.submit(draft)).status_code == (500 if kind == "error" else 401)
    assert len(await visitor.submissions()) == accepted
