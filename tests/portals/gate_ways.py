"""Every way known in which a page, or who drives it, makes a browser send something.

Each way is tried in a context of its own, on a page of the portal, and sends one final request.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import Browser, BrowserContext, Error, Page

from tests.portals.counting_portal import CountingPortal, html, script

REGISTER = "navigator.serviceWorker.register('/{}', {{scope: '/'}})"


@dataclass(frozen=True)
class Final:
    """The final request of a portal: where it goes, and the JSON or form that its page sends."""

    path: str = "/final"
    body: str = "form_token=1"
    content_type: str = "application/x-www-form-urlencoded"
    draft_id: str = ""

    @property
    def init(self) -> str:
        """How `fetch` sends it."""
        return f"{{method: 'POST', headers: {{'Content-Type': '{self.content_type}'}}, body: '{self.body}'}}"

    @property
    def blob(self) -> str:
        """What a beacon sends."""
        return f"new Blob(['{self.body}'], {{type: '{self.content_type}'}})"

    @property
    def fetch(self) -> str:
        """The script that sends it."""
        return f"fetch('{self.path}', {self.init})"

    @property
    def form(self) -> str:
        """A form that sends itself."""
        field = "<input name=form_token value=1>"
        return f"<form id=f method=post action={self.path}>{field}</form><script>f.submit()</script>"


FINALS = {
    "larkspur": Final("/drafts/700101/submit", draft_id="700101"),
    "juniper": Final("/api/drafts/7/submission", '{"attested": true}', "application/json", draft_id="7"),
}

# Ways whose request is another one than the portal's own: to another origin, of another type, without its fields.
ALWAYS_FOREIGN = frozenset(
    {
        "multipart form",
        "fetch across origins",
        "ping",
        "worker from a blob",
        "policy report",
        "beacon of a text",
        "frame in another process",
    }
)
FORMS = frozenset({"form", "form into a new tab", "redirect", "popup without opener", "second context"})


def is_foreign(name: str, final: "Final") -> bool:
    """Say whether a way sends another request than the one that its portal's page sends."""
    return name in ALWAYS_FOREIGN or (name in FORMS and final.content_type == "application/json")


@dataclass(frozen=True)
class Stage:
    """Where a way is tried, and what is sent."""

    final: Final
    page: Page
    context: BrowserContext
    browser: Browser
    portal: CountingPortal


Way = Callable[[Stage], Awaitable[object]]


def pages(portal: CountingPortal, final: Final) -> dict[str, bytes]:
    """What the portal has to serve for all of the ways."""
    on_fetch = (
        "self.onactivate = event => event.waitUntil(clients.claim());"
        "self.onfetch = event => {"
        f" if (event.request.url.endsWith('/trigger')) event.respondWith({final.fetch}); }};"
    )
    reporting = f"Content-Security-Policy: img-src 'none'; report-uri {final.path}\r\n"
    return {
        "/": html("<h1>Case</h1>"),
        "/other": html("other"),
        final.path: html("<h1>Received</h1>"),
        "/submits-itself": html(final.form),
        "/fetches-itself": html(f"<script>{final.fetch}</script>"),
        "/embeds-another": html(f"<iframe src='{portal.url('/fetches-itself', host='localhost')}'></iframe>"),
        "/reports": html("<img src=/x.png>", headers=reporting),
        "/moved": f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {final.path}\r\nContent-Length: 0\r\n\r\n".encode(),
        "/worker.js": script(f"{final.fetch}; self.onconnect = () => {{}};"),
        "/on-install.js": script(f"self.oninstall = event => event.waitUntil({final.fetch});"),
        "/on-message.js": script(f"self.onmessage = event => event.waitUntil({final.fetch});"),
        "/on-fetch.js": script(on_fetch),
    }


def worded(text: str, final: Final) -> str:
    """A script with the final request's parts in it."""
    parts = {
        "FETCH": final.fetch, "INIT": final.init, "BLOB": final.blob, "PATH": final.path, "BODY": final.body,
        "TYPE": final.content_type,
    }  # fmt: skip
    for name, part in parts.items():
        text = text.replace(name, part)
    return text


