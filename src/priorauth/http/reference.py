"""Pages for people: the front page, the OpenAPI document as one page of HTML, and what a dead link shows.

They need no script and no foreign host.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

import priorauth
from priorauth.domain.errors import Kind, PriorAuthError

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
}


async def reference_page(request: Request) -> Response:
    """Show every operation and every shape."""
    document = request.app.openapi()
    operations = [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    tags = dict.fromkeys(operation["tags"][0] for operation in operations)
    groups = {tag: [operation for operation in operations if operation["tags"][0] == tag] for tag in tags}
    page = _templates().get_template("reference.html")
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    return HTMLResponse(page.render(document=document, groups=groups, tags=described), headers=_HEADERS)


async def front_page(_: Request) -> Response:
    """Show whoever opens the server's address where to go on."""
    page = _templates().get_template("front.html")
    return HTMLResponse(page.render(version=priorauth.__version__), headers=_HEADERS)


_DEAD_LINKS: Mapping[str, tuple[str, str]] = {
    "access_grant_expired": (
        "This link has expired",
        "Links to a live session are good for a few minutes. Go back to where you found it and open the session again.",
    ),
    "access_grant_revoked": (
        "This link has been closed",
        "The session was given back, or access to it was taken away. Ask whoever gave you the link for another one.",
    ),
    "channel_session_lost": (
        "This session has ended",
        "The work at the payer's portal is over, or it will be started again. Look at the case for where it stands.",
    ),
}
_BUSY_LINK = (
    "Too many people are here",
    "This link was opened too often within a minute, or too many look at the session. Wait a minute and open it again.",
)
_UNKNOWN_LINK = (
    "This link does not work",
    "It may be incomplete. Go back to where you found it and open the session again.",
)


def refused_access_page(error: PriorAuthError, *, ancestors: str) -> Response:
    """Tell whoever followed a link to a live session why it shows none. `ancestors` may frame the page."""
    is_busy = error.kind is Kind.RATE_LIMITED
    title, advice = _BUSY_LINK if is_busy else _DEAD_LINKS.get(error.code, _UNKNOWN_LINK)
    policy = f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors {ancestors}"
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    page = _templates().get_template("refused_access.html")
    return HTMLResponse(page.render(title=title, advice=advice), 429 if is_busy else 404, headers)


@cache
def _templates() -> Environment:
    loader = PackageLoader("priorauth.http", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(kind=kind, marked=marked, paragraphs=paragraphs)
    return environment


def marked(text: str) -> Markup:
    """Return a text with what stands between backticks as code."""
    parts = str(escape(text)).split("`")
    return Markup("".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts)))  # noqa: S704 - escaped


def paragraphs(text: str) -> Markup:
    """Return a text as paragraphs and lists: blank lines part them, and a line that begins with `- ` is a point."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.strip()]
    return Markup("").join(_list(block) if block[0].startswith("- ") else _paragraph(block) for block in blocks)


def _paragraph(lines: list[str]) -> Markup:
    return Markup("<p>{}</p>").format(marked(" ".join(lines)))


def _list(lines: list[str]) -> Markup:
    points = (Markup("<li>{}</li>").format(marked(line.removeprefix("- "))) for line in lines)
    return Markup("<ul>{}</ul>").format(Markup("").join(points))


def kind(schema: Mapping[str, Any]) -> str:
    """Return a schema in a few words: `string`, `AttachmentView[]`, `date or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"{kind(schema.get('items', {}))}[]"
    return str(schema.get("format") or schema.get("type") or "any")
