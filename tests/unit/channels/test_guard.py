"""The permit: it names one request, lets it out once, and is gone for ever once something foreign tries to use it."""

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from priorauth.channels.portals.guard import (
    Barred,
    Boundary,
    FinalRequest,
    GuardError,
    Kind,
    NotArmed,
    NotPermittable,
    NotSending,
    PermitState,
    PermittedRequest,
    RefusalReason,
    SubmitGuard,
    judge,
)
from priorauth.channels.portals.outgoing import OutgoingRequest, Url
from tests.factories.boundaries import BOUNDARY, ORIGIN, SUBMIT, TOKEN, request

FINAL = request(path="/cases/1/submit", body=b"token=abc")
OTHER = request(path="/cases/2/submit", body=b"token=abc")
WIZARD = PermittedRequest(
    ORIGIN, "POST", "/wizard", fields=(("units", "12"), ("member", "M1"), ("action", "submit")), variable=TOKEN
)
ATTESTED = PermittedRequest(ORIGIN, "POST", "/api/7/submission", fields=(("attested", "true"),))


def read(outgoing: OutgoingRequest) -> FinalRequest:
    """Return a final request as the guard reads it."""
    found = judge(BOUNDARY, outgoing).request
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("permitted", "outgoing"),
    [
        (SUBMIT, FINAL),
        (SUBMIT, request(path="/cases/1/submit")),
        (SUBMIT, request(path="/cases/1/submit", body=b"token=other", cookie="a=1")),
        (WIZARD, request(path="/wizard", body=b"action=submit&member=M1&units=12&token=x")),
        (WIZARD, request(path="/wizard", body=b"token=x&units=12&member=%4D1&action=submit")),
        (ATTESTED, request(path="/api/7/submission", body=b'{"attested": true}', content_type="application/json")),
    ],
)
def test_a_permit_lets_its_request_pass(permitted: PermittedRequest, outgoing: OutgoingRequest) -> None:
    guard = SubmitGuard(BOUNDARY)
    guard.release(permitted)
    assert guard.judge(outgoing).kind is Kind.FINAL
    assert guard.begin_sending(read(outgoing))


@pytest.mark.parametrize(
    ("permitted", "outgoing"),
    [
        (SUBMIT, OTHER),
        (SUBMIT, request(path="/cases/01/submit")),
        (SUBMIT, request(path="/cases/1/submit/")),
        (SUBMIT, request(path="/cases/1/submit?draft=2")),
        (SUBMIT, request(path="/cases/1/submit", origin="http://assets.example:8080")),
        (SUBMIT, request(path="/cases/1/submit", body=b"token=abc&draft=2")),
        (SUBMIT, request(path="/cases/1/submit", body=b"token=a&token=b")),
        (SUBMIT, request(path="/cases/1/submit", body=b"token=a&Token=b")),
        (SUBMIT, request(path="/cases/1/submit", body=b"token=a", content_type="text/plain")),
        (SUBMIT, request(path="/cases/1/submit", body=b"{}", content_type="application/json")),
        (SUBMIT, request(path="/cases/1/submit", x_http_method_override="PUT")),
        (SUBMIT, request("PUT", "/cases/1/submit", x_http_method_override="POST")),
        (SUBMIT, request("GET", "/confirm")),
        (SUBMIT, request(path="/orders", body=b"a=1")),
        (WIZARD, request(path="/wizard", body=b"action=submit&member=M2&units=12&token=x")),
        (WIZARD, request(path="/wizard", body=b"action=submit&member=M1&units=120&token=x")),
        (WIZARD, request(path="/wizard", body=b"action=submit&member=M1&token=x")),
        (WIZARD, request(path="/wizard", body=b"action=submit&member=M1&units=12&token=x&extra=1")),
        (WIZARD, request(path="/wizard", body=b"action=submit&member=M1&units=12&units=13")),
        (ATTESTED, request(path="/api/8/submission", body=b'{"attested": true}', content_type="application/json")),
        (ATTESTED, request(path="/api/7/submission", body=b'{"attested": false}', content_type="application/json")),
        (ATTESTED, request(path="/api/7/submission", body=b'{"attested": "true"}', content_type="application/json")),
        (
            ATTESTED,
            request(path="/api/7/submission", body=b'{"attested": true, "draft": 8}', content_type="application/json"),
        ),
        (ATTESTED, request(path="/api/7/submission", body=b"attested=true")),
    ],
)
def test_anything_else_that_is_final_is_foreign(permitted: PermittedRequest, outgoing: OutgoingRequest) -> None:
    guard = SubmitGuard(BOUNDARY)
    guard.release(permitted)
    verdict = guard.judge(outgoing)
    assert verdict.final
    assert verdict.kind is Kind.REFUSED
    assert verdict.reason is RefusalReason.FOREIGN_FINAL


