"""The day that docs/scaling.md is computed from: what it says about waiting must follow from the product's rules."""

from dataclasses import replace

from benchmarks.simulation import HOUR, Day, Plan, Simulation

PLAN = Plan(workers=1, cases=120, payers=2)


def played(**changes: object) -> Day:
    return Simulation(replace(PLAN, **changes)).run()  # type: ignore[arg-type]


def test_a_seed_gives_the_same_day_and_another_one_another() -> None:
    first, again, other = played(), played(), played(seed=2)

    assert first == again
    assert first.receipts != other.receipts


def test_every_case_that_came_in_is_done_or_failed_or_open() -> None:
    simulation = Simulation(PLAN)
    day = simulation.run()

    # What is open is what the rest of the events is about: each case has one that goes on with it, or stands in line.
    going_on = {id(case) for _, _, what, case in simulation._events if what != "let_go"}
    in_line = {id(case) for line in simulation._lines for case in line}
    assert len(going_on) + len(in_line) == day.open
    assert not going_on & in_line
    assert day.came + day.before == day.done + day.failed + day.open


def test_an_outage_delays_and_loses_nothing() -> None:
    fine, struck = played(outage=None), played(outage=(9 * HOUR, 12 * HOUR))

    assert struck.failed == fine.failed == 0
    assert len(struck.receipts) == len(fine.receipts) == PLAN.cases
    assert max(struck.struck) > HOUR
    assert not fine.struck
    # The portal was left alone: most were put off without a browser.
    assert struck.tries < struck.put_off


def test_an_outage_beyond_patience_fails_who_waited_and_only_them() -> None:
    day = played(outage=(8 * HOUR, 20 * HOUR), patience=2 * HOUR)

    assert 0 < day.failed < PLAN.cases
    assert day.came + day.before == day.done + day.failed + day.open


def test_no_more_sessions_are_at_work_than_there_are_places() -> None:
    assert played(cases=700).most_running == PLAN.workers * PLAN.sessions
    assert played(cases=700, sessions_per_payer=1).most_running <= PLAN.payers


def test_where_places_are_few_cases_wait_longer() -> None:
    few, many = played(cases=600), played(cases=600, workers=10)

    assert max(few.waits["walk"]) > 10 * max(many.waits["walk"])
