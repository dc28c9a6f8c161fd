"""What the guard lets out of a browser, and that its permit passes one final request at most."""

from functools import partial

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from priorauth.channels.portals.guard import (
    Boundary,
    Kind,
    NotArmed,
    NotSending,
    PermitState,
    RefusalReason,
    Rule,
    SubmitGuard,
    Verdict,
    judge,
    judge_tunnel,
)
from priorauth.channels.portals.outgoing import MalformedUrl, OutgoingRequest, Url

ORIGIN = "https://portal.example:443"
POST = frozenset({"POST"})
BOUNDARY = Boundary(
    origins=(ORIGIN, "http://assets.example:8080"),
    writes=(
        Rule(POST, r"/cases/\d+/(save|upload)"),
        Rule(POST, r"/wizard", body=r"step=(member|service)\b"),
        Rule(frozenset({"PUT"}), r"/drafts/[^/]+"),
    ),
    final=(
        Rule(POST, r"/cases/\d+/submit"),
        Rule(POST, r"/wizard", body=r"action=submit"),
        Rule(frozenset({"GET", "POST"}), r"/confirm"),
    ),
)


def request(
    method: str = "POST",
    path: str = "/",
    *,
    origin: str = "https://portal.example",
    body: bytes = b"",
    upgrade: bool = False,
    **headers: str,
) -> OutgoingRequest:
    items = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return OutgoingRequest(method=method, url=Url.parse(origin + path), headers=items, body=body, upgrade=upgrade)


def kind(*args: str, **kwargs: object) -> Kind:
    return judge(BOUNDARY, request(*args, **kwargs)).kind  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reads_pass(method: str) -> None:
    assert kind(method, "/cases/1/submit?draft=1") is Kind.READ


@pytest.mark.parametrize(
    "declared",
    [
        request(path="/cases/12/save"),
        request(path="/cases/12/save;jsessionid=ab"),
        request(path="/wizard", body=b"step=member&name=A"),
        request("PUT", "/drafts/A%20B"),
    ],
)
def test_declared_writes_pass(declared: OutgoingRequest) -> None:
    assert judge(BOUNDARY, declared) == Verdict(Kind.WRITE)


@pytest.mark.parametrize(
    "undeclared",
    [
        request(path="/cases/12/save/more"),
        request(path="/cases/x/save"),
        request("DELETE", "/cases/12/save"),
        request("TRACE", "/"),
        request(path="/wizard", body=b"step=payment"),
        request(path="/wizard?step=member"),
        request(path="/Cases/12/Save"),
    ],
)
def test_other_writes_are_refused(undeclared: OutgoingRequest) -> None:
    assert judge(BOUNDARY, undeclared) == Verdict(Kind.REFUSED, RefusalReason.UNDECLARED_WRITE)


@pytest.mark.parametrize(
    "ambiguous",
    [
        request(path="/cases/12/save", content_encoding="gzip"),
        request(path="/cases/12%2Fsave"),
        request(path="/cases//12/save"),
        request(path="/cases/12/x/../save"),
        request("PUT", "/drafts/%2573ubmit"),
        request("PUT", "/drafts/a%00"),
        request("PUT", "/drafts/a%3Bb"),
    ],
)
def test_writes_that_servers_read_differently_are_refused(ambiguous: OutgoingRequest) -> None:
    assert judge(BOUNDARY, ambiguous) == Verdict(Kind.REFUSED, RefusalReason.AMBIGUOUS_WRITE)


MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="step"\r\n\r\nmember\r\n'
    b'--x\r\nContent-Disposition: form-data; name="action"\r\n\r\nsubmit\r\n--x--\r\n'
)


@pytest.mark.parametrize(
    "final",
    [
        request(path="/cases/1/submit"),
        request(path="/cases/1/submit/"),
        request(path="/cases/1/submit;jsessionid=ab"),
        request(path="/Cases/1/SUBMIT"),
        request(path="/cases/1/%73ubmit"),
        request(path="/cases/1/%2573ubmit"),
        request(path="/cases//1/x/%2e%2e/submit"),
        request(path="/cases%5C1%5Csubmit"),
        request(path="/wizard", body=b"step=member&action=submit"),
        request(path="/wizard", body=b"step=member&action=%73ubmi%74"),
        request(path="/wizard", body=b"step=member&%61ction=submit"),
        request(path="/wizard?action=submit", body=b"step=member"),
        request(path="/wizard", body=MULTIPART, content_type="multipart/form-data; boundary=x"),
        request("GET", "/confirm"),
        request("GET", "/confirm/?case=1"),
        request("GET", "/cases/1/submit", x_http_method_override="POST"),
        request("PUT", "/cases/1/submit?_method=post"),
        request("DELETE", "/cases/1/submit", body=b"a=1&_method=POST"),
    ],
)
def test_final_requests_are_known_in_every_spelling(final: OutgoingRequest) -> None:
    assert judge(BOUNDARY, final) == Verdict(Kind.FINAL, final=True)


