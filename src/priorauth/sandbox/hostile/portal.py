"""A portal in an attacker's hands: the real application behind it, changed on the way in and on the way out.

It takes final requests and writes without the token of the user's own page, as an attacker's server would. What is
under `/sandbox/` stays true: it is what tests count by.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qs

from markupsafe import escape
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from priorauth.sandbox.hostile.kinds import DOORS, kinds_of
from priorauth.sandbox.records import PlanRecords

_FOLDER = files(__package__)
_PAGE_SCRIPT: Final = _FOLDER.joinpath("page.js").read_text(encoding="utf-8")
_WORKER_SCRIPT: Final = _FOLDER.joinpath("worker.js").read_text(encoding="utf-8")
_METHOD_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
_PATH_OVERRIDES = ("x-original-url", "x-rewrite-url")
_WORKERS = ("serviceworker", "sharedworker")
_DRAFT = re.compile(r"/drafts/(\d+)(?:/|$)")
_REQUEST = re.compile(r"/requests/([^/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What an attacker knows of the portal. `final` is the path of a draft's final request, with `{}` for its number.

    `worker` is a script of the portal's own, which comes as a worker's script where a worker is registered with it.
    """

    final: str
    worker: str
    takes_json: bool


def takes_anything(request: Request) -> bool:
    """Whether the portal is hostile to this request, and asks for no token."""
    return bool(getattr(request.state, "hostile", False))


class HostilePortal:
    """A portal, hostile where its records say so."""

    def __init__(self, app: ASGIApp, records: PlanRecords, site: Site) -> None:
        self._app = app
        self._records = records
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hostile = self._kinds(scope["path"]) if scope["type"] == "http" else frozenset()
        if not hostile or scope["path"].startswith("/sandbox/"):
            await self._app(scope, receive, send)
            return
        scope["state"]["hostile"] = True
        if "overrides" in hostile:
            _override(scope)
        answer = self._answer(scope, hostile)
        if answer is not None:
            await answer(scope, receive, send)
            return
        answering = _Answering(send, lambda html: self._altered(html, scope["path"], hostile))
        await self._app(scope, receive, answering.send)

    def _kinds(self, path: str) -> frozenset[str]:
        """What the portal does at this address: everywhere, to this member, or to any, where one page serves all."""
        kinds = set(self._records.hostility().kinds)
        member = self._member_id(path)
        for member_id, behaviour in self._records.hostile_members():
            if self._site.takes_json or member_id == member:
                kinds |= set(kinds_of(behaviour))
        return frozenset(kinds)

    def _member_id(self, path: str) -> str | None:
        if found := _DRAFT.search(path):
            return self._records.member_of_draft(int(found[1]))
        if found := _REQUEST.search(path):
            submission = self._records.submission(found[1])
            return submission.member_id if submission else None
        return None

    def _answer(self, scope: Scope, hostile: frozenset[str]) -> Response | None:
        """What the attacker answers by itself."""
        headers = Headers(scope=scope)
        if scope["path"] == self._site.worker and headers.get("sec-fetch-dest") in _WORKERS:
            # Allows the worker to control the whole portal, wherever its script lies.
            allowed = {"Service-Worker-Allowed": "/"}
            return Response(_WORKER_SCRIPT, media_type="text/javascript", headers=allowed)
        others = self._others(scope["path"])
        final = re.fullmatch(re.escape(self._site.final).replace(r"\{\}", r"(\d+)"), scope["path"])
        if "redirect_final" in hostile and final and scope["method"] == "POST" and others:
            # 307: the browser sends the same method and body to the new address.
            return RedirectResponse(self._site.final.format(others[0]), status_code=307)
        return None

    def _others(self, path: str) -> list[int]:
        """The drafts that could be submitted, the one of this address left out; the one that was told first."""
        own = _DRAFT.search(path)
        told = self._records.hostility().draft
        ready = self._records.ready_drafts()
        found = [told] if told is not None else ready
        return [draft for draft in found if own is None or draft != int(own[1])]

    def _altered(self, html: str, path: str, hostile: frozenset[str]) -> str:
        own, others = _DRAFT.search(path), self._others(path)
        if "swap_draft" in hostile and own and others:
            html = html.replace(f'"{self._site.final.format(own[1])}"', f'"{self._site.final.format(others[0])}"')
        member = self._records.member(self._member_id(path) or "")
        if "stored_script" in hostile and member is not None:
            html = html.replace(str(escape(member.name)), member.name)
        orders: Mapping[str, Any] = {
            "kinds": sorted(hostile),
            "drafts": others,
            "doors": DOORS,
            "final": self._site.final,
            "worker": self._site.worker,
            "json": self._site.takes_json,
        }
        # No `</script>` may end the script that holds the orders.
        script = _PAGE_SCRIPT.replace("ORDERS", json.dumps(orders).replace("<", "\\u003c"), 1)
        return html.replace("<head>", f"<head><script>{script}</script>", 1)


def _override(scope: Scope) -> None:
    """Honour what frameworks and front ends honour: another method or another path than those of the request line."""
    headers, query = Headers(scope=scope), parse_qs(scope["query_string"].decode("latin-1"))
    methods = [headers[name] for name in _METHOD_OVERRIDES if name in headers] + query.get("_method", [])
    paths = [headers[name] for name in _PATH_OVERRIDES if name in headers]
    if methods:
        scope["method"] = methods[0].upper()
    if paths:
        scope["path"] = paths[0].partition("?")[0]
        scope["raw_path"] = scope["path"].encode("latin-1", "replace")


class _Answering:
    """Sends an answer on, never to be cached, HTML pages altered."""

    def __init__(self, send: Send, alter: Callable[[str], str]) -> None:
        self._send = send
        self._alter = alter
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Send what is no page at once, and a page when it is complete."""
        if message["type"] == "http.response.start":
            # A worker's script comes from the address of a page's script.
            MutableHeaders(raw=message["headers"])["cache-control"] = "no-store"
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                body = self._alter(self._body.decode("utf-8")).encode("utf-8")
                headers = MutableHeaders(raw=self._start["headers"])
                headers["content-length"] = str(len(body))
                await self._send(self._start)
                await self._send({"type": "http.response.body", "body": body})


def _is_page(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/html")
