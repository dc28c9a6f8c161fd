"""Every operation of the API as data, so that what holds for all of them is stated once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tests.http.customer import CASES, Customer, Json, create_body, fresh_key, said


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the operations of one test work on: a case that waits to be confirmed, and a file that was uploaded."""

    authorization: str
    version: int
    action: str
    attachment: str
    ready_file: str
    uploaded_file: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `missing` is the code for an id in its path that nobody has."""

    method: str
    path: str
    body: Callable[[Ground], Json] | None = None
    if_match: bool = False
    needs_key: bool = False
    missing: str | None = None
    query: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    def url(self, ground: Ground) -> str:
        """The path with the ground's ids."""
        return self.path.format(
            authorization_id=ground.authorization,
            attachment_id=ground.attachment,
            file_id=ground.uploaded_file if "complete" in self.path else ground.ready_file,
            scenario_id="approved_after_review",
            npi="1234567893",
            payer_id="larkspur-health",
            handoff_id="mhand_1",
        )

    @property
    def lost_url(self) -> str:
        """The path with ids that nobody has."""
        return self.path.format(
            authorization_id="auth_0",
            attachment_id="att_0",
            file_id="file_0",
            scenario_id="none_of_them",
            npi="1000000004",
            payer_id="nobody",
            handoff_id="mhand_0",
        )

    async def send(self, customer: Customer, ground: Ground, **changes: Any) -> httpx.Response:
        """Send the operation as it succeeds, but for `changes`: `key`, `version`, `url`, or httpx's own arguments."""
        key = changes.pop("key", fresh_key() if self.needs_key else None)
        version = changes.pop("version", ground.version if self.if_match else None)
        headers = [("Idempotency-Key", key)] if key is not None else []
        body: Json = {"json": self.body(ground)} if self.body and not changes.keys() & {"json", "content"} else {}
        url = changes.pop("url", self.url(ground))
        headers += changes.pop("headers", [])
        if self.query:
            changes["params"] = {**dict(self.query), **changes.get("params", {})}
        return await customer.send(self.method, url, version=version, headers=headers, **body, **changes)


_ONE = f"{CASES}/{{authorization_id}}"
_NO_CASE, _NO_FILE = "prior_authorization_not_found", "file_not_found"

CREATE = Operation("POST", CASES, lambda _: create_body(), needs_key=True)
ANSWER = Operation(
    "PATCH",
    f"{_ONE}/answers",
    lambda _: said("clinical.summary", valueString="Ten weeks without relief."),
    if_match=True,
    missing=_NO_CASE,
)
ANSWER_WITH_FHIR = Operation(
    "PATCH",
    f"{_ONE}/questionnaire-response.fhir",
    lambda _: {
        "resourceType": "QuestionnaireResponse",
        **said("clinical.summary", valueString="Ten weeks without relief.")["questionnaireResponse"],
    },
    if_match=True,
    missing=_NO_CASE,
)
ATTACH = Operation(
    "POST",
    f"{_ONE}/attachments",
    lambda ground: {"fileId": ground.ready_file, "documentTypes": ["clinical_notes"]},
    if_match=True,
    missing=_NO_CASE,
)
DETACH = Operation("DELETE", f"{_ONE}/attachments/{{attachment_id}}", if_match=True, missing=_NO_CASE)
CONFIRM = Operation(
    "POST", f"{_ONE}/confirm", lambda ground: {"nextActionId": ground.action}, if_match=True, missing=_NO_CASE
)
CANCEL = Operation("POST", f"{_ONE}/cancel", lambda _: {"reason": "The visit was moved."}, missing=_NO_CASE)
DECLARE = Operation(
    "POST",
    "/v1/files",
    lambda _: {"fileName": "notes.pdf", "contentType": "application/pdf", "purpose": "authorization_attachment"},
)
COMPLETE = Operation("POST", "/v1/files/{file_id}/complete", lambda _: {}, missing=_NO_FILE)
RESOLVE = Operation(
    "POST",
    "/v1/prior-authorization-routes/resolve",
    lambda _: {name: create_body()[name] for name in ("providerNpi", "request")},
)
READ = Operation("GET", _ONE, missing=_NO_CASE)

OPERATIONS = (
    CREATE,
    Operation("GET", CASES),
    READ,
    ANSWER,
    Operation("GET", f"{_ONE}/attachments", missing=_NO_CASE),
    ATTACH,
    DETACH,
    CONFIRM,
    CANCEL,
    Operation("GET", f"{_ONE}/events", missing=_NO_CASE),
    Operation("GET", f"{_ONE}/questionnaire.fhir", missing=_NO_CASE),
    Operation("GET", f"{_ONE}/questionnaire-response.fhir", missing=_NO_CASE),
    ANSWER_WITH_FHIR,
    Operation("GET", f"{_ONE}/live-session", missing=_NO_CASE),
    Operation("GET", f"{_ONE}/manual-handoffs", missing=_NO_CASE),
    Operation("GET", f"{_ONE}/live-session/viewers", missing=_NO_CASE),
    DECLARE,
    Operation("GET", "/v1/files/{file_id}", missing=_NO_FILE),
    COMPLETE,
    Operation("GET", "/v1/files/{file_id}/content", missing=_NO_FILE),
    Operation("GET", "/v1/providers"),
    Operation("GET", "/v1/providers/{npi}", missing="provider_not_found"),
    Operation("GET", "/v1/payers"),
    Operation("GET", "/v1/payers/{payer_id}", missing="payer_not_found"),
    Operation("GET", "/v1/prior-authorization-routes", query=(("providerNpi", "1234567893"),)),
    RESOLVE,
    Operation("GET", "/v1/sandbox/scenarios"),
    Operation("GET", "/v1/sandbox/scenarios/{scenario_id}", missing="scenario_not_found"),
    Operation("GET", "/v1/sandbox/portals"),
)
# What succeeds only while a session of the case is up.
WATCH = Operation("POST", f"{_ONE}/live-session/access-grants", lambda _: {}, missing=_NO_CASE)
TAKE_PART = Operation("POST", f"{_ONE}/manual-handoffs/{{handoff_id}}/access-grants", lambda _: {}, missing=_NO_CASE)
IN_A_SESSION = (WATCH, TAKE_PART)
READS = tuple(each for each in OPERATIONS if not each.writes)
WRITES = tuple(each for each in OPERATIONS if each.writes)
POSTS = tuple(each for each in OPERATIONS if each.method == "POST")
MUTATIONS = (ANSWER, ATTACH, DETACH, CONFIRM, CANCEL)
BELOW_A_CASE = tuple(each for each in OPERATIONS if each.missing == _NO_CASE)


async def prepared(customer: Customer) -> Ground:
    """A ground on which every operation succeeds."""
    case = await customer.ready()
    uploaded, ready = await customer.file(), await customer.ready_file()
    return Ground(
        authorization=case["id"],
        version=case["version"],
        action=case["nextAction"]["id"],
        attachment=case["attachments"][0]["id"],
        ready_file=ready["id"],
        uploaded_file=uploaded["id"],
    )