def test_a_method_override_needs_both_methods_declared() -> None:
    override = request(path="/cases/1/save", body=b"_method=delete")
    assert judge(BOUNDARY, override).reason is RefusalReason.UNDECLARED_WRITE
    assert judge(BOUNDARY, request("GET", "/cases/1", x_method_override="DELETE")).kind is Kind.REFUSED
    multipart = MULTIPART.replace(b'"action"', b'"_method"').replace(b"submit", b"PATCH")
    assert judge(BOUNDARY, request(path="/cases/1/upload", body=multipart)).kind is Kind.REFUSED


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
    assert judge(BOUNDARY, request("GET", "/", origin=origin)) == Verdict(Kind.REFUSED, RefusalReason.FOREIGN_HOST)


def test_upgrades_are_refused_and_say_whether_they_aim_at_the_end() -> None:
    assert judge(BOUNDARY, request("GET", "/feed", upgrade=True)) == Verdict(Kind.REFUSED, RefusalReason.UPGRADE)
    assert judge(BOUNDARY, request("GET", "/confirm", upgrade=True)).final


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


def test_a_large_file_is_not_decoded_but_a_large_form_is() -> None:
    padding = b"x" * (2 << 20)
    assert kind(path="/wizard", body=padding + b"step=member&action=%73ubmit") is Kind.WRITE
    form = request(path="/wizard", body=padding + b"&action=%73ubmit", content_type="application/x-www-form-urlencoded")
    assert judge(BOUNDARY, form).kind is Kind.FINAL


FINAL = request(path="/cases/1/submit")


def test_a_final_request_passes_only_while_released() -> None:
    guard = SubmitGuard(BOUNDARY)
    refused = Verdict(Kind.REFUSED, RefusalReason.FINAL_NOT_RELEASED, final=True)
    assert guard.judge(FINAL) == refused
    guard.release()
    assert guard.judge(FINAL).kind is Kind.FINAL
    assert guard.begin_sending()
    assert guard.judge(FINAL) == refused
    guard.answered(302)
    assert guard.judge(FINAL) == refused
    assert (guard.state, guard.answer_status) == (PermitState.ANSWERED, 302)


def test_a_withdrawn_permit_passes_nothing_and_a_used_one_cannot_be_withdrawn() -> None:
    guard = SubmitGuard(BOUNDARY)
    guard.release()
    assert guard.withdraw()
    assert not guard.begin_sending()
    guard.release()
    assert guard.begin_sending()
    assert not guard.withdraw()
    guard.lost()
    assert not guard.withdraw()


def test_a_permit_is_good_only_while_whoever_released_it_stands() -> None:
    standing = [True]
    guard = SubmitGuard(BOUNDARY, stands=lambda: standing[0])
    guard.release()

    standing[0] = False
    assert not guard.begin_sending()
    assert guard.withdraw(), "nothing has left"

    standing[0] = True
    guard.release()
    assert guard.begin_sending()


class PermitMachine(RuleBasedStateMachine):
    """Any sequence of operations, legal or not."""

    def __init__(self) -> None:
        super().__init__()
        self.guard = SubmitGuard(BOUNDARY)
        self.sent = 0
        self.last_word_was_withdraw = True

    @rule()
    def release(self) -> None:
        before = self.guard.state
        if before is PermitState.ARMED:
            self.guard.release()
            self.last_word_was_withdraw = False
            return
        with pytest.raises(NotArmed) as refusal:
            self.guard.release()
        assert refusal.value.state is self.guard.state is before

    @rule()
    def withdraw(self) -> None:
        took_back = self.guard.withdraw()
        assert took_back == (self.sent == 0)
        self.last_word_was_withdraw = self.last_word_was_withdraw or took_back

    @rule()
    def send(self) -> None:
        released = self.guard.judge(FINAL).kind is Kind.FINAL
        began = self.guard.begin_sending()
        assert began == released
        assert not (began and self.last_word_was_withdraw)
        self.sent += began

    @rule(status=st.integers(200, 599), lost=st.booleans())
    def end(self, status: int, lost: bool) -> None:
        before = self.guard.state
        report = self.guard.lost if lost else partial(self.guard.answered, status)
        if before is PermitState.SENDING:
            report()
            return
        with pytest.raises(NotSending):
            report()
        assert self.guard.state is before

    @invariant()
    def at_most_one_final_request(self) -> None:
        assert self.sent <= 1
        unsent = self.guard.state in (PermitState.ARMED, PermitState.RELEASED)
        assert unsent == (self.sent == 0)


TestPermit = PermitMachine.TestCase
