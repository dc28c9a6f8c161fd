"""The boundaries that the adapters declare: what their portals' pages need, and no more."""

import re
from itertools import product
from typing import Any

import pytest
from starlette.routing import Route

from priorauth.channels.portals.adapter import PortalAdapter
from priorauth.channels.portals.guard import Boundary, Kind, NotPermittable, RefusalReason, SubmitGuard, judge
from priorauth.channels.portals.juniper.portal import JuniperPortal
from priorauth.channels.portals.larkspur.portal import LarkspurPortal
from priorauth.channels.portals.outgoing import OutgoingRequest, Url
from priorauth.domain.handoffs import OfferReason
from priorauth.sandbox.juniper.app import create_app as juniper_app
from priorauth.sandbox.larkspur.app import create_app as larkspur_app
from tests.factories.boundaries import FORM_TYPE, multipart, part

BASE = "http://127.0.0.1:8100"
PORTALS: dict[str, PortalAdapter] = {"larkspur": LarkspurPortal(), "juniper": JuniperPortal()}
# Their routes alone: no request is served.
NOTHING: Any = None
APPS = {
    "larkspur": larkspur_app(NOTHING, accounts=(), clock=NOTHING, sleep=NOTHING),
    "juniper": juniper_app(NOTHING, accounts=(), clock=NOTHING, sleep=NOTHING),
}
FINALS = {
    "larkspur": [
        ("7", "/drafts/7/submit", b"form_token=x", FORM_TYPE),
        (
            "/requests/LHP-2026-1/messages/2",
            "/requests/LHP-2026-1/messages/2/send",
            b"form_token=x",
            FORM_TYPE,
        ),
    ],
    "juniper": [("7", "/api/drafts/7/submission", b'{"attested": true}', "application/json")],
}
PAGES = {
    "larkspur": {
        "http://127.0.0.1:8100/drafts/7/review": "7",
        BASE + "/requests/LHP-2026-1/messages/2/reply?x=1": "/requests/LHP-2026-1/messages/2",
        BASE + "/requests/LHP-2026-000001": None,
        BASE + "/drafts/7/submit": None,
        BASE + "/drafts/x/review": None,
    },
    "juniper": {BASE + "/drafts/7/review": "7", BASE + "/drafts/7": None, BASE + "/requests/7": None},
}


def send(method: str, path: str, *, body: bytes = b"", content_type: str = "", dest: str = "") -> OutgoingRequest:
    headers = (("content-type", content_type), ("sec-fetch-dest", dest))
    return OutgoingRequest(method, Url.parse(BASE + path), tuple(pair for pair in headers if pair[1]), body)


@pytest.mark.parametrize("name", PORTALS)
def test_the_permit_of_a_draft_is_for_its_own_request_alone(name: str) -> None:
    portal = PORTALS[name]
    for draft_id, path, body, content_type in FINALS[name]:
        assert portal.draft_of_request(path) == draft_id
        guard = SubmitGuard(portal.boundary(BASE))
        guard.own(draft_id)
        guard.release(portal.final_request(BASE, draft_id))
        assert guard.judge(send("POST", path, body=body, content_type=content_type)).kind is Kind.FINAL
        other = re.sub(r"\d(?=/su|/se)", "8", path)
        assert other != path
        foreign = guard.judge(send("POST", other, body=body, content_type=content_type))
        assert foreign.kind is Kind.REFUSED
        assert foreign.final


DRAFT_WRITES = {
    "larkspur": [
        ("7", "POST", "/drafts/7/service", b"units=9", FORM_TYPE),
        ("7", "POST", "/drafts/7/documents", b"a=1", FORM_TYPE),
        ("/requests/LHP-2026-1/messages/2", "POST", "/requests/LHP-2026-1/messages/2/reply", b"a=1", FORM_TYPE),
        ("/requests/LHP-2026-1/messages/2", "GET", "/requests/LHP-2026-1/messages/2?fresh=1", b"", ""),
    ],
    "juniper": [
        ("7", "PATCH", "/api/drafts/7/service", b"{}", "application/json"),
        ("7", "DELETE", "/api/drafts/7/documents/1", b"", ""),
    ],
}


