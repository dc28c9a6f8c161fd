"""The browser has no other way out than its proxy, sees no data of the server, and cannot exhaust the machine."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, async_playwright

from priorauth.channels.portals.chromium import browser_arguments, find_chromium
from priorauth.channels.portals.guard import Boundary
from priorauth.channels.portals.isolation import memory
from priorauth.channels.portals.isolation.cells import Cell
from priorauth.channels.portals.isolation.launching import IsolationError, require, surveyed
from priorauth.channels.portals.isolation.plan import IsolationSettings, Plan
from priorauth.channels.portals.isolation.survey import PartName
from priorauth.channels.portals.isolation.tabs import PAGES, REFUSALS
from priorauth.channels.portals.isolation.trial import failure_of
from priorauth.channels.portals.screens.downloads import content_of
from priorauth.channels.portals.session import PortalSession
from priorauth.channels.portals.sessions import SessionHost, SessionSettings
from tests.factories.channels import Remembering, taken_by_a_person
from tests.factories.jobs import job_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has namespaces"),
]

PATIENCE = 30.0
NOWHERE = Boundary(origins=(), writes=(), final=())
# Every way of a page to open a socket. It resolves once WebRTC has asked its servers.
SPEAK = """async ([udp, tcp]) => {
  const ice = {iceServers: [{urls: `stun:127.0.0.1:${udp}`}, {urls: `stun:localhost:${udp}`},
    {urls: `turn:127.0.0.1:${udp}`, username: 'a', credential: 'b'},
    {urls: `turn:127.0.0.1:${tcp}?transport=tcp`, username: 'a', credential: 'b'}]};
  const connection = new RTCPeerConnection(ice);
  connection.createDataChannel('a');
  await connection.setLocalDescription(await connection.createOffer());
  const gathered = new Promise(done => {
    connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && done(); });
  const socket = new WebSocket(`ws://127.0.0.1:${tcp}/`);
  const closed = new Promise(done => { socket.onclose = socket.onerror = done; });
  const fetched = fetch(`http://127.0.0.1:${tcp}/`, {mode: 'no-cors'}).catch(() => 0);
  navigator.sendBeacon(`http://localhost:${tcp}/`, 'a');
  await Promise.race([Promise.all([gathered, closed, fetched]), new Promise(done => setTimeout(done, 10000))]);
}"""


@asynccontextmanager
async def hosting(**isolation: object) -> AsyncIterator[tuple[SessionHost, Remembering]]:
    """Run a host of sessions."""
    ledger = Remembering()
    settings = SessionSettings(
        worker="worker_test",
        chromium=None,
        sandbox="auto",
        isolation=IsolationSettings(**isolation),  # type: ignore[arg-type]
    )
    host = SessionHost(settings, ledger)
    try:
        yield host, ledger
    finally:
        await host.shut_down()


async def opened(host: SessionHost, case: str = "auth_1") -> PortalSession:
    """Open a session that may reach nothing."""
    return await host.open(job_of("approved_after_review", case=case), boundary=NOWHERE)


def cell_of(session: PortalSession) -> Cell:
    """Return what surrounds the session's browser."""
    cell = session._running._cell
    assert cell is not None
    return cell


def place_of(session: PortalSession) -> Path:
    """Return where the kernel tells of the session's browser."""
    return Path(f"/proc/{cell_of(session).process}")


def refused_in(session: PortalSession) -> int:
    """Return how many pages of the session were closed at once."""
    limit = session._running.limit
    assert limit is not None
    return limit.refused


def needs(part: PartName) -> None:
    """Skip where this machine does not give a browser that part of the isolation."""
    found = surveyed(find_chromium(), sandbox="auto", settings=IsolationSettings()).part(part)
    if not found.holds:
        pytest.skip(f"{part}: {found.said}")


