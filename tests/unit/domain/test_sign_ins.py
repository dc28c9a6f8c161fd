"""Which session may sign in now: rules over what is known, and nothing else."""

from datetime import timedelta

import pytest

from priorauth.domain.portals.sign_ins import (
    TRIES_PER_HOUR,
    SignInClaim,
    SignIns,
    SignInVerdict,
    Suspension,
    judge_sign_in,
    recent,
)
from tests.factories.moments import START

MINE = SignInClaim.of("auth_1", worker="worker_1", now=START)
THEIRS = SignInClaim.of("auth_2", worker="worker_2", now=START)
REFUSED = Suspension(START, "refused")
HOUR = timedelta(hours=1)


def tried(*minutes: int) -> SignIns:
    """An account that was tried so many minutes before the start."""
    return SignIns(tries=tuple(START - timedelta(minutes=each) for each in minutes))


def judged(
    own: SignIns, *others: SignIns, after: timedelta = timedelta(), alive: tuple[str, ...] = ("worker_1", "worker_2")
) -> SignInVerdict:
    """What the session of `MINE` hears."""
    return judge_sign_in(own, (own, *others), claim=MINE, now=START + after, is_alive=lambda worker: worker in alive)


@pytest.mark.parametrize(
    ("own", "others", "verdict"),
    [
        (SignIns(), (), SignInVerdict.GRANTED),
        (SignIns(claim=MINE), (), SignInVerdict.GRANTED),
        (SignIns(claim=THEIRS), (), SignInVerdict.OCCUPIED),
        (SignIns(), (SignIns(claim=THEIRS),), SignInVerdict.OCCUPIED),
        (SignIns(suspension=REFUSED), (SignIns(claim=THEIRS),), SignInVerdict.SUSPENDED),
        (SignIns(), (SignIns(suspension=REFUSED),), SignInVerdict.GRANTED),
        (tried(59, 30), (), SignInVerdict.GRANTED),
        (tried(59, 30, 1), (), SignInVerdict.EXHAUSTED),
        (tried(60, 30, 1), (), SignInVerdict.GRANTED),
        (tried(59), (tried(30), tried(1)), SignInVerdict.EXHAUSTED),
    ],
)
def test_a_session_waits_for_whatever_keeps_its_account(
    own: SignIns, others: tuple[SignIns, ...], verdict: SignInVerdict
) -> None:
    assert judged(own, *others) is verdict


def test_a_claim_ends_with_its_worker_and_with_its_time() -> None:
    own = SignIns(claim=THEIRS)
    assert judged(own, alive=("worker_1",)) is SignInVerdict.GRANTED
    assert judged(own, after=timedelta(minutes=9)) is SignInVerdict.OCCUPIED
    assert judged(own, after=timedelta(minutes=10)) is SignInVerdict.GRANTED


def test_tries_of_more_than_an_hour_ago_are_forgotten() -> None:
    known = SignIns()
    for number in range(TRIES_PER_HOUR + 1):
        known = known.tried(START + number * HOUR)
    assert known.tries == (START + TRIES_PER_HOUR * HOUR,)
    assert recent((known,), now=START + (TRIES_PER_HOUR + 1) * HOUR) == ()


def test_a_sign_in_forgets_the_tries_and_keeps_a_suspension() -> None:
    known = tried(1).claimed(MINE).suspended(REFUSED)
    assert known.succeeded() == SignIns(suspension=REFUSED)
    assert known.released() == SignIns(claim=MINE)


def test_the_first_refusal_is_the_one_that_is_remembered() -> None:
    later = Suspension(START + HOUR, "again")
    assert SignIns().suspended(REFUSED).suspended(later).suspension == REFUSED
