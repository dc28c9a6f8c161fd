"""The simulated portal over real connections: its pages, what it keeps, what it decides."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from priorauth.sandbox import catalog
from priorauth.sandbox.larkspur.app import create_app
from priorauth.sandbox.larkspur.records import Records
from priorauth.sandbox.server import PortalServer
from tests.portals.larkspur_visitor import MEMBER, PDF, SLEEP, Clock, Visitor, browser, cells, entries, heading, service

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(stopping: list[asyncio.Task[None]], tmp_path: Path, clock: Clock) -> AsyncIterator[Visitor]:
    server = PortalServer(tmp_path, clock=clock)
    base_url = await server.start()
    async with browser(base_url) as http:
        visitor = Visitor(http)
        await visitor.put_member()
        await visitor.sign_in()
        yield visitor
    stopping.append(asyncio.create_task(server.stop()))


async def test_without_a_session_every_page_leads_to_the_sign_in(visitor: Visitor) -> None:
    visitor.http.cookies.clear()
    for path in ("/", "/home", "/members", "/requests", "/requests/LHP-2026-001041", "/drafts/1/review", "/nowhere"):
        answer = await visitor.http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login"), path


async def test_a_wrong_password_is_told_on_the_page(visitor: Visitor) -> None:
    visitor.http.cookies.clear()
    page = await visitor.sign_in("wrong")
    assert page.status_code == 200
    assert 'role="alert">The user name or password is not correct.<' in page.text
    assert (await visitor.http.get("/home")).status_code == 303


async def test_signing_out_ends_the_session(visitor: Visitor) -> None:
    cookies = dict(visitor.http.cookies)
    assert (await visitor.post("/logout", {})).headers["location"] == "/login"
    visitor.http.cookies.update(cookies)
    assert (await visitor.http.get("/home")).status_code == 303


async def test_a_session_ends_after_half_a_day(visitor: Visitor, clock: Clock) -> None:
    clock.advance(12 * 3600 + 1)
    assert (await visitor.http.get("/home")).headers["location"] == "/login"


async def test_a_form_without_the_pages_token_is_refused(visitor: Visitor) -> None:
    draft = await visitor.fill("case-1")
    for token in ("", "wrong"):
        answer = await visitor.http.post(f"{draft}/submit", data={"form_token": token})
        assert answer.status_code == 403
    assert await visitor.submissions() == []


async def test_pages_are_never_cached_and_the_cookie_is_the_servers_alone(visitor: Visitor) -> None:
    assert (await visitor.get("/home")).headers["cache-control"] == "no-store"
    visitor.http.cookies.clear()
    assert "httponly" in (await visitor.http.get("/login")).headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("member_id", "birth_date"), [("LKS999999999", "1970-02-28"), (MEMBER["memberId"], "1970-02-27"), ("", "")]
)
async def test_a_member_is_found_by_both_details_only(visitor: Visitor, member_id: str, birth_date: str) -> None:
    page = await visitor.post("/members/search", {"member_id": member_id, "birth_date": birth_date})
    assert 'role="alert">No member matches these details.<' in page.text
    assert "Member found" not in page.text


async def test_the_whole_wizard(visitor: Visitor) -> None:
    page = await visitor.search_member()
    assert "<h2>Member found</h2>" in page.text
    assert "Brackenridge, Odell" in page.text
    draft = await visitor.start()
    assert heading(await visitor.get(f"{draft}/service")) == "Service"
    answer = await visitor.post(f"{draft}/service", service("case-1", procedure_code="72148", code_system="CPT"))
    assert answer.headers["location"] == f"{draft}/clinical"
    clinical = {"diagnosis": "M51.16", "conservative_treatment": "Y", "conservative_weeks": "8", "red_flag": "NONE"}
    answer = await visitor.post(f"{draft}/clinical", clinical | {"justification": "Pain & <weakness>\r\nof the foot"})
    assert answer.headers["location"] == f"{draft}/documents"
    assert (await visitor.upload(draft)).headers["location"] == f"{draft}/documents"
    answer = await visitor.post(f"{draft}/documents", {"action": "continue"})
    assert answer.headers["location"] == f"{draft}/review"

    page = await visitor.get(f"{draft}/review")
    assert heading(page) == "Review and submit"
    assert list(entries(page, "review").items()) == [
        ("Member ID", "LKS900000001"),
        ("Member name", "Brackenridge, Odell"),
        ("Date of birth", "02/28/1970"),
        ("Request type", "Outpatient"),
        ("Code system", "CPT"),
        ("Procedure code", "72148"),
        ("Units requested", "1"),
        ("Requested start date", "12/01/2026"),
        ("Rendering provider NPI", "1234567893"),
        ("Your reference", "case-1"),
        ("Primary diagnosis (ICD-10-CM)", "M51.16"),
        ("Conservative treatment completed", "Yes"),
        ("Weeks of conservative treatment", "8"),
        ("Red flag finding", "None"),
        ("Clinical justification", "Pain & <weakness>\nof the foot"),
    ]
    assert hashlib.sha256(PDF).hexdigest()[:12] in page.text

    reference = await visitor.submit(draft)
    assert reference == "LHP-2026-001041"
    page = await visitor.get(f"/requests/{reference}/confirmation")
    assert heading(page) == "Request received"
    assert 'datetime="2026-11-20T09:30:00Z"' in page.text
    assert entries(page, "request")["Your reference"] == "case-1"


async def test_what_was_entered_is_there_again(visitor: Visitor) -> None:
    draft = await visitor.fill("case-1")
    assert 'value="case-1"' in (await visitor.get(f"{draft}/service")).text
    await visitor.post(f"{draft}/service", service("case-1", procedure_code="72148", code_system="CPT"))
    # Other questions: the old answers are gone, and the review cannot be reached without the new ones.
    assert (await visitor.http.get(f"{draft}/review")).headers["location"] == f"{draft}/clinical"
    assert (await visitor.post(f"{draft}/submit", {})).headers["location"] == f"{draft}/clinical"
    assert await visitor.submissions() == []


async def test_errors_are_told_at_their_fields(visitor: Visitor) -> None:
    draft = await visitor.start()
    page = await visitor.post(f"{draft}/service", service("", units="0"))
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert '<p class="field-error" id="units-error">Enter a whole number between 1 and 999.</p>' in page.text
    assert 'aria-describedby="units-error" aria-invalid="true"' in page.text
    assert 'aria-describedby="reference-hint reference-error"' in page.text
    assert (await visitor.http.get(f"{draft}/clinical")).headers["location"] == f"{draft}/service"
    await visitor.post(f"{draft}/service", service("case-1"))
    page = await visitor.post(f"{draft}/clinical", SLEEP | {"ahi": "999"})
    assert page.status_code == 422
    assert 'id="ahi-error"' in page.text


async def test_documents_are_checked_and_can_be_removed(visitor: Visitor) -> None:
    draft = await visitor.fill("case-1")
    page = await visitor.upload(draft, name="notes.exe", content=b"MZ")
    assert page.status_code == 422
    assert "Only PDF, JPEG and PNG files are accepted." in page.text
    await visitor.upload(draft, name="C:\\scans\\second.pdf")
    page = await visitor.get(f"{draft}/documents")
    assert page.text.count('value="remove"') == 2
    await visitor.post(f"{draft}/documents", {"action": "remove", "document": "1"})
    await visitor.submit(draft)
    [submission] = await visitor.submissions()
    assert submission["documents"] == [
        {
            "type": "Clinical notes",
            "fileName": "second.pdf",
            "sizeBytes": len(PDF),
            "sha256": hashlib.sha256(PDF).hexdigest(),
        }
    ]


async def test_who_submits_twice_has_two_requests(visitor: Visitor, clock: Clock) -> None:
    draft = await visitor.fill("case-1")
    first = await visitor.submit(draft)
    clock.advance(5)
    second = await visitor.submit(draft)
    assert [(each["referenceNumber"], each["receivedAt"]) for each in await visitor.submissions()] == [
        (first, "2026-11-20T09:30:00Z"),
        (second, "2026-11-20T09:30:05Z"),
    ]
    assert {each["caseReference"] for each in await visitor.submissions()} == {"case-1"}
    page = await visitor.get("/requests")
    assert page.text.index(second) < page.text.index(first)


async def test_requests_are_found_by_either_number_exactly(visitor: Visitor) -> None:
    reference = await visitor.submit(await visitor.fill("Case-1"))
    for text in ("case-1", "CASE-1", reference.lower()):
        assert f'href="/requests/{reference}"' in (await visitor.get(f"/requests?q={text}")).text
    for text in ("case", "case-11", "%25", "LHP"):
        assert "No requests found." in (await visitor.get(f"/requests?q={text}")).text


@pytest.mark.parametrize(
    ("decision", "status", "expected"),
    [
        (
            {"outcome": "approved", "afterSeconds": 2, "units": 1, "validDays": 90, "message": "Fine."},
            "Approved",
            {
                "Authorization number": "LA26-0001041",
                "Effective from": "12/01/2026",
                "Effective to": "03/01/2027",
                "Approved units": "1",
                "Message from the plan": "Fine.",
            },
        ),
        (
            {"outcome": "modified", "afterSeconds": 2, "units": 2, "validDays": 1},
            "Partially approved",
            {"Approved units": "2", "Effective to": "12/02/2026"},
        ),
        (
            {"outcome": "denied", "afterSeconds": 2, "reasonCode": "MN-204", "reason": "Too early."},
            "Denied",
            {"Denial code": "MN-204", "Denial reason": "Too early."},
        ),
        ({"outcome": "not_required", "afterSeconds": 2}, "No authorization required", {}),
    ],
)
async def test_a_decision_appears_when_its_time_has_come(
    visitor: Visitor, clock: Clock, decision: dict[str, Any], status: str, expected: dict[str, str]
) -> None:
    await visitor.put_member(decision=decision)
    reference = await visitor.submit(await visitor.fill("case-1"))
    clock.advance(1.999)
    before = entries(await visitor.get(f"/requests/{reference}"), "request")
    assert before["Status"] == "Under review"
    assert not {"Decided", *expected} & before.keys()
    clock.advance(0.001)
    page = await visitor.get(f"/requests/{reference}")
    after = entries(page, "request")
    assert after["Status"] == status
    assert after.items() >= expected.items()
    assert 'datetime="2026-11-20T09:30:02Z"' in page.text
    assert ("Authorization number" in after) == (status in ("Approved", "Partially approved"))


@pytest.mark.parametrize("below", ["", "/confirmation"])
async def test_the_page_of_a_request_shows_what_its_review_showed(visitor: Visitor, below: str) -> None:
    await visitor.put_member({"at": "review", "kind": "change_value", "field": "Units requested", "value": "3"})
    draft = await visitor.fill("case-1")
    review = await visitor.get(f"{draft}/review")
    reference = await visitor.submit(draft)

    page = await visitor.get(f"/requests/{reference}{below}")

    shown = entries(page, "request")
    assert shown.items() >= entries(review, "review").items()
    assert shown["Units requested"] == "3"
    assert cells(page, "documents") == cells(review, "documents")
    (listed,) = cells(await visitor.get("/requests"), "requests")
    assert listed[:7] == [reference, "case-1", MEMBER["memberId"], "Brackenridge, Odell", "HCPCS E0601", "3", "1"]
    sent = (await visitor.http.get(f"/sandbox/submissions/{reference}")).json()["data"]
    assert {row["label"]: row["value"] for row in sent["rows"]} == entries(review, "review")
    assert [each["fileName"] for each in sent["documents"]] == ["notes.pdf"]
    assert f"/drafts/{sent['draft']}" == draft


async def test_what_is_under_review_is_decided_as_told_later_and_then_stays(visitor: Visitor, clock: Clock) -> None:
    reference = await visitor.submit(await visitor.fill("case-1"))
    clock.advance(3600)
    assert entries(await visitor.get(f"/requests/{reference}"), "request")["Status"] == "Under review"
    await visitor.put_member(decision={"outcome": "denied", "afterSeconds": 1})
    page = await visitor.get(f"/requests/{reference}")
    assert entries(page, "request")["Status"] == "Denied"
    assert 'datetime="2026-11-20T10:30:00Z"' in page.text
    await visitor.put_member(decision={"outcome": "approved"})
    assert entries(await visitor.get(f"/requests/{reference}"), "request")["Status"] == "Denied"


async def test_a_restart_keeps_sessions_drafts_submissions_and_members(tmp_path: Path, clock: Clock) -> None:
    server = PortalServer(tmp_path, clock=clock)
    async with browser(await server.start()) as http:
        visitor = Visitor(http)
        await visitor.put_member()
        await visitor.sign_in()
        draft = await visitor.fill("case-1")
        reference = await visitor.submit(draft)
        cookies = dict(http.cookies)
    await server.stop()

    again = PortalServer(tmp_path, clock=clock)
    async with browser(await again.start(), cookies=cookies) as http:
        returned = Visitor(http, form_token=visitor.form_token)
        assert heading(await returned.get(f"/requests/{reference}")) == f"Request {reference}"
        assert heading(await returned.get(f"{draft}/review")) == "Review and submit"
        assert await returned.submit(draft) == "LHP-2026-001042"
        assert len(await returned.submissions()) == 2
    await again.stop()


async def test_what_was_told_of_a_scenarios_member_lasts_beyond_a_restart(tmp_path: Path, clock: Clock) -> None:
    told = catalog.members_at("larkspur")[0]
    behaviour = {**told["behaviour"], "faults": [{"at": "start", "kind": "error", "times": 1}]}
    server = PortalServer(tmp_path, clock=clock)
    async with browser(await server.start()) as http:
        address = f"/sandbox/members/{told['member']['memberId']}"
        assert (await http.put(address, json={"member": told["member"], "behaviour": behaviour})).is_success
    await server.stop()

    again = PortalServer(tmp_path, clock=clock)
    await again.start()
    await again.stop()
    records = Records(tmp_path / "larkspur.sqlite3")
    found = records.member(told["member"]["memberId"])
    records.close()
    assert found is not None
    assert found.behaviour == behaviour


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"member": {}, "behaviour": {}}',
        b'{"member": {}}',
    ],
)
async def test_the_control_refuses_what_it_does_not_understand(visitor: Visitor, body: bytes) -> None:
    answer = await visitor.http.put("/sandbox/members/LKS1", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"


@pytest.mark.parametrize(
    "behaviour",
    [
        {"decision": {"outcome": "maybe"}},
        {"decision": {"outcome": "approved", "afterSeconds": "2"}},
        {"faults": [{"at": "moon", "kind": "error"}]},
        {"faults": [{"at": "submit", "kind": "explode"}]},
        {"faults": [{"at": "submit", "kind": "change_value", "field": "Units requested", "value": "2"}]},
        {"faults": [{"at": "review", "kind": "change_value"}]},
        {"faults": [{"at": "submit", "kind": "error", "times": "1"}]},
        {"faults": [{"kind": "error"}]},
        {"faults": {}},
        {"mood": "bad"},
        {"verification": "482913"},
        {"verification": {"code": "none"}},
    ],
)
async def test_the_control_refuses_behaviour_that_does_not_exist(visitor: Visitor, behaviour: dict[str, Any]) -> None:
    body = {"member": MEMBER, "behaviour": behaviour}
    answer = await visitor.http.put(f"/sandbox/members/{MEMBER['memberId']}", json=body)
    assert answer.status_code == 400, answer.text


async def test_the_control_is_for_this_machine_only(tmp_path: Path, clock: Clock) -> None:
    records = Records(tmp_path / "portal.sqlite3")
    app = create_app(records, accounts=(), clock=clock, sleep=asyncio.sleep)
    for peer, status in (("192.0.2.7", 403), ("::ffff:192.0.2.7", 403), ("::ffff:127.0.0.1", 200), ("::1", 200)):
        transport = httpx.ASGITransport(app=app, client=(peer, 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://portal") as http:
            assert (await http.get("/sandbox/submissions")).status_code == status, peer
            assert (await http.put("/sandbox/members/LKS1", json={})).status_code == (status if status == 403 else 400)
    records.close()
