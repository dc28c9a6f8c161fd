"""A cast paces a busy page, sends no picture twice, and asks for the last one of a change that it may have missed."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

from priorauth.channels.portals.screens.cast import FRAMES_A_SECOND, Cast


class Devtools:
    """A browser's end of the protocol, as far as a cast uses it."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, str]] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self._frame: Callable[[dict[str, Any]], None] = lambda _: None
        self._changed = asyncio.Event()

    def on(self, event: str, handler: Callable[[dict[str, Any]], None]) -> None:
        assert event == "Page.screencastFrame"
        self._frame = handler

    async def send(self, method: str, _: dict[str, Any] | None = None) -> dict[str, Any]:
        self.sent.append((asyncio.get_running_loop().time(), method))
        self._changed.set()
        await self.goes_on.wait()
        return {}

    def paint(self, picture: bytes) -> None:
        data = base64.b64encode(picture).decode()
        self._frame({"data": data, "sessionId": 1, "metadata": {"deviceWidth": 1280, "deviceHeight": 800}})

    async def until(self, method: str, count: int) -> list[float]:
        """Wait until a method was sent so often; return when."""
        async with asyncio.timeout(5):
            while len(found := [at for at, sent in self.sent if sent == method]) < count:
                self._changed.clear()
                await self._changed.wait()
        return found


def casting() -> tuple[Devtools, Cast, list[bytes]]:
    devtools, shown = Devtools(), list[bytes]()
    cast = Cast(devtools, lambda jpeg, _width, _height: shown.append(jpeg))  # type: ignore[arg-type]
    return devtools, cast, shown


async def test_acknowledgements_keep_the_pace() -> None:
    devtools, cast, shown = casting()
    await cast.start()

    for number in range(3):
        devtools.paint(b"%d" % number)
    # As Chromium does: for each acknowledgement one more.
    for number in range(3, 6):
        await devtools.until("Page.screencastFrameAck", number - 2)
        devtools.paint(b"%d" % number)

    acks = await devtools.until("Page.screencastFrameAck", 4)
    assert acks[-1] - acks[0] >= 3 / FRAMES_A_SECOND - 0.01
    assert shown == [b"%d" % number for number in range(6)]


async def test_in_a_storm_two_frames_are_held_back_so_that_none_queues_behind_another() -> None:
    devtools, cast, _ = casting()
    await cast.start()

    for number in range(3):
        devtools.paint(b"%d" % number)
    await devtools.until("Page.startScreencast", 2)

    assert len(await devtools.until("Page.screencastFrameAck", 1)) == 1


async def test_a_single_change_is_acknowledged_at_once_and_never_asked_for_again() -> None:
    devtools, cast, _ = casting()
    await cast.start()
    devtools.paint(b"first")
    (ack,) = await devtools.until("Page.screencastFrameAck", 1)

    assert ack - devtools.sent[0][0] < 1 / FRAMES_A_SECOND
    assert cast.is_complete


async def test_after_a_storm_the_cast_starts_anew_once_the_page_is_quiet() -> None:
    devtools, cast, shown = casting()
    await cast.start()

    for number in range(3):
        devtools.paint(b"%d" % number)
    assert not cast.is_complete
    await devtools.until("Page.startScreencast", 2)
    devtools.paint(b"what was missed")

    assert shown[-1] == b"what was missed"
    assert cast.is_complete


async def test_the_same_picture_after_a_new_start_is_not_shown_again_and_starts_nothing() -> None:
    devtools, cast, shown = casting()
    await cast.start()
    for picture in (b"a", b"b"):
        devtools.paint(picture)
    await devtools.until("Page.startScreencast", 2)

    devtools.paint(b"b")
    devtools.paint(b"b")

    assert shown == [b"a", b"b"]
    assert cast.is_complete


async def test_a_cast_that_is_stopped_while_it_starts_anew_stays_stopped() -> None:
    devtools, cast, _ = casting()
    await cast.start()
    for picture in (b"a", b"b"):
        devtools.paint(picture)
    devtools.goes_on.clear()
    await devtools.until("Page.stopScreencast", 1)

    stopping = asyncio.create_task(cast.stop())
    await devtools.until("Page.stopScreencast", 2)
    devtools.goes_on.set()
    await stopping

    starts = [method for _, method in devtools.sent if method == "Page.startScreencast"]
    assert len(starts) == 1
    assert devtools.sent[-1][1] == "Page.stopScreencast"


async def test_a_cast_that_was_stopped_shows_nothing_and_acknowledges_nothing() -> None:
    devtools, cast, shown = casting()
    await cast.start()
    for picture in (b"a", b"b", b"c"):
        devtools.paint(picture)
    await cast.stop()
    stopped = len(devtools.sent)

    devtools.paint(b"late")

    assert shown == [b"a", b"b", b"c"]
    assert [method for _, method in devtools.sent[stopped:]] == []
