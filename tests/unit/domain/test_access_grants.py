"""Access grants: the secret that nobody stores, and the judgement that nothing but the present state decides."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from priorauth.domain.authorizations import Authorization
from priorauth.domain.lifecycle import Status
from priorauth.domain.live.grants import AccessGrant, Hindrance, hindrance, is_secret_of, judge, refusal, secret_of
from priorauth.domain.live.views import Ending
from priorauth.domain.live_sessions import AccessMode, BoundaryState, SessionClaim, needs_session
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

    assert judge(given, worked_on, claim(), now=given.expires_at - NEXT) is None
    assert judge(given, worked_on, claim(), now=given.expires_at) is Ending.EXPIRED


def test_a_grant_is_good_while_the_claim_on_its_session_is(worked_on: Authorization) -> None:
    held = claim(expires_at=START + timedelta(seconds=15))

    assert judge(grant(), worked_on, held, now=held.expires_at - NEXT) is None
    assert judge(grant(), worked_on, held, now=held.expires_at) is Ending.SESSION_LOST
    assert judge(grant(), worked_on, None, now=START) is Ending.SESSION_LOST
    assert judge(grant(), worked_on, claim(session_id="session-2"), now=START) is Ending.SESSION_LOST


@pytest.mark.parametrize("status", Status)
def test_a_grant_opens_nothing_of_a_case_that_needs_no_session(status: Status) -> None:
    case = cases.in_status(status, Clock())
    expected = None if needs_session(case) else Ending.SESSION_LOST

    assert judge(grant(), case, claim(), now=START) is (Ending.REVOKED if status is Status.CANCELED else expected)
    reason = hindrance(case, claim(), lambda _: True, now=START)
    assert reason is (None if needs_session(case) else Hindrance.NO_ACTIVE_CHANNEL_SESSION)


def test_a_revocation_outweighs_everything_and_an_end_outweighs_a_lost_session(worked_on: Authorization) -> None:
    late = START + timedelta(hours=1)

    assert judge(grant(revoked_at=START), worked_on, None, now=late) is Ending.REVOKED
    assert judge(grant(manual_handoff_id="mhand_1"), worked_on, claim(), now=START) is Ending.REVOKED
    assert judge(grant(), worked_on, None, now=late) is Ending.EXPIRED


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
