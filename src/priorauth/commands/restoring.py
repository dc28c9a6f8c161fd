"""What is done to every open case after a database came back from a copy: its record is older than the world."""

from collections.abc import Set
from dataclasses import dataclass

from priorauth.commands import handoffs, live_sessions, live_views, submissions
from priorauth.commands.record import load, record
from priorauth.domain import processing
from priorauth.domain.authorizations import Authorization
from priorauth.domain.events import SERVICE
from priorauth.domain.moment import Moment
from priorauth.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """How many submissions the database lacked, and the authorizations among them that it does not have at all."""

    submissions: int
    unknown: tuple[str, ...]


def doubt(tx: Transaction, moment: Moment, *, authorization_id: str) -> Authorization:
    """Let the case be looked for at its payer before anything is sent for it.

    No copy brings its session back, so that what was offered to a human in it is over. Done twice it is done once
    more: a look from before counts for nothing.
    """
    case = load(tx, authorization_id)
    doubted = processing.doubt(case, moment)
    record(tx, before=case, after=doubted, moment=moment, actor=SERVICE, event="restored")
    live_views.end_all(tx, moment, authorization_id=authorization_id)
    claim = tx.sessions.of(authorization_id)
    if claim is not None:
        live_sessions.release(tx, moment, authorization_id=authorization_id, session_id=claim.session_id)
    handoffs.lose(tx, moment, authorization_id=authorization_id)
    return submissions.begin_search(tx, moment, authorization_id=authorization_id)


def workers_at_work(tx: Transaction) -> list[str]:
    """End the leases that have run out; return whose stand: those may be sending something now."""
    tx.workers.remove_dead()
    return tx.workers.living()


def acknowledge(tx: Transaction, moment: Moment, *, claims: Set[tuple[str, int]], last_number: int) -> Acknowledged:
    """Acknowledge a restore: the database takes over the `claims` of the file store that it lacks.

    To be called last, when every open authorization is doubted: from here on its nodes work again.
    """
    lacking = sorted(claims - tx.submission_claims.every())
    tx.submission_claims.acknowledge(lacking, last_number=last_number, now=moment.now)
    there = tx.authorizations.existing({authorization_id for authorization_id, _ in lacking})
    unknown = dict.fromkeys(each for each, _ in lacking if each not in there)
    return Acknowledged(len(lacking), tuple(unknown))
