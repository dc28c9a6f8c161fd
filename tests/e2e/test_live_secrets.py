"""Contract, section 6: what opens a session or a portal is told to nobody but who asked for it, and rests nowhere.

A whole run with a human, a viewer and a review's own address is searched, byte by byte: answers, pages, what a viewer
is sent, log, files and tables. The simulated payer's own database is the payer's and not ours.
"""

import base64
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Error, Page, Response, WebSocket

from priorauth.sandbox import catalog
from tests.factories.humans import Human, human
from tests.factories.servers import Case, Integrator, ServerProcess, path_of, state_of, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TICKET = re.compile(r"ticket[\".=:\s]+([A-Za-z0-9_-]{43})|/runtime/live#([A-Za-z0-9_-]{43})|nextTicket\W+([\w-]{43})")
# A browser's debugging, in whatever words.
DEBUGGING = rb"ws://[^\s\"]*devtools|/devtools/|remote-debugging|webSocketDebuggerUrl"
ALWAYS_SECRET = ("LPCSESSION", "LPCTRUST", "larkspur-sandbox")


@dataclass
class Heard:
    """All that was answered to anybody, by what was asked."""

    answers: list[tuple[str, bytes]] = field(default_factory=list)
    # What a grant's own answers gave away, as they should.
    secrets: set[str] = field(default_factory=set)
    # The address of a review is part of its snapshot, and so of the case.
    shown_in_cases: set[str] = field(default_factory=set)

    def note(self, what: str, content: bytes) -> None:
        self.answers.append((what, content))

    def note_response(self, response: httpx.Response) -> None:
        sent = f"{response.status_code} {response.headers!r}".encode()
        self.note(f"{response.request.method} {response.request.url.path}", sent + response.content)


class Attentive(Integrator):
    """An integrator who remembers everything that the server has answered, but for grants."""

    def __init__(self, server: ServerProcess, key: str, heard: Heard) -> None:
        super().__init__(server, key)
        self._heard = heard

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        response = super().call(method, path, **more)
        if method == "POST" and path.endswith("/access-grants") and response.is_success:
            self._heard.secrets.add(response.json()["url"].rpartition(".")[2])
        else:
            self._heard.note_response(response)
        return response


def overhear(page: Page, heard: Heard) -> None:
    """Remember what a human's browser is answered; the tickets of its view are its own."""

    def answered(response: Response) -> None:
        headers = str(response.headers)
        heard.secrets.update(tickets_in(headers))
        if "/runtime/access/" in response.url:
            return
        try:
            heard.note(f"page {response.url.partition('#')[0]}", headers.encode() + response.body())
        except Error:
            heard.note(f"page {response.url.partition('#')[0]}", headers.encode())

    def connected(socket: WebSocket) -> None:
        def received(payload: str | bytes) -> None:
            if isinstance(payload, str):
                heard.secrets.update(tickets_in(payload))
                heard.note("view", TICKET.sub("", payload).encode())

        socket.on("framereceived", received)

    page.on("response", answered)
    page.on("websocket", connected)


def tickets_in(text: str) -> set[str]:
    """The tickets that a grant's opening, or a view's connection, gives away."""
    return {found for groups in TICKET.findall(text) for found in groups if found}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose temporary files lie beside its data, so that they are searched too."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder / "tmp"))
        started = ServerProcess(folder / "data", log_level="debug").start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def somebody() -> Iterator[Human]:
    """Who acts at the payer."""
    with human() as found:
        yield found


def gates_of(server: ServerProcess) -> set[str]:
    """The addresses of the server's gates, as its browsers have them among their arguments."""
    found: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            # It has ended meanwhile, or is somebody else's.
            continue
        if str(server.data_dir.parent).encode() in environment:
            found |= {each.decode() for each in re.findall(rb"--proxy-server=http://([\d.]+:\d+)", arguments)}
    return found


def open_as(url: str, accept: str) -> httpx.Response:
    """Open a grant without a browser."""
    return httpx.get(url, headers={"Accept": accept}, trust_env=False)


def human_code(scenario_id: str) -> str:
    """What the human gets on the phone."""
    found = catalog.scenario(scenario_id)
    assert found is not None
    return str(found.resolves["oneTimeCode"])


def to_its_offer(integrator: Integrator, scenario_id: str) -> Case:
    """The case with a human in its interaction."""
    case = integrator.drive(
        integrator.create(scenario_id), scenario_id, until=lambda each: each["status"] == "requires_action"
    )[-1]
    return integrator.take_over(case)


def refused_grants(integrator: Attentive, case: Case, heard: Heard, url: str) -> None:
    """Grants that open nothing: of another secret, of a closed handoff; asked for by a page and by a program."""
    spoilt = url.rpartition(".")[0] + "." + "A" * 43
    for address in (spoilt, url):
        for accept in ("text/html", "application/json"):
            refusal = open_as(address, accept)
            assert refusal.status_code == 404
            heard.note_response(refusal)
    closed = case["activeManualHandoff"]["id"]
    assert integrator.call("POST", f"{path_of(case)}/manual-handoffs/{closed}/access-grants").status_code == 409


def everything_of(integrator: Attentive, case: Case) -> None:
    """Read whatever can be read of a case."""
    for below in (
        "",
        "/events?limit=100",
        "/live-session",
        "/live-session/viewers",
        "/manual-handoffs",
        "/attachments",
    ):
        integrator.get(path_of(case) + below)