class Listeners:
    """A UDP and a TCP listener on loopback that count who comes."""

    def __init__(self) -> None:
        self.met: list[str] = []
        self.ports = (0, 0)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Listeners"]:
        """Listen."""
        met = self.met

        class Datagrams(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - the protocol's names
                met.append("udp")

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            met.append("tcp")
            writer.close()

        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.ports = (transport.get_extra_info("sockname")[1], server.sockets[0].getsockname()[1])
        try:
            async with server:
                yield self
        finally:
            transport.close()


async def test_a_page_that_speaks_in_every_way_reaches_no_listener() -> None:
    async with hosting() as (host, _), Listeners().listening() as listeners:
        session = await opened(host)

        await session.page.evaluate(SPEAK, listeners.ports)

        assert listeners.met == []


async def test_the_same_page_in_an_ordinary_browser_reaches_the_listeners() -> None:
    async with async_playwright() as driver, Listeners().listening() as listeners:
        browser = await driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        page = await browser.new_page()
        await page.evaluate(SPEAK, listeners.ports)
        await browser.close()

        assert {*listeners.met} == {"udp", "tcp"}


async def test_a_browsers_network_is_loopback_with_its_proxy_alone() -> None:
    needs("network")
    async with hosting() as (host, _):
        first, second = await opened(host, "auth_1"), await opened(host, "auth_2")
        places = [place_of(each) for each in (first, second)]

        for place in places:
            devices = [line.split(":")[0].strip() for line in (place / "net/dev").read_text().splitlines()[2:]]
            assert set(devices) <= {
                "lo",
                "sit0",
                "tunl0",
                "ip6tnl0",
                "gre0",
                "erspan0",
                "gretap0",
                "ip_vti0",
                "ip6_vti0",
            }
            assert not routes_beside_loopback(place)
            assert len(list(listening(place))) == 1
        assert len({str((place / "ns/net").readlink()) for place in (*places, Path("/proc/self"))}) == 3


def routes_beside_loopback(place: Path) -> list[str]:
    """Return the routes that do not lead to loopback."""
    lines = (place / "net/route").read_text().splitlines()[1:]
    return [line for line in lines if not line.startswith("lo")]


def listening(place: Path) -> Iterator[str]:
    """Yield the sockets that listen or are bound in a process's network."""
    for name in ("tcp", "tcp6", "udp", "udp6", "raw", "packet"):
        file = place / "net" / name
        for line in file.read_text().splitlines()[1:] if file.exists() else ():
            # Connections of the browser to its proxy are not among them.
            if name not in ("tcp", "tcp6") or line.split()[3] == "0A":
                yield f"{name} {line}"


async def test_no_file_of_the_servers_is_shown(tmp_path: Path) -> None:
    needs("files")
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "secret.txt").write_text("the data key")
    async with hosting(hidden=(data,)) as (host, _):
        session = await opened(host)

        assert "root:" in await shown(session.page, Path("/etc/passwd")), "no file at all is shown"
        assert "the data key" not in await shown(session.page, data / "secret.txt")
        assert "secret.txt" not in await shown(session.page, data)
        assert "PATH" not in await shown(session.page, Path(f"/proc/{os.getpid()}/environ"))


async def shown(page: Page, file: Path) -> str:
    """Return what the browser shows of a file: nothing where it may not open it."""
    with suppress(PlaywrightError):
        await page.goto(f"file://{file}")
        return await page.content()
    return ""


async def test_a_browser_inherits_nothing_of_the_servers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIORAUTH_ENCRYPTION_KEYS", "the data key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the data key")
    async with hosting() as (host, _):
        session = await opened(host)
        inherited = place_of(session).joinpath("environ").read_text().split("\0")

    assert "the data key" not in "".join(inherited)
    assert not [each for each in inherited if each.startswith("PRIORAUTH_")]


async def test_browsers_of_a_server_of_roots_have_users_of_their_own() -> None:
    needs("identity")
    async with hosting() as (host, _):
        first, second = await opened(host, "auth_1"), await opened(host, "auth_2")
        owners = {place_of(each).stat().st_uid for each in (first, second)}

        assert owners == {cell_of(first).uid, cell_of(second).uid}
        assert len({*owners, 0}) == 3


@pytest.mark.parametrize("network", ["own", "user"])
def test_a_namespace_can_be_made_with_roots_rights_and_by_an_ordinary_user(network: str, tmp_path: Path) -> None:
    needs("network")
    if network == "own" and os.geteuid() != 0:
        pytest.skip("only root makes a network namespace without a user namespace")
    tmp_path.chmod(0o700)
    root = os.geteuid() == 0
    plan = Plan(
        network=network,  # type: ignore[arg-type]
        own_user=root,
        files=True,
        hides=True,
        sandbox=True,
        cgroup=None,
    )
    settings = IsolationSettings(hidden=(tmp_path,))

    assert failure_of(plan, browser=find_chromium(), settings=settings, arguments=browser_arguments()) is None


