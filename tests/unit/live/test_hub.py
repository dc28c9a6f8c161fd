"""Viewers in a hub: who may act, what is refused, and how a view ends."""

import json
from datetime import timedelta

import pytest

from priorauth.domain.live.inputs import GiveFiles, PickedFile, Text
from priorauth.domain.live.views import Ending, Scene
from priorauth.live import messages
from tests.factories.offices import CLICK, INTERACTIVE, READ_ONLY, START, Office, until


@pytest.fixture
def office() -> Office:
    return Office()


async def test_a_viewer_is_told_first_what_it_may_do(office: Office) -> None:
    view = office.view(INTERACTIVE, expires_at=START + timedelta(minutes=5))

    async with office.attending(view) as pipe:
        first = json.loads(pipe.heard[0])

    assert first == {
        "type": "view",
        "mode": "interactive",
        "expiresAt": "2031-03-01T12:05:00+00:00",
        "now": "2031-03-01T12:00:00+00:00",
        "maySubmit": True,
        "nextTicket": "next_1",
    }


async def test_the_session_is_handed_over_to_the_first_who_may_act(office: Office) -> None:
    async with office.attending(office.view(READ_ONLY)):
        assert office.painted.handed_over == []
        async with office.attending(office.view(INTERACTIVE)) as pipe:
            assert pipe.told("control")[-1]["holder"] == "you"

    assert office.painted.handed_over == [False]


def submits(office: Office) -> bool:
    return office.painted.may_submit


async def test_final_request_leaves_only_after_start_and_click(office: Office) -> None:
    async with office.attending(office.view(INTERACTIVE), arrives=False) as pipe:
        assert not submits(office)
        pipe.say(type="start")
        await until(lambda: pipe.told("input")[-1]["state"] == "click")
        assert not submits(office)
        pipe.say(**CLICK)
        await until(lambda: pipe.told("input")[-1]["state"] == "open")
        assert submits(office)

    assert not submits(office), "nobody is there who could have pressed"


async def test_final_request_waits_for_the_click_of_who_takes_control(office: Office) -> None:
    async with (
        office.attending(office.view(INTERACTIVE)) as first,
        office.attending(office.view(INTERACTIVE)) as second,
    ):
        assert submits(office)
        second.say(type="control")
        await until(lambda: first.told("takeover"))
        first.say(type="takeover", allow=True)
        await until(lambda: second.told("control")[-1]["holder"] == "you")
        assert not submits(office)
        await office.click(second)
        assert submits(office)


async def test_input_of_who_only_watches_is_dropped_and_reported_once_a_second(office: Office) -> None:
    view = office.view(READ_ONLY)
    async with office.attending(view) as pipe:
        for character in "abc":
            pipe.say(type="text", text=character)
        pipe.say(type="control")
        pipe.say(type="renew", ticket="t")
        await until(lambda: office.renewed)

    assert office.painted.acted == []
    assert office.refused == [(view.id, "text")]


async def test_control_passes_when_it_is_allowed_and_what_was_held_is_lifted(office: Office) -> None:
    async with (
        office.attending(office.view(INTERACTIVE)) as first,
        office.attending(office.view(INTERACTIVE)) as second,
    ):
        first.say(type="text", text="1")
        second.say(type="text", text="dropped")
        await until(lambda: office.refused and office.painted.acted)
        second.say(type="control")
        await until(lambda: first.told("takeover"))
        assert (first.told("takeover")[-1]["state"], second.told("takeover")[-1]["state"]) == ("asked", "waiting")
        first.say(type="takeover", allow=True)
        await until(lambda: first.told("control")[-1]["holder"] == "person")
        second.say(type="text", text="before a click")
        second.say(**CLICK)
        second.say(type="text", text="2")
        await until(lambda: len(office.painted.acted) == 3)

        assert second.told("control")[-1]["holder"] == "you"
        assert office.painted.let_go_times == 1
    assert [each for each in office.painted.acted if isinstance(each, Text)] == [Text(text="1"), Text(text="2")]


async def test_the_next_one_who_may_act_follows_who_leaves(office: Office) -> None:
    first = office.attending(office.view(INTERACTIVE))
    await first.__aenter__()
    async with (
        office.attending(office.view(READ_ONLY)) as watcher,
        office.attending(office.view(INTERACTIVE)) as next_one,
    ):
        await first.__aexit__(None, None, None)

        await until(lambda: next_one.told("control")[-1]["holder"] == "you")
        assert watcher.told("control")[-1]["holder"] == "person"


