"""Access grants: the secret that nobody stores, and the judgement that nothing but the present state decides."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from priorauth.domain.authorizations import Authorization
from priorauth.domain.lifecycle import Status
from priorauth.domain.live.grants import (
    AccessGrant,
    Basis,
    Hindrance,
    hindrance,
    is_secret_of,
    judge,
    refusal,
    secret_of,
)
from priorauth.domain.live.views import Ending
from priorauth.domain.live_sessions import AccessMode, BoundaryState, SessionClaim, needs_session
from priorauth.domain.organizations import ApiKey, Environment, Scope
from tests.factories import cases
from tests.factories.moments import START, Clock

KEY = b"k" * 32
NEXT = timedelta(microseconds=1)


def grant(**changes: object) -> AccessGrant:
    """A read-only grant of five minutes."""
    given = AccessGrant(
        id="rag_000001",
        authorization_id="auth_000001",
        mode=AccessMode.READ_ONLY,
        session_id="session-1",
        minted_by="key_000001",
        created_at=START,
        expires_at=START + timedelta(minutes=5),
    )
    return replace(given, **changes)  # type: ignore[arg-type]


def claim(**changes: object) -> SessionClaim:
    """A claim on its session that is good for ten minutes."""
    given = SessionClaim(
        authorization_id="auth_000001",
        session_id="session-1",
        worker="worker-1",
        channel="portal",
        boundary=BoundaryState.NOT_REACHED,
        expires_at=START + timedelta(minutes=10),
    )
    return replace(given, **changes)  # type: ignore[arg-type]


def key(**changes: object) -> ApiKey:
    """The key that minted the grant, with every scope."""
    given = ApiKey(
        id="key_000001",
        organization_id="org_000001",
        environment=Environment.SANDBOX,
        scopes=tuple(Scope),
        secret_hash="",
        created_at=START,
    )
    return replace(given, **changes)  # type: ignore[arg-type]


def basis(held: SessionClaim | None, *keys: ApiKey, may_enter: bool = True) -> Basis:
    """What a grant rests on; without `keys` the key that minted it."""
    return Basis(claim=held, keys=keys or (key(),), may_enter=may_enter)


@pytest.fixture
def worked_on() -> Authorization:
    """A case that the service works on."""
    return cases.in_status(Status.PROCESSING, Clock())


def test_a_secret_belongs_to_one_grant_and_one_server() -> None:
    secret = secret_of("rag_1", key=KEY)

    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", secret)
    assert is_secret_of(secret, "rag_1", key=KEY)
    assert len({secret, secret_of("rag_2", key=KEY), secret_of("rag_1", key=b"l" * 32)}) == 3
    for shown in ("", secret[:-1], secret + "A", secret.swapcase(), secret_of("rag_2", key=KEY), "é"):
        assert not is_secret_of(shown, "rag_1", key=KEY)


def test_a_grant_is_good_up_to_its_end_and_not_at_it(worked_on: Authorization) -> None:
    given = grant()
    assert given.expires_at is not None

    assert judge(given, worked_on, basis(claim()), now=given.expires_at - NEXT) is None
    assert judge(given, worked_on, basis(claim()), now=given.expires_at) is Ending.EXPIRED


def test_a_grant_is_good_while_the_claim_on_its_session_is(worked_on: Authorization) -> None:
    held = claim(expires_at=START + timedelta(seconds=15))

    assert judge(grant(), worked_on, basis(held), now=held.expires_at - NEXT) is None
    assert judge(grant(), worked_on, basis(held), now=held.expires_at) is Ending.SESSION_LOST
    assert judge(grant(), worked_on, basis(None), now=START) is Ending.SESSION_LOST
    assert judge(grant(), worked_on, basis(claim(session_id="session-2")), now=START) is Ending.SESSION_LOST


@pytest.mark.parametrize("status", Status)
def test_a_grant_opens_nothing_of_a_case_that_needs_no_session(status: Status) -> None:
    case = cases.in_status(status, Clock())
    expected = None if needs_session(case) else Ending.SESSION_LOST

    assert judge(grant(), case, basis(claim()), now=START) is (
        Ending.REVOKED if status is Status.CANCELED else expected
    )
    reason = hindrance(case, claim(), lambda _: True, may_enter=True, now=START)
    assert reason is (None if needs_session(case) else Hindrance.NO_ACTIVE_CHANNEL_SESSION)


def test_a_revocation_outweighs_everything_and_an_end_outweighs_a_lost_session(worked_on: Authorization) -> None:
    late = START + timedelta(hours=1)

    assert judge(grant(revoked_at=START), worked_on, basis(None), now=late) is Ending.REVOKED
    assert judge(grant(manual_handoff_id="mhand_1"), worked_on, basis(claim()), now=START) is Ending.REVOKED
    assert judge(grant(), worked_on, basis(None), now=late) is Ending.EXPIRED


@pytest.mark.parametrize("ending", Ending)
def test_a_refusal_has_the_code_of_the_ending(ending: Ending) -> None:
    assert refusal(ending).code == ending.value


def test_only_a_grant_of_the_very_same_right_continues_another() -> None:
    fresh = grant(id="rag_000002", session_id="session-2", created_at=START + timedelta(minutes=4))

    assert fresh.continues(grant())
    for changed in (
        {"authorization_id": "auth_2"},
        {"mode": AccessMode.INTERACTIVE},
        {"manual_handoff_id": "mhand_1"},
        {"review_snapshot_id": "rev_1"},
    ):
        assert not replace(fresh, **changed).continues(grant())


# --- what a grant rests on -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ended",
    [
        {"revoked_at": START},
        {"expires_at": START},
        {"environment": Environment.PRODUCTION},
        {"scopes": (Scope.READ, Scope.CONFIRM, Scope.LIVE_VIEW)},
        {"scopes": (Scope.WRITE,)},
    ],
    ids=str,
)
def test_a_grant_whose_key_has_ended_is_revoked(worked_on: Authorization, ended: dict[str, object]) -> None:
    assert judge(grant(), worked_on, basis(claim(), key(**ended)), now=START) is Ending.REVOKED
    assert judge(grant(), worked_on, basis(claim(), key()), now=START) is None


def test_a_grant_whose_key_is_gone_is_revoked(worked_on: Authorization) -> None:
    nobody = Basis(claim=claim(), keys=(), may_enter=True)

    assert judge(grant(), worked_on, nobody, now=START) is Ending.REVOKED


def test_a_grant_of_an_account_that_people_may_not_enter_is_revoked(worked_on: Authorization) -> None:
    assert judge(grant(), worked_on, basis(claim(), may_enter=False), now=START) is Ending.REVOKED
    reason = hindrance(worked_on, claim(), lambda _: True, may_enter=False, now=START)
    assert reason is Hindrance.LIVE_VIEW_NOT_AVAILABLE


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        (grant(), Scope.WRITE),
        (grant(mode=AccessMode.INTERACTIVE), Scope.CONFIRM),
        (grant(review_snapshot_id="rev_1"), Scope.LIVE_VIEW),
    ],
)
def test_a_grant_needs_the_scope_that_minting_it_needs(given: AccessGrant, needed: Scope) -> None:
    assert given.scope is needed


def test_a_right_ends_with_the_first_of_grant_claim_and_key(worked_on: Authorization) -> None:
    def seconds(given: AccessGrant, *keys: ApiKey) -> float:
        return (basis(claim(), *keys).end_of(given, worked_on, now=START) - START).total_seconds()

    soon = key(expires_at=START + timedelta(seconds=7))
    assert seconds(grant()) == 300
    assert seconds(grant(expires_at=None)) == 600
    assert seconds(grant(), soon) == 7


def test_a_reviews_right_lasts_as_long_as_the_last_key_that_may_watch(worked_on: Authorization) -> None:
    given = grant(review_snapshot_id="rev_1", session_id=None, minted_by=None)
    soon, later = (key(expires_at=START + timedelta(seconds=each)) for each in (7, 9))
    blind = key(scopes=(Scope.READ, Scope.WRITE))

    assert basis(claim(), soon, later, blind).end_of(given, worked_on, now=START) == later.expires_at
    assert basis(claim(), soon, key()).end_of(given, worked_on, now=START) == given.expires_at
    assert basis(claim(), blind).keys_behind(given, worked_on, now=START) == ()


def test_a_reviews_grant_is_bounded_by_its_age() -> None:
    given = grant(review_snapshot_id="rev_1", minted_by=None, expires_at=None)

    assert given.bounded(900).expires_at == START + timedelta(minutes=15)
    assert grant().bounded(900) == grant()
