"""Filling the catalog: providers and payers, and who may use them."""

from collections.abc import Iterable
from dataclasses import dataclass

from priorauth.domain.catalog import Payer, PortalAuthMode, Provider, Route, ServiceRequest, is_npi
from priorauth.domain.errors import PayerNotFound, ProviderAccessNotConfigured, ProviderNotFound
from priorauth.domain.organizations import Caller, Environment, Organization
from priorauth.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Resolved:
    """Who asks whom for a service, and which way it goes."""

    provider: Provider
    payer: Payer
    payer_version: str
    route: Route


def resolve(
    tx: Transaction,
    caller: Caller,
    *,
    provider_npi: str,
    request: ServiceRequest,
    portal_auth_mode: PortalAuthMode | None,
) -> Resolved:
    """Return the way that a request takes, with a sign-in mode or with any.

    Raises ProviderNotFound, PayerNotFound, UnsupportedRoute or ProviderAccessNotConfigured, in this order.
    """
    provider = require_provider(tx, caller, provider_npi)
    payer, version = require_payer(tx, caller, request.payer_id)
    route = payer.option_for(request, portal_auth_mode)
    payer.rules_for(request)
    if not tx.catalog.allows(caller.organization_id, caller.environment, npi=provider_npi, payer_id=payer.id):
        raise ProviderAccessNotConfigured
    return Resolved(provider, payer, version, route)


def require_provider(tx: Transaction, caller: Caller, npi: str) -> Provider:
    """Return a provider of the caller's environment. Raises ProviderNotFound."""
    provider = tx.catalog.provider(caller.environment, npi)
    if provider is None and not is_npi(npi):
        raise ProviderNotFound("Nobody has this number: its check digit is wrong. Look for a typing error.")
    if provider is None:
        raise ProviderNotFound
    return provider


def require_payer(tx: Transaction, caller: Caller, payer_id: str) -> tuple[Payer, str]:
    """Return a payer of the caller's environment and its current version's name. Raises PayerNotFound."""
    found = tx.catalog.payer(caller.environment, payer_id)
    if found is None:
        raise PayerNotFound
    return found


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
