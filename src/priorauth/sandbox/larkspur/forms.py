"""The fields of the wizard, how an entry is judged, and how it reads on the review page.

Pure: knows nothing of requests, pages or the database. Error texts are the plan's and end up beside their fields.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeAlias

Values: TypeAlias = dict[str, str]
Check: TypeAlias = Callable[[str], str | None]
Options: TypeAlias = tuple[tuple[str, str], ...]

REFERENCE = "Your reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One question of the wizard."""

    name: str
    label: str
    kind: Literal["text", "number", "date", "select", "radio", "textarea"] = "text"
    required: bool = True
    options: Options = ()
    check: Check | None = None
    step: str = "1"
    max_length: int | None = None
    hint: str = ""
    hidden_when: tuple[str, str] | None = None
    """Not asked while that other field has that value."""

    def asked(self, values: Mapping[str, str]) -> bool:
        return self.hidden_when is None or values.get(self.hidden_when[0]) != self.hidden_when[1]

    def shown(self, value: str) -> str:
        """The value as the plan displays it: an option's text, a date as MM/DD/YYYY, anything else as entered."""
        if self.options:
            return dict(self.options).get(value, value)
        return us_date(value) if self.kind == "date" else value


def us_date(value: str) -> str:
    """An ISO date as MM/DD/YYYY."""
    return date.fromisoformat(value).strftime("%m/%d/%Y")


def _date(value: str) -> str | None:
    # Python also reads week dates and compact forms, which no browser sends.
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return None
    return "Enter a valid date."


def _whole_number(low: int, high: int) -> Check:
    def check(value: str) -> str | None:
        good = re.fullmatch(r"[0-9]{1,6}", value) and low <= int(value) <= high
        return None if good else f"Enter a whole number between {low} and {high}."

    return check


def _decimal(low: int, high: int) -> Check:
    def check(value: str) -> str | None:
        try:
            good = low <= Decimal(value) <= high
        except InvalidOperation:
            good = False
        return None if good else f"Enter a number between {low} and {high}."

    return check


def _pattern(pattern: str, message: str) -> Check:
    return lambda value: None if re.fullmatch(pattern, value) else message


def _npi(value: str) -> str | None:
    if re.fullmatch(r"[12][0-9]{9}", value):
        # The Luhn check of an NPI runs over the number with the prefix 80840.
        digits = [int(digit) for digit in reversed("80840" + value)]
        doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
        if (sum(digits[::2]) + doubled) % 10 == 0:
            return None
    return "Enter a valid 10-digit NPI."


# How an answer to a question that the plan adds is judged, by the question's kind.
_CHECKS: Mapping[str, Check | None] = {
    "text": None,
    "textarea": None,
    "select": None,
    "radio": None,
    "date": _date,
    "number": _decimal(-1_000_000, 1_000_000),
}

