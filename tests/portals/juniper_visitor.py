"""A visitor of Juniper's portal without a browser: calls its API as its page does."""

from dataclasses import dataclass
from typing import Any

import httpx

from priorauth.sandbox import catalog

ACCOUNT, APP_ACCOUNT, PHONE_ACCOUNT = catalog.PORTAL_ACCOUNTS["juniper"]
MEMBER = {
    "memberId": "JR900000001",
    "firstName": "Odell",
    "lastName": "Brackenridge",
    "birthDate": "1970-02-28",
    "plan": "Ridge PPO",
    "state": "TX",
    "effectiveFrom": "2026-01-01",
}
STAY = {"diagnosis": "J44.1", "admission": "urgent", "stayDays": "4", "severity": "Low oxygen.", "notes": ""}
PDF = b"%PDF-1.4\n% invented\n"


def service(reference: str, /, **changes: str) -> dict[str, str]:
    return {
        "setting": "inpatient",
        "codeSet": "CPT",
        "code": "99222",
        "quantity": "1",
        "serviceDate": "2026-12-01",
        "npi": "1234567893",
        "reference": reference,
    } | changes


@dataclass
class Visitor:
    http: httpx.AsyncClient
    token: str = ""

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        headers = {"X-CSRF-Token": self.token}
        json = {"json": body} if body is not None else {}
        answer = await self.http.request(method, f"/api{path}", headers=headers, **json, **more)
        if path.startswith("/session") and answer.is_success:
            self.token = (answer.json()["session"] or {}).get("csrfToken", "")
        return answer

    async def sign_in(self, account: Any = ACCOUNT, *, password: str | None = None) -> httpx.Response:
        body = {"userName": account.user_name, "password": account.password if password is None else password}
        return await self.call("POST", "/session", body)

    async def put_member(self, **behaviour: Any) -> httpx.Response:
        body = {"member": MEMBER, "behaviour": {"decision": None, **behaviour}}
        return await self.http.put(f"/sandbox/members/{MEMBER['memberId']}", json=body)

    async def search_member(self, **changes: str) -> httpx.Response:
        body = {"memberId": MEMBER["memberId"], "birthDate": MEMBER["birthDate"]} | changes
        return await self.call("POST", "/members/search", body)

    async def start(self) -> str:
        """Open a draft and return its path."""
        answer = await self.call("POST", "/drafts", {"memberId": MEMBER["memberId"]})
        assert answer.status_code == 201, answer.text
        return f"/drafts/{answer.json()['id']}"

    async def upload(self, draft: str, *, name: str = "notes.pdf", content: bytes = PDF) -> httpx.Response:
        files = {"file": (name, content, "application/pdf")}
        return await self.call("POST", f"{draft}/documents", data={"document_type": "hp"}, files=files)

    async def fill(self, reference: str) -> str:
        """A draft that is ready for its review."""
        draft = await self.start()
        assert (await self.call("PUT", f"{draft}/service", service(reference))).json() == {"next": "clinical"}
        assert (await self.call("PUT", f"{draft}/clinical", STAY)).is_success
        assert (await self.upload(draft)).status_code == 201
        assert (await self.call("PUT", f"{draft}/documents", {})).json() == {"next": "review"}
        return draft

    async def submit(self, draft: str) -> httpx.Response:
        return await self.call("POST", f"{draft}/submission", {"attested": True})

    async def submissions(self) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = (await self.http.get("/sandbox/submissions")).json()["data"]
        return data
