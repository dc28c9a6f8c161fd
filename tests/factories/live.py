"""A session to look at and its viewers: a small portal, a screen on a real browser, and a hub behind a real server."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, Playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from websockets.asyncio.client import ClientConnection, connect

from priorauth.channels.portals.chromium import find_chromium
from priorauth.channels.portals.guard import SubmitGuard
from priorauth.channels.portals.screen import PortalScreen
from priorauth.domain.errors import PriorAuthError
from priorauth.domain.handoffs import Report
from priorauth.domain.live.statuses import Farewell
from priorauth.domain.live.views import Ending, Screen, View
from priorauth.domain.live_sessions import AccessMode
from priorauth.live import messages
from priorauth.live.hub import Hub
from priorauth.live.takeovers import ANSWER_SECONDS
from priorauth.live.viewer import viewer_file
from tests.factories.boundaries import BOUNDARY

# As strict as any server would send it with the viewer's page.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob:"
READ_ONLY, INTERACTIVE = AccessMode.READ_ONLY, AccessMode.INTERACTIVE


async def launch(driver: Playwright, *arguments: str) -> Browser:
    """Start a browser, as portals and viewers alike get one here."""
    return await driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", *arguments])


class Sessions:
    """The screens of a process that holds one session."""

    def __init__(self) -> None:
        self.current: Screen | None = None

    def screen(self, authorization_id: str, *, session_id: str) -> Screen | None:
        return self.current if (authorization_id, session_id) == ("auth_1", "sess_1") else None


class Socket:
    """A viewer's socket over Starlette, as the route of the API has one."""

    def __init__(self, carrier: WebSocket) -> None:
        self._carrier = carrier

    async def receive(self) -> str | bytes | None:
        event = await self._carrier.receive()
        if event["type"] == "websocket.disconnect":
            return None
        text: str | None = event.get("text")
        return text if text is not None else event["bytes"]

    async def send(self, message: str | bytes) -> None:
        try:
            await (self._carrier.send_text(message) if isinstance(message, str) else self._carrier.send_bytes(message))
        except (WebSocketDisconnect, RuntimeError):
            raise ConnectionError from None

    async def close(self, *, code: int, reason: str) -> None:
        if self._carrier.application_state is WebSocketState.CONNECTED:
            try:
                await self._carrier.close(code, reason)
            except (WebSocketDisconnect, RuntimeError):
                raise ConnectionError from None


@dataclass
class Views:
    """The views that tickets open; a ticket may be used again here."""

    by_ticket: dict[str, View] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    renewed: list[tuple[str, str]] = field(default_factory=list)
    reports: list[Report | None] = field(default_factory=list)
    fault: PriorAuthError | None = None
    last_words: list[Farewell] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def open(
        self, mode: AccessMode, *, may_submit: bool = False, expires_at: datetime | None = None, ticket: str = ""
    ) -> View:
        """Make a view; its ticket is its id."""
        name = ticket or f"ticket-{len(self.by_ticket) + 1}"
        view = View(
            view_id=name,
            authorization_id="auth_1",
            session_id="sess_1",
            mode=mode,
            may_submit=may_submit,
            expires_at=expires_at,
            next_ticket=name,
        )
        self.by_ticket[name] = view
        return view

    def note_refused(self, view: View, kind: str) -> None:
        self.refused.append((view.id, kind))
        self.heard.set()

    async def note_renewed(self, view: View, ticket: str) -> None:
        self.renewed.append((view.id, ticket))
        self.heard.set()

    async def take_report(self, view: View, report: Report | None) -> None:
        """Take what a person reports, unless a `fault` stands in the way; a close ends the view."""
        if self.fault is not None:
            raise self.fault
        self.reports.append(report)
        if report is None:
            view.extend(datetime.now(UTC) + timedelta(minutes=15))
        else:
            view.end(Ending.REVOKED)

    async def farewells(self, view: View) -> AsyncGenerator[Farewell, None]:
        """Give the `last_words`, if there are any."""
        del view
        for words in self.last_words:
            yield words


@dataclass
class LiveServer:
    """A server of the viewer's page, and of nothing else."""

    url: str
    hub: Hub
    views: Views
    sessions: Sessions
    new_hub: Callable[[], Hub]

    async def restart(self) -> None:
        """Send all viewers away, and be there again."""
        await self.hub.close()
        self.hub = self.new_hub()

    def page_url(self, view: View) -> str:
        """Where a person opens the view."""
        return f"{self.url}/runtime/live#{view.id}"

    def connect(self, view: View) -> connect:
        """Open the view without a page."""
        return connect(
            f"{self.url.replace('http', 'ws')}/runtime/live/socket",
            subprotocols=[messages.PROTOCOL, f"ticket.{view.id}"],  # type: ignore[list-item]
            compression=None,
            max_size=None,
        )


