"""Nothing that rests or is printed shows a patient, or what opens a portal: a whole run is searched, byte by byte.

The simulated payer's own database is the payer's and not ours: it knows its members.
"""

import contextlib
import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from priorauth.sandbox import catalog
from tests.factories.servers import PROGRAM, Integrator, ServerProcess, path_of, state_of

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
    "anti-inflammatory medication",
    "new weakness",
    f"EXAMPLE-{SCENARIO}",
    "daughter",
    "ashgrove-marlow",
)

ACCOUNT = catalog.PORTAL_ACCOUNTS["larkspur"][1]
# The password of all of the simulated portal's accounts begins so; the last one is in what a signed-in browser keeps.
OPENS_PORTALS = ("larkspur-sandbox", str(ACCOUNT.totp_secret), "LPCSESSION")
SECRET = (*PATIENT, *OPENS_PORTALS)


def with_a_credential(server: ServerProcess) -> str:
    """Let the organization's cases sign in with one-time codes; return all that is printed on the way."""
    folder, printed = ("--data-dir", str(server.data_dir)), []
    add = ("add", "--payer", "larkspur-health", "--organization", "Cedar Hollow", "--user-name", ACCOUNT.user_name)
    for command, typed in (
        ((*add, "--totp"), f"{ACCOUNT.password}\n{ACCOUNT.totp_secret}\n"),
        ((*add, "--totp"), f"{ACCOUNT.password}\n{ACCOUNT.totp_secret}\n"),
        (add, f"{ACCOUNT.password}\n{ACCOUNT.totp_secret}\n"),
        ((*add, "--totp"), f"{ACCOUNT.password}\n{ACCOUNT.totp_secret}1\n"),
        (("list",), ""),
        (("list", "--json"), ""),
    ):
        done = subprocess.run(
            [*PROGRAM, "credentials", *command, *folder], input=typed, capture_output=True, text=True, check=False
        )
        printed += [done.stdout, done.stderr]
    return "".join(printed)


def a_full_run(server: ServerProcess) -> str:
    """A case to its decision, one that is canceled, an upload, refusals, repetitions; return what was printed."""
    integrator = Integrator(server, server.new_key())
    printed = with_a_credential(server)
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
    return printed


def traces(folder: Path) -> dict[str, set[str]]:
    """Which of the secret words each file below the folder shows."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and "sandbox" not in path.relative_to(folder).parts:
            content = path.read_bytes()
            shown = {word for word in SECRET if word.encode() in content or word.encode("utf-16-le") in content}
            found[str(path.relative_to(folder))] = shown
    return found


def test_no_file_no_table_and_no_output_shows_the_patient_or_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Spans are printed among the lines of the log.
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    server = ServerProcess(tmp_path / "data").start()
    try:
        printed = a_full_run(server)
        metrics = httpx.get(f"{server.url}/metrics", trust_env=False).text
        running = traces(tmp_path)
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.stop()
    stopped = traces(tmp_path)

    for found in (running, stopped):
        assert any(name.endswith("priorauth.db") for name in found)
        assert any("files" in name for name in found)
        assert {name: words for name, words in found.items() if words} == {}
    assert ACCOUNT.user_name in printed
    log = server.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"request", "step", "case_changed"} <= {line.get("event") for line in lines}
    assert {"final request", "portal page: receipt"} <= {line.get("name") for line in lines}
    assert 'priorauth_submissions_total{what="received"} 1.0' in metrics
    assert not [word for word in SECRET for text in (printed, log, metrics) if word in text]
    assert not re.search(r'="[a-z]+_[0-9a-hjkmnp-tv-z]{20,}"', metrics), "an id is no label"
