"""The fields of a plan's forms, how an entry is judged, and how it reads once it was taken.

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

MAX_FILE_BYTES = 25 * 1024 * 1024
_FILE_SIGNATURES = (b"%PDF-", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


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


def iso_date(value: str) -> str | None:
    """What is wrong with a date as browsers send it, if anything."""
    # Python also reads week dates and compact forms, which no browser sends.
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return None
    return "Enter a valid date."


def whole_number(low: int, high: int) -> Check:
    """Whole numbers within these bounds."""

    def check(value: str) -> str | None:
        good = re.fullmatch(r"[0-9]{1,6}", value) and low <= int(value) <= high
        return None if good else f"Enter a whole number between {low} and {high}."

    return check


def decimal_number(low: int, high: int) -> Check:
    """Numbers within these bounds."""

    def check(value: str) -> str | None:
        try:
            good = low <= Decimal(value) <= high
        except InvalidOperation:
            good = False
        return None if good else f"Enter a number between {low} and {high}."

    return check


def matching(pattern: str, message: str) -> Check:
    """Texts that match a pattern in full."""
    return lambda value: None if re.fullmatch(pattern, value) else message


def npi(value: str) -> str | None:
    """What is wrong with a National Provider Identifier, if anything."""
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
    "date": iso_date,
    "number": decimal_number(-1_000_000, 1_000_000),
}

_CODE_PATTERNS = {
    "CPT": (r"[0-9]{4}[0-9A-Za-z]", "Enter a CPT code of five characters."),
    "HCPCS": (r"[A-Va-v][0-9]{4}", "Enter a HCPCS code: a letter and four digits."),
    "NDC": (r"[0-9-]{10,14}", "Enter a National Drug Code."),
}


def check_code(system: str, code: str) -> str | None:
    """What is wrong with a code of one of the `CODE_SYSTEMS`, if anything."""
    pattern, message = _CODE_PATTERNS[system]
    return None if re.fullmatch(pattern, code) else message


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


def check_document(*, document_type: str, document_types: Options, file_name: str, head: bytes, size: int) -> Values:
    """What is wrong with an upload, by the form's field."""
    errors: Values = {}
    if document_type not in dict(document_types):
        errors["document_type"] = "Document type is required."
    if not file_name or size == 0:
        errors["file"] = "Choose a file that is not empty."
    elif size > MAX_FILE_BYTES:
        errors["file"] = "The file is larger than 25 MB."
    elif not head.startswith(_FILE_SIGNATURES):
        errors["file"] = "Only PDF, JPEG and PNG files are accepted."
    return errors