_CODE_PATTERNS = {
    "CPT": (r"[0-9]{4}[0-9A-Za-z]", "Enter a CPT code of five characters."),
    "HCPCS": (r"[A-Va-v][0-9]{4}", "Enter a HCPCS code: a letter and four digits."),
    "NDC": (r"[0-9-]{10,14}", "Enter a National Drug Code."),
}

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
    Field(name="units", label="Units requested", kind="number", check=_whole_number(1, 999)),
    Field(name="start_date", label="Requested start date", kind="date", check=_date),
    Field(name="provider_npi", label="Rendering provider NPI", check=_npi),
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
    check=_pattern(r"[A-Za-z][0-9][0-9A-Za-z](\.?[0-9A-Za-z]{1,4})?", "Enter a valid ICD-10-CM code."),
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
        check=_whole_number(1, 104),
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
    Field(name="sleep_study_date", label="Date of sleep study", kind="date", check=_date),
    Field(name="ahi", label="Apnea-hypopnea index", kind="number", step="0.1", check=_decimal(0, 200)),
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
MAX_FILE_BYTES = 25 * 1024 * 1024
_FILE_SIGNATURES = (b"%PDF-", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


def clinical_fields(service: Mapping[str, str], told: Mapping[str, Any]) -> tuple[Field, ...]:
    """The clinical questions that the requested procedure calls for, and those that the plan adds for the member."""
    fixed = _QUESTIONS.get((service["code_system"], service["procedure_code"].upper()), _OTHER)
    return (*fixed, _ADDITIONAL, *added_questions(told))


def added_questions(told: Mapping[str, Any]) -> tuple[Field, ...]:
    """The questions of `behaviour.questions`. Raises KeyError, TypeError or ValueError for what is none."""
    return tuple(_added(number, question) for number, question in enumerate(told.get("questions", ())))


def _added(number: int, question: Mapping[str, Any]) -> Field:
    options = tuple((str(code), str(text)) for code, text in question.get("options", ()))
    if question["kind"] not in _CHECKS or bool(options) is not (question["kind"] in ("select", "radio")):
        raise ValueError("a question has a known kind, and options where it is a select or a radio")
    return Field(
        name=f"question_{number}",
        label=str(question["label"]),
        kind=question["kind"],
        required=bool(question.get("required", True)),
        options=options,
        check=_CHECKS[question["kind"]],
        step=str(question.get("step", "1")),
        max_length=2000,
    )


def rejected(fields: tuple[Field, ...], values: Mapping[str, str], told: Mapping[str, Any]) -> Values:
    """What the plan does not take though it is well formed, by the form's field: `behaviour.rejects`."""
    messages = {(rule["label"], value): rule["message"] for rule in told.get("rejects", ()) for value in rule["values"]}
    found = {field.name: messages.get((field.label, values.get(field.name, ""))) for field in fields}
    return {name: message for name, message in found.items() if message}


def check_service(form: Mapping[str, str]) -> tuple[Values, Values]:
    """As `check_fields`, and the code has to fit its system."""
    values, errors = check_fields(SERVICE_FIELDS, form)
    if "procedure_code" not in errors and "code_system" not in errors:
        pattern, message = _CODE_PATTERNS[values["code_system"]]
        if not re.fullmatch(pattern, values["procedure_code"]):
            errors["procedure_code"] = message
    return values, errors


def check_fields(fields: tuple[Field, ...], form: Mapping[str, str]) -> tuple[Values, Values]:
    """The entries as they are stored, and a message for each one that is not acceptable."""
    # Browsers send line breaks as CRLF whatever was typed.
    entered = {field.name: form.get(field.name, "").replace("\r\n", "\n").strip() for field in fields}
    values = {field.name: entered[field.name] for field in fields if field.asked(entered)}
    problems = {field.name: _problem(field, values[field.name]) for field in fields if field.name in values}
    return values, {name: message for name, message in problems.items() if message}


def _problem(field: Field, value: str) -> str | None:
    if not value:
        return f"{field.label} is required." if field.required else None
    if field.max_length is not None and len(value) > field.max_length:
        return f"{field.label} must have at most {field.max_length} characters."
    if field.options and value not in dict(field.options):
        return f"Select a value for {field.label}."
    return field.check(value) if field.check else None


def check_document(*, document_type: str, file_name: str, head: bytes, size: int) -> Values:
    """What is wrong with an upload, by the form's field."""
    errors: Values = {}
    if document_type not in dict(DOCUMENT_TYPES):
        errors["document_type"] = "Document type is required."
    if not file_name or size == 0:
        errors["file"] = "Choose a file that is not empty."
    elif size > MAX_FILE_BYTES:
        errors["file"] = "The file is larger than 25 MB."
    elif not head.startswith(_FILE_SIGNATURES):
        errors["file"] = "Only PDF, JPEG and PNG files are accepted."
    return errors


def review_rows(
    *, service: Mapping[str, str], clinical: Mapping[str, str], told: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Label and displayed value of everything that was answered; an optional field left empty is not sent at all."""
    rows = [(field.label, field.shown(service[field.name])) for field in SERVICE_FIELDS]
    answered = (field for field in clinical_fields(service, told) if clinical.get(field.name))
    return rows + [(field.label, field.shown(clinical[field.name])) for field in answered]
