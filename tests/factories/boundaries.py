"""A boundary for tests of the submit guard, and requests that meet it."""

from priorauth.channels.portals.guard import (
    Boundary,
    Content,
    FinalRule,
    Format,
    Parameter,
    PermittedRequest,
    ReadRule,
    Rule,
)
from priorauth.channels.portals.outgoing import OutgoingRequest, Url

ORIGIN = "https://portal.example:443"
POST = frozenset({"POST"})
GET = frozenset({"GET"})
FORM_TYPE = "application/x-www-form-urlencoded"
TOKEN = frozenset({"token"})

BOUNDARY = Boundary(
    origins=(ORIGIN, "http://assets.example:8080"),
    reads=(
        ReadRule(r"/|/cases/\d+|/confirm-page"),
        ReadRule(r"/cases", (Parameter("q", r"[A-Z0-9]+", required=True), Parameter("page", r"\d+")), repeatable=True),
        ReadRule(r"/frame", destinations=frozenset({"iframe"})),
    ),
    writes=(
        Rule(POST, r"/cases/\d+/(save|upload)"),
        Rule(POST, r"/cases/\d+/json", formats=frozenset({Format.JSON})),
        Rule(POST, r"/wizard", body=r"step=(member|service)\b", repeated=frozenset({"choice"})),
        Rule(frozenset({"PUT"}), r"/drafts/[^/]+"),
        Rule(GET, r"/cases/\d+", query=(Parameter("fresh", "1", required=True),)),
    ),
    final=(
        FinalRule(POST, r"/cases/\d+/submit", formats=frozenset({Format.FORM, Format.NONE}), variable=TOKEN),
        FinalRule(POST, r"/api/\d+/submission", formats=frozenset({Format.JSON}), fields=frozenset({"attested"})),
        FinalRule(
            POST,
            r"/wizard",
            body=r"action=submit",
            content=Content.REQUEST,
            fields=frozenset({"action", "member", "units"}),
            variable=TOKEN,
        ),
        FinalRule(frozenset({"GET", "POST"}), r"/confirm"),
        Rule(POST, r"/orders"),
    ),
    static=(r"/static/[a-z.]+",),
    refuse=(Rule(frozenset({"GET", "POST"}), r"/cases/\d+/cancel"),),
    path_parameters=("jsessionid",),
)

SUBMIT = PermittedRequest(ORIGIN, "POST", "/cases/1/submit", variable=TOKEN)


def request(
    method: str = "POST",
    path: str = "/",
    *,
    origin: str = "https://portal.example",
    body: bytes = b"",
    upgrade: bool = False,
    **headers: str,
) -> OutgoingRequest:
    """A request of a browser; a body without a content type is a form."""
    if body and "content_type" not in headers:
        headers["content_type"] = FORM_TYPE
    items = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return OutgoingRequest(method=method, url=Url.parse(origin + path), headers=items, body=body, upgrade=upgrade)


def multipart(*parts: bytes, boundary: bytes = b"x") -> bytes:
    """A multipart body of parts as Chromium writes them, each from its Content-Disposition on."""
    lines = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return lines + b"--" + boundary + b"--\r\n"


def part(name: str, value: bytes, more: str = "") -> bytes:
    """A part of a multipart body. `more`: further parameters and headers."""
    return f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value
