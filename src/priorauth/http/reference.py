"""The reference page: the OpenAPI document as one page of HTML that needs no script and no foreign host."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

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
    return HTMLResponse(page.render(document=document, groups=groups), headers=_HEADERS)


@cache
def _templates() -> Environment:
    loader = PackageLoader("priorauth.http", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(kind=kind, marked=marked)
    return environment


def marked(text: str) -> Markup:
    """Return a text with what stands between backticks as code."""
    parts = str(escape(text)).split("`")
    return Markup("".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts)))  # noqa: S704 - escaped


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
