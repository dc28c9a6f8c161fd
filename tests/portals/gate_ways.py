"""Every way known in which a page, or who drives it, makes a browser send something.

Each way is tried in a context of its own, on a page of the portal, and sends one request to /final.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import Browser, BrowserContext, Error, Page

from tests.portals.counting_portal import CountingPortal, html, script

POST_FETCH = "fetch('/final', {method: 'POST', body: 'a=1'})"
SUBMIT = "<form id=f method=post action=/final><input name=a value=1></form><script>f.submit()</script>"
WORKER = f"{POST_FETCH}; self.onconnect = () => {{}};"
SERVICE_WORKER_ON_INSTALL = f"self.oninstall = event => event.waitUntil({POST_FETCH});"
SERVICE_WORKER_ON_MESSAGE = f"self.onmessage = event => event.waitUntil({POST_FETCH});"
SERVICE_WORKER_ON_FETCH = (
    "self.onactivate = event => event.waitUntil(clients.claim());"
    f"self.onfetch = event => {{ if (event.request.url.endsWith('/trigger')) event.respondWith({POST_FETCH}); }};"
)
REGISTER = "navigator.serviceWorker.register('/{}', {{scope: '/'}})"


@dataclass(frozen=True)
class Stage:
    """Where a way is tried."""

    page: Page
    context: BrowserContext
    browser: Browser
    portal: CountingPortal


Way = Callable[[Stage], Awaitable[object]]


def pages(portal: CountingPortal) -> dict[str, bytes]:
    """What the portal has to serve for all of the ways."""
    return {
        "/": html("<h1>Case</h1>"),
        "/other": html("other"),
        "/final": html("<h1>Received</h1>"),
        "/submits-itself": html(SUBMIT),
        "/fetches-itself": html(f"<script>{POST_FETCH}</script>"),
        "/embeds-another": html(f"<iframe src='{portal.url('/fetches-itself', host='localhost')}'></iframe>"),
        "/reports": html("<img src=/x.png>", headers="Content-Security-Policy: img-src 'none'; report-uri /final\r\n"),
        "/moved": b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /final\r\nContent-Length: 0\r\n\r\n",
        "/worker.js": script(WORKER),
        "/on-install.js": script(SERVICE_WORKER_ON_INSTALL),
        "/on-message.js": script(SERVICE_WORKER_ON_MESSAGE),
        "/on-fetch.js": script(SERVICE_WORKER_ON_FETCH),
    }


def evaluates(text: str) -> Way:
    async def way(stage: Stage) -> None:
        await stage.page.evaluate(f"() => {{ {text} }}")

    return way


def leaving(text: str) -> Way:
    async def way(stage: Stage) -> None:
        await stage.page.evaluate(f"() => {{ addEventListener('pagehide', () => {{ {text} }}); }}")
        await stage.page.goto(stage.portal.url("/other"))

    return way


def goes_to(path: str) -> Way:
    async def way(stage: Stage) -> None:
        await stage.page.goto(stage.portal.url(path))

    return way


def form(attributes: str) -> Way:
    markup = f"<form id=f method=post {attributes}><input name=a value=1></form>"
    return evaluates(f"document.body.insertAdjacentHTML('beforeend', `{markup}`); f.submit();")


async def ping(stage: Stage) -> None:
    await stage.page.evaluate("document.body.innerHTML = '<a id=l href=/other ping=/final>on</a>'")
    await stage.page.click("#l")


async def service_worker_on_message(stage: Stage) -> None:
    await stage.page.evaluate(
        f"async () => {{ await {REGISTER.format('on-message.js')};"
        " (await navigator.serviceWorker.ready).active.postMessage(1); }"
    )


async def service_worker_on_fetch(stage: Stage) -> None:
    await stage.page.evaluate(
        "async () => { const claimed = new Promise(done => navigator.serviceWorker.oncontrollerchange = done);"
        f" await {REGISTER.format('on-fetch.js')}; await claimed; fetch('/trigger').catch(() => 0); }}"
    )


async def context_request(stage: Stage) -> None:
    await stage.context.request.post(stage.portal.url("/final"), form={"a": "1"})


async def second_context(stage: Stage) -> None:
    other = await stage.browser.new_context()
    page = await other.new_page()
    await page.goto(stage.portal.url("/submits-itself"))


async def debugging_protocol(stage: Stage) -> None:
    session = await stage.context.new_cdp_session(stage.page)
    expression = f"{POST_FETCH}.catch(() => 0)"
    await session.send("Runtime.evaluate", {"expression": expression, "userGesture": True, "replMode": True})


WAYS: dict[str, Way] = {
    "form": form("action=/final"),
    "form into a new tab": form("action=/final target=_blank"),
    "multipart form": form("action=/final enctype=multipart/form-data"),
    "fetch": evaluates(POST_FETCH),
    "fetch across origins": evaluates(
        "const u = new URL('/final', location); u.hostname = 'localhost'; fetch(u, {method: 'POST', mode: 'no-cors'})"
    ),
    "XHR": evaluates("const x = new XMLHttpRequest(); x.open('POST', '/final'); x.send('a=1');"),
    "beacon": evaluates("navigator.sendBeacon('/final', 'a=1')"),
    "ping": ping,
    "keepalive on leaving": leaving("fetch('/final', {method: 'POST', body: 'a=1', keepalive: true})"),
    "beacon on leaving": leaving("navigator.sendBeacon('/final', 'a=1')"),
    "fetchLater": leaving("fetchLater('/final', {method: 'POST', body: 'a=1'})"),
    "redirect": form("action=/moved"),
    "worker": evaluates("new Worker('/worker.js')"),
    "worker from a blob": evaluates(
        "const code = `fetch('${origin}/final', {method: 'POST'})`; new Worker(URL.createObjectURL(new Blob([code])))"
    ),
    "shared worker": evaluates("new SharedWorker('/worker.js')"),
    "service worker on install": evaluates(REGISTER.format("on-install.js")),
    "service worker on message": service_worker_on_message,
    "service worker on fetch": service_worker_on_fetch,
    "popup with opener": evaluates(f"const w = window.open('/other'); w.onload = () => w.{POST_FETCH}"),
    "popup without opener": evaluates("window.open('/submits-itself', '_blank', 'noopener')"),
    "frame in another process": goes_to("/embeds-another"),
    "policy report": goes_to("/reports"),
    "context.request": context_request,
    "second context": second_context,
    "debugging protocol": debugging_protocol,
}


async def attempt(way: Way, *, browser: Browser, portal: CountingPortal) -> None:
    """Try a way in a fresh context; that the browser sees a failure is no failure of the way."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(portal.url("/"))
    try:
        await way(Stage(page=page, context=context, browser=browser, portal=portal))
    except Error as error:
        # A refused navigation, and a page that its own way took down.
        expected = ("net::ERR_", "Execution context was destroyed", "aborted", "interrupted by another navigation")
        if not any(text in str(error) for text in expected):
            raise