@asynccontextmanager
async def live_server(
    present: Callable[[], datetime] | None = None, *, takeover_seconds: float = ANSWER_SECONDS
) -> AsyncIterator[LiveServer]:
    """Serve the live view on a free port."""
    sessions, views = Sessions(), Views()

    def new_hub() -> Hub:
        return Hub(
            sessions,
            on_refused=views.note_refused,
            on_renew=views.note_renewed,
            on_report=views.take_report,
            farewells=views.farewells,
            present=present or (lambda: datetime.now(UTC)),
            takeover_seconds=takeover_seconds,
        )

    live = LiveServer("", new_hub(), views, sessions, new_hub)

    async def page(request: Request) -> Response:
        found = viewer_file(request.path_params.get("name", "index.html"))
        if found is None:
            return PlainTextResponse("no such file", status_code=404)
        return Response(found[0], headers={"Content-Type": found[1], "Content-Security-Policy": POLICY})

    async def grant(_: Request) -> Response:
        return Response(json.dumps({"ticket": "fresh-ticket"}), media_type="application/json")

    async def socket(carrier: WebSocket) -> None:
        offered = carrier.scope["subprotocols"]
        await carrier.accept(subprotocol=offered[0])
        view = views.by_ticket[offered[1].removeprefix("ticket.")]
        await live.hub.attend(view, Socket(carrier))

    app = Starlette(
        routes=[
            Route("/runtime/live", page),
            Route("/runtime/live/{name}", page),
            Route("/runtime/access/{grant}", grant),
            WebSocketRoute("/runtime/live/socket", socket),
        ]
    )
    async with serving(app) as url:
        live.url = url
        yield live


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """Run an application by uvicorn with the settings that the live view needs."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=0,
            ws="websockets-sansio",
            ws_max_size=messages.MESSAGE_LIMIT,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
    )
    started = asyncio.Event()
    startup = server.startup

    async def tell(**arguments: Any) -> None:
        await startup(**arguments)
        started.set()

    server.startup = tell  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve())
    await started.wait()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@dataclass(frozen=True)
class BasicAuth:
    """A user name and a password, and the header that carries them."""

    user: str
    password: str

    @property
    def header(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@asynccontextmanager
async def portal(
    pages: dict[str, str], *, files: dict[str, bytes] | None = None, locked: dict[str, BasicAuth] | None = None
) -> AsyncIterator[str]:
    """Serve some pages as a portal would, those that are `locked` by HTTP authentication."""

    async def page(request: Request) -> Response:
        path = request.url.path
        wanted = (locked or {}).get(path)
        if wanted is not None and request.headers.get("authorization") != wanted.header:
            headers = {"WWW-Authenticate": 'Basic realm="Members"'}
            return HTMLResponse("Sign in first.", status_code=401, headers=headers)
        if files and path in files:
            headers = {"Content-Disposition": f'attachment; filename="{path[1:]}"'}
            return Response(files[path], media_type="application/octet-stream", headers=headers)
        return HTMLResponse(f"<!doctype html><meta charset=utf-8>{pages.get(path, '')}")

    async with serving(Starlette(routes=[Route("/{path:path}", page)])) as url:
        yield url


@dataclass
class Session:
    """A portal's page under a screen."""

    context: BrowserContext
    page: Page
    guard: SubmitGuard
    screen: PortalScreen

    @classmethod
    async def open(cls, browser: Browser, url: str = "about:blank") -> Self:
        context = await browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=False)
        page = await context.new_page()
        await page.goto(url)
        guard = SubmitGuard(replace(BOUNDARY, headers=("authorization",)))
        return cls(context, page, guard, PortalScreen(context=context, page=page, guard=guard))

    async def close(self) -> None:
        await self.screen.close()
        await self.context.close()


@dataclass
class RawFrame:
    sequence: int
    tab: int
    width: int
    height: int
    jpeg: bytes


class RawViewer:
    """A viewer without a page: frames and messages as they come."""

    def __init__(self, carrier: ClientConnection) -> None:
        self.carrier = carrier
        self.told: dict[str, dict[str, Any]] = {}
        self.frames: list[RawFrame] = []
        self.pieces = bytearray()

    async def send(self, **message: Any) -> None:
        await self.carrier.send(json.dumps(message))

    async def next(self, *, ack: bool = True) -> str:
        """Take one message; return its type."""
        async with asyncio.timeout(10):
            message = await self.carrier.recv()
        if isinstance(message, str):
            read = json.loads(message)
            self.told[read["type"]] = read
            return str(read["type"])
        if message[0] == 2:
            self.pieces += message[5:]
            return "piece"
        sequence, tab, width, height = struct.unpack(">IIHH", message[1:13])
        self.frames.append(RawFrame(sequence, tab, width, height, message[13:]))
        if ack:
            await self.send(type="ack", frame=sequence)
        return "frame"

    async def until(self, condition: Callable[[], object], *, ack: bool = True) -> None:
        """Take messages until the condition holds."""
        while not condition():
            await self.next(ack=ack)


async def within(seconds: float, work: Coroutine[Any, Any, Any]) -> Any:
    """Wait for something that has to happen in time."""
    async with asyncio.timeout(seconds):
        return await work
