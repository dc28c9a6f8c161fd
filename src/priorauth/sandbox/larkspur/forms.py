"""The fields of the wizard, and how the entries read on the review page. Pure."""

from collections.abc import Mapping
from typing import Any

from priorauth.sandbox.fields import (
    Field,
    Options,
    Values,
    added_questions,
    check_code,
    check_fields,
    decimal_number,
    iso_date,
    matching,
    npi,
    whole_number,
)

REFERENCE = "Your reference"

SERVICE_FIELDS: tuple[Field, ...] = (
    Field(
        name="request_type",
        label="Request type",
        kind="select",
        options=(("OP", "Outpatient"), ("IP", "Inpatient"), ("RX", "Drug")),
    ),
    Field(
        name="code_system",
        label="Code system",
        kind="select",
        options=(("CPT", "CPT"), ("HCPCS", "HCPCS"), ("NDC", "NDC")),
    ),
    Field(name="procedure_code", label="Procedure code", max_length=14),
    Field(name="units", label="Units requested", kind="number", check=whole_number(1, 999)),
    Field(name="start_date", label="Requested start date", kind="date", check=iso_date),
    Field(name="provider_npi", label="Rendering provider NPI", check=npi),
    Field(
        name="reference",
        label=REFERENCE,
        max_length=64,
        hint="Your own number for this case. It appears on all correspondence.",
    ),
)

_DIAGNOSIS = Field(
    name="diagnosis",
    label="Primary diagnosis (ICD-10-CM)",
    check=matching(r"[A-Za-z][0-9][0-9A-Za-z](\.?[0-9A-Za-z]{1,4})?", "Enter a valid ICD-10-CM code."),
)
_JUSTIFICATION = Field(
    name="justification", label="Clinical justification", kind="textarea", required=False, max_length=2000
)
_ADDITIONAL = Field(
    name="additional", label="Additional clinical information", kind="textarea", required=False, max_length=8000
)
_LUMBAR_IMAGING: tuple[Field, ...] = (
    _DIAGNOSIS,
    Field(
        name="conservative_treatment",
        label="Conservative treatment completed",
        kind="radio",
        options=(("Y", "Yes"), ("N", "No")),
    ),
    Field(
        name="conservative_weeks",
        label="Weeks of conservative treatment",
        kind="number",
        check=whole_number(1, 104),
        hidden_when=("conservative_treatment", "N"),
    ),
    Field(
        name="red_flag",
        label="Red flag finding",
        kind="select",
        options=(
            ("NONE", "None"),
            ("NEURO", "Progressive neurologic deficit"),
            ("CAUDA", "Suspected cauda equina syndrome"),
            ("MALIG", "History of malignancy"),
        ),
    ),
    Field(name="justification", label="Clinical justification", kind="textarea", max_length=2000),
)
_SLEEP_APNEA_DEVICE: tuple[Field, ...] = (
    _DIAGNOSIS,
    Field(name="sleep_study_date", label="Date of sleep study", kind="date", check=iso_date),
    Field(name="ahi", label="Apnea-hypopnea index", kind="number", step="0.1", check=decimal_number(0, 200)),
    Field(
        name="symptom",
        label="Leading symptom",
        kind="select",
        options=(("EDS", "Excessive daytime sleepiness"), ("INS", "Insomnia"), ("HTN", "Hypertension")),
    ),
    _JUSTIFICATION,
)
_OTHER: tuple[Field, ...] = (_DIAGNOSIS, _JUSTIFICATION)
_QUESTIONS: dict[tuple[str, str], tuple[Field, ...]] = {
    ("CPT", "72148"): _LUMBAR_IMAGING,
    ("CPT", "72158"): _LUMBAR_IMAGING,
    ("HCPCS", "E0601"): _SLEEP_APNEA_DEVICE,
}

DOCUMENT_TYPES: Options = (
    ("NOTES", "Clinical notes"),
    ("IMAGING", "Imaging report"),
    ("LAB", "Laboratory results"),
    ("LMN", "Letter of medical necessity"),
    ("HISTORY", "Treatment history"),
    ("OPERATIVE", "Operative report"),
    ("DISCHARGE", "Discharge plan"),
    ("OTHER", "Other document"),
)


def clinical_fields(service: Mapping[str, str], told: Mapping[str, Any]) -> tuple[Field, ...]:
    """The clinical questions that the requested procedure calls for, and those that the plan adds for the member."""
    fixed = _QUESTIONS.get((service["code_system"], service["procedure_code"].upper()), _OTHER)
    return (*fixed, _ADDITIONAL, *added_questions(told))


def check_service(form: Mapping[str, str]) -> tuple[Values, Values]:
    """As `check_fields`, and the code has to fit its system."""
    values, errors = check_fields(SERVICE_FIELDS, form)
    if "procedure_code" not in errors and "code_system" not in errors:
        message = check_code(values["code_system"], values["procedure_code"])
        if message is not None:
            errors["procedure_code"] = message
    return values, errors


def review_rows(
    *, service: Mapping[str, str], clinical: Mapping[str, str], told: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Label and displayed value of everything that was answered; an optional field left empty is not sent at all."""
    rows = [(field.label, field.shown(service[field.name])) for field in SERVICE_FIELDS]
    answered = (field for field in clinical_fields(service, told) if clinical.get(field.name))
    return rows + [(field.label, field.shown(clinical[field.name])) for field in answered]
