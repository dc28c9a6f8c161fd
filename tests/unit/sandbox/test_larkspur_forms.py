"""What the plan's forms accept, what they say otherwise, and how an entry reads on the review page."""

import pytest

from priorauth.sandbox.fields import check_document, check_fields
from priorauth.sandbox.larkspur import forms

SERVICE = {
    "request_type": "OP",
    "code_system": "CPT",
    "procedure_code": "72148",
    "units": "1",
    "start_date": "2026-12-03",
    "provider_npi": "1234567893",
    "reference": "case 1",
}
LUMBAR = {
    "diagnosis": "M51.16",
    "conservative_treatment": "Y",
    "conservative_weeks": "10",
    "red_flag": "NEURO",
    "justification": "Weakness.",
}
SLEEP = {"diagnosis": "G47.33", "sleep_study_date": "2026-10-06", "ahi": "31.5", "symptom": "EDS", "justification": ""}


@pytest.mark.parametrize("name", SERVICE)
def test_every_field_of_the_service_is_required(name: str) -> None:
    _, errors = forms.check_service(SERVICE | {name: "  "})
    assert errors.keys() == {name}
    assert errors[name].endswith("is required.")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("request_type", "Outpatient"),
        ("procedure_code", "7214"),
        ("procedure_code", "E0601"),
        ("units", "0"),
        ("units", "1.5"),
        ("units", "1000"),
        ("units", "\u0661"),
        ("start_date", "12/03/2026"),
        ("start_date", "2026-02-30"),
        ("start_date", "20261203"),
        ("provider_npi", "1234567890"),
        ("provider_npi", "3234567893"),
        ("reference", "x" * 65),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_at_its_field(name: str, value: str) -> None:
    _, errors = forms.check_service(SERVICE | {name: value})
    assert errors.keys() == {name}


@pytest.mark.parametrize(("system", "code"), [("HCPCS", "E0601"), ("HCPCS", "e0601"), ("NDC", "0002-8215-01")])
def test_codes_follow_their_system(system: str, code: str) -> None:
    assert forms.check_service(SERVICE | {"code_system": system, "procedure_code": code})[1] == {}


@pytest.mark.parametrize(
    ("system", "code", "asks"),
    [
        ("CPT", "72148", "conservative_treatment"),
        ("CPT", "72158", "conservative_treatment"),
        ("HCPCS", "e0601", "ahi"),
        ("HCPCS", "72148", None),
        ("CPT", "99213", None),
    ],
)
def test_questions_depend_on_the_procedure(system: str, code: str, asks: str | None) -> None:
    fields = {field.name for field in forms.clinical_fields({"code_system": system, "procedure_code": code}, {})}
    assert fields & {"conservative_treatment", "ahi"} == ({asks} if asks else set())
    assert {"diagnosis", "justification"} <= fields


def test_weeks_are_asked_for_a_completed_treatment_only() -> None:
    fields = forms.clinical_fields(SERVICE, {})
    assert check_fields(fields, LUMBAR | {"conservative_weeks": ""})[1].keys() == {"conservative_weeks"}
    values, errors = check_fields(fields, LUMBAR | {"conservative_treatment": "N"})
    assert errors == {}
    assert "conservative_weeks" not in values


@pytest.mark.parametrize("ahi", ["-1", "201", "many", "NaN"])
def test_an_index_out_of_range_is_refused(ahi: str) -> None:
    fields = forms.clinical_fields({"code_system": "HCPCS", "procedure_code": "E0601"}, {})
    assert check_fields(fields, SLEEP | {"ahi": ahi})[1].keys() == {"ahi"}
    assert check_fields(fields, SLEEP)[1] == {}


def test_the_review_shows_display_texts_and_dates_of_the_country() -> None:
    rows = forms.review_rows(service=SERVICE, clinical=LUMBAR, told={})
    assert rows == [
        ("Request type", "Outpatient"),
        ("Code system", "CPT"),
        ("Procedure code", "72148"),
        ("Units requested", "1"),
        ("Requested start date", "12/03/2026"),
        ("Rendering provider NPI", "1234567893"),
        ("Your reference", "case 1"),
        ("Primary diagnosis (ICD-10-CM)", "M51.16"),
        ("Conservative treatment completed", "Yes"),
        ("Weeks of conservative treatment", "10"),
        ("Red flag finding", "Progressive neurologic deficit"),
        ("Clinical justification", "Weakness."),
    ]


def test_an_optional_field_left_empty_is_not_sent() -> None:
    service = SERVICE | {"code_system": "HCPCS", "procedure_code": "E0601"}
    labels = [label for label, _ in forms.review_rows(service=service, clinical=SLEEP, told={})]
    assert "Clinical justification" not in labels


@pytest.mark.parametrize(
    ("document_type", "name", "head", "size", "refused"),
    [
        ("NOTES", "a.pdf", b"%PDF-1.4", 9, set()),
        ("LMN", "a.jpg", b"\xff\xd8\xff\xe0", 9, set()),
        ("LAB", "a.png", b"\x89PNG\r\n\x1a\n", 25 * 1024 * 1024, set()),
        ("NOTES", "a.pdf", b"%PDF-1.4", 25 * 1024 * 1024 + 1, {"file"}),
        ("NOTES", "a.pdf", b"MZ", 2, {"file"}),
        ("NOTES", "a.pdf", b"", 0, {"file"}),
        ("clinical_notes", "", b"", 0, {"document_type", "file"}),
    ],
)
def test_documents(document_type: str, name: str, head: bytes, size: int, refused: set[str]) -> None:
    errors = check_document(
        document_type=document_type, document_types=forms.DOCUMENT_TYPES, file_name=name, head=head, size=size
    )
    assert errors.keys() == refused
