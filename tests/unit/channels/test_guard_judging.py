"""What a request is to the payer: a declared read, a declared write, final in any spelling, or refused."""

import time

import pytest

from priorauth.channels.portals.guard import Boundary, Kind, RefusalReason, Rule, Verdict, judge, judge_tunnel
from priorauth.channels.portals.outgoing import MalformedUrl, OutgoingRequest, Url
from tests.factories.boundaries import BOUNDARY, GET, POST, multipart, part, request

MULTIPART_TYPE = "multipart/form-data; boundary=x"


def refused(reason: RefusalReason, *, final: bool = False) -> Verdict:
    return Verdict(Kind.REFUSED, reason, final=final)


@pytest.mark.parametrize(
    "read",
    [
        request("GET", "/"),
        request("HEAD", "/cases/1"),
        request("GET", "/cases/1;jsessionid=ab"),
        request("GET", "/cases?q=A1&page=2", sec_fetch_dest="document"),
        request("GET", "/cases?page=2&q=A1", sec_fetch_dest="empty"),
        request("GET", "/frame", sec_fetch_dest="iframe"),
        request("GET", "/static/app.css", sec_fetch_dest="style"),
        request("GET", "/static/app.css"),
    ],
)
def test_declared_reads_pass(read: OutgoingRequest) -> None:
    assert judge(BOUNDARY, read) == Verdict(Kind.READ)


@pytest.mark.parametrize(
    "read",
    [
        request("GET", "/other"),
        request("GET", "/cases"),
        request("GET", "/cases?q=a1"),
        request("GET", "/cases?q=A1&q=A2"),
        request("GET", "/cases?q=A1&Q=A2"),
        request("GET", "/cases?q=A1&action=delete"),
        request("GET", "/cases/1?action=delete"),
        request("GET", "/cases/1?fresh=2"),
        request("GET", "/cases/1", body=b"a=1"),
        request("GET", "/cases/1", x_http_method_override="DELETE"),
        request("GET", "/cases/1", x_method_override="PUT"),
        request("GET", "/cases/%D9%A1"),
        request("GET", "/cases//1"),
        request("GET", "/frame", sec_fetch_dest="document"),
        request("GET", "/cases/1", sec_fetch_dest="image"),
        request("GET", "/static/app.css?v=1", sec_fetch_dest="style"),
        request("GET", "/static/app.js", sec_fetch_dest="serviceworker"),
        request("GET", "/static/app.js", sec_fetch_dest="worker"),
        request("GET", "/static/app.js", sec_fetch_dest="document"),
        request("OPTIONS", "/cases/1"),
    ],
)
def test_undeclared_reads_are_refused(read: OutgoingRequest) -> None:
    assert judge(BOUNDARY, read) == refused(RefusalReason.UNDECLARED_READ)


def test_without_declared_reads_nothing_is_readable() -> None:
    bare = Boundary(origins=BOUNDARY.origins, writes=(), final=())
    assert judge(bare, request("GET", "/")) == refused(RefusalReason.UNDECLARED_READ)


def test_only_reads_declared_repeatable_are_repeated() -> None:
    assert judge(BOUNDARY, request("GET", "/cases?q=A1")).repeatable
    assert judge(BOUNDARY, request("GET", "/static/app.css")).repeatable
    assert not judge(BOUNDARY, request("GET", "/cases/1")).repeatable


@pytest.mark.parametrize(
    "declared",
    [
        request(path="/cases/12/save"),
        request(path="/cases/12/save;jsessionid=ab"),
        request(path="/cases/12/save", body=b"a=1&b=2"),
        request(path="/cases/12/upload", body=multipart(part("a", b"1")), content_type=MULTIPART_TYPE),
        request(path="/cases/12/json", body=b'{"a": 1}', content_type="application/json"),
        request(path="/wizard", body=b"step=member&name=A"),
        request(path="/wizard", body=b"step=member&choice=1&choice=2"),
        request("PUT", "/drafts/A%20B"),
        request("GET", "/cases/1?fresh=1"),
    ],
)
def test_declared_writes_pass(declared: OutgoingRequest) -> None:
    assert judge(BOUNDARY, declared) == Verdict(Kind.WRITE)