def test_a_folder_that_stays_open_to_the_browser_is_noticed(tmp_path: Path) -> None:
    plan = Plan(network=None, own_user=False, files=False, hides=True, sandbox=False, cgroup=None)
    settings = IsolationSettings(hidden=(tmp_path,))

    failure = failure_of(plan, browser=find_chromium(), settings=settings, arguments=browser_arguments())

    assert failure is not None
    assert (failure.part, failure.reason) == ("files", f"{tmp_path} can still be opened")


def test_isolation_that_is_required_and_not_to_be_had_names_what_is_missing() -> None:
    # It is no browser at all, so that nothing works for it.
    with pytest.raises(IsolationError) as refused:
        require(Path("/bin/true"), sandbox="auto", settings=IsolationSettings(mode="required"))

    assert "PRIORAUTH_BROWSER_ISOLATION is `required`" in str(refused.value)
    assert "network: " in str(refused.value)
    assert "files: " in str(refused.value)


async def test_pages_beyond_the_bound_are_closed_and_the_session_goes_on() -> None:
    async with hosting() as (host, _):
        session = await opened(host)

        await session.page.evaluate("() => { for (let i = 0; i < 30; i++) window.open('about:blank'); }")

        async with asyncio.timeout(PATIENCE):
            while len(session.page.context.pages) > PAGES or refused_in(session) < 31 - PAGES:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert host.of("auth_1") is session
        assert await session.page.evaluate("() => 1 + 1") == 2


async def test_a_flood_of_pages_ends_the_session() -> None:
    async with hosting() as (host, ledger):
        session = await opened(host)

        with suppress(PlaywrightError):
            await session.page.evaluate("() => { for (let i = 0; i < 200; i++) window.open('about:blank'); }")

        async with asyncio.timeout(PATIENCE):
            await ledger.until_released("auth_1")
        assert host.of("auth_1") is None
        assert refused_in(session) <= REFUSALS + 1
        assert await ledger.until_noted("session_ended") == [{"cause": "page_flood"}]


async def test_a_page_that_takes_too_much_memory_ends_the_session() -> None:
    async with hosting(memory_mib=400) as (host, ledger):
        session = await opened(host)
        assert host.of("auth_1") is session

        with suppress(PlaywrightError):
            await session.page.evaluate(
                "() => { window.kept = Array.from({length: 800}, () => new Uint8Array(1 << 20).fill(1)); }"
            )

        await ledger.until_released("auth_1")
        assert host.of("auth_1") is None
        assert await ledger.until_noted("session_ended") == [{"cause": "memory_exceeded"}]


def test_a_browser_that_the_kernel_ended_for_its_memory_is_known_by_its_cgroup(tmp_path: Path) -> None:
    assert not memory.was_exceeded(tmp_path), "one that is gone"
    (tmp_path / "memory.events").write_text("low 0\noom 0\noom_kill 0\noom_group_kill 0\n")
    assert not memory.was_exceeded(tmp_path)
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 3\noom_group_kill 1\n")
    assert memory.was_exceeded(tmp_path)


def test_a_download_that_is_a_link_to_a_file_of_the_servers_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "download").write_text("the data key")
    place = tmp_path / "place"
    place.mkdir()
    (place / "download").write_text("a letter")
    (place / "link").symlink_to(tmp_path / "data" / "download")
    (tmp_path / "swapped").symlink_to(tmp_path / "data")

    assert content_of(place / "download") == b"a letter"
    for file in (place / "link", tmp_path / "swapped" / "download"):
        with pytest.raises(OSError, match=r"not the file|symbolic links"):
            content_of(file)


async def test_a_person_gets_a_download_from_a_browser_that_is_kept_apart() -> None:
    async with hosting() as (host, _):
        session = await opened(host)
        await session.page.set_content("<a download='letter.txt' href='data:text/plain,a letter'>Letter</a>")
        await taken_by_a_person(session, may_submit=False)

        await session.page.get_by_text("Letter").click()

        async with asyncio.timeout(PATIENCE):
            while (found := [each for each in map(session.screen.content, range(9)) if each]) == []:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert found == [b"a letter"]


@contextmanager
def left_by(process: int, place: Path) -> Iterator[Path]:
    """A folder that a process has left."""
    folder = place / f"priorauth-browser-{process}-left"
    folder.mkdir()
    yield folder
    assert not folder.exists()


async def test_a_session_leaves_no_folder_and_removes_those_of_dead_processes() -> None:
    async with hosting() as (host, _):
        folder = cell_of(await opened(host)).folder
        assert folder.is_dir()
        with left_by(2**22 + 1, folder.parent):
            await opened(host, "auth_2")
        await host.close("auth_1")
        assert not folder.exists()
