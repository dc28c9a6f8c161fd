"""The questions of a request: about the service, and the clinical ones that the procedure calls for. Pure."""

from collections.abc import Mapping
from datetime import date
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

SERVICE: tuple[Field, ...] = (
    Field(
        name="setting",
        label="Care setting",
        kind="select",
        options=(("inpatient", "Inpatient hospital"), ("outpatient", "Outpatient hospital or clinic")),
    ),
    Field(
        name="codeSet",
        label="Code set",
        kind="select",
        options=(("CPT", "CPT"), ("HCPCS", "HCPCS Level II")),
    ),
    Field(name="code", label="Service code", max_length=5),
    Field(name="quantity", label="Quantity", kind="number", check=whole_number(1, 365)),
    Field(name="serviceDate", label="First date of service", kind="date", check=iso_date),
    Field(name="npi", label="Servicing provider NPI", check=npi),
    Field(name="reference", label=REFERENCE, max_length=64, hint="Your case number. We repeat it wherever we answer."),
)

_DIAGNOSIS = Field(
    name="diagnosis",
    label="Principal diagnosis",
    hint="ICD-10-CM",
    check=matching(r"[A-Za-z][0-9][0-9A-Za-z](\.?[0-9A-Za-z]{1,4})?", "Enter an ICD-10-CM code."),
)
_YES_NO: Options = (("yes", "Yes"), ("no", "No"))
_NOTES = Field(name="notes", label="Notes for the reviewer", kind="textarea", required=False, max_length=8000)
_KNEE_OR_HIP: tuple[Field, ...] = (
    _DIAGNOSIS,
    Field(
        name="laterality",
        label="Laterality",
        kind="select",
        options=(("L", "Left"), ("R", "Right"), ("B", "Bilateral")),
    ),
    Field(name="grade", label="Kellgren-Lawrence grade", kind="number", check=whole_number(0, 4)),
    Field(name="bmi", label="Body mass index", kind="number", step="0.1", check=decimal_number(10, 90)),
    Field(name="therapy", label="Physical therapy completed", kind="radio", options=_YES_NO),
    Field(
        name="therapyWeeks",
        label="Weeks of physical therapy",
        kind="number",
        check=whole_number(1, 104),
        hidden_when=("therapy", "no"),
    ),
    Field(name="limits", label="Functional limitations", kind="textarea", max_length=2000),
)
_STAY: tuple[Field, ...] = (
    _DIAGNOSIS,
    Field(
        name="admission",
        label="Admission type",
        kind="select",
        options=(("elective", "Elective"), ("urgent", "Urgent"), ("emergent", "Emergent")),
    ),
    Field(name="stayDays", label="Expected length of stay in days", kind="number", check=whole_number(1, 90)),
    Field(name="severity", label="Severity of illness", kind="textarea", max_length=2000),
)
_OTHER: tuple[Field, ...] = (_DIAGNOSIS,)
_BY_CODE = {"27130": _KNEE_OR_HIP, "27447": _KNEE_OR_HIP, "99221": _STAY, "99222": _STAY, "99223": _STAY}

DOCUMENT_TYPES: Options = (
    ("hp", "History and physical"),
    ("progress", "Progress notes"),
    ("imaging", "Imaging"),
    ("lab", "Labs"),
    ("op", "Operative note"),
    ("discharge", "Discharge planning"),
    ("misc", "Miscellaneous"),
)


def clinical_fields(service: Mapping[str, str], told: Mapping[str, Any]) -> tuple[Field, ...]:
    """The clinical questions that the service calls for, and those that the plan adds for the member."""
    return (*_BY_CODE.get(service["code"].upper(), _OTHER), _NOTES, *added_questions(told))


def check_service(entered: Mapping[str, str]) -> tuple[Values, Values]:
    """As `check_fields`, and the code has to fit its set."""
    values, errors = check_fields(SERVICE, entered)
    if "code" not in errors and "codeSet" not in errors:
        message = check_code(values["codeSet"], values["code"])
        if message is not None:
            errors["code"] = message
    return values, errors


def as_json(field: Field) -> dict[str, Any]:
    """A question as the page draws it."""
    hidden = field.hidden_when and {"name": field.hidden_when[0], "value": field.hidden_when[1]}
    return {
        "name": field.name,
        "label": field.label,
        "kind": field.kind,
        "required": field.required,
        "options": [{"value": value, "text": text} for value, text in field.options],
        "step": field.step,
        "maxLength": field.max_length,
        "hint": field.hint,
        "hiddenWhen": hidden,
    }


def review_rows(
    *, service: Mapping[str, str], clinical: Mapping[str, str], told: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Label and displayed value of everything that was answered; what was left empty is not sent."""
    rows = [(field.label, _shown(field, service[field.name])) for field in SERVICE]
    answered = (field for field in clinical_fields(service, told) if clinical.get(field.name))
    return rows + [(field.label, _shown(field, clinical[field.name])) for field in answered]


def long_date(value: str) -> str:
    """An ISO date as the plan writes it: December 3, 2026."""
    day = date.fromisoformat(value)
    return f"{day:%B} {day.day}, {day.year}"


def _shown(field: Field, value: str) -> str:
    if field.options:
        return dict(field.options)[value]
    return long_date(value) if field.kind == "date" else value
