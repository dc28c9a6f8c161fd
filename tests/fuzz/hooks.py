"""What the generator cannot know: ids, versions and link ids that exist, so that its requests meet a case.

Only good parts of a request are exchanged for good parts: what was generated to be refused stays as it is. The
generator makes no header value with a quote in it either, so that every good If-Match is written here.
"""

import os
from random import Random
from typing import Any

import httpx
import schemathesis
from schemathesis import Case, GenerationMode, HookContext
from schemathesis.core.parameters import ParameterLocation

from priorauth.sandbox import catalog
from tests.http.customer import CASES, Json, create_body, fresh_key

_client = httpx.Client(
    base_url=os.environ["FUZZED_URL"], headers={"Authorization": f"Bearer {os.environ['FUZZED_KEY']}"}, trust_env=False
)
# How long a request may wait for a change that does not come; the time is for requests.
_LONG = {str(seconds) for seconds in range(2, 61)}
_random = Random(1)
_ONE = f"{CASES}/{{authorization_id}}"
_HANDOFF_CASES = 4


class _Ground:
    """A case of the server's, exchanged for a fresh one as soon as it takes no more answers; and files."""

    def __init__(self) -> None:
        self._case: Json | None = None

    @property
    def case(self) -> Json:
        """A case as it is now that takes answers and has an attachment."""
        if self._case is not None:
            self._case = _sent("GET", f"{CASES}/{self._case['id']}")
        if self._case is None or not self._case["attachments"] or self._case["nextAction"] is None:
            self._case = self.ready_case("approved_after_review")
        return self._case

    def ready_case(self, scenario: str) -> Json:
        """A fresh case that waits for its first confirm."""
        headers = {"Idempotency-Key": f"fuzz-{fresh_key()}"}
        created = _sent("POST", CASES, json=create_body(scenario), headers=headers)
        body = {"fileId": self.ready_file(), "documentTypes": ["clinical_notes"]}
        return _changed(created, "attachments", body)

    def uploaded_file(self) -> str:
        """A file whose bytes have arrived."""
        declared = self.declared_file()
        httpx.put(declared["upload"]["url"], content=catalog.sample_document(), trust_env=False).raise_for_status()
        return str(declared["file"]["id"])

    def ready_file(self) -> str:
        """A file that can be attached."""
        return str(_sent("POST", f"/v1/files/{self.uploaded_file()}/complete")["id"])

    def declared_file(self) -> Json:
        """A file without its bytes."""
        body = {"fileName": "notes.pdf", "contentType": "application/pdf", "purpose": "authorization_attachment"}
        return _sent("POST", "/v1/files", json=body)


_ground = _Ground()


class _Handoffs:
    """Some cases that only a human can finish. The service brings them there meanwhile: nobody waits for it."""

    def __init__(self) -> None:
        self._ids: list[str] = []

    def find(self, *, active: bool) -> Json | None:
        """A case that offers its interaction or, if one is wanted, has an active handoff; None while there is none."""
        while len(self._ids) < _HANDOFF_CASES:
            ready = _ground.ready_case("handoff_review_backed")
            _changed(ready, "confirm", {"nextActionId": ready["nextAction"]["id"]})
            self._ids.append(ready["id"])
        cases = [_sent("GET", f"{CASES}/{each}") for each in self._ids]
        self._ids = [each["id"] for each in cases if each["status"] not in ("completed", "canceled")]
        waiting = [each for each in cases if each["status"] == "requires_action"]
        fitting = [each for each in waiting if (each["activeManualHandoff"] is not None) is active]
        if active and waiting and not fitting:
            _changed(waiting[0], "manual-handoffs", {"acceptedReviewSnapshotId": _covered(waiting[0])})
            return _sent("GET", f"{CASES}/{waiting[0]['id']}")
        return next(iter(fitting or waiting), None)


