"""A person in a view: how they arrive, who else is there, what the bar says, and how they give the session back."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from priorauth.domain.handoffs import ReportedOutcome, UnableReason
from priorauth.domain.live.inputs import Key, Pointer
from priorauth.domain.live.statuses import Farewell, Phase, ViewStatus
from priorauth.domain.live.views import Ending, View
from priorauth.live.hub import Hub
from tests.factories.offices import CLICK, ENTER, INTERACTIVE, Office, until


@pytest.fixture
def office() -> Office:
    return Office()


# --- arriving --------------------------------------------------------------------------------------------------------


async def test_nothing_reaches_the_portal_before_the_start(office: Office) -> None:
    async with office.attending(office.view(INTERACTIVE), arrives=False) as pipe:
        assert pipe.told("input")[-1]["state"] == "start"
        for message in (ENTER, CLICK, {"type": "tab", "tab": 1}, {"type": "dialog", "overlay": 1, "accept": True}):
            pipe.say(**message)
        pipe.say(type="wheel", tab=1, x=1, y=1, dx=0, dy=9)
        pipe.say(type="text", text="1")
        pipe.say(type="file", name="a", media="", size=0)
        pipe.say(type="files", overlay=1)
        pipe.say(type="start")
        await until(lambda: pipe.told("input")[-1]["state"] == "click")

        assert office.painted.acted == []
        assert office.painted.focus_taken_away == 1
    assert office.refused == []


async def test_keys_pass_only_after_a_click_since_the_start(office: Office) -> None:
    async with office.attending(office.view(INTERACTIVE), arrives=False) as pipe:
        pipe.say(**CLICK)
        pipe.say(type="start")
        texts: list[dict[str, Any]] = [{"type": "text", "text": "1"}, {"type": "paste", "text": "1"}]
        for message in (ENTER, *texts, {"type": "compose", "text": "1", "start": 1, "end": 1}):
            pipe.say(**message)
        pipe.say(**CLICK)
        pipe.say(**ENTER)
        await until(lambda: len(office.painted.acted) == 2)

        assert [type(each) for each in office.painted.acted] == [Pointer, Key]
        await until(lambda: pipe.told("input")[-1]["state"] == "open")


async def test_a_click_that_meets_no_page_does_not_count(office: Office) -> None:
    office.painted.takes = False
    async with office.attending(office.view(INTERACTIVE), arrives=False) as pipe:
        pipe.say(type="start")
        pipe.say(**CLICK)
        pipe.say(**ENTER)
        pipe.say(type="renew", ticket="heard")
        await until(lambda: office.renewed)

        await until(lambda: pipe.told("input")[-1]["state"] == "click")
        assert [type(each) for each in office.painted.acted] == [Pointer]


async def test_a_view_that_comes_back_goes_on_and_a_new_one_begins(office: Office) -> None:
    view = office.view(INTERACTIVE)
    async with office.attending(view):
        pass
    async with office.attending(view, arrives=False) as pipe:
        assert pipe.told("input")[-1]["state"] == "open"
    async with office.attending(office.view(INTERACTIVE), arrives=False) as pipe:
        assert pipe.told("input")[-1]["state"] == "start"


async def test_a_view_need_not_ask_its_own_earlier_connection_for_control(office: Office) -> None:
    view = office.view(INTERACTIVE)
    async with office.attending(view) as broken, office.attending(view, arrives=False) as back:
        assert back.told("control")[-1]["holder"] == "you"
        await until(lambda: broken.told("control")[-1]["holder"] == "person")


# --- who else is there -----------------------------------------------------------------------------------------------


async def test_each_is_told_who_else_acts_or_watches(office: Office) -> None:
    async with office.attending(office.view(INTERACTIVE)) as first, office.attending(office.view(INTERACTIVE)):
        async with office.attending(office.view()) as watcher:
            await until(lambda: first.told("control")[-1]["watching"] == 1)
            assert first.told("control")[-1] == {"type": "control", "holder": "you", "interactive": 1, "watching": 1}
            assert watcher.told("control")[-1] == {
                "type": "control",
                "holder": "person",
                "interactive": 2,
                "watching": 0,
            }
        await until(lambda: first.told("control")[-1]["watching"] == 0)


async def test_a_takeover_that_is_refused_changes_nothing(office: Office) -> None:
    async with (
        office.attending(office.view(INTERACTIVE)) as first,
        office.attending(office.view(INTERACTIVE)) as second,
    ):
        second.say(type="control")
        await until(lambda: first.told("takeover"))
        first.say(type="takeover", allow=False)
        await until(lambda: second.told("takeover")[-1]["state"] == "refused")

        assert first.told("control")[-1]["holder"] == "you"
        assert office.painted.let_go_times == 0


async def test_a_takeover_that_nobody_answers_succeeds(office: Office) -> None:
    async with (
        office.attending(office.view(INTERACTIVE)) as first,
        office.attending(office.view(INTERACTIVE)) as second,
    ):
        second.say(type="control")
        await until(lambda: second.told("control")[-1]["holder"] == "you")

        assert first.told("takeover")[-1]["state"] == "over"


async def test_who_asked_follows_who_leaves_without_an_answer(office: Office) -> None:
    first = office.attending(office.view(INTERACTIVE))
    await first.__aenter__()
    async with office.attending(office.view(INTERACTIVE)), office.attending(office.view(INTERACTIVE)) as asking:
        asking.say(type="control")
        await until(lambda: asking.told("takeover"))
        await first.__aexit__(None, None, None)

        await until(lambda: asking.told("control")[-1]["holder"] == "you")


# --- what the bar says, and reports ----------------------------------------------------------------------------------


STATUS = ViewStatus(
    phase=Phase.PERSON_ACTS,
    headline="A person is acting",
    external_id="MRN-1",
    service_title="Imaging",
    service_code="CPT 72148",
    reason_code="sign_in",
    reason="A code is wanted.",
    final_submit_capable=False,
    reference_number=None,
    may_report=True,
)


async def test_the_status_is_told_at_the_beginning_and_when_it_changes(office: Office) -> None:
    view = office.view(INTERACTIVE)
    view.show_status(STATUS)
    async with office.attending(view) as pipe:
        await until(lambda: pipe.told("status"))
        view.show_status(STATUS)
        view.show_status(replace(STATUS, phase=Phase.CHECKING, reference_number="LHP-1"))
        await until(lambda: len(pipe.told("status")) == 2)

    first, second = pipe.told("status")
    assert first == {
        "type": "status",
        "phase": "person_acts",
        "headline": "A person is acting",
        "externalCaseId": "MRN-1",
        "service": {"title": "Imaging", "code": "CPT 72148"},
        "reason": {"code": "sign_in", "message": "A code is wanted."},
        "finalSubmitCapable": False,
        "referenceNumber": None,
        "mayReport": True,
        "mismatch": None,
    }
    assert (second["phase"], second["referenceNumber"]) == ("checking", "LHP-1")


async def test_a_refused_request_is_explained_to_who_acts_alone(office: Office) -> None:
    async with office.attending(office.view(INTERACTIVE)) as pipe, office.attending(office.view()) as watcher:
        assert office.painted.watcher is not None
        office.painted.watcher.refuse(code="foreign_host", words="This was not sent.")
        await until(lambda: pipe.told("refused"))

        assert pipe.told("refused") == [{"type": "refused", "code": "foreign_host", "message": "This was not sent."}]
        assert watcher.told("refused") == []


async def test_only_who_is_in_control_reports(office: Office) -> None:
    async with (
        office.attending(office.view(INTERACTIVE)) as first,
        office.attending(office.view(INTERACTIVE)) as second,
        office.attending(office.view()) as watcher,
    ):
        for pipe in (second, watcher):
            pipe.say(type="complete", reportedOutcome="submitted")
        await until(lambda: len(office.refused) == 2)
        first.say(type="more_time")
        await until(lambda: first.told("report"))

    assert office.reports == [None]
    assert first.told("report") == [
        {"type": "report", "for": "more_time", "accepted": True, "code": None, "message": None}
    ]
    assert [kind for _, kind in office.refused] == ["complete", "complete"]


async def test_a_report_that_is_not_taken_is_answered_in_words(office: Office) -> None:
    async with office.attending(office.view(INTERACTIVE)) as pipe:
        pipe.say(type="unable", reason="other", operatorNotes="too late")
        await until(lambda: pipe.told("report"))

        (answer,) = pipe.told("report")
        assert (answer["for"], answer["accepted"], answer["code"]) == ("unable", False, "manual_handoff_not_active")
        assert answer["message"]
        assert not pipe.closed


async def test_a_close_ends_the_view_with_its_last_words(office: Office) -> None:
    office.last_words = [
        Farewell(code="checking", headline="Checking", detail="Wait.", is_settled=False),
        Farewell(code="submitted", headline="Submitted", detail="Done.", reference_number="LHP-1"),
    ]
    async with office.attending(office.view(INTERACTIVE)) as pipe:
        pipe.say(type="complete", reportedOutcome="submitted", observedReferenceNumber="LHP-1", operatorNotes="Ok.")
        await until(lambda: pipe.closed)

    assert [(each["code"], each["settled"], each["referenceNumber"]) for each in pipe.told("end")] == [
        ("checking", False, None),
        ("submitted", True, "LHP-1"),
    ]
    assert pipe.closed == (4002, "access_grant_revoked")
    (report,) = office.reports
    assert report is not None
    assert (report.outcome, report.reference_number, report.notes, report.unable) == (
        ReportedOutcome.SUBMITTED,
        "LHP-1",
        "Ok.",
        None,
    )


async def test_a_person_who_could_not_finish_says_why(office: Office) -> None:
    async with office.attending(office.view(INTERACTIVE)) as pipe:
        pipe.say(type="unable", reason="channel_blocked")
        await until(lambda: pipe.closed)

    (report,) = office.reports
    assert report is not None
    assert (report.unable, report.outcome) == (UnableReason.CHANNEL_BLOCKED, None)


async def test_a_viewer_that_leaves_does_not_hold_its_goodbye_up(office: Office) -> None:
    async def forever(view: View) -> AsyncGenerator[Farewell, None]:
        assert view.ending is not None
        await asyncio.Event().wait()
        yield Farewell(code="", headline="", detail="")

    office.hub = Hub(office, farewells=forever)
    view = office.view()
    async with office.attending(view) as pipe:
        view.end(Ending.REVOKED)
        await until(lambda: office.painted.watcher is None)
        assert pipe.closed is None