@pytest.mark.parametrize(
    "undeclared",
    [
        request(path="/cases/12/save/more"),
        request(path="/cases/x/save"),
        request(path="/cases/12/save?x=1"),
        request("DELETE", "/cases/12/save"),
        request("post", "/cases/12/save"),
        request("TRACE", "/"),
        request(path="/wizard", body=b"step=payment"),
        request(path="/wizard?step=member"),
        request(path="/Cases/12/Save"),
        request(path="/cases/12/json", body=b"a=1"),
    ],
)
def test_other_writes_are_refused(undeclared: OutgoingRequest) -> None:
    assert judge(BOUNDARY, undeclared) == refused(RefusalReason.UNDECLARED_WRITE)


@pytest.mark.parametrize(
    "ambiguous",
    [
        request(path="/cases/12/save", content_encoding="gzip"),
        request(path="/cases/12%2Fsave"),
        request(path="/cases//12/save"),
        request(path="/cases/12/x/../save"),
        request(path="/cases/12/save", body=b"a=1", content_type="text/plain"),
        request(path="/cases/12/save", body=b"a=1&a=2"),
        request(path="/cases/12/save", body=b"a=1&A=2"),
        request(path="/cases/12/save", body=b"_method=DELETE"),
        request(path="/cases/12/save", x_http_method_override="DELETE"),
        request(path="/cases/12/save;x=1"),
        request("PUT", "/drafts/%2573ubmit"),
        request("PUT", "/drafts/a%00"),
        request("PUT", "/drafts/a%3Bb"),
    ],
)
def test_writes_that_servers_read_differently_are_refused(ambiguous: OutgoingRequest) -> None:
    assert judge(BOUNDARY, ambiguous) == refused(RefusalReason.AMBIGUOUS)


SUBMITTING = multipart(part("step", b"member"), part("action", b"submit"))


@pytest.mark.parametrize(
    "final",
    [
        request(path="/cases/1/submit"),
        request(path="/cases/1/submit/"),
        request(path="/cases/1/submit."),
        request(path="/cases/1/submit%20"),
        request(path="/cases/1/submit%00.css"),
        request(path="/cases/1/submit;jsessionid=ab"),
        request(path="/Cases/1/SUBMIT"),
        request(path="/cases/1/%73ubmit"),
        request(path="/cases/1/%2573ubmit"),
        request(path="/cases//1/x/%2e%2e/submit"),
        request(path="/cases%5C1%5Csubmit"),
        request(path="/cases/%D9%A1/submit"),
        request(path="/cases/1/%EF%BD%93ubmit"),
        request(path="/cases/1/%u0073ubmit"),
        request(path="/cases/1/save/..;/submit"),
        request(path="/cases/1/submit", body=b"a=1", content_type="text/plain"),
        request(path="/cases/1/submit", content_encoding="gzip"),
        request(path="/cases/1/submit?a=1"),
        request(path="/wizard", body=b"step=member&action=submit"),
        request(path="/wizard", body=b"step=member&action=%73ubmi%74"),
        request(path="/wizard", body=b"step=member&%61ction=submit"),
        request(path="/wizard", body=b"step=member&action=%2573ubmit"),
        request(path="/wizard", body=b"step=member&action=SUBMIT"),
        request(path="/wizard?action=submit", body=b"step=member"),
        request(path="/wizard", body=b"step=member", content_type="text/plain"),
        request(path="/wizard", body=b"step=member&x=" + b"y" * 70_000),
        request(path="/wizard", body=SUBMITTING, content_type=MULTIPART_TYPE),
        request("GET", "/confirm"),
        request("GET", "/confirm/?case=1"),
        request("GET", "/cases/1/submit", x_http_method_override="POST"),
        request("GET", "/cases/1/submit", x_http_method="post"),
        request("PUT", "/cases/1/submit?_method=post"),
        request("DELETE", "/cases/1/submit", body=b"a=1&_method=POST"),
        request("post", "/cases/1/submit"),
        request(path="/orders", body=b"member=1"),
    ],
)
def test_final_requests_are_known_in_every_spelling(final: OutgoingRequest) -> None:
    assert judge(BOUNDARY, final) == Verdict(Kind.FINAL, final=True)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_another_method_at_a_final_path_is_a_read(method: str) -> None:
    assert judge(BOUNDARY, request(method, "/cases/1/submit")) == refused(RefusalReason.UNDECLARED_READ)