def evaluates(text: str) -> Way:
    async def way(stage: Stage) -> None:
        await stage.page.evaluate(f"() => {{ {worded(text, stage.final)} }}")

    return way


def leaving(text: str) -> Way:
    async def way(stage: Stage) -> None:
        script = worded(text, stage.final)
        await stage.page.evaluate(f"() => {{ addEventListener('pagehide', () => {{ {script} }}); }}")
        await stage.page.goto(stage.portal.url("/other"))

    return way


def goes_to(path: str) -> Way:
    async def way(stage: Stage) -> None:
        await stage.page.goto(stage.portal.url(path))

    return way


def form(attributes: str) -> Way:
    markup = f"<form id=f method=post {attributes}><input name=form_token value=1></form>"
    return evaluates(f"document.body.insertAdjacentHTML('beforeend', `{markup}`); f.submit();")


async def ping(stage: Stage) -> None:
    await stage.page.evaluate(f"document.body.innerHTML = '<a id=l href=/other ping={stage.final.path}>on</a>'")
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
    headers = {"Content-Type": stage.final.content_type}
    await stage.context.request.post(stage.portal.url(stage.final.path), data=stage.final.body, headers=headers)


async def second_context(stage: Stage) -> None:
    other = await stage.browser.new_context()
    page = await other.new_page()
    await page.goto(stage.portal.url("/submits-itself"))


async def debugging_protocol(stage: Stage) -> None:
    session = await stage.context.new_cdp_session(stage.page)
    expression = f"{stage.final.fetch}.catch(() => 0)"
    await session.send("Runtime.evaluate", {"expression": expression, "userGesture": True, "replMode": True})


WAYS: dict[str, Way] = {
    "form": form("action=PATH"),
    "form into a new tab": form("action=PATH target=_blank"),
    "multipart form": form("action=PATH enctype=multipart/form-data"),
    "fetch": evaluates("FETCH"),
    "fetch across origins": evaluates(
        "const u = new URL('PATH', location); u.hostname = 'localhost'; fetch(u, {method: 'POST', mode: 'no-cors'})"
    ),
    "XHR": evaluates(
        "const x = new XMLHttpRequest(); x.open('POST', 'PATH');"
        " x.setRequestHeader('Content-Type', 'TYPE'); x.send('BODY');"
    ),
    "beacon": evaluates("navigator.sendBeacon('PATH', BLOB)"),
    "beacon of a text": evaluates("navigator.sendBeacon('PATH', 'BODY')"),
    "ping": ping,
    "keepalive on leaving": leaving("fetch('PATH', {...INIT, keepalive: true})"),
    "beacon on leaving": leaving("navigator.sendBeacon('PATH', BLOB)"),
    "fetchLater": leaving("fetchLater('PATH', INIT)"),
    "redirect": form("action=/moved"),
    "worker": evaluates("new Worker('/worker.js')"),
    "worker from a blob": evaluates(
        "const code = `fetch('${origin}PATH', {method: 'POST'})`; new Worker(URL.createObjectURL(new Blob([code])))"
    ),
    "shared worker": evaluates("new SharedWorker('/worker.js')"),
    "service worker on install": evaluates(REGISTER.format("on-install.js")),
    "service worker on message": service_worker_on_message,
    "service worker on fetch": service_worker_on_fetch,
    "popup with opener": evaluates("const w = window.open('/other'); w.onload = () => w.FETCH"),
    "popup without opener": evaluates("window.open('/submits-itself', '_blank', 'noopener')"),
    "frame in another process": goes_to("/embeds-another"),
    "policy report": goes_to("/reports"),
    "context.request": context_request,
    "second context": second_context,
    "debugging protocol": debugging_protocol,
}


async def attempt(way: Way, *, browser: Browser, portal: CountingPortal, final: Final) -> None:
    """Try a way in a fresh context; that the browser sees a failure is no failure of the way."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(portal.url("/"))
    try:
        await way(Stage(final=final, page=page, context=context, browser=browser, portal=portal))
    except Error as error:
        # A refused navigation, and a page that its own way took down.
        expected = ("net::ERR_", "Execution context was destroyed", "aborted", "interrupted by another navigation")
        if not any(text in str(error) for text in expected):
            raise
