"""Large requests are judged beside the event loop, in a bounded time, by the boundary that is in force."""

import asyncio
from dataclasses import replace

from priorauth.channels.portals.gate_wire import Limits
from priorauth.channels.portals.guard import Boundary, Kind, RefusalReason, Verdict
from priorauth.channels.portals.submit_guard.threads import judged_aside
from tests.factories.boundaries import BOUNDARY, multipart, part, request

FILE = part("file", b"%PDF" * (2 << 20), more='; filename="a.pdf"\r\nContent-Type: application/pdf')
UPLOAD = request(path="/cases/1/upload", body=multipart(FILE), content_type="multipart/form-data; boundary=x")


async def test_a_large_upload_is_judged_while_the_event_loop_goes_on() -> None:
    judging = asyncio.create_task(judged_aside(lambda: BOUNDARY, UPLOAD, limits=Limits()))
    turns = 0
    while not judging.done():
        turns += 1
        await asyncio.sleep(0)
    assert await judging == Verdict(Kind.WRITE)
    assert turns > 2


async def test_what_takes_too_long_to_judge_is_refused_and_counts_as_final() -> None:
    verdict = await judged_aside(lambda: BOUNDARY, UPLOAD, limits=replace(Limits(), judging=0.0))
    assert verdict == Verdict(Kind.REFUSED, RefusalReason.NOT_JUDGED, final=True)


async def test_a_boundary_that_changes_meanwhile_is_the_one_that_counts() -> None:
    nothing = Boundary(origins=BOUNDARY.origins, writes=(), final=())
    asked: list[Boundary] = []

    def boundary() -> Boundary:
        asked.append(nothing if asked else BOUNDARY)
        return asked[-1]

    verdict = await judged_aside(boundary, UPLOAD, limits=Limits())
    assert verdict == Verdict(Kind.REFUSED, RefusalReason.UNDECLARED_WRITE)
