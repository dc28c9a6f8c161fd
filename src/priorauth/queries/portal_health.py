"""How the payers' portals fare: those of the catalog, and those that were tried."""

from dataclasses import dataclass

from priorauth.domain.organizations import Environment
from priorauth.domain.portals.health import PortalHealth
from priorauth.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class KnownPortal:
    """A portal, and the ids of the payers that are reached through it."""

    health: PortalHealth
    payers: tuple[str, ...]


def known_portals(tx: Transaction, environment: Environment) -> list[KnownPortal]:
    """Return every portal by name, also one that no case has tried yet, and one that no payer names any more."""
    health = {(each.portal, each.address): each for each in tx.portal_health.all()}
    payers: dict[tuple[str, str], list[str]] = {place: [] for place in health}
    for payer in tx.catalog.payers(environment):
        payers.setdefault((payer.portal.id, payer.portal.base_url or ""), []).append(payer.id)
    return [
        KnownPortal(health.get(place) or PortalHealth(portal=place[0], address=place[1]), tuple(payers[place]))
        for place in sorted(payers)
    ]
