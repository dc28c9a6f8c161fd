"""A real browser behind the gate: whatever way it sends, nothing final leaves before release, and then once."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, ProxySettings, async_playwright

from priorauth.channels.portals.adapter import PortalAdapter
from priorauth.channels.portals.chromium import find_chromium, keeps_sandbox, launch_arguments
from priorauth.channels.portals.gate import Gate
from priorauth.channels.portals.gate_tls import EphemeralCertificates
from priorauth.channels.portals.guard import (
    Barred,
    Boundary,
    FinalRule,
    PermitState,
    PermittedRequest,
    ReadRule,
    RefusalReason,
    Rule,
    SubmitGuard,
)
from tests.factories.channels import ADAPTERS
from tests.portals.counting_portal import CountingPortal, Refusals, Watch, reset
from tests.portals.gate_ways import FINALS, WAYS, Final, attempt, is_foreign, pages

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

POST = frozenset({"POST"})
PLAIN = Final()
TOKEN = frozenset({"form_token"})
WORKERS = frozenset({"worker", "sharedworker", "serviceworker"})


def proxied(gate: Gate, server: str) -> ProxySettings:
    """How a browser is told of its proxy."""
    user, password = gate.credentials
    return {"server": server, "username": user, "password": password}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as running:
        yield running


@dataclass
class Session:
    """One browser, one gate, one portal and its final request."""

    portal: CountingPortal
    final: Final
    permitted: PermittedRequest
    guard: SubmitGuard
    gate: Gate
    refusals: Refusals
    foreign: Refusals
    browser: Browser

    def release(self) -> None:
        """Release the permit of the final request."""
        self.guard.release(self.permitted)

    async def attempt(self, way: str) -> None:
        """Try a way."""
        await attempt(WAYS[way], browser=self.browser, portal=self.portal, final=self.final)

    def refused(self, reason: RefusalReason) -> int:
        return sum(refusal.reason is reason for refusal in self.refusals)


@dataclass
class Cable:
    """A stretch of the road between a browser and its gate, to be cut."""

    port: int = 0
    host: str = ""
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _pumps: set[asyncio.Task[None]] = field(default_factory=set)

    async def lay(self, gate_url: str) -> str:
        self.host, port = gate_url.removeprefix("http://").split(":")
        self.port = int(port)
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        self._writers += [writer, far_writer]
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(1 << 16):
                sink.write(data)
        except OSError:
            pass
        finally:
            sink.close()

    def cut(self) -> None:
        for writer in self._writers:
            if not writer.is_closing():
                reset(writer)
        self._writers.clear()

    async def remove(self) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._pumps, return_exceptions=True)


@asynccontextmanager
async def a_session(
    playwright: Playwright,
    *,
    adapter: PortalAdapter | None = None,
    certificates: EphemeralCertificates | None = None,
    cable: Cable | None = None,
) -> AsyncIterator[Session]:
    watch = Watch()
    refusals = Refusals(watch)
    portal_tls = trusting = None
    if certificates is not None:
        portal_tls = certificates.server_context("127.0.0.1")
        trusting = ssl.create_default_context(cadata=certificates.certificate("127.0.0.1").decode())
    async with CountingPortal(watch, tls=portal_tls) as portal:
        final = FINALS[adapter.id] if adapter else PLAIN
        portal.answers = pages(portal, final)
        boundary = Boundary(
            origins=(portal.url(""), portal.url("", host="localhost")),
            reads=(ReadRule(r"/[a-z\-]*"), ReadRule(r"/[a-z\-]+\.js", destinations=WORKERS)),
            writes=(Rule(POST, "/moved"),),
            final=(FinalRule(POST, "/final", variable=TOKEN), FinalRule(frozenset({"GET"}), "/final-link")),
        )
        permitted = PermittedRequest(portal.url(""), "POST", "/final", variable=TOKEN)
        if adapter is not None:
            # As the adapter declares it, and with what the ways need beside it.
            declared = adapter.boundary(portal.url(""))
            boundary = replace(boundary, writes=(*declared.writes, *boundary.writes), final=declared.final)
            permitted = adapter.final_request(portal.url(""), final.draft_id)
        guard = SubmitGuard(boundary)
        if adapter is not None:
            guard.own(final.draft_id)
        foreign = Refusals(watch)
        gate = Gate(guard, on_refused=refusals.add, on_foreign=foreign.add, upstream_tls=trusting)
        url = await gate.start()
        executable = find_chromium(None)
        # As in service, but with pings, which one of the ways tries.
        arguments = [argument for argument in launch_arguments(executable=executable) if argument != "--no-pings"]
        browser = await playwright.chromium.launch(
            executable_path=executable,
            chromium_sandbox=keeps_sandbox(arguments),
            proxy=proxied(gate, await cable.lay(url) if cable else url),
            args=[*arguments, f"--ignore-certificate-errors-spki-list={','.join(gate.spki_pins)}"],
        )
        try:
            yield Session(portal, final, permitted, guard, gate, refusals, foreign, browser)
        finally:
            await browser.close()
            if cable:
                await cable.remove()
            await gate.close()


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("portal_id", ADAPTERS)
async def test_nothing_final_leaves_before_release_and_then_exactly_once(
    playwright: Playwright, portal_id: str, name: str
) -> None:
    async with a_session(playwright, adapter=ADAPTERS[portal_id]) as session:
        portal, watch, path = session.portal, session.portal.watch, session.final.path

        async def refused_again() -> None:
            before = session.refused(RefusalReason.FINAL_NOT_RELEASED)
            await session.attempt(name)
            await watch.until(lambda: session.refused(RefusalReason.FINAL_NOT_RELEASED) > before)

        await refused_again()
        assert portal.count(path) == 0
        assert all(refusal.final for refusal in session.refusals if refusal.path == path)

        session.release()
        await session.attempt(name)
        if is_foreign(name, session.final):
            await watch.until(lambda: session.foreign)
            with pytest.raises(Barred):
                session.release()
            await refused_again()
            assert portal.count(path) == 0
            return
        async with asyncio.timeout(20):
            assert await session.gate.settled() is PermitState.ANSWERED
        await refused_again()
        assert portal.count(path) == 1
        assert session.foreign == []


@pytest.mark.parametrize(
    "markup",
    [
        "<a id=l href=/final-link>x</a><script>l.click()</script>",
        "<img src=/final-link>",
        "<link rel=prefetch href=/final-link>",
        "<iframe src=/final-link></iframe>",
        "<form id=f action=/final-link></form><script>f.submit()</script>",
    ],
)
async def test_a_link_that_submits_is_final_too(playwright: Playwright, markup: str) -> None:
    async with a_session(playwright) as session:
        page = await session.browser.new_page()
        await page.goto(session.portal.url("/"))
        await page.evaluate(
            "markup => document.body.append(document.createRange().createContextualFragment(markup))", markup
        )
        await session.portal.watch.until(lambda: session.refused(RefusalReason.FINAL_NOT_RELEASED))
        assert session.portal.count("/final-link") == 0


@pytest.mark.parametrize("portal_id", ADAPTERS)
async def test_a_websocket_never_leaves(playwright: Playwright, portal_id: str) -> None:
    async with a_session(playwright, adapter=ADAPTERS[portal_id]) as session:
        page = await session.browser.new_page()
        await page.goto(session.portal.url("/"))
        for released in (False, True):
            if released:
                session.release()
            await page.evaluate("path => { new WebSocket(`ws://${location.host}${path}`) }", session.final.path)
            count = released + 1
            await session.portal.watch.until(lambda: session.refused(RefusalReason.UPGRADE) == count)  # noqa: B023
        assert session.portal.count(session.final.path) == 0
        assert session.guard.state is PermitState.RELEASED


async def test_a_page_cannot_reach_another_host(playwright: Playwright) -> None:
    async with a_session(playwright) as session, CountingPortal(session.portal.watch) as stranger:
        page = await session.browser.new_page()
        await page.goto(session.portal.url("/"))
        await page.evaluate("url => { new Image().src = url; new WebSocket(url) }", stranger.url("/"))
        await session.portal.watch.until(lambda: session.refused(RefusalReason.FOREIGN_HOST) == 2)
        assert stranger.seen == []


class Datagrams(asyncio.DatagramProtocol):
    """Counts what arrives over UDP."""

    count = 0

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.count += bool(data or addr)


GATHER = """async port => {
  const connection = new RTCPeerConnection({iceServers: [{urls: `stun:127.0.0.1:${port}`}]});
  connection.createDataChannel('x');
  const gathered = new Promise(done => connection.onicegatheringstatechange =
    () => connection.iceGatheringState == 'complete' && done());
  await connection.setLocalDescription(await connection.createOffer());
  await gathered;
}"""


async def test_webrtc_finds_no_road_beside_the_gate(playwright: Playwright) -> None:
    transport, received = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, ("127.0.0.1", 0))
    async with a_session(playwright) as session:
        page = await session.browser.new_page()
        await page.goto(session.portal.url("/"))
        await page.evaluate(GATHER, transport.get_extra_info("sockname")[1])
        assert received.count == 0
    transport.close()


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("way", ["form", "fetch", "beacon", "keepalive on leaving"])
async def test_a_portal_that_takes_the_request_and_resets_gets_it_once(
    playwright: Playwright, way: str, warm: bool
) -> None:
    async with a_session(playwright) as session:
        portal = session.portal
        portal.reset.add("/final")
        session.release()
        if warm:
            page = await session.browser.new_page()
            await page.goto(portal.url("/"))
            assert await page.evaluate("async () => (await fetch('/other')).status") == 200
        await session.attempt(way)
        async with asyncio.timeout(20):
            assert await session.gate.settled() is PermitState.LOST
        await session.attempt(way)
        await portal.watch.until(lambda: session.refused(RefusalReason.FINAL_NOT_RELEASED))
        assert portal.count("/final") == 1


async def test_what_the_browser_sends_again_by_itself_is_refused(playwright: Playwright) -> None:
    """Chromium repeats a POST whose reused connection breaks before the answer. Here the break is before the gate."""
    cable = Cable()
    async with a_session(playwright, cable=cable) as session:
        portal = session.portal
        page = await session.browser.new_page()
        await page.goto(portal.url("/"))
        assert await page.evaluate("async () => (await fetch('/other')).status") == 200
        portal.hold.add("/final")
        session.release()
        await page.evaluate(f"() => {{ {PLAIN.fetch}.catch(() => 0) }}")
        await portal.watch.until(lambda: portal.count("/final"))
        cable.cut()
        await portal.watch.until(lambda: session.refused(RefusalReason.FINAL_NOT_RELEASED))
        assert session.guard.state is PermitState.SENDING
        portal.let_go()
        assert await session.gate.settled() is PermitState.ANSWERED
        assert portal.count("/final") == 1


async def test_without_its_gate_a_browser_has_no_road(playwright: Playwright) -> None:
    async with a_session(playwright) as session:
        page = await session.browser.new_page()
        await page.goto(session.portal.url("/"))
        session.release()
        await session.gate.close()
        reached = len(session.portal.seen)
        async with page.expect_event("requestfailed") as failed:
            await page.evaluate(f"() => {{ {PLAIN.fetch}.catch(() => 0) }}")
        assert "ERR_PROXY_CONNECTION_FAILED" in str((await failed.value).failure)
        assert len(session.portal.seen) == reached


async def test_tls_changes_nothing(playwright: Playwright) -> None:
    async with a_session(playwright, certificates=EphemeralCertificates()) as session:
        portal, page = session.portal, await session.browser.new_page()
        await page.goto(portal.url("/"))
        await page.set_content(PLAIN.form)
        await portal.watch.until(lambda: session.refused(RefusalReason.FINAL_NOT_RELEASED) == 1)
        await page.goto(portal.url("/"))
        await page.evaluate("() => { new WebSocket(`wss://${location.host}/final`) }")
        await portal.watch.until(lambda: session.refused(RefusalReason.UPGRADE) == 1)
        assert portal.count("/final") == 0
        session.release()
        await page.goto(portal.url("/submits-itself"))
        assert await session.gate.settled() is PermitState.ANSWERED
        await page.wait_for_selector("text=Received")
        await page.goto(portal.url("/submits-itself"))
        await portal.watch.until(lambda: session.refused(RefusalReason.FINAL_NOT_RELEASED) == 2)
        assert portal.count("/final") == 1


async def test_a_portal_whose_certificate_is_not_trusted_gets_nothing(playwright: Playwright) -> None:
    async with a_session(playwright, certificates=EphemeralCertificates()) as session:
        session.release()
        gate = Gate(session.guard, on_refused=session.refusals.add)
        context = await session.browser.new_context(proxy=proxied(gate, await gate.start()), ignore_https_errors=True)
        answer = await (await context.new_page()).goto(session.portal.url("/"))
        assert answer is not None
        assert answer.status == 502
        assert session.portal.seen == []
        await context.close()
        await gate.close()
