"""Payers as data, by real processes: the guide's payer from its files to the review, and cases of shipped ones."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories.servers import Integrator, ServerProcess, state_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GUIDE = (Path(__file__).parents[2] / "docs" / "payers.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`(juniper-heart/[^`]+)`:\n\n```\w+\n(.*?)```", GUIDE, re.DOTALL))
CREATE = json.loads(re.findall(r"created at once:\n\n```json\n(.*?)```", GUIDE, re.DOTALL)[0])
COMMANDS = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)[0].splitlines()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that has never heard of the guide's payer."""
    running = ServerProcess(tmp_path_factory.mktemp("payers") / "data").start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def integrator(server: ServerProcess) -> Integrator:
    """A client of the server, whose key is older than the payer."""
    return Integrator(server, server.new_key())


def created(integrator: Integrator, body: dict[str, Any]) -> dict[str, Any]:
    response = integrator.call(
        "POST", "/v1/prior-authorizations", json=body, headers={"Idempotency-Key": os.urandom(8).hex()}
    )
    assert response.status_code == 201, response.text
    case: dict[str, Any] = response.json()
    return case


def test_the_guides_payer_goes_through_create_answers_and_review(
    server: ServerProcess, integrator: Integrator, tmp_path: Path
) -> None:
    environment = {**os.environ, "PRIORAUTH_DATA_DIR": str(server.data_dir)}
    for command in COMMANDS:
        program = [sys.executable, "-m", "priorauth.cli", *command.removeprefix("priorauth ").split()]
        done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "juniper-heart" in done.stdout
    # What `example` has written is what the guide shows.
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in FILES} == FILES

    case = created(integrator, CREATE)
    assert [document["type"] for document in case["requirements"]["documents"]] == ["clinical_notes"]
    assert case["requirements"]["questions"] == case["requirements"]["issues"] == []
    asked = {item["linkId"] for each in case["questionnaire"] for item in each["item"]}
    assert {"bleeding.anticoagulant", "heart.symptom", "patient.memberId"} <= asked

    review = integrator.drive(case, "quickstart_receipt", until=lambda case: state_of(case)[1] == "approve_submission")[
        -1
    ]
    summary = review["submission"]["reviewSnapshot"]["summary"]
    assert summary["patient"]["familyName"] == "Fairweather"
    assert {each["answer"] for each in summary["clinical"]} >= {"Chest pain on exertion", "Exercise test"}

    end = integrator.drive(review, "quickstart_receipt", until=lambda case: case["status"] == "completed")[-1]
    assert end["outcome"] == "approved"
    assert integrator.counted(end) == 1


def said(**answers: Any) -> list[dict[str, Any]]:
    return [{"linkId": name.replace("_", "."), "answer": [value]} for name, value in answers.items()]


def about(member: str, first: str, last: str, born: str, *, diagnosis: str) -> list[dict[str, Any]]:
    return said(
        patient_memberId={"valueString": member},
        patient_firstName={"valueString": first},
        patient_lastName={"valueString": last},
        patient_birthDate={"valueDate": born},
        diagnosis_primary={"valueString": diagnosis},
        service_units={"valueInteger": 3},
        service_startDate={"valueDate": "2026-12-10"},
    )


def therapy(name: str, ending: str) -> dict[str, Any]:
    below = said(
        drug_priorTherapy_name={"valueCoding": {"code": name}},
        drug_priorTherapy_weeks={"valueInteger": 14},
        drug_priorTherapy_ending={"valueCoding": {"code": ending}},
    )
    return {"linkId": "drug.priorTherapy", "item": below}


SHIPPED = {
    "cinderfield-rx": (
        {"coverageState": "OH", "requestType": "drug", "serviceCode": {"system": "ndc", "code": "0074-0554-02"}},
        [
            *about("CFX200000001", "Verity", "Ashdown", "1979-08-14", diagnosis="M06.9"),
            *said(
                drug_indication={"valueCoding": {"code": "rheumatoid_arthritis"}},
                drug_severity={"valueCoding": {"code": "severe"}},
                drug_tuberculosisScreening={"valueBoolean": True},
                drug_rationale={"valueString": "Two medicines without effect."},
            ),
            therapy("methotrexate", "no_effect"),
            therapy("sulfasalazine", "no_effect"),
        ],
        "approved",
    ),
    "kestrel-mutual": (
        {"coverageState": "CO", "requestType": "inpatient", "serviceCode": {"system": "cpt", "code": "27447"}},
        [
            *about("KMH200000002", "Ambrose", "Tindale", "1949-10-11", diagnosis="M17.11"),
            *said(
                stay_admission={"valueCoding": {"code": "elective"}},
                stay_expectedDays={"valueInteger": 3},
                stay_whyInpatient={"valueString": "Heart failure; nobody at home."},
                stay_afterwards={"valueCoding": {"code": "rehabilitation"}},
            ),
        ],
        "denied",
    ),
}


@pytest.mark.parametrize("payer", SHIPPED)
def test_a_case_at_a_shipped_payer_is_decided(integrator: Integrator, payer: str) -> None:
    request, items, outcome = SHIPPED[payer]
    body = {
        "providerNpi": "1234567893",
        "request": {"payerId": payer, **request},
        "policy": {"finalSubmission": "automatic"},
        "questionnaireResponse": {"item": items},
    }

    end = integrator.drive(
        created(integrator, body), "quickstart_receipt", until=lambda case: case["status"] == "completed"
    )[-1]

    assert end["outcome"] == outcome, end["statusReason"]
