"""Nothing that rests or is printed shows a patient: a whole run is searched, byte by byte.

The simulated payer's own database is the payer's and not ours: it knows its members.
"""

import contextlib
from pathlib import Path

import httpx
import pytest

from priorauth.sandbox import catalog
from tests.factories.servers import Integrator, ServerProcess, path_of, state_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCENARIO = "approved_after_review"
REASON = "Ms. Ashgrove has moved to her daughter"
FILE_NAME = "ashgrove-marlow-visit.pdf"
PATIENT = (
    "Ashgrove",
    "LKS100000003",
    "1984-06-21",
    "06/21/1984",
    "M51.16",
    "physical therapy",
    "new weakness",
    f"EXAMPLE-{SCENARIO}",
    "daughter",
    "ashgrove-marlow",
)


def a_full_run(server: ServerProcess) -> None:
    """A case to its decision, one that is canceled, an upload, refusals, repetitions."""
    integrator = Integrator(server, server.new_key())
    case = integrator.create(SCENARIO)
    integrator.drive(case, SCENARIO, until=lambda each: each["status"] == "completed")
    declaration = {"fileName": FILE_NAME, "contentType": "application/pdf", "purpose": "authorization_attachment"}
    once = {"Idempotency-Key": "once"}
    declared = integrator.call("POST", "/v1/files", json=declaration, headers=once).json()
    assert integrator.call("POST", "/v1/files", json=declaration, headers=once).json() == declared
    httpx.put(declared["upload"]["url"], content=catalog.sample_document(), trust_env=False).raise_for_status()
    integrator.call("POST", f"/v1/files/{declared['file']['id']}/complete")
    other = integrator.create(SCENARIO)
    wrong = {"questionnaireResponse": {"item": [{"linkId": "patient.lastName", "answer": [{"valueDate": "Ashgrove"}]}]}}
    version = {"If-Match": f'"{other["version"]}"'}
    assert integrator.call("PATCH", f"{path_of(other)}/answers", json=wrong, headers=version).status_code == 400
    assert integrator.call("POST", f"{path_of(other)}/cancel", json={"reason": REASON}).status_code == 200
    found = integrator.get(f"/v1/prior-authorizations?externalCaseId=EXAMPLE-{SCENARIO}&status=canceled")
    assert [each["id"] for each in found["data"]] == [other["id"]]
    assert state_of(found["data"][0])[0] == "canceled"


def traces(folder: Path) -> dict[str, set[str]]:
    """Which of the patient's words each file below the folder shows."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and "sandbox" not in path.relative_to(folder).parts:
            content = path.read_bytes()
            shown = {word for word in PATIENT if word.encode() in content or word.encode("utf-16-le") in content}
            found[str(path.relative_to(folder))] = shown
    return found


def test_no_file_no_table_and_no_output_shows_the_patient(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data").start()
    try:
        a_full_run(server)
        running = traces(tmp_path)
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.stop()
    stopped = traces(tmp_path)

    for found in (running, stopped):
        assert any(name.endswith("priorauth.db") for name in found)
        assert any("files" in name for name in found)
        assert {name: words for name, words in found.items() if words} == {}
    assert not [word for word in PATIENT if word in str(server.log)]