@pytest.mark.parametrize("name", PORTALS)
def test_a_session_writes_to_its_own_drafts_alone(name: str) -> None:
    for draft_id, method, path, body, content_type in DRAFT_WRITES[name]:
        guard = SubmitGuard(PORTALS[name].boundary(BASE))
        request = send(method, path, body=body, content_type=content_type)
        assert guard.judge(request).reason is RefusalReason.FOREIGN_DRAFT
        guard.own(draft_id)
        assert guard.judge(request).kind is Kind.WRITE


@pytest.mark.parametrize("name", PORTALS)
def test_a_draft_of_another_session_is_neither_permitted_nor_held(name: str) -> None:
    portal = PORTALS[name]
    for draft_id, path, body, content_type in FINALS[name]:
        guard = SubmitGuard(portal.boundary(BASE))
        with pytest.raises(NotPermittable):
            guard.release(portal.final_request(BASE, draft_id))
        verdict = guard.judge(send("POST", path, body=body, content_type=content_type))
        assert (verdict.reason, verdict.final) == (RefusalReason.FOREIGN_DRAFT, True)


@pytest.mark.parametrize("path", ["/drafts/99/withdraw", "/account/delete", "/requests/LHP-2026-000001/withdraw"])
@pytest.mark.parametrize("name", PORTALS)
def test_an_unknown_page_opens_no_address_that_the_portal_does_not_declare(name: str, path: str) -> None:
    person = unknown_page(name, path)
    form = send("POST", path, body=b"a=1", content_type=FORM_TYPE)
    assert person.judge(send("GET", path)).kind is Kind.REFUSED
    assert person.judge(form).kind is Kind.REFUSED


def test_an_unknown_page_writes_to_no_draft_of_another_session() -> None:
    person = unknown_page("larkspur", "/drafts/99/service")
    form = send("POST", "/drafts/99/service", body=b"a=1", content_type=FORM_TYPE)
    assert person.judge(send("GET", "/drafts/99/service")).kind is Kind.READ
    assert person.judge(form).reason is RefusalReason.FOREIGN_DRAFT
    person.own("99")
    assert person.judge(form).kind is Kind.WRITE


def unknown_page(name: str, path: str) -> SubmitGuard:
    portal = PORTALS[name]
    guard = SubmitGuard(portal.boundary(BASE))
    guard.narrow(
        portal.handoff_boundary(
            BASE,
            OfferReason.UNKNOWN_PAGE,
            draft_id=None,
            case_reference="PA-1",
            reference_number=None,
            start_url=BASE + path,
            interstitials=(),
        )
    )
    return guard


@pytest.mark.parametrize("name", PORTALS)
def test_a_draft_is_known_by_the_address_of_its_pages(name: str) -> None:
    assert {url: PORTALS[name].draft_of(url) for url in PAGES[name]} == PAGES[name]


@pytest.mark.parametrize(
    ("name", "draft_id"), list(product(PORTALS, ["", "7/../8", "7?x=1", "\u0667", "/requests/A/messages/x", "7 "]))
)
def test_a_malformed_draft_has_no_request(name: str, draft_id: str) -> None:
    with pytest.raises(ValueError, match="draft"):
        PORTALS[name].final_request(BASE, draft_id)


NUMBERS = {"reference": "LHP-2026-000001", "number": "JR20260000001", "number:int": "1"}


def _filled(path: str) -> str:
    return re.sub(r"\{([^}]*)\}", lambda match: NUMBERS.get(match[1], "7"), path)


BODIES = [
    (b"", ""),
    (b"a=1", FORM_TYPE),
    (b"{}", "application/json"),
    (multipart(part("a", b"1")), "multipart/form-data; boundary=x"),
]


