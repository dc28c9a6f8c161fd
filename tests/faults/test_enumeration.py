"""Every fault point has its runs, and those at the crossing hold: crash and error, recovery, then the invariants.

`make faults` carries all of them out; here are those in which a submission could be lost or doubled.
"""

from pathlib import Path

import pytest

from priorauth.faultpoints import Phase, Point
from tests.faults.enumeration import carry_out
from tests.faults.journeys import JOURNEYS, story_of
from tests.faults.table import EXEMPT, Fault, Run, runs

# What a death, an error or a lost peer at the crossing itself does, once each; the neighbours of each in `make faults`.
REPRESENTATIVE = (
    "submission_intended:before_commit / crash / automatic",
    "submission_intended:after_commit / crash / automatic",
    "submission_intended:after_commit / error / automatic",
    "submission_claim:after / crash / automatic",
    "guard_release:after / crash / automatic",
    "final_request:before_first_byte / crash / at juniper",
    "final_request:after_last_byte, committed by the payer / crash / automatic",
    "final_request:after_response / error / automatic",
    "receipt_proven:before_commit / crash / automatic",
    "settle:after / crash / not taken",
    "final_request:after_last_byte / browser dies / automatic",
)


def test_every_place_has_its_crash_its_error_and_its_delay_or_a_reason_why_not() -> None:
    given = {(place, run.fault) for run in runs() for place in run.places}
    wanted = {
        (f"{point.value}:{phase}", fault)
        for point in Point
        if point not in EXEMPT
        for phase in point.phases
        for fault in (Fault.CRASH, Fault.ERROR, Fault.DELAY)
    }

    assert wanted <= given
    assert all(reason.endswith(".") for reason in EXEMPT.values())


def test_every_run_is_there_once_and_every_journey_has_one() -> None:
    names = [run.name for run in runs()]

    assert len(set(names)) == len(names)
    assert {run.journey_name for run in runs()} == set(JOURNEYS)


def test_every_phase_that_there_is_lies_at_some_point() -> None:
    assert {phase for point in Point for phase in point.phases} == set(Phase)


@pytest.mark.parametrize(
    ("told", "story"),
    [
        ("created submission_intended receipt_proven", "created submission_intended receipt_proven"),
        ("submission_intended submission_not_sent submission_intended", "submission_intended"),
        ("submission_intended submission_not_found submission_absent submission_intended", "submission_intended"),
        ("submission_intended submission_not_found receipt_proven", "submission_intended receipt_proven"),
        ("human_needed interaction_lost human_needed handoff_created", "human_needed handoff_created"),
        ("portal_page channel_fault live_view_started created", "created"),
    ],
)
def test_what_came_to_nothing_is_no_part_of_a_story(told: str, story: str) -> None:
    assert story_of(told.split()) == tuple(story.split())


@pytest.mark.parametrize(
    "told",
    [
        "submission_intended submission_intended receipt_proven",
        "submission_intended receipt_proven receipt_proven",
        "submission_intended submission_absent submission_absent receipt_proven",
        "submission_absent submission_intended receipt_proven",
    ],
)
def test_what_is_there_twice_or_without_its_beginning_stays_in_a_story(told: str) -> None:
    assert story_of(told.split()) != ("submission_intended", "receipt_proven")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_at_the_crossing_a_case_comes_through_every_fault_counted_once(tmp_path: Path) -> None:
    chosen: dict[str, Run] = {run.name: run for run in runs() if run.name in REPRESENTATIVE}
    assert set(chosen) == set(REPRESENTATIVE)

    outcomes = carry_out(chosen.values(), tmp_path, lanes=4)

    assert len(outcomes) == len(chosen)
    assert {outcome.run.name: outcome.faults for outcome in outcomes if outcome.faults} == {}
