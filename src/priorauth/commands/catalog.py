"""Filling the catalog: providers and payers, and who may use them."""

from collections.abc import Iterable

from priorauth.domain.catalog import Payer, Provider
from priorauth.domain.organizations import Environment, Organization
from priorauth.store.transaction import Transaction


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