@pytest.mark.parametrize("path", ["/cases/1/cancel", "/cases/1/cancel/", "/cases/1/%63ancel", "/CASES/1/cancel"])
def test_refuse_rules_win_in_every_spelling(path: str) -> None:
    greedy = Boundary(
        origins=BOUNDARY.origins,
        writes=(Rule(POST, ".*"),),
        final=(Rule(POST, r"/cases/\d+/cancel"),),
        refuse=BOUNDARY.refuse,
    )
    assert judge(greedy, request(path=path)) == refused(RefusalReason.DECLARED_REFUSED, final=True)
    assert judge(BOUNDARY, request("GET", path)) == refused(RefusalReason.DECLARED_REFUSED)


@pytest.mark.parametrize(
    "origin",
    [
        "https://other.example",
        "http://portal.example",
        "https://portal.example:444",
        "https://portal.example.",
        "https://a.portal.example",
    ],
)
def test_other_origins_are_refused_even_for_reads(origin: str) -> None:
    assert judge(BOUNDARY, request("GET", "/", origin=origin)) == refused(RefusalReason.FOREIGN_HOST)


def test_upgrades_are_refused_and_say_whether_they_aim_at_the_end() -> None:
    assert judge(BOUNDARY, request("GET", "/feed", upgrade=True)) == refused(RefusalReason.UPGRADE)
    assert judge(BOUNDARY, request("GET", "/confirm", upgrade=True)).final


def test_a_url_that_is_too_long_is_refused_and_may_be_final() -> None:
    long = "/" + "x/../" * 50_000 + "cases/1/submit"
    started = time.process_time()
    assert judge(BOUNDARY, request(path=long)) == refused(RefusalReason.TOO_LARGE, final=True)
    assert judge(BOUNDARY, request("PUT", long)) == refused(RefusalReason.TOO_LARGE)
    assert time.process_time() - started < 0.5


def test_tunnels_lead_to_declared_origins_alone() -> None:
    assert judge_tunnel(BOUNDARY, host="portal.example", port=443) == Url.parse("https://portal.example/")
    assert judge_tunnel(BOUNDARY, host="assets.example", port=8080) == Url.parse("http://assets.example:8080/")
    assert judge_tunnel(BOUNDARY, host="portal.example", port=80) is None
    assert judge_tunnel(BOUNDARY, host="other.example", port=443) is None


@pytest.mark.parametrize(
    "text",
    ["/path", "ftp://a/", "http://user@portal.example/", "http://a:99999/", "http://a/#b", "http://a\\b/", "http:///x"],
)
def test_what_is_not_plainly_a_url_is_refused(text: str) -> None:
    with pytest.raises(MalformedUrl):
        Url.parse(text)


@pytest.mark.parametrize(
    "origin", ["https://portal.example", "https://PORTAL.example:443", "https://portal.example:443/x"]
)
def test_a_boundary_takes_complete_origins_only(origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        Boundary(origins=(origin,), writes=(), final=())


def test_a_rule_takes_methods_in_capitals_only() -> None:
    with pytest.raises(ValueError, match="capitals"):
        Rule(frozenset({"post"}), "/")


def test_a_narrower_boundary_keeps_what_the_whole_one_forbids() -> None:
    narrow = Boundary(origins=BOUNDARY.origins, writes=(Rule(POST, ".*"), Rule(GET, ".*")), final=()).within(BOUNDARY)
    assert judge(narrow, request(path="/cases/1/submit")).kind is Kind.FINAL
    assert judge(narrow, request(path="/cases/1/submit")).request is None
    assert judge(narrow, request("GET", "/cases/1/cancel")).reason is RefusalReason.DECLARED_REFUSED
    assert judge(narrow, request(path="/cases/1/save")).kind is Kind.WRITE