def test_judging_takes_nothing() -> None:
    guard = SubmitGuard(BOUNDARY)
    guard.release(SUBMIT)
    for outgoing in (OTHER, FINAL, FINAL):
        guard.judge(outgoing)
    assert guard.state is PermitState.RELEASED


@pytest.mark.parametrize(
    "permitted",
    [
        replace(SUBMIT, path="/cases/x/submit"),
        replace(SUBMIT, path="/cases/1/save"),
        replace(SUBMIT, path="/cases/1/../1/submit"),
        replace(SUBMIT, method="PUT"),
        replace(SUBMIT, fields=(("draft", "1"),)),
        replace(SUBMIT, variable=frozenset({"member"})),
        replace(WIZARD, fields=(("action", "submit"),)),
        PermittedRequest(ORIGIN, "POST", "/orders"),
    ],
)
def test_a_permit_is_given_only_for_a_final_rule_with_content(permitted: PermittedRequest) -> None:
    guard = SubmitGuard(BOUNDARY)
    with pytest.raises(NotPermittable):
        guard.release(permitted)
    assert guard.state is PermitState.ARMED


def test_a_final_request_passes_only_while_released() -> None:
    guard = SubmitGuard(BOUNDARY)
    assert guard.judge(FINAL).reason is RefusalReason.FINAL_NOT_RELEASED
    assert not guard.begin_sending(read(FINAL))
    guard.release(SUBMIT)
    assert guard.judge(FINAL).kind is Kind.FINAL
    assert guard.begin_sending(read(FINAL))
    assert guard.judge(FINAL).reason is RefusalReason.FINAL_NOT_RELEASED
    assert not guard.begin_sending(read(FINAL))
    guard.heard(302)
    guard.answered()
    assert guard.judge(FINAL).reason is RefusalReason.FINAL_NOT_RELEASED
    assert (guard.state, guard.answer_status) == (PermitState.ANSWERED, 302)


@pytest.mark.parametrize(
    ("status", "leads_to", "is_success"),
    [
        (201, None, True),
        (200, None, True),
        (303, "/requests/R-1", True),
        (303, None, True),
        (303, "/login", False),
        (303, "/login/help", True),
        (422, None, False),
        (500, None, False),
    ],
)
def test_what_the_portal_answered_well_may_be_taken(status: int, leads_to: str | None, *, is_success: bool) -> None:
    guard = SubmitGuard(replace(BOUNDARY, sign_in="/login"))
    guard.release(SUBMIT)
    assert guard.begin_sending(read(FINAL))
    assert not guard.is_answered_well

    guard.heard(status, address=Url.parse(ORIGIN + leads_to) if leads_to else None)
    guard.lost()

    assert guard.is_answered_well is is_success, "whether or not the whole answer came"


def test_a_withdrawn_permit_passes_nothing_and_a_used_one_cannot_be_withdrawn() -> None:
    guard = SubmitGuard(BOUNDARY)
    guard.release(SUBMIT)
    assert guard.withdraw()
    assert not guard.begin_sending(read(FINAL))
    guard.release(SUBMIT)
    assert guard.begin_sending(read(FINAL))
    assert not guard.withdraw()
    guard.lost()
    assert not guard.withdraw()


def test_a_permit_is_good_only_while_its_owner_may_act() -> None:
    standing = [True]
    guard = SubmitGuard(BOUNDARY, stands=lambda: standing[0])
    guard.release(SUBMIT)

    standing[0] = False
    assert not guard.begin_sending(read(FINAL))
    assert guard.withdraw(), "nothing has left"
    assert not guard.begin_held(SUBMIT, read(FINAL))
    assert guard.state is PermitState.ARMED

    standing[0] = True
    guard.release(SUBMIT)
    assert guard.begin_sending(read(FINAL))


