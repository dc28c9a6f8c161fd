"""How often what a portal's page is refused reaches its authorization's timeline, whatever the page does."""

from priorauth.channels.portals.gate import Refusal
from priorauth.channels.portals.guard import RefusalReason
from priorauth.channels.portals.submit_guard.refusals import FLOOD, LONGEST_INTERVAL_SECONDS, Refusals

DAY = 86_400


def refused(
    reason: RefusalReason = RefusalReason.FOREIGN_HOST,
    *,
    method: str = "GET",
    origin: str = "http://rum.example:80",
    final: bool = False,
    foreign: bool = False,
    code: str = "",
) -> Refusal:
    return Refusal(
        method=method, origin=origin, path="/members/7", reason=reason, final=final, foreign=foreign, code=code
    )


def test_first_refusal_of_a_kind_is_told_at_once_and_the_others_as_a_number() -> None:
    refusals = Refusals()
    first = refusals.add(refused(), now=0)
    later = [refusals.add(refused(origin="http://cdn.example:80"), now=now) for now in range(1, 30)]

    assert first == (
        "request_refused",
        {"method": "GET", "origin": "http://rum.example:80", "reason": "foreign_host"},
    )
    assert later == [None] * 29
    assert refusals.due(now=59) == []
    assert refusals.due(now=60) == [
        (
            "request_refused",
            {"method": "GET", "origin": "http://cdn.example:80", "reason": "foreign_host", "times": "29"},
        )
    ]
    assert refusals.due(now=61) == [], "each is counted once"


def test_kinds_are_told_apart_by_what_was_refused_and_why() -> None:
    refusals = Refusals()
    told = [
        refusals.add(each, now=0)
        for each in (
            refused(),
            refused(RefusalReason.UNDECLARED_WRITE),
            refused(RefusalReason.FINAL_NOT_RELEASED, final=True),
            refused(RefusalReason.FOREIGN_FINAL, final=True, foreign=True),
            refused(RefusalReason.HELD_REFUSED, final=True, code="draft_differs"),
        )
    ]

    assert [(entry[0], entry[1]["reason"]) for entry in told if entry is not None] == [
        ("request_refused", "foreign_host"),
        ("request_refused", "undeclared_write"),
        ("submit_refused", "final_not_released"),
        ("foreign_submission_refused", "foreign_final"),
        ("held_submission_refused", "draft_differs"),
    ]


def test_a_foreign_submission_is_told_as_one_whatever_else_is_wrong_with_it() -> None:
    entry = Refusals().add(refused(RefusalReason.AMBIGUOUS, final=True, foreign=True), now=0)

    assert entry is not None
    assert (entry[0], entry[1]["reason"]) == ("foreign_submission_refused", "ambiguous")


def test_a_page_that_asks_all_day_leaves_about_one_entry_an_hour() -> None:
    refusals, entries, counted = Refusals(), 0, 0
    for now in range(0, DAY, 5):
        entries += refusals.add(refused(), now=now) is not None
        for _, details in refusals.due(now=now):
            entries += 1
            counted += int(details["times"])

    counted += sum(int(details["times"]) for _, details in refusals.rest())
    assert entries <= DAY / LONGEST_INTERVAL_SECONDS + 7
    assert counted + 1 == DAY / 5
    assert not refusals.is_flood


def test_the_end_of_a_session_tells_what_was_not_told() -> None:
    refusals = Refusals()
    for now in range(3):
        refusals.add(refused(), now=now)

    ((_, details),) = refusals.rest()

    assert details["times"] == "2"
    assert refusals.rest() == []


def test_a_flood_is_what_no_ordinary_page_asks_within_a_minute() -> None:
    refusals = Refusals()
    for number in range(FLOOD):
        refusals.add(refused(), now=number / FLOOD * 59)
    assert not refusals.is_flood

    refusals.add(refused(), now=59.5)

    assert refusals.is_flood


def test_words_of_the_page_are_bounded() -> None:
    entry = Refusals().add(refused(method="X" * 9_000, origin=f"http://{'a' * 60_000}:80"), now=0)

    assert entry is not None
    assert entry[1]["method"] == "other"
    assert len(entry[1]["origin"]) <= 200