def a_run_with_humans(server: ServerProcess, integrator: Attentive, somebody: Human, heard: Heard) -> set[str]:
    """A handoff with a viewer beside it, refused grants, a customer's own sign-in watched to its end; the gates."""
    overhear(somebody.page, heard)
    case = to_its_offer(integrator, "handoff_mfa")
    gates = gates_of(server)
    acting = integrator.grant(case)["url"]
    repeated = {"Idempotency-Key": "once"}
    grants = [
        integrator.call("POST", f"{path_of(case)}/live-session/access-grants", headers=repeated).json()
        for _ in range(2)
    ]
    assert grants[0] == grants[1]
    ticket = open_as(grants[0]["url"], "application/json").json()["ticket"]
    heard.secrets.add(ticket)
    browser = somebody.page.context.browser
    assert browser is not None
    watching = browser.new_page()
    overhear(watching, heard)
    watching.goto(grants[0]["url"])
    until(lambda: len(integrator.get(f"{path_of(case)}/live-session/viewers")["data"]) == 1)
    everything_of(integrator, case)
    somebody.take_control(acting)
    somebody.sees("Verify your identity")
    somebody.enter(human_code("handoff_mfa"))
    somebody.sees("Member search")
    heard.note("the viewer's page", somebody.page.content().encode() + watching.content().encode())
    integrator.give_back(case, "complete", reportedOutcome="signed_in", operatorNotes="Done.")
    somebody.is_in_the_dark()
    refused_grants(integrator, case, heard, acting)
    everything_of(integrator, integrator.drive(integrator.read(case), "handoff_mfa", until=has_receipt)[-1])
    return gates | a_customers_login(server, integrator, somebody, heard)


def a_customers_login(server: ServerProcess, integrator: Attentive, somebody: Human, heard: Heard) -> set[str]:
    """A customer signs in in person, watches by the review's address, and approves; the gates."""
    scenario_id = "customer_login"
    case = to_its_offer(integrator, scenario_id)
    gates = gates_of(server)
    somebody.take_control(integrator.grant(case)["url"])
    somebody.enter(human_code(scenario_id))
    somebody.sees("Welcome")
    integrator.give_back(case, "complete", reportedOutcome="signed_in")
    review = integrator.drive(
        integrator.read(case), scenario_id, until=lambda each: state_of(each)[1] == "approve_submission"
    )[-1]
    address = review["submission"]["reviewSnapshot"]["liveViewUrl"]
    heard.shown_in_cases.add(address.rpartition(".")[2])
    somebody.page.goto(address)
    somebody.sees("Review and submit")
    end = integrator.drive(review, scenario_id, until=lambda each: each["status"] == "completed")[-1]
    everything_of(integrator, end)
    for accept in ("text/html", "application/json"):
        heard.note_response(open_as(address, accept))
    return gates


def has_receipt(case: Case) -> bool:
    """Say whether the payer has the case."""
    return case["submission"]["payerReceipt"] is not None


def cookies_of_the_payer(data_dir: Path) -> set[str]:
    """What the payer's portal has given browsers to come back by."""
    with closing(sqlite3.connect(data_dir / "sandbox" / "larkspur.sqlite3")) as database:
        return {token for (token,) in database.execute("SELECT token FROM sessions")}


def resting(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What lies in files and tables; a table's text also as it was before it was put into letters."""
    for path in folder.rglob("*"):
        if path.is_file() and "sandbox" not in path.relative_to(folder).parts:
            yield str(path.relative_to(folder)), path.read_bytes()
    with closing(sqlite3.connect(folder / "data" / "priorauth.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                yield table, b"\n".join(unpacked(cell) for cell in row)


def unpacked(cell: Any) -> bytes:
    """A cell's bytes, and behind them what they say in base64."""
    content = cell if isinstance(cell, bytes) else str(cell).encode()
    try:
        return content + b"\n" + base64.b64decode(content, validate=True)
    except ValueError:
        return content


def words(secrets: set[str], *, codes: set[str]) -> re.Pattern[bytes]:
    """What finds any of these secrets, a browser's debugging, and a code: digits that are part of no other number."""
    plain = [re.escape(each).encode() for each in secrets]
    numbers = [rb"(?<![\d.])%s(?!\d)" % each.encode() for each in codes]
    return re.compile(b"|".join([*plain, *numbers, DEBUGGING]))


def test_nothing_that_opens_anything_is_told_to_others_or_rests(server: ServerProcess, somebody: Human) -> None:
    heard = Heard()
    integrator = Attentive(server, server.new_key(), heard)
    gates = a_run_with_humans(server, integrator, somebody, heard)
    folder, cookies = server.data_dir.parent, cookies_of_the_payer(server.data_dir)
    running = list(resting(folder))
    somebody.page.goto("about:blank")
    assert server.stop() == 0
    stopped = list(resting(folder))
    assert gates
    assert cookies
    assert len(heard.secrets) >= 6, "grants, tickets of openings and tickets of views"
    assert {what.split()[0] for what, _ in heard.answers} >= {"GET", "POST", "page", "view", "the"}

    codes = {human_code("handoff_mfa"), human_code("customer_login")}
    told = words(heard.secrets | gates | cookies | set(ALWAYS_SECRET), codes=codes)
    kept = words(heard.secrets | heard.shown_in_cases | gates | cookies | set(ALWAYS_SECRET), codes=codes)

    assert {(what, found[0]) for what, content in heard.answers if (found := told.search(content))} == set()
    for everything in (running, stopped):
        assert any(name.endswith("data.log") for name, _ in everything)
        assert {(name, found[0]) for name, content in everything if (found := kept.search(content))} == set()