def test_a_held_request_is_taken_only_with_its_own_permit() -> None:
    guard = SubmitGuard(BOUNDARY)
    assert not guard.begin_held(replace(SUBMIT, path="/cases/2/submit"), read(FINAL))
    assert guard.state is PermitState.ARMED, "no permit is left behind"
    assert guard.begin_held(SUBMIT, read(FINAL))
    assert not guard.begin_held(SUBMIT, read(FINAL))


def test_a_barred_guard_gives_no_permit_again() -> None:
    told: list[bool] = []
    guard = SubmitGuard(BOUNDARY)
    guard.on_withdrawn = lambda: told.append(guard.is_barred)
    guard.release(SUBMIT)
    guard.bar()
    assert told == [True]
    assert guard.judge(FINAL).reason is RefusalReason.FINAL_NOT_RELEASED
    assert not guard.begin_sending(read(FINAL))
    with pytest.raises(Barred):
        guard.release(SUBMIT)
    assert not guard.begin_held(SUBMIT, read(FINAL))


def test_a_narrower_boundary_takes_permits_away_and_widening_gives_them_back() -> None:
    guard = SubmitGuard(BOUNDARY)
    guard.narrow(Boundary(origins=BOUNDARY.origins, writes=(), final=BOUNDARY.final[1:2]))
    with pytest.raises(NotPermittable):
        guard.release(SUBMIT)
    assert guard.judge(FINAL).reason is RefusalReason.FINAL_NOT_RELEASED
    assert guard.judge(request(path="/cases/1/save")).reason is RefusalReason.UNDECLARED_WRITE
    guard.release(ATTESTED)
    assert guard.withdraw()
    guard.widen()
    guard.release(SUBMIT)
    assert guard.judge(FINAL).kind is Kind.FINAL


class PermitMachine(RuleBasedStateMachine):
    """Any sequence of operations, legal or not."""

    def __init__(self) -> None:
        super().__init__()
        self.guard = SubmitGuard(BOUNDARY)
        self.sent: list[OutgoingRequest] = []
        self.permitted: PermittedRequest | None = None

    @rule(other=st.booleans())
    def release(self, other: bool) -> None:
        permitted = replace(SUBMIT, path="/cases/2/submit") if other else SUBMIT
        before = self.guard.state
        if before is PermitState.ARMED and not self.guard.is_barred:
            self.guard.release(permitted)
            self.permitted = permitted
            return
        with pytest.raises(GuardError) as refusal:
            self.guard.release(permitted)
        assert self.guard.is_barred or isinstance(refusal.value, NotArmed)
        assert self.guard.state is before

    @rule()
    def withdraw(self) -> None:
        took_back = self.guard.withdraw()
        assert took_back == (not self.sent)
        self.permitted = None

    @rule()
    def bar(self) -> None:
        self.guard.bar()
        self.permitted = None

    @rule(other=st.booleans())
    def send(self, other: bool) -> None:
        outgoing = OTHER if other else FINAL
        passes = self.guard.judge(outgoing).kind is Kind.FINAL
        began = self.guard.begin_sending(read(outgoing))
        assert began == passes
        assert began == (self.permitted is not None and self.permitted.path == outgoing.url.path)
        if began:
            self.sent.append(outgoing)
            self.permitted = None

    @rule(other=st.booleans())
    def send_held(self, other: bool) -> None:
        armed = self.guard.state is PermitState.ARMED and not self.guard.is_barred
        began = self.guard.begin_held(SUBMIT, read(OTHER if other else FINAL))
        assert began == (armed and not other)
        if began:
            self.sent.append(FINAL)

    @rule(lost=st.booleans())
    def end(self, lost: bool) -> None:
        before = self.guard.state
        report = self.guard.lost if lost else self.guard.answered
        if before is PermitState.SENDING:
            report()
            return
        with pytest.raises(NotSending):
            report()
        assert self.guard.state is before

    @invariant()
    def at_most_one_final_request(self) -> None:
        assert len(self.sent) <= 1
        unsent = self.guard.state in (PermitState.ARMED, PermitState.RELEASED)
        assert unsent == (not self.sent)
        assert self.guard.is_spent == bool(self.sent)


TestPermit = PermitMachine.TestCase