@pytest.mark.parametrize(
    ("ending", "code"), [(Ending.EXPIRED, 4001), (Ending.REVOKED, 4002), (Ending.SESSION_LOST, 4003)]
)
async def test_an_ended_view_is_closed_with_its_reason_and_nothing_passes_any_more(
    office: Office, ending: Ending, code: int
) -> None:
    view = office.view(INTERACTIVE)
    async with office.attending(view) as pipe:
        pipe.say(type="text", text="too late")
        # Before the hub has run: the message is there already, and must not pass.
        view.end(ending)
        await until(lambda: pipe.closed)

        assert pipe.closed == (code, ending.value)
        assert office.painted.acted == []
        assert office.painted.watcher is None


async def test_a_revoked_view_ends_its_turn_in_the_same_step(office: Office) -> None:
    view = office.view(INTERACTIVE)
    async with office.attending(view):
        assert office.painted.handed_over == [False]

        view.end(Ending.REVOKED)

        assert office.painted.handed_over == [], "before the hub has run, the permit and what was held are taken back"


async def test_after_a_revocation_the_next_one_who_may_act_has_a_turn_of_their_own(office: Office) -> None:
    revoked = office.view(INTERACTIVE)
    async with office.attending(revoked), office.attending(office.view(INTERACTIVE)) as following:
        office.painted.handed_over.clear()

        revoked.end(Ending.REVOKED)

        assert office.painted.handed_over == [False]
        await until(lambda: following.told("control")[-1]["holder"] == "you")


async def test_the_revocation_of_who_only_looks_on_disturbs_nobody(office: Office) -> None:
    for mode in (READ_ONLY, INTERACTIVE):
        looking_on = office.view(mode)
        async with office.attending(office.view(INTERACTIVE)), office.attending(looking_on):
            office.painted.handed_over[:], office.painted.let_go_times = [False], 0

            looking_on.end(Ending.REVOKED)

            assert office.painted.handed_over == [False]
            assert office.painted.let_go_times == 0


async def test_a_view_ends_when_its_time_is_over_and_not_before(office: Office) -> None:
    view = office.view(READ_ONLY, expires_at=START + timedelta(seconds=0.05))
    async with office.attending(view) as pipe:
        # The clock stands still: the timer rings, and finds that there is time left.
        pipe.say(type="renew", ticket="fresh")
        await until(lambda: len(pipe.told("view")) == 2)
        assert pipe.told("view")[-1]["expiresAt"] == "2031-03-01T12:05:00+00:00"
        assert view.ending is None

        office.now = START + timedelta(minutes=5)
        view.extend(office.now)
        await until(lambda: pipe.closed)

    assert pipe.closed == (4001, "access_grant_expired")
    assert office.renewed == [(view.id, "fresh")]


async def test_a_session_that_is_gone_ends_the_view_as_lost(office: Office) -> None:
    office.is_up = False
    view = office.view()
    async with office.attending(view) as pipe:
        assert pipe.closed == (4003, "channel_session_lost")
    assert view.ending is Ending.SESSION_LOST


async def test_a_session_that_gets_lost_ends_all_its_views(office: Office) -> None:
    async with office.attending(office.view()) as first, office.attending(office.view(INTERACTIVE)) as second:
        assert office.painted.watcher is not None
        office.painted.watcher.lose()
        await until(lambda: first.closed and second.closed)

        assert (first.closed, second.closed) == ((4003, "channel_session_lost"),) * 2


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "[]",
        '{"type": "jump"}',
        '{"type":' + "[" * 100_000,
        '{"type": "text"}',
        '{"type": "text", "text": 7}',
        '{"type": "pointer", "motion": "down", "tab": 1, "x": 1e9, "y": 0, "button": "left"}',
        '{"type": "pointer", "motion": "move", "tab": 1, "x": 1, "y": 0, "button": "left"}',
        '{"type": "key", "motion": "down", "key": "", "code": "KeyA"}',
        '{"type": "file", "name": "../x", "media": "", "size": 1}',
        '{"type": "file", "name": "x", "media": "", "size": 26214401}',
        '{"type": "takeover"}',
        '{"type": "complete"}',
        '{"type": "complete", "reportedOutcome": "done"}',
        '{"type": "complete", "reportedOutcome": "submitted", "observedReferenceNumber": ""}',
        '{"type": "complete", "reportedOutcome": "submitted", "operatorNotes": "' + "n" * 2001 + '"}',
        '{"type": "complete", "reportedOutcome": "submitted", "referenceNumber": "misspelt"}',
        '{"type": "unable", "reason": "tired"}',
        '{"type": "more_time", "seconds": 9000}',
        b"bytes that no file announced",
    ],
)
async def test_a_message_that_no_viewer_sends_ends_the_connection(office: Office, message: str | bytes) -> None:
    view = office.view(INTERACTIVE)
    async with office.attending(view) as pipe:
        pipe.say_raw(message)
        await until(lambda: pipe.closed)

        assert pipe.closed == (1008, "malformed message")
    assert office.painted.acted == []
    assert office.refused == [(view.id, "malformed")]


