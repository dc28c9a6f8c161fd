"""Providers and payers as data: from an operator's files to the domain's values."""

import re
from collections.abc import Mapping

import msgspec

from priorauth.domain.catalog import Payer, Provider


def provider_of(entry: Mapping[str, object]) -> Provider:
    """Return a provider from data. Raises msgspec.ValidationError, which names the fault's place."""
    return msgspec.convert(_snake(entry), Provider)


def payer_of(entry: Mapping[str, object]) -> Payer:
    """Return a payer from data, as `payer.yaml` has it. Raises msgspec.ValidationError."""
    return msgspec.convert(_snake(entry), Payer)


def _snake(value: object) -> object:
    """Turn FHIR's and the wire's names into the domain's; `answerBoolean` of a condition into an answer."""
    if isinstance(value, list):
        return [_snake(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    named = {re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", key): _snake(each) for key, each in value.items()}
    if "operator" in named:
        answer = {
            f"value_{key.removeprefix('answer_')}": named.pop(key) for key in list(named) if key.startswith("answer_")
        }
        named["answer"] = answer
    return named
