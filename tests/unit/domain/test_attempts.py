"""Attempts: when a search that finds nothing proves that the payer never took the case, and who may begin one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from priorauth.commands import authorizations, submissions
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import NotMutable
from priorauth.domain.lifecycle import Status
from priorauth.domain.submissions import Attempt, AttemptState
from tests.factories import cases
from tests.factories.databases import Home, sqlite_home
from tests.factories.moments import START, Clock

SETTLES_AFTER = 600.0


def attempt(**known: object) -> Attempt:
    return replace(Attempt("sub_1", 1, START), **known)  # type: ignore[arg-type]


# --- when absence is proven ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [0, 1, 599, 600, 86_400])
def test_the_first_look_that_finds_nothing_proves_nothing(later: float) -> None:
    # However long ago the intent was: what matters is the time between two looks.
    now = START + timedelta(seconds=later)
    assert attempt().absence_proven_in(SETTLES_AFTER, now=now) == SETTLES_AFTER


@pytest.mark.parametrize(
    ("waited", "remaining"), [(0, 600), (1, 599), (599.5, 0.5), (600, 0), (601, 0), (86_400, 0), (-1, 600), (-1e6, 600)]
)
def test_the_second_look_proves_it_after_the_settling_time(waited: float, remaining: float) -> None:
    missed = attempt(missed_at=START)
    assert missed.absence_proven_in(SETTLES_AFTER, now=START + timedelta(seconds=waited)) == remaining


seconds = st.floats(min_value=-1e9, max_value=1e9)


@given(settles_after=st.floats(min_value=0, max_value=1e7), waited=seconds, missed=st.booleans())
def test_whatever_the_clock_does_the_wait_is_bounded(settles_after: float, waited: float, missed: bool) -> None:
    seen = attempt(missed_at=START if missed else None)
    assert 0 <= seen.absence_proven_in(settles_after, now=START + timedelta(seconds=waited)) <= settles_after


@given(one=seconds, other=seconds)
def test_a_longer_wait_never_leaves_more_to_wait(one: float, other: float) -> None:
    seen = attempt(missed_at=START)
    early, late = (START + timedelta(seconds=each) for each in sorted((one, other)))
    assert seen.absence_proven_in(SETTLES_AFTER, now=early) >= seen.absence_proven_in(SETTLES_AFTER, now=late)


# --- what a look that found nothing leaves behind --------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A database."""
    with sqlite_home(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def settles_after(home: Home) -> float:
    """The settling time of the payer at the clock's home."""
    return home.payer.portal.submission_settles_after_seconds


def stored(home: Home, build: Callable[[Clock], Authorization]) -> Authorization:
    case = replace(build(home.clock), organization_id=home.caller.organization_id, payer_version=home.payer_version)
    home.database.write_now(lambda tx: tx.authorizations.add(case))
    return case


def miss(home: Home, case: Authorization, *, later: float = 0.0, took: float = 0.0) -> Authorization:
    """A look that `took` so long, written down `later`."""
    moment = home.clock.moment(later=later)
    began = moment.now - timedelta(seconds=took)
    answered = home.database.write_now(
        lambda tx: submissions.record_miss(tx, moment, authorization_id=case.id, looked_at=began)
    )
    assert home.database.read_now(lambda tx: tx.authorizations.get(case.id)) == answered
    return answered


def begin(home: Home, case: Authorization, *, run: int, turn: int) -> Authorization:
    moment = home.clock.moment()
    return home.database.write_now(
        lambda tx: submissions.begin_attempt(tx, moment, authorization_id=case.id, run=run, turn=turn)
    )


def states(case: Authorization) -> list[AttemptState]:
    return [each.state for each in case.journal.attempts]


def told(home: Home, case: Authorization) -> list[str]:
    entries = home.database.read_now(lambda tx: tx.timeline.page(case.id, before=None, limit=100))
    return [entry.type for entry in reversed(entries)]


def test_two_misses_far_enough_apart_conclude_the_attempt(home: Home, settles_after: float) -> None:
    case = stored(home, cases.attempted)

    once = miss(home, case, later=5)
    assert states(once) == [AttemptState.INTENDED]
    assert once.journal.attempts[0].missed_at == home.clock.now

    twice = miss(home, case, later=settles_after)
    assert states(twice) == [AttemptState.ABSENT]
    assert twice.journal.open_attempt is None
    assert told(home, case) == ["submission_not_found", "submission_absent"]
    assert (twice.version, twice.status) == (case.version, case.status), "a client sees nothing of it"


def test_a_look_that_began_too_early_proves_nothing_however_late_it_is_written_down(
    home: Home, settles_after: float
) -> None:
    case = stored(home, cases.attempted)
    first = miss(home, case)

    assert miss(home, case, later=2 * settles_after, took=1.5 * settles_after) == first
    assert states(miss(home, case)) == [AttemptState.ABSENT]


def test_misses_in_quick_succession_prove_nothing_however_many(home: Home, settles_after: float) -> None:
    case = stored(home, cases.attempted)
    first = miss(home, case)
    assert states(first) == [AttemptState.INTENDED]

    for _ in range(9):
        seen = miss(home, case, later=settles_after / 10)
        assert seen == first, "the first miss is the one that counts"

    assert states(miss(home, case, later=settles_after / 10)) == [AttemptState.ABSENT]


def test_one_miss_proves_nothing_however_late(home: Home, settles_after: float) -> None:
    case = stored(home, cases.attempted)
    assert states(miss(home, case, later=100 * settles_after)) == [AttemptState.INTENDED]


def test_a_clock_that_was_set_back_only_delays_the_proof(home: Home, settles_after: float) -> None:
    case = stored(home, cases.attempted)
    miss(home, case)

    assert states(miss(home, case, later=-10 * settles_after)) == [AttemptState.INTENDED]
    assert states(miss(home, case, later=11 * settles_after)) == [AttemptState.ABSENT]


def test_a_canceled_case_learns_that_the_payer_never_took_it(home: Home, settles_after: float) -> None:
    case = stored(home, cases.attempted)
    moment = home.clock.moment()
    home.database.write_now(
        lambda tx: authorizations.cancel(
            tx, home.caller, moment, authorization_id=case.id, expected_version=None, reason=None
        )
    )
    miss(home, case)

    concluded = miss(home, case, later=settles_after)

    assert states(concluded) == [AttemptState.ABSENT]
    assert concluded.status is Status.CANCELED
    assert not concluded.awaits_work


def test_a_miss_after_the_conclusion_changes_nothing(home: Home, settles_after: float) -> None:
    for build in (cases.submitted, cases.approved):
        case = stored(home, build)
        assert miss(home, case) == miss(home, case, later=settles_after) == case
        assert told(home, case) == []


def test_each_attempt_is_missed_for_itself(home: Home, settles_after: float) -> None:
    case = stored(home, cases.attempted)
    miss(home, case)
    absent = miss(home, case, later=settles_after)
    again = begin(home, case, run=absent.journal.run, turn=absent.journal.turn)
    assert states(again) == [AttemptState.ABSENT, AttemptState.INTENDED]

    missed = miss(home, case, later=100 * settles_after)

    assert states(missed) == [AttemptState.ABSENT, AttemptState.INTENDED]
    assert missed.journal.attempts[0] == absent.journal.attempts[0]
    assert states(miss(home, case, later=settles_after)) == [AttemptState.ABSENT, AttemptState.ABSENT]


# --- who may begin one -----------------------------------------------------------------------------------------------


def test_the_present_turn_begins_an_attempt_once(home: Home) -> None:
    case = stored(home, cases.approved)
    run, turn = case.journal.run, case.journal.turn

    assert states(begin(home, case, run=run, turn=turn)) == [AttemptState.INTENDED]
    with pytest.raises(NotMutable):
        begin(home, case, run=run, turn=turn)


@pytest.mark.parametrize(("runs", "turns"), [(0, -1), (0, 1), (-1, 0), (1, 0), (-1, 1), (1, -1)])
def test_another_run_or_turn_begins_nothing(home: Home, runs: int, turns: int) -> None:
    case = stored(home, cases.approved)
    case = replace(case, journal=replace(case.journal, turn=4))
    home.database.write_now(lambda tx: tx.authorizations.save(case))

    with pytest.raises(NotMutable):
        begin(home, case, run=case.journal.run + runs, turn=case.journal.turn + turns)

    assert home.database.read_now(lambda tx: tx.authorizations.get(case.id)) == case
    assert told(home, case) == []
