"""The submission protocol holds in every state that its model can reach, and without any of its parts it does not."""

from functools import cache

import pytest

from tests.protocol.conformance import first_stray, trace_of
from tests.protocol.model import Protocol, State, Without
from tests.protocol.search import Graph, circles, counted_twice, explore, first_wrong, stuck, what_is_wrong

PROTOCOLS = {
    "automatic": Protocol(),
    "with approval": Protocol(automatic=False),
    "automatic, no search": Protocol(searchable=False),
    "with approval, no search": Protocol(automatic=False, searchable=False),
}


@cache
def reached(name: str) -> Graph[State]:
    """Everything that a protocol can reach, looked up once for all tests."""
    return explore(PROTOCOLS[name])


@pytest.mark.parametrize("name", PROTOCOLS)
def test_no_state_has_two_submissions_an_unapproved_one_or_one_that_was_given_up(name: str) -> None:
    wrong = {what_is_wrong(state) for state in reached(name).steps}

    assert wrong == {None}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_from_every_state_the_case_can_still_come_to_its_end(name: str) -> None:
    assert stuck(reached(name)) == []


@pytest.mark.parametrize("name", PROTOCOLS)
def test_where_nothing_more_goes_wrong_no_way_goes_on_for_ever(name: str) -> None:
    assert circles(reached(name)) == 0


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_model_is_no_toy(name: str) -> None:
    graph = reached(name)
    labels = {step.label for onward in graph.steps.values() for step in onward}

    assert len(graph.steps) > 5_000
    assert {"crash", "stop", "continue", "the lease runs out", "the work is taken over", "canceled"} <= labels
    assert {"submission_intended", "final_request", "hears no answer", "receipt_proven"} <= labels
    assert ("submission_absent" in labels) is PROTOCOLS[name].searchable


TWICE = (
    Without.INTENT,
    Without.WITHHOLDING,
    Without.ONE_PERMIT,
    Without.LOOKUP,
    Without.SECOND_LOOK,
    Without.AGE_OF_LOOKS,
)


@pytest.mark.parametrize("part", TWICE)
def test_without_it_the_payer_counts_a_case_twice(part: Without) -> None:
    found = first_wrong(Protocol(without=frozenset([part])), counted_twice)

    assert found is not None
    assert found.way.count("the payer counts") == 2


def test_without_fencing_a_worker_that_wakes_up_with_a_permit_submits_what_was_given_up() -> None:
    found = first_wrong(Protocol(without=frozenset([Without.FENCING])))

    assert found is not None
    assert found.wrong == "what may be at the payer was given up"
    way = iter(found.way)
    woken = ("guard_release", "stop", "the lease runs out", "the work is taken over", "final_request")
    assert all(step in way for step in woken), found.way


def test_without_the_check_of_the_approval_an_unapproved_case_is_submitted() -> None:
    found = first_wrong(Protocol(automatic=False, without=frozenset([Without.APPROVAL])))

    assert found is not None
    assert found.wrong == "a request left without an approval"


def test_every_part_is_left_out_by_a_test() -> None:
    assert {*TWICE, Without.FENCING, Without.APPROVAL} == set(Without)


_SENT = "submission_intended guard_release final_request"


@pytest.mark.parametrize(
    "passed",
    [
        f"{_SENT} confirmation_read receipt_proven",
        f"submission_intended guard_release submission_not_sent {_SENT} case_searched receipt_proven",
        f"{_SENT} case_searched submission_not_found case_searched submission_absent {_SENT} confirmation_read",
        # A crash between any two: whatever was done and not written down is done again.
        f"{_SENT} confirmation_read case_searched case_searched receipt_proven",
    ],
)
def test_a_run_that_keeps_the_protocol_is_a_path_of_the_model(passed: str) -> None:
    assert first_stray(tuple(passed.split()), automatic=True) is None


@pytest.mark.parametrize(
    ("passed", "stray"),
    [
        ("guard_release", "guard_release"),
        ("submission_intended final_request", "final_request"),
        ("submission_intended guard_release final_request final_request", "final_request"),
        ("submission_intended guard_release final_request submission_intended", "submission_intended"),
        ("submission_intended guard_release final_request case_searched submission_absent", "submission_absent"),
        ("submission_intended guard_release receipt_proven", "receipt_proven"),
    ],
)
def test_a_run_that_breaks_it_is_none(passed: str, stray: str) -> None:
    found = first_stray(tuple(passed.split()), automatic=True)

    assert found is not None
    assert found.endswith(f"the model has no {stray}")


def test_an_approval_has_its_place_on_the_path() -> None:
    assert first_stray(("submission_intended",), automatic=False) is not None
    assert first_stray(("approval_required", "submission_approved", "submission_intended"), automatic=False) is None


def test_a_trace_is_what_the_model_has_words_for_up_to_the_receipt() -> None:
    passed = ["advance:before", "page_review:reached", "submission_intended:before_commit"]
    passed += ["submission_intended:after_commit", "guard_release:before", "guard_release:after"]
    passed += ["receipt_proven:after_commit", "page_case_searched:reached"]

    assert trace_of(passed) == ("submission_intended", "guard_release", "receipt_proven")