_handoffs = _Handoffs()


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Let what was generated as good meet what exists; leave one in ten as it is, for what does not."""
    if case.meta is None:
        return
    if _is_good(case, ParameterLocation.HEADER) and not str(case.headers.get("If-Match", '"')).startswith('"'):
        case.headers["If-Match"] = '"1"'
    if str(case.query.get("waitSeconds")) in _LONG:
        case.query["waitSeconds"] = 1
    if _is_good(case, ParameterLocation.PATH) and not _is_linked(case) and not _leaves():
        _find(case)
    if _is_good(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        case.body = _filled(case, case.body)


def _leaves() -> bool:
    return _random.random() < 0.1


def _is_linked(case: Case[Any]) -> bool:
    """Say whether a link of the document has led here, which knows what there is."""
    return case.meta is not None and case.meta.phase.name.value == "stateful" and bool(case.path_parameters)


def _is_good(case: Case[Any], location: ParameterLocation) -> bool:
    part = case.meta.components.get(location) if case.meta else None
    return part is None or part.mode is GenerationMode.POSITIVE


def _find(case: Case[Any]) -> None:
    if "authorization_id" in case.path_parameters:
        found = _case_for(case.path)
        # Requests share what was generated for them: what is found for one must not stay for the next.
        case.path_parameters = dict(case.path_parameters)
        case.path_parameters["authorization_id"] = found["id"]
        if "handoff_id" in case.path_parameters and found["activeManualHandoff"]:
            case.path_parameters["handoff_id"] = found["activeManualHandoff"]["id"]
        if "attachment_id" in case.path_parameters:
            case.path_parameters["attachment_id"] = found["attachments"][0]["id"]
        if _is_good(case, ParameterLocation.HEADER) and "If-Match" in case.headers:
            case.headers["If-Match"] = f'"{found["version"]}"'
    if "file_id" in case.path_parameters:
        make = _ground.uploaded_file if case.path.endswith("complete") else _ground.ready_file
        case.path_parameters["file_id"] = make()
    if "target" in case.path_parameters:
        case.path_parameters["target"] = _ground.declared_file()["upload"]["url"].rpartition("/")[2]


def _case_for(path: str) -> Json:
    """A case in which an operation of this path can succeed, as far as there is one now."""
    in_session = "/manual-handoffs" in path or "/live-session" in path
    found = _handoffs.find(active=not path.endswith("/manual-handoffs")) if in_session else None
    return found or _ground.case


def _covered(case: Json) -> Any:
    """The review snapshot that the case's action covers."""
    return case["nextAction"]["covers"]["reviewSnapshotId"] if case["nextAction"] else None


def _filled(case: Case[Any], body: Json) -> Json:
    operation, known = f"{case.method} {case.path}", create_body(_random.choice(catalog.scenarios()).id)
    asked = {name: known[name] for name in ("providerNpi", "request")}
    if operation in (f"PATCH {_ONE}/answers", f"PATCH {_ONE}/questionnaire-response.fhir"):
        given, is_fhir = _answers_of(case), case.path.endswith(".fhir")
        return {"resourceType": "QuestionnaireResponse", **given} if is_fhir else {"questionnaireResponse": given}
    if _leaves():
        return body
    if operation == f"POST {CASES}":
        answers = known["questionnaireResponse"] if body.get("questionnaireResponse") else None
        return {**body, **asked, "portalAuthMode": None, "questionnaireResponse": answers}
    if operation == "POST /v1/prior-authorization-routes/resolve":
        return {**body, **asked}
    if operation == f"POST {_ONE}/manual-handoffs":
        offering = _client.get(f"{CASES}/{case.path_parameters['authorization_id']}")
        return {**body, "acceptedReviewSnapshotId": _covered(offering.json()) if offering.is_success else None}
    if operation == f"POST {_ONE}/attachments":
        return {**body, "fileId": _ground.ready_file()}
    if operation == f"POST {_ONE}/confirm" and not _is_linked(case):
        return {**body, "nextActionId": _ground.case["nextAction"]["id"]}
    return body


def _answers_of(case: Case[Any]) -> Json:
    """Some of the answers that the case has already, since which link ids there are is its own."""
    response = _client.get(f"{CASES}/{case.path_parameters['authorization_id']}")
    items = response.json()["questionnaireResponse"]["item"] if response.is_success else []
    return {"item": _random.sample(items, k=_random.randint(0, len(items)))}


def _changed(case: Json, below: str, body: Json) -> Json:
    """Change a case as it was read."""
    return _sent("POST", f"{CASES}/{case['id']}/{below}", json=body, headers={"If-Match": f'"{case["version"]}"'})


def _sent(method: str, path: str, **rest: Any) -> Json:
    response = _client.request(method, path, **rest)
    assert response.is_success, response.text
    found: Json = response.json()
    return found
