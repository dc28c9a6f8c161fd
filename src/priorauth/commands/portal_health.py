"""What cases learn of payers' portals, as commands: every worker sees what any of them has met."""

from datetime import timedelta

from priorauth.domain.moment import Moment
from priorauth.store.transaction import Transaction

# The service's own faults, and those of its configuration, say nothing of a portal.
_NOT_THE_PORTALS = frozenset(
    {
        *("browser_failed", "browser_lost", "internal_error", "refused_by_guard"),
        *("credential_missing", "portal_not_configured", "reply_not_possible"),
    }
)


def admit(tx: Transaction, moment: Moment, *, portal: str, address: str) -> timedelta:
    """Return for how long a case should leave the portal alone; nothing when it may try it now.

    A portal that is down is tried by one case at a time: whoever is let in keeps the others out for a while.
    """
    health = tx.portal_health.of(portal, address, held=True)
    pause = health.pause(moment.now)
    if health.is_down and not pause:
        tx.portal_health.put(health.tried(moment.now))
    return pause


def note_success(tx: Transaction, moment: Moment, *, portal: str, address: str) -> None:
    """Record that a case has got through to the portal."""
    health = tx.portal_health.of(portal, address, held=True)
    if not health.remembers(moment.now):
        tx.portal_health.put(health.succeeded(moment.now))


def note_fault(
    tx: Transaction, moment: Moment, *, portal: str, address: str, code: str, out_of_reach: bool = False
) -> None:
    """Record a fault that a case has met, if it is the portal's."""
    if code not in _NOT_THE_PORTALS:
        health = tx.portal_health.of(portal, address, held=True)
        tx.portal_health.put(health.failed(moment.now, code=code, out_of_reach=out_of_reach))
