"""A visitor of the simulated portal without a browser: fills forms as a person would and reads what a page shows."""

import html
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from priorauth.sandbox import catalog
from priorauth.sandbox.accounts import Account

ACCOUNT, ACCOUNT_WITH_APP, ACCOUNT_WITH_PHONE = catalog.PORTAL_ACCOUNTS["larkspur"]
MEMBER = {
    "memberId": "LKS900000001",
    "firstName": "Odell",
    "lastName": "Brackenridge",
    "birthDate": "1970-02-28",
    "plan": "Larkspur Choice PPO",
    "state": "TX",
    "effectiveFrom": "2026-01-01",
}
SLEEP = {"diagnosis": "G47.33", "sleep_study_date": "2026-10-06", "ahi": "31.5", "symptom": "EDS", "justification": ""}
INQUIRY = {"subject": "Laboratory results", "text": "Please send the results.", "documents": ["LAB"]}
PDF = b"%PDF-1.4\n% invented\n"


@dataclass
class Clock:
    """A time that moves only when it is told to."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 20, 9, 30, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def service(reference: str, **changes: str) -> dict[str, str]:
    return {
        "request_type": "OP",
        "code_system": "HCPCS",
        "procedure_code": "E0601",
        "units": "1",
        "start_date": "2026-12-01",
        "provider_npi": "1234567893",
        "reference": reference,
    } | changes


def entries(page: httpx.Response, kind: str) -> dict[str, str]:
    """The labels and values of a page's `<dl class="...">`."""
    matches = re.findall(rf'<dl class="{kind}">(.*?)</dl>', page.text, re.DOTALL)
    pairs = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", "".join(matches), re.DOTALL)
    return {html.unescape(label): html.unescape(re.sub(r"<.*?>", "", value)) for label, value in pairs}


def cells(page: httpx.Response, kind: str) -> list[list[str]]:
    """The texts of the rows of a page's `<table class="grid ...">`."""
    (table,) = re.findall(rf'<table class="grid {kind}">.*?<tbody>(.*?)</tbody>', page.text, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return [
        [
            html.unescape(re.sub(r"<.*?>", "", cell)).strip()
            for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        ]
        for row in rows
    ]


def heading(page: httpx.Response) -> str:
    return html.unescape("|".join(re.findall(r"<h1>(.*?)</h1>", page.text)))


def browser(base_url: str, **more: Any) -> httpx.AsyncClient:
    # Loading the certificates of the world takes longer than a test, and nothing here speaks TLS.
    return httpx.AsyncClient(base_url=base_url, verify=False, **more)


@dataclass
class Visitor:
    http: httpx.AsyncClient
    form_token: str = ""

    async def get(self, path: str) -> httpx.Response:
        page = await self.http.get(path)
        self._remember(page)
        return page

    async def post(self, path: str, data: dict[str, str], **more: Any) -> httpx.Response:
        page = await self.http.post(path, data={"form_token": self.form_token} | data, **more)
        self._remember(page)
        return page

    def _remember(self, page: httpx.Response) -> None:
        if found := re.search(r'name="form_token" value="([^"]+)"', page.text):
            self.form_token = found[1]

    async def sign_in(self, password: str | None = None, *, account: Account = ACCOUNT) -> httpx.Response:
        """Sign in; where the account wants a code, up to the page that asks for it."""
        await self.get("/login")
        given = {"user_name": account.user_name, "password": account.password if password is None else password}
        answer = await self.post("/login", given)
        if answer.status_code == 303:
            await self.get(answer.headers["location"])
        return answer

    async def enter_code(self, code: str, *, at: str = "/login/verify", **more: str) -> httpx.Response:
        """Enter a one-time code on the page that asks for it; `trust="yes"` has the box ticked."""
        return await self.post(at, {"code": code, **more})

    async def put_member(
        self,
        *faults: dict[str, Any],
        decision: dict[str, Any] | None = None,
        inquiries: tuple[dict[str, Any], ...] = (),
        **more: Any,
    ) -> None:
        told = {"decision": decision, "faults": list(faults), "inquiries": list(inquiries), **more}
        body = {"member": MEMBER, "behaviour": told}
        answer = await self.http.put(f"/sandbox/members/{MEMBER['memberId']}", json=body)
        assert answer.status_code == 200, answer.text

    async def search_member(self) -> httpx.Response:
        return await self.post("/members/search", {"member_id": MEMBER["memberId"], "birth_date": MEMBER["birthDate"]})

    async def start(self) -> str:
        """Open a draft and return its path."""
        answer = await self.post("/requests/start", {"member_id": MEMBER["memberId"]})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].removesuffix("/service")

    async def upload(self, draft: str, *, name: str = "notes.pdf", content: bytes = PDF) -> httpx.Response:
        data = {"action": "upload", "document_type": "NOTES"}
        return await self.post(f"{draft}/documents", data, files={"file": (name, content, "application/pdf")})

    async def fill(self, reference: str) -> str:
        """A draft that is ready for its review."""
        draft = await self.start()
        await self.post(f"{draft}/service", service(reference))
        await self.post(f"{draft}/clinical", SLEEP)
        await self.upload(draft)
        await self.post(f"{draft}/documents", {"action": "continue"})
        return draft

    async def submit(self, draft: str) -> str:
        """Submit and return the reference number."""
        answer = await self.post(f"{draft}/submit", {})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].split("/")[2]

    async def message(self, reference: str, *, number: int = 1) -> httpx.Response:
        """Open a message of the plan."""
        return await self.get(f"/requests/{reference}/messages/{number}")

    async def write_reply(self, reference: str, *, number: int = 1, text: str = "See the results.") -> str:
        """Upload a document, write the reply up to its review, and return the message's path."""
        path = f"/requests/{reference}/messages/{number}"
        await self.upload(path)
        await self.post(f"{path}/reply", {"reply": text})
        return path

    async def replies(self) -> list[dict[str, Any]]:
        answer = await self.http.get("/sandbox/replies")
        data: list[dict[str, Any]] = answer.json()["data"]
        return data

    async def submissions(self) -> list[dict[str, Any]]:
        answer = await self.http.get("/sandbox/submissions")
        data: list[dict[str, Any]] = answer.json()["data"]
        return data
