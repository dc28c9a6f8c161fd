"""Playwright really starts the browser that was found, with these arguments, behind a proxy that sees everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import playwright
import pytest
from playwright.async_api import async_playwright

from priorauth.channels.portals import chromium

pytestmark = pytest.mark.browser


@asynccontextmanager
async def recording_proxy(seen: list[str]) -> AsyncIterator[str]:
    """An HTTP proxy on loopback that answers every request itself and notes its first line."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head.split(b"\r\n", 1)[0].decode("latin-1"))
        body = b"<title>by proxy</title>"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


async def test_every_request_of_the_browser_meets_the_proxy_even_to_loopback() -> None:
    executable = chromium.find_chromium()
    seen: list[str] = []
    async with recording_proxy(seen) as proxy, async_playwright() as driver:
        arguments = await asyncio.to_thread(chromium.launch_arguments, executable=executable, proxy_server=proxy)
        browser = await driver.chromium.launch(
            executable_path=executable, args=arguments, chromium_sandbox=chromium.keeps_sandbox(arguments)
        )
        try:
            page = await browser.new_page()
            await page.goto("http://127.0.0.1:8180/portal")

            assert await page.title() == "by proxy"
        finally:
            await browser.close()

    assert "GET http://127.0.0.1:8180/portal HTTP/1.1" in seen
    # Nothing of the browser's own asked for anything: all that went out is of the page.
    assert {line.split("/")[2] for line in seen} == {"127.0.0.1:8180"}


def test_our_list_of_disabled_features_holds_playwrights() -> None:
    # Ours replaces Playwright's on the command line, so that a newer Playwright must not know more than we repeat.
    bundle = Path(playwright.__file__).parent / "driver" / "package" / "lib" / "coreBundle.js"
    text = bundle.read_text(encoding="utf-8")
    start = text.index("disabledFeatures = [")
    block = text[start : text.index("]", start)]
    theirs = {line.strip(' ",') for line in block.splitlines()[1:] if line.strip().startswith('"')}
    others = {"TcpPortRandomizationWin", "msForceBrowserSignIn", "msEdgeUpdateLaunchServicesPreferredVersion"}

    (ours,) = (
        argument.partition("=")[2].split(",")
        for argument in chromium.launch_arguments(executable=Path("/any"), sandbox="off")
        if argument.startswith("--disable-features=")
    )

    assert theirs, "Playwright keeps its list elsewhere now"
    assert theirs - others <= set(ours)
