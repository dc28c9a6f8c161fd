"""Starts one session's browser in surroundings of its own, behind the session's proxy, and watches what it uses."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog
from playwright.async_api import Browser, Page, Playwright
from playwright.async_api import Error as PlaywrightError

from priorauth.channels.portals.chromium import (
    ChromiumError,
    ChromiumSandboxError,
    SandboxMode,
    browser_arguments,
    decide_sandbox,
    find_chromium,
)
from priorauth.channels.portals.gate import Gate
from priorauth.channels.portals.isolation.cells import Cell
from priorauth.channels.portals.isolation.plan import IsolationSettings
from priorauth.channels.portals.isolation.survey import Survey, survey
from priorauth.channels.portals.isolation.tabs import TabLimit

_WATCH_SECONDS: Final = 1.0
_MEMORY: Final = "memory_exceeded"
_PAGES: Final = "page_flood"

_log = structlog.get_logger(__name__)


class IsolationError(ChromiumError):
    """The isolation that is required cannot be had here; the text says what is missing and what to do."""


class RunningBrowser:
    """A browser with one page, and what surrounds it."""

    def __init__(self, browser: Browser, *, cell: Cell | None) -> None:
        self.browser = browser
        self._cell = cell
        self.limit: TabLimit | None = None
        self._ended_by: str | None = None
        self._watching: asyncio.Task[None] | None = None
        if cell is not None and cell.plan.cgroup is None:
            self._watching = asyncio.create_task(self._watch(cell), name="browser-memory")

    @property
    def downloads(self) -> Path | None:
        """The folder that the browser may write downloads to; None: any."""
        return None if self._cell is None else self._cell.downloads

    @property
    def ended_by(self) -> str | None:
        """Which bound has ended the browser: `memory_exceeded` or `page_flood`; None: none has."""
        if self._ended_by is None and self._cell is not None and self._cell.was_out_of_memory():
            return _MEMORY
        return self._ended_by

    async def open_page(self, *, state: bytes | None, timeout_seconds: float) -> Page:
        """Open the session's page in a context of its own, with an earlier session's cookies and storage if given."""
        context = await self.browser.new_context(
            viewport={"width": 1280, "height": 800},
            accept_downloads=False,
            storage_state=json.loads(state) if state is not None else None,
        )
        context.set_default_timeout(timeout_seconds * 1000)
        page = await context.new_page()
        self.limit = TabLimit(context, on_flood=lambda: self._end(_PAGES))
        return page

    async def close(self) -> None:
        """End the browser, whatever it does, and give back what surrounded it."""
        if self._watching is not None:
            self._watching.cancel()
        with suppress(PlaywrightError):
            await self.browser.close()
        if self._cell is not None:
            await asyncio.to_thread(self._cell.close)

    def _end(self, cause: str) -> None:
        """End the browser at once: its session sees that it has disconnected, and ends with a fault."""
        self._ended_by = self._ended_by or cause
        if self._cell is not None:
            self._cell.kill()
        else:
            self._ending = asyncio.ensure_future(self.browser.close())

    async def _watch(self, cell: Cell) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if await asyncio.to_thread(cell.exceeds_memory):
                break
        _log.warning("browser_memory_exceeded", process=cell.process)
        self._end(_MEMORY)


async def start_browser(
    driver: Playwright, *, chromium: Path | None, sandbox: SandboxMode, isolation: IsolationSettings, gate: Gate
) -> RunningBrowser:
    """Start a browser that can reach nothing but the gate, and start the gate where the browser can reach it.

    Raises:
        ChromiumError: there is no browser, or no sandbox where one is demanded.
        IsolationError: what `required` demands cannot be had.
        PlaywrightError: the browser did not start.
        OSError: its surroundings could not be made.
    """
    executable = find_chromium(chromium)
    found = await asyncio.to_thread(require, executable, sandbox=sandbox, settings=isolation)
    if found.plan is None:
        url = await gate.start()
        sandboxed = (await asyncio.to_thread(decide_sandbox, sandbox, executable)).enabled
        browser = await _launched(driver, executable, gate, url=url, sandboxed=sandboxed, environment=None)
        return RunningBrowser(browser, cell=None)
    cell = await asyncio.to_thread(Cell, found.plan, browser=executable, settings=isolation)
    try:
        address = cell.address()
        url = await gate.start() if address is None else f"http://{address[0]}:{address[1]}"
        environment = cell.environment(proxy=address or _address(url))
        browser = await _launched(
            driver, cell.program, gate, url=url, sandboxed=found.plan.sandbox, environment=environment
        )
        # The launcher has become the browser: what it handed over lies ready.
        listener = cell.take_over()
        if listener is not None:
            await gate.start(listener=listener)
        return RunningBrowser(browser, cell=cell)
    except BaseException:
        await asyncio.to_thread(cell.close)
        raise


def surveyed(executable: Path, *, sandbox: SandboxMode, settings: IsolationSettings) -> Survey:
    """Find out how far this browser can be kept apart. It blocks at its first call."""
    return survey(executable, sandbox=sandbox, settings=settings, arguments=tuple(browser_arguments()))


def require(executable: Path, *, sandbox: SandboxMode, settings: IsolationSettings) -> Survey:
    """Find out how far this browser can be kept apart, and refuse what is too little. It blocks at its first call.

    Raises:
        ChromiumSandboxError: the sandbox is `on` and cannot be had.
        IsolationError: the isolation is `required` and cannot be had.
    """
    found = surveyed(executable, sandbox=sandbox, settings=settings)
    if sandbox == "on":
        _require_sandbox(found, executable)
    missing = found.missing()
    if settings.mode == "required" and missing:
        lines = " ".join(f"{each.name}: {each.said}. {each.advice}" for each in missing)
        message = f"PRIORAUTH_BROWSER_ISOLATION is `required`, and this machine lacks a part of it. {lines}"
        raise IsolationError(message)
    return found


def _require_sandbox(found: Survey, executable: Path) -> None:
    if found.plan is None:
        decide_sandbox("on", executable)
    elif not found.plan.sandbox:
        part = found.part("sandbox")
        message = f"Chromium's sandbox is demanded but cannot be had: {part.said}. {part.advice}"
        raise ChromiumSandboxError(message)


async def _launched(
    driver: Playwright, program: Path, gate: Gate, *, url: str, sandboxed: bool, environment: dict[str, str] | None
) -> Browser:
    user, password = gate.credentials
    return await driver.chromium.launch(
        executable_path=program,
        args=[
            *browser_arguments(proxy_server=url),
            # The gate ends TLS with keys of its own; it is the gate that verifies the portal's certificate.
            f"--ignore-certificate-errors-spki-list={','.join(gate.spki_pins)}",
        ],
        chromium_sandbox=sandboxed,
        env=environment,  # type: ignore[arg-type]
        proxy={"server": url, "username": user, "password": password},
        handle_sigint=False,
        handle_sigterm=False,
        handle_sighup=False,
    )


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 0)