@pytest.mark.parametrize("name", PORTALS)
def test_every_route_of_the_portal_is_declared_but_its_controls(name: str) -> None:
    boundary = PORTALS[name].boundary(BASE)
    routes = [route for route in APPS[name].routes if isinstance(route, Route) and ":path" not in route.path]
    asked = [(method, _filled(route.path)) for route in routes for method in (route.methods or set()) - {"HEAD"}]
    assert len(asked) > 15
    refused = {
        f"{method} {path}"
        for method, path in asked
        if all(
            judge(boundary, send(method, path + query, body=body, content_type=type_)).kind is Kind.REFUSED
            for query in ("", "?draft=7")
            for body, type_ in BODIES
        )
    }
    assert refused == {each for each in refused if each.split(" ")[1].startswith("/sandbox/")}


@pytest.mark.parametrize(("name", "reason"), list(product(PORTALS, OfferReason)))
def test_a_handoff_submits_its_own_draft_alone_and_only_where_that_is_its_reason(
    name: str, reason: OfferReason
) -> None:
    portal = PORTALS[name]
    draft_id, path, body, content_type = FINALS[name][0]
    guard = SubmitGuard(portal.boundary(BASE))
    guard.narrow(
        portal.handoff_boundary(
            BASE,
            reason,
            draft_id=draft_id,
            case_reference="PA-1",
            reference_number=None,
            start_url=f"{BASE}/drafts/7/review",
            interstitials=("/terms",),
        )
    )
    own = judge(guard.boundary, send("POST", path, body=body, content_type=content_type))
    other = judge(guard.boundary, send("POST", path.replace("7", "8"), body=body, content_type=content_type))
    assert own.kind is other.kind is Kind.FINAL
    assert (own.request is not None) == (reason is OfferReason.FINAL_SUBMIT)
    assert other.request is None


@pytest.mark.parametrize("name", PORTALS)
def test_listed_interstitials_are_read_and_a_person_may_send_their_form(name: str) -> None:
    portal, listed = PORTALS[name], ("/terms/2027", "/surveys/*")
    service = portal.boundary(BASE).showing(listed)
    person = portal.handoff_boundary(
        BASE,
        OfferReason.UNKNOWN_PAGE,
        draft_id=None,
        case_reference="PA-1",
        reference_number=None,
        start_url=f"{BASE}/terms/2027",
        interstitials=listed,
    )
    for path in ("/terms/2027", "/surveys/17"):
        assert judge(service, send("GET", path)).kind is judge(person, send("GET", path)).kind is Kind.READ
        answer = send("POST", path, body=b"accept=1", content_type=FORM_TYPE)
        assert judge(service, answer).kind is Kind.REFUSED
        assert judge(person, answer).kind is Kind.WRITE
    for path in ("/terms/2028", "/surveys/17/18", "/surveys/"):
        assert judge(person, send("GET", path)).kind is Kind.REFUSED


HANDOFF_READS = {
    ("larkspur", OfferReason.SIGN_IN): (
        {"/login", "/login/verify", "/home"},
        {"/drafts/7/review", "/requests", "/requests?q=X"},
    ),
    ("larkspur", OfferReason.FINAL_SUBMIT): (
        {"/drafts/7/review", "/drafts/7/documents"},
        {"/drafts/8/review", "/requests", "/members", "/requests/LHP-2026-000008/confirmation"},
    ),
    ("larkspur", OfferReason.SUBMISSION_UNRESOLVED): (
        {"/requests?q=PA-1", "/requests/LHP-2026-000009"},
        {"/requests?q=PA-2", "/requests", "/requests/LHP-2026-000008"},
    ),
    ("larkspur", OfferReason.UNKNOWN_PAGE): (
        {"/drafts/7/review", "/terms"},
        {"/requests", "/drafts/8/review", "/members"},
    ),
    ("juniper", OfferReason.SIGN_IN): (
        {"/sign-in", "/", "/api/session"},
        {"/api/drafts/7", "/api/requests/JR20268"},
    ),
    ("juniper", OfferReason.FINAL_SUBMIT): (
        {"/api/drafts/7/review", "/drafts/7/review"},
        {"/api/drafts/8", "/api/requests", "/patients"},
    ),
    ("juniper", OfferReason.SUBMISSION_UNRESOLVED): (
        {"/api/requests?q=PA-1", "/api/requests/JR20260000009"},
        {"/api/requests?q=PA-2", "/api/drafts/7"},
    ),
    ("juniper", OfferReason.UNKNOWN_PAGE): ({"/drafts/7/review", "/terms"}, {"/api/requests", "/api/drafts/8"}),
}


