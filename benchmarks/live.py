"""How late a live session is, and what it costs: `python -m benchmarks.live [SECONDS]`.

A real Chromium paints, uvicorn serves, and viewers of a process of their own take what they are sent: as sockets, and
once as a second Chromium with the viewer's page. Quote the ratios: all of it shares this machine's cores.
"""

import asyncio
import base64
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from benchmarks import live_clients
from benchmarks.live_pages import PAGES
from priorauth.domain.live.views import Frame
from priorauth.live import messages
from tests.factories.live import INTERACTIVE, READ_ONLY, LiveServer, Session, launch, live_server, portal, serving

_VIEWERS = 20
_SESSIONS = 16


@dataclass
class Bench:
    """What every measurement uses."""

    driver: Playwright
    browser: Browser
    portal: str
    seconds: float

    @asynccontextmanager
    async def session(self, page: str, *, browser: Browser | None = None) -> AsyncIterator[tuple[Session, LiveServer]]:
        """Serve one session that shows a page."""
        session = await Session.open(browser or self.browser, self.portal + page)
        async with live_server() as server:
            server.sessions.current = session.screen
            yield session, server
        await session.close()


# --- measurements ----------------------------------------------------------------------------------------------------


async def machine(bench: Bench) -> list[str]:
    """How late a timer rings: what the machine adds by itself to each step of a frame's way."""
    late, over = [], time.monotonic() + bench.seconds / 2
    while time.monotonic() < over:
        due = time.monotonic() + 0.01
        await asyncio.sleep(0.01)
        late.append((time.monotonic() - due) * 1000)
    return [*columns(late), f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"]


async def latency(bench: Bench, page: str) -> list[str]:
    """Frames of one session, to one viewer."""
    async with bench.session(page) as (_, server):
        got = await clients(bench, [address(server)])
    return [*columns(got["latencies"][0]), f"{got['frames'][0] / bench.seconds:.1f} frames/s"]


async def page_latency(bench: Bench) -> list[str]:
    """Frames of a busy session on the canvas of the viewer's own page."""
    viewing = await launch(bench.driver)
    async with bench.session("/busy") as (_, server):
        page = await viewing.new_page()
        await page.goto(server.page_url(server.views.open(READ_ONLY)))
        await page.locator("#screen[data-frame]").wait_for()
        found: list[float] = await page.evaluate(_ON_THE_CANVAS, bench.seconds * 1000)
    await viewing.close()
    return columns(found)


async def input_to_frame(bench: Bench) -> list[str]:
    """From the viewer's press to the frame that shows its effect, on a page at rest."""
    async with bench.session("/press") as (session, server):
        view = server.views.open(INTERACTIVE)
        session.screen.hand_over(may_submit=False)
        await session.screen.settled()
        got = await clients(bench, [address(server, view.id)], press=True)
    return columns(got["latencies"][0])


async def many_viewers(bench: Bench) -> dict[str, list[str]]:
    """One busy session, twenty viewers, one of them behind a slow link."""
    async with bench.session("/busy") as (_, server):
        got = await clients(bench, [address(server) for _ in range(_VIEWERS)], slow=1)
    rate = statistics.median(got["frames"][1:]) / bench.seconds
    return {
        f"{_VIEWERS} viewers, busy: the {_VIEWERS - 1} quick ones": [
            *columns([each for one in got["latencies"][1:] for each in one]),
            f"{rate:.1f} frames/s each",
        ],
        f"{_VIEWERS} viewers, busy: the one behind 1 MB/s": [
            *columns(got["latencies"][0]),
            f"{got['frames'][0] / bench.seconds:.1f} frames/s",
        ],
    }


async def cast_per_viewer(bench: Bench) -> list[str]:
    """The baseline: a screencast for each viewer, unpaced, of the same page."""
    session = await Session.open(bench.browser, bench.portal + "/busy")

    async def show(carrier: WebSocket) -> None:
        await carrier.accept(subprotocol=carrier.scope["subprotocols"][0])
        devtools = await session.context.new_cdp_session(session.page)
        frames: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        devtools.on("Page.screencastFrame", frames.put_nowait)
        devtools.on("close", lambda _: frames.put_nowait(None))
        await devtools.send("Page.startScreencast", {"format": "jpeg", "quality": 70})
        sequence = 0
        with suppress(WebSocketDisconnect, RuntimeError, PlaywrightError):
            while (event := await frames.get()) is not None:
                sequence += 1
                frame = Frame(tab=1, width=1280, height=800, jpeg=base64.b64decode(event["data"]))
                await carrier.send_bytes(messages.frame(frame, sequence))
                await devtools.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    async with serving(Starlette(routes=[WebSocketRoute("/", show)])) as url:
        got = await clients(bench, [(url.replace("http", "ws"), "any")] * _VIEWERS, shared=False)
        await session.close()
    rate = statistics.median(got["frames"]) / bench.seconds
    return [*columns([each for one in got["latencies"] for each in one]), f"{rate:.1f} frames/s each"]


async def many_sessions(bench: Bench) -> list[str]:
    """Sessions in browsers of their own, each with a viewer."""
    async with AsyncExitStack() as stack:
        addresses = []
        for _ in range(_SESSIONS):
            browser = await launch(bench.driver)
            stack.push_async_callback(browser.close)
            _, server = await stack.enter_async_context(bench.session("/sparse", browser=browser))
            addresses.append(address(server))
        got = await clients(bench, addresses, shared=False)
    fewest = min(got["frames"]) / bench.seconds
    return [*columns([each for one in got["latencies"] for each in one]), f"{fewest:.1f} frames/s at least"]


async def processor_time(bench: Bench, page: str, *, watched: bool) -> list[str]:
    """The share of a core that a session takes: server, driver and browser; the viewer's process is not counted."""
    browser = await launch(bench.driver)
    async with bench.session(page, browser=browser) as (_, server):
        # What starting costs is over.
        await asyncio.sleep(2)
        before = ticks()
        if watched:
            await clients(bench, [address(server)], measure=False)
        else:
            await asyncio.sleep(bench.seconds)
        used = (ticks() - before) / os.sysconf("SC_CLK_TCK") / bench.seconds
    await browser.close()
    return ["", "", f"{used * 100:.1f}% of a core"]


# --- how it is measured ----------------------------------------------------------------------------------------------

_ON_THE_CANVAS = """async milliseconds => {
    const canvas = document.getElementById('screen'), draw = canvas.getContext('2d'), found = [];
    const watch = new MutationObserver(() => {
        const now = Date.now(), row = draw.getImageData(0, 8, 44 * 16, 1).data;
        let stamp = 0;
        for (let bit = 0; bit < 44; bit++) if (row[(bit * 16 + 8) * 4] > 128) stamp += 2 ** bit;
        found.push(now - stamp);
    });
    watch.observe(canvas, { attributes: true, attributeFilter: ['data-frame'] });
    await new Promise(done => setTimeout(done, milliseconds));
    return found;
}"""


def address(server: LiveServer, ticket: str = "") -> tuple[str, str]:
    """Return where a viewer connects, and with which ticket."""
    name = ticket or server.views.open(READ_ONLY).id
    return f"{server.url.replace('http', 'ws')}/runtime/live/socket", name


async def clients(bench: Bench, addresses: list[tuple[str, str]], **how: object) -> dict[str, Any]:
    """Let a process of its own be the viewers for a while; return what it saw."""
    task = {"addresses": addresses, "seconds": bench.seconds, **how}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", live_clients.__name__, json.dumps(task), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    found: dict[str, Any] = json.loads(output)
    return found


def ticks() -> int:
    """Return the processor time of this process and of all below it that are no viewers."""
    children: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
            command = (file.parent / "cmdline").read_text()
        except OSError:
            continue
        if live_clients.__name__ in command:
            continue
        pid = int(file.parent.name)
        children.setdefault(int(fields[1]), []).append(pid)
        used[pid] = int(fields[11]) + int(fields[12])
    family, rest = [], [os.getpid()]
    while rest:
        family.append(rest.pop())
        rest += children.get(family[-1], [])
    return sum(used.get(pid, 0) for pid in family)


def columns(latencies: list[float]) -> list[str]:
    """Return median and 95th percentile, in milliseconds."""
    if len(latencies) < 2:
        return ["-", "-"]
    return [f"{statistics.median(latencies):.0f}", f"{statistics.quantiles(latencies, n=20)[-1]:.0f}"]


def row(name: str, cells: list[str]) -> None:
    print(f"{name:<46}{cells[0]:>8}{cells[1]:>8}   {' '.join(cells[2:])}", flush=True)


async def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    print(f"{'':<46}{'p50':>8}{'p95':>8}   ms, over {seconds:.0f} s each")
    async with async_playwright() as driver, portal(PAGES) as url:
        browser = await launch(driver)
        bench = Bench(driver, browser, url, seconds)
        row("a timer, for comparison", await machine(bench))
        row("frame, sparse", await latency(bench, "/sparse"))
        row("frame, busy", await latency(bench, "/busy"))
        row("frame, busy, on the canvas of the viewer's page", await page_latency(bench))
        row("press to frame, quiet", await input_to_frame(bench))
        for name, cells in (await many_viewers(bench)).items():
            row(name, cells)
        row(f"{_VIEWERS} viewers, busy, a cast for each (baseline)", await cast_per_viewer(bench))
        row(f"{_SESSIONS} sessions, sparse, a viewer each", await many_sessions(bench))
        for page in ("/typical", "/idle"):
            row(f"processor: {page[1:]}, not watched", await processor_time(bench, page, watched=False))
            row(f"processor: {page[1:]}, watched", await processor_time(bench, page, watched=True))
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
