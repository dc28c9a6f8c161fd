"""Filling the catalog: providers and payers from data, and who may use them."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from priorauth.domain.catalog import Payer, Provider
from priorauth.domain.organizations import Environment, Organization
from priorauth.store.transaction import Transaction


def provider_of(entry: Mapping[str, object]) -> Provider:
    """Return a provider from data. Raises msgspec.ValidationError, which names the fault's place."""
    return msgspec.convert(_snake(entry), Provider)


def payer_of(entry: Mapping[str, object]) -> Payer:
    """Return a payer from data, as `payers/*.json` has it. Raises msgspec.ValidationError."""
    return msgspec.convert(_snake(entry), Payer)


def install(
    tx: Transaction, *, environment: Environment, providers: Iterable[Provider], payers: Iterable[Payer]
) -> None:
    """Put providers and payers into the catalog; the same data again changes nothing."""
    for provider in providers:
        tx.catalog.put_provider(environment, provider)
    for payer in payers:
        tx.catalog.put_payer(environment, payer)


def grant_all(
    tx: Transaction,
    *,
    organization: Organization,
    environment: Environment,
    providers: Iterable[Provider],
    payers: Iterable[Payer],
) -> None:
    """Let an organization act for each of `providers` at each of `payers`."""
    wanted = tuple(payers)
    for provider in providers:
        for payer in wanted:
            tx.catalog.allow(organization.id, environment, npi=provider.npi, payer_id=payer.id)


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