@pytest.mark.parametrize(("name", "reason"), HANDOFF_READS)
def test_a_handoff_reads_what_its_reason_needs(name: str, reason: OfferReason) -> None:
    boundary = PORTALS[name].handoff_boundary(
        BASE,
        reason,
        draft_id="7" if reason is not OfferReason.SIGN_IN else None,
        case_reference="PA-1",
        reference_number="JR20260000009" if name == "juniper" else "LHP-2026-000009",
        start_url=f"{BASE}/drafts/7/review",
        interstitials=("/terms",),
    )
    open_, closed = HANDOFF_READS[name, reason]
    _assert_reads(boundary, open_=open_, closed=closed)


UNNUMBERED_READS = {
    "larkspur": (
        {"/requests?q=PA-1"},
        {f"/requests/LHP-2026-000009{page}" for page in ("", "/confirmation", "/messages", "/messages/1")},
    ),
    "juniper": (
        {"/requests?q=PA-1", "/api/requests?q=PA-1"},
        {"/api/requests/JR20260000009", "/requests/JR20260000009", "/requests/JR20260000009/confirmation"},
    ),
}


@pytest.mark.parametrize("name", PORTALS)
def test_a_person_who_looks_for_a_request_opens_no_other_of_the_account(name: str) -> None:
    boundary = PORTALS[name].handoff_boundary(
        BASE,
        OfferReason.SUBMISSION_UNRESOLVED,
        draft_id=None,
        case_reference="PA-1",
        reference_number=None,
        start_url=f"{BASE}/home",
        interstitials=(),
    )
    open_, closed = UNNUMBERED_READS[name]
    _assert_reads(boundary, open_=open_, closed=closed)


def test_after_the_press_a_person_reads_the_receipt_that_the_answer_leads_to() -> None:
    portal, own, other = PORTALS["larkspur"], *(f"/requests/LHP-2026-00000{each}/confirmation" for each in (1, 2))
    _, path, body, content_type = FINALS["larkspur"][0]
    submit = judge(portal.boundary(BASE), send("POST", path, body=body, content_type=content_type)).request
    person = portal.handoff_boundary(
        BASE,
        OfferReason.FINAL_SUBMIT,
        draft_id="7",
        case_reference="PA-1",
        reference_number=None,
        start_url=f"{BASE}/drafts/7/review",
        interstitials=(),
    )
    guard = SubmitGuard(portal.boundary(BASE))
    guard.own("7")
    guard.narrow(person)
    assert submit is not None
    assert guard.begin_held(portal.final_request(BASE, "7"), submit)

    guard.heard(303, address=Url.parse(BASE + own))
    for _ in range(2):
        _assert_reads(guard.boundary, open_={own, "/drafts/7/review"}, closed={other, "/requests", "/home"})
        guard.narrow(person)


def _assert_reads(boundary: Boundary, *, open_: set[str], closed: set[str]) -> None:
    assert {path for path in open_ if judge(boundary, send("GET", path)).kind is not Kind.READ} == set()
    assert {path for path in closed if judge(boundary, send("GET", path)).kind is Kind.READ} == set()
