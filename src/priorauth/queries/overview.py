"""How the whole service is doing, in numbers: for whoever watches over it, of all organizations together."""

from collections.abc import Mapping
from dataclasses import dataclass

from priorauth.domain.lifecycle import Status
from priorauth.domain.moment import Moment
from priorauth.domain.portals.health import PortalHealth
from priorauth.store.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Cases by status, work, portals that were tried. `oldest_wait` is in seconds, 0 when no work is due."""

    cases: Mapping[Status, int]
    work_waiting: int
    work_running: int
    work_delayed: int
    oldest_wait: float
    workers: int
    restore_found: bool
    portals: tuple[PortalHealth, ...]
    credentials_suspended: int


def overview(tx: Transaction, moment: Moment) -> Overview:
    """Return the numbers as they are now."""
    load = tx.work.load()
    since = load.waiting_since
    return Overview(
        cases=tx.authorizations.count_by_status(),
        work_waiting=load.waiting,
        work_running=load.running,
        work_delayed=load.delayed,
        workers=tx.workers.count(),
        restore_found=tx.submission_claims.restore_found_at() is not None,
        portals=tuple(tx.portal_health.all()),
        credentials_suspended=tx.credentials.count_suspended(),
        oldest_wait=max(moment.now.timestamp() - since, 0.0) if since is not None else 0.0,
    )
