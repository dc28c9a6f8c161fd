"""Every operation of the API as data, so that what holds for all of them is stated once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx

from priorauth.channels.contract import ReviewPage
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.reviews import Package
from tests.http import moves
from tests.http.customer import CASES, Customer, Json, create_body, fresh_key, said
from tests.http.server import Server

PICTURE = b"\x89PNG\r\n\x1a\n of a review page"
REVIEW_PAGE = ReviewPage(
    Package((("Member ID", "LKS100000003"), ("Units requested", "1")), ("Clinical notes · notes.pdf",)), PICTURE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the operations of one test work on: a case, and a file that was uploaded.

    The case waits to be confirmed, or for a human at the payer; then there is a session, and perhaps a handoff.
    """

    authorization: str
    version: int
    action: str
    attachment: str
    ready_file: str
    uploaded_file: str
    handoff: str = "mhand_1"
    grant: str = "rag_1"
    snapshot: str | None = None


async def prepared(customer: Customer) -> Ground:
    """A ground on which every operation succeeds that needs no session."""
    return await _ground(customer, await customer.ready())


async def waits_for_confirm(_server: Server, customer: Customer) -> Ground:
    """The same, for whoever chooses between grounds."""
    return await prepared(customer)


async def offers_the_last_button(server: Server, customer: Customer) -> Ground:
    """A ground on which a human may take over, accepting what is to be submitted."""
    return await _ground(customer, await moves.offered(server, customer, OfferReason.FINAL_SUBMIT))


async def shows_a_review(server: Server, customer: Customer) -> Ground:
    """A ground on which a reviewer sees the payer's own page."""
    case = await moves.processing(server, customer)
    await server.pause_for_review(case["id"], page=REVIEW_PAGE)
    return await _ground(customer, await customer.read(case))


async def has_a_human(server: Server, customer: Customer) -> Ground:
    """A ground on which a human acts in the session."""
    case = await moves.taken_over(server, customer)
    return replace(await _ground(customer, case), handoff=case["activeManualHandoff"]["id"])


async def has_a_grant(server: Server, customer: Customer) -> Ground:
    """A ground on which somebody may watch the person who acts."""
    ground = await has_a_human(server, customer)
    response = await customer.send("POST", f"{CASES}/{ground.authorization}/live-session/access-grants")
    return replace(ground, grant=response.json()["id"])


async def _ground(customer: Customer, case: Json) -> Ground:
    uploaded, ready = await customer.file(), await customer.ready_file()
    return Ground(
        authorization=case["id"],
        version=case["version"],
        action=case["nextAction"]["id"],
        attachment=case["attachments"][0]["id"],
        ready_file=ready["id"],
        uploaded_file=uploaded["id"],
        snapshot=case["nextAction"]["covers"]["reviewSnapshotId"],
    )


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `missing` is the code for an id in its path that nobody has; on its `ground` it succeeds."""

    method: str
    path: str
    body: Callable[[Ground], Json] | None = None
    if_match: bool = False
    needs_key: bool = False
    missing: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    ground: Callable[[Server, Customer], Awaitable[Ground]] = waits_for_confirm

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
            handoff_id=ground.handoff,
            snapshot_id=ground.snapshot,
            grant_id=ground.grant,
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
            snapshot_id="rev_0",
            grant_id="rag_0",
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
_HANDOFF = f"{_ONE}/manual-handoffs/{{handoff_id}}"
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
WATCH = Operation("POST", f"{_ONE}/live-session/access-grants", lambda _: {}, missing=_NO_CASE, ground=has_a_human)
REVOKE_GRANT = Operation(
    "POST",
    f"{_ONE}/live-session/access-grants/{{grant_id}}/revoke",
    lambda _: {},
    missing=_NO_CASE,
    ground=has_a_grant,
)
TAKE_OVER = Operation(
    "POST",
    f"{_ONE}/manual-handoffs",
    lambda ground: {"acceptedReviewSnapshotId": ground.snapshot},
    if_match=True,
    missing=_NO_CASE,
    ground=offers_the_last_button,
)
TAKE_PART = Operation("POST", f"{_HANDOFF}/access-grants", lambda _: {}, missing=_NO_CASE, ground=has_a_human)
REPORT_COMPLETE = Operation(
    "POST",
    f"{_HANDOFF}/complete",
    lambda _: {"reportedOutcome": "submitted", "observedReferenceNumber": "ABC123", "operatorNotes": "Done."},
    missing=_NO_CASE,
    ground=has_a_human,
)
REPORT_UNABLE = Operation(
    "POST",
    f"{_HANDOFF}/unable-to-complete",
    lambda _: {"reason": "other", "operatorNotes": "The page stayed white."},
    missing=_NO_CASE,
    ground=has_a_human,
)
REVOKE = Operation(
    "POST",
    f"{_HANDOFF}/revoke",
    lambda _: {"reason": "The shift has ended."},
    missing=_NO_CASE,
    ground=has_a_human,
)

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
    Operation("GET", f"{_ONE}/review-snapshots/{{snapshot_id}}/image", missing=_NO_CASE, ground=shows_a_review),
    Operation("GET", f"{_ONE}/live-session", missing=_NO_CASE),
    WATCH,
    REVOKE_GRANT,
    Operation("GET", f"{_ONE}/live-session/viewers", missing=_NO_CASE),
    Operation("GET", f"{_ONE}/manual-handoffs", missing=_NO_CASE, ground=has_a_human),
    TAKE_OVER,
    Operation("GET", _HANDOFF, missing=_NO_CASE, ground=has_a_human),
    TAKE_PART,
    REPORT_COMPLETE,
    REPORT_UNABLE,
    REVOKE,
    DECLARE,
    Operation("GET", "/v1/files/{file_id}", missing=_NO_FILE),
    COMPLETE,
    Operation("GET", "/v1/files/{file_id}/content", missing=_NO_FILE),
    Operation("GET", "/v1/providers"),
    Operation("GET", "/v1/providers/{npi}", missing="provider_not_found"),
    Operation("GET", "/v1/payers"),
    Operation("GET", "/v1/payers/{payer_id}", missing="payer_not_found"),
    Operation("GET", "/v1/payers/{payer_id}/services", missing="payer_not_found"),
    Operation("GET", "/v1/prior-authorization-routes", query=(("providerNpi", "1234567893"),)),
    RESOLVE,
    Operation("GET", "/v1/sandbox/scenarios"),
    Operation("GET", "/v1/sandbox/scenarios/{scenario_id}", missing="scenario_not_found"),
    Operation("GET", "/v1/sandbox/portals"),
)
READS = tuple(each for each in OPERATIONS if not each.writes)
WRITES = tuple(each for each in OPERATIONS if each.writes)
POSTS = tuple(each for each in OPERATIONS if each.method == "POST")
GRANTS = (WATCH, TAKE_PART)
# What answers with the case as it has become.
MUTATIONS = (ANSWER, ATTACH, DETACH, CONFIRM, CANCEL)
CLOSES = (REPORT_COMPLETE, REPORT_UNABLE, REVOKE)
# What is made to a version of the case, when one is named.
VERSIONED = (*MUTATIONS, ANSWER_WITH_FHIR, TAKE_OVER, *CLOSES)
# What needs a key that may let something be submitted.
CONFIRMS = (CONFIRM, TAKE_OVER, TAKE_PART)
BELOW_A_CASE = tuple(each for each in OPERATIONS if each.missing == _NO_CASE)