async def test_a_slow_viewer_misses_frames_and_delays_nobody(office: Office) -> None:
    async with office.attending(office.view()) as slow, office.attending(office.view()) as quick:
        for number in range(1, 5):
            office.painted.paint(b"%d" % number)
            await until(lambda number=number: len(quick.frames()) == number)  # type: ignore[misc]
            quick.say(type="ack", frame=number)
        slow.say(type="ack", frame=1)
        await until(lambda: len(slow.frames()) == 2)

        assert quick.frames() == [b"1", b"2", b"3", b"4"]
        assert slow.frames() == [b"1", b"4"]


async def test_who_comes_later_is_shown_the_last_frame_at_once(office: Office) -> None:
    async with office.attending(office.view()):
        office.painted.paint(b"last")
        async with office.attending(office.view()) as late:
            await until(late.frames)
            assert late.frames() == [b"last"]


async def test_of_scenes_that_wait_only_the_latest_is_sent(office: Office) -> None:
    async with office.attending(office.view()) as pipe:
        assert office.painted.watcher is not None
        before = len(pipe.told("scene"))
        for in_hand in (True, False, True):
            office.painted.watcher.arrange(Scene(in_hand=in_hand, tabs=(), overlays=()))
        await until(lambda: len(pipe.told("scene")) > before)

        assert [each["inHand"] for each in pipe.told("scene")[before:]] == [True]


async def test_what_a_page_copies_is_offered_to_who_is_in_control_and_nobody_else(office: Office) -> None:
    async with office.attending(office.view(INTERACTIVE)) as pipe, office.attending(office.view()) as watcher:
        assert office.painted.watcher is not None
        office.painted.watcher.copy("R-1")
        await until(lambda: pipe.told("copied"))

        assert watcher.told("copied") == []


async def test_what_is_selected_reaches_who_is_in_control_and_nobody_else(office: Office) -> None:
    async with office.attending(office.view(INTERACTIVE)) as pipe, office.attending(office.view()) as watcher:
        assert office.painted.watcher is not None
        office.painted.watcher.select("member 42")
        await until(lambda: pipe.told("selected"))

        assert watcher.told("selected") == []


async def test_files_arrive_whole_and_in_pieces(office: Office) -> None:
    async with office.attending(office.view(INTERACTIVE)) as pipe:
        pipe.say(type="file", name="a.txt", media="text/plain", size=6)
        pipe.say_raw(b"abc")
        pipe.say_raw(b"def")
        pipe.say(type="file", name="empty", media="", size=0)
        pipe.say(type="files", overlay=3)
        await until(lambda: office.painted.acted)

    files = (
        PickedFile(name="a.txt", media_type="text/plain", content=b"abcdef"),
        PickedFile(name="empty", media_type="", content=b""),
    )
    assert office.painted.acted == [GiveFiles(overlay=3, files=files)]


async def test_a_download_goes_in_pieces_to_who_is_in_control(office: Office) -> None:
    content = bytes(200_000)
    office.painted.downloads[7] = content
    async with office.attending(office.view(INTERACTIVE)) as pipe:
        pipe.say(type="save", overlay=7)
        await until(lambda: len(b"".join(pipe.pieces())) == len(content))

        assert max(map(len, pipe.pieces())) <= messages.PIECE_BYTES


async def test_a_server_that_restarts_sends_its_viewers_away_to_come_back(office: Office) -> None:
    view = office.view(INTERACTIVE)
    async with office.attending(view) as pipe:
        await office.hub.close()

        assert pipe.closed == (4000, "reconnect")
    assert view.ending is None


async def test_the_last_one_out_stops_the_drawing(office: Office) -> None:
    async with office.attending(office.view()):
        async with office.attending(office.view()):
            pass
        assert office.painted.watcher is not None
    assert office.painted.watcher is None
