"""Workers come and go: what a dead one held is taken back, so that its cases go on elsewhere.

Nothing here asks who died just now, only who does not live: whoever is killed in the middle is followed by another who
finds the same and does the rest.
"""

from dataclasses import dataclass

from priorauth.commands import live_sessions, live_views
from priorauth.domain.moment import Moment
from priorauth.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Left:
    """What those who live no more have left: work that they are believed to run, and cases whose sessions they held."""

    runners: tuple[str, ...]
    cases: tuple[str, ...]


def join(tx: Transaction, *, worker: str, url: str, lease_seconds: float, alone: bool) -> None:
    """Register a worker before it does anything. One that is `alone` is the only one there can be."""
    if alone:
        tx.workers.remove_all_but(worker)
    tx.workers.add(worker, url=url, lease_seconds=lease_seconds)


def leave(tx: Transaction, *, worker: str) -> None:
    """Let a worker go that has let go of everything."""
    tx.workers.remove(worker)


def bury(tx: Transaction) -> Left:
    """End the leases that have run out, give what waits for the dead to all, and return what else they have left."""
    tx.workers.remove_dead()
    # The living are read last: whoever joined meanwhile is among them, and nobody who holds something joined later.
    runners, queues, claimed = tx.work.runners(), tx.work.queues(), tx.sessions.by_worker()
    living = tx.workers.living()
    tx.work.return_to_all(queues.difference(living))
    cases = (case for worker, held in claimed.items() if worker not in living for case in held)
    return Left(tuple(sorted(runners.difference(living))), tuple(sorted(cases)))


def take_back(tx: Transaction, moment: Moment, *, authorization_id: str) -> None:
    """End a case's session, and its views, that a dead worker held."""
    case = tx.authorizations.get(authorization_id)
    claim = tx.sessions.of(authorization_id)
    if case is None or claim is None or tx.workers.url_of(claim.worker) is not None:
        return
    live_views.end_all(tx, moment, authorization_id=authorization_id)
    live_sessions.release(tx, moment, authorization_id=authorization_id, session_id=claim.session_id)
