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
            created = _sent("POST", CASES, json=create_body(), headers={"Idempotency-Key": f"fuzz-{fresh_key()}"})
            body = {"fileId": self.ready_file(), "documentTypes": ["clinical_notes"]}
            version = {"If-Match": f'"{created["version"]}"'}
            self._case = _sent("POST", f"{CASES}/{created['id']}/attachments", json=body, headers=version)
        return self._case

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
        found = _ground.case
        case.path_parameters["authorization_id"] = found["id"]
        if "attachment_id" in case.path_parameters:
            case.path_parameters["attachment_id"] = found["attachments"][0]["id"]
        if _is_good(case, ParameterLocation.HEADER) and "If-Match" in case.headers:
            case.headers["If-Match"] = f'"{found["version"]}"'
    if "file_id" in case.path_parameters:
        make = _ground.uploaded_file if case.path.endswith("complete") else _ground.ready_file
        case.path_parameters["file_id"] = make()
    if "target" in case.path_parameters:
        case.path_parameters["target"] = _ground.declared_file()["upload"]["url"].rpartition("/")[2]


def _filled(case: Case[Any], body: Json) -> Json:
    operation, known = f"{case.method} {case.path}", create_body(_random.choice(catalog.scenarios()).id)
    asked = {name: known[name] for name in ("providerNpi", "request")}
    if operation == f"PATCH {_ONE}/answers":
        return {"questionnaireResponse": _answers_of(case)}
    if operation == f"PATCH {_ONE}/questionnaire-response.fhir":
        return {"resourceType": "QuestionnaireResponse", **_answers_of(case)}
    if _leaves():
        return body
    if operation == f"POST {CASES}":
        answers = known["questionnaireResponse"] if body.get("questionnaireResponse") else None
        return {**body, **asked, "portalAuthMode": None, "questionnaireResponse": answers}
    if operation == "POST /v1/prior-authorization-routes/resolve":
        return {**body, **asked}
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


def _sent(method: str, path: str, **rest: Any) -> Json:
    response = _client.request(method, path, **rest)
    assert response.is_success, response.text
    found: Json = response.json()
    return found
