"""Nothing but what was approved is submitted, and once, whoever is hostile; each part of the protocol is needed."""

from functools import cache

import pytest

from tests.protocol.hostile_model import Session, State, Without
from tests.protocol.search import Graph, circles, explore, first_wrong, stuck, what_is_wrong

SESSIONS = {"the service presses": Session(), "a person presses": Session(by_person=True)}

ANOTHERS = "another's draft was submitted"
REWRITTEN = "something else than what was approved was submitted"
TWICE = "the payer counted it twice"
PLAIN = "a plain receipt of what was not approved"
# Where the service presses nothing is held; with an account of their own only persons submit.
NEEDED = [
    (False, Without.BINDING, ANOTHERS),
    (False, Without.FREEZE, REWRITTEN),
    (False, Without.COMPARISON_BEFORE, REWRITTEN),
    (False, Without.CLAIM, TWICE),
    (True, Without.BINDING, ANOTHERS),
    (True, Without.FREEZE, REWRITTEN),
    (True, Without.HOLD, REWRITTEN),
    (True, Without.COMPARISON_BEFORE, REWRITTEN),
    (True, Without.COMPARISON_AFTER, PLAIN),
    (True, Without.CLAIM, TWICE),
]


@cache
def reached(name: str) -> Graph[State]:
    """Everything that a session can reach, looked up once for all tests."""
    return explore(SESSIONS[name])


@pytest.mark.parametrize("name", SESSIONS)
def test_whatever_is_tried_only_the_approved_content_is_counted_and_once(name: str) -> None:
    wrong = {what_is_wrong(state) for state in reached(name).steps}

    assert wrong == {None}


@pytest.mark.parametrize("name", SESSIONS)
def test_from_every_hostile_state_an_end_can_be_reached(name: str) -> None:
    assert stuck(reached(name)) == []


@pytest.mark.parametrize("name", SESSIONS)
def test_where_nobody_attacks_any_more_no_way_goes_on_for_ever(name: str) -> None:
    assert circles(reached(name)) == 0


@pytest.mark.parametrize("name", SESSIONS)
def test_the_model_holds_every_attacker(name: str) -> None:
    labels = {step.label for onward in reached(name).steps.values() for step in onward}

    assert {"crash", "an older database is put back", "the page rewrites the draft"} <= labels
    assert any(label.startswith("the page submits") and ANOTHERS.split(maxsplit=1)[0] in label for label in labels)
    assert any(label.startswith("the person submits, held") for label in labels) is SESSIONS[name].by_person


@pytest.mark.parametrize(("by_person", "part", "wrong"), NEEDED, ids=str)
def test_without_a_part_the_search_finds_the_way_to_a_failure(by_person: bool, part: Without, wrong: str) -> None:
    found = first_wrong(Session(by_person=by_person, without=frozenset([part])))

    assert found is not None
    assert found.wrong == wrong


def test_every_part_against_hostility_is_left_out_by_a_test() -> None:
    assert {part for _, part, _ in NEEDED} == set(Without)
