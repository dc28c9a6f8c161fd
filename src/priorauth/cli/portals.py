"""Payers' portals: which of them are up, as the cases that went there have found."""

from collections.abc import Mapping

from priorauth.cli.common import AsJson, DataDir, opened, show
from priorauth.cli.providers import InEnvironment
from priorauth.domain.organizations import Environment
from priorauth.domain.portals.health import PortalHealth
from priorauth.queries.portal_health import KnownPortal, known_portals


def portals(
    environment: InEnvironment = Environment.SANDBOX, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Say of every payer's portal whether it is up, since when not, and when a case last got through."""
    with opened(data_dir, environment) as database:
        found = database.read_now(lambda tx: known_portals(tx, environment))
    show([_row(each) for each in found], as_json=as_json)


def _row(known: KnownPortal) -> Mapping[str, object]:
    health = known.health
    return {
        "portal": health.portal,
        "address": health.address or None,
        "payers": known.payers,
        "state": _state(health),
        "since": health.down_since if health.is_down else None,
        "lastSuccess": health.last_success_at,
        "lastFault": health.last_fault,
        "lastFaultAt": health.last_fault_at,
        "faultsInARow": health.faults,
    }


def _state(health: PortalHealth) -> str:
    if health.last_success_at is None and health.last_fault_at is None:
        return "not tried"
    return "down" if health.is_down else "up"
