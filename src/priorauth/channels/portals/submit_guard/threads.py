"""Judges large requests beside the event loop, so that a hostile page cannot hold up other sessions."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from priorauth.channels.portals.gate_wire import Limits
from priorauth.channels.portals.outgoing import OutgoingRequest
from priorauth.channels.portals.submit_guard.boundary import Boundary
from priorauth.channels.portals.submit_guard.judging import Kind, RefusalReason, Verdict, judge

# Of their own: pages that send much must not take the threads that the rest of the process waits for.
_THREADS: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="submit-guard")


async def judged_aside(boundary: Callable[[], Boundary], request: OutgoingRequest, *, limits: Limits) -> Verdict:
    """Judge a request, a large one in a thread, by the boundary that is in force when the verdict is there.

    Returns:
        The verdict; refused as NOT_JUDGED, and counted as final, where it took longer than `limits.judging` seconds.
    """
    if len(request.body) <= limits.inline:
        return judge(boundary(), request)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(limits.judging):
            while True:
                asked = boundary()
                verdict = await loop.run_in_executor(_THREADS, judge, asked, request)
                if boundary() is asked:
                    return verdict
    except TimeoutError:
        return Verdict(Kind.REFUSED, RefusalReason.NOT_JUDGED, final=True)
