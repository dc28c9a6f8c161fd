"""How a decision about a case is written down: the case, its timeline and the work that follows, together."""

from collections.abc import Mapping
from dataclasses import replace

from priorauth.domain.authorizations import Authorization, Knowledge
from priorauth.domain.errors import AuthorizationNotFound
from priorauth.domain.events import Actor, Occurrence, TimelineEntry
from priorauth.domain.lifecycle import Status
from priorauth.domain.live.grants import AccessGrant
from priorauth.domain.live_sessions import AccessMode
from priorauth.domain.moment import Moment
from priorauth.domain.reviews import SnapshotStatus
from priorauth.formats.icd10cm import icd10cm
from priorauth.formats.patterns import payer_patterns
from priorauth.store.transaction import Transaction
from priorauth.store.work import Line, Work, following, processing

# An offer that nobody takes before its session is lost is made again, but each time at the payer's expense.
_LONGEST_RESPITE = 300.0


def knowledge(tx: Transaction, case: Authorization, moment: Moment) -> Knowledge:
    """Return what decisions about the case rest on: its pinned payer, the code sets, the patterns' matcher, the day."""
    return Knowledge(tx.catalog.payer_version(case.payer_version), icd10cm(), payer_patterns(), moment.now.date())


def record(
    tx: Transaction,
    *,
    before: Authorization | None,
    after: Authorization,
    moment: Moment,
    actor: Actor,
    event: str,
    details: Mapping[str, str] | None = None,
    observation_id: str | None = None,
) -> Authorization:
    """Write `after` down and return it; a decision that changed nothing leaves no trace."""
    if before == after:
        return after
    if before is None:
        tx.authorizations.add(after)
    else:
        tx.authorizations.save(after)
    entry = TimelineEntry(
        id=moment.new_id("evt"),
        type=event,
        actor=actor,
        occurred_at=moment.now,
        from_version=before.version if before else None,
        to_version=after.version,
        details={"status": after.status.value, **(details or {})},
    )
    happened = Occurrence(
        authorization_id=after.id,
        entry=entry,
        before=before.status if before else None,
        since=before.updated_at if before else None,
        after=after.status,
    )
    tx.timeline.append(happened, observation_id=observation_id)
    _let_reviewers_watch(tx, moment, before=before, after=after)
    entered = before is None or before.status is not after.status or before.journal.run != after.journal.run
    if entered:
        enqueue_next(tx, after)
    return after


def _let_reviewers_watch(
    tx: Transaction, moment: Moment, *, before: Authorization | None, after: Authorization
) -> None:
    """Store the grant of a new snapshot, which the snapshot names already."""
    snapshot = after.submission.review_snapshot
    issued = snapshot is not None and (before is None or before.submission.review_snapshot != snapshot)
    if snapshot is None or not issued or snapshot.access_grant_id is None or snapshot.status is SnapshotStatus.STALE:
        return
    tx.access_grants.add(
        AccessGrant(
            id=snapshot.access_grant_id,
            authorization_id=after.id,
            mode=AccessMode.READ_ONLY,
            session_id=None,
            review_snapshot_id=snapshot.id,
            minted_by=None,
            created_at=moment.now,
            expires_at=None,
        )
    )


def enqueue_next(tx: Transaction, case: Authorization) -> None:
    """Enqueue the work that the case's status calls for; nothing when the move is not the service's."""
    work = next_work(tx, case)
    if work is not None:
        enqueue(tx, case, work)


def enqueue(tx: Transaction, case: Authorization, work: Work) -> None:
    """Enqueue work of a case, in its line, with the worker that holds the case's session."""
    line = Line(case.payer_id, case.organization_id)
    claim = tx.sessions.of(case.id)
    holder = claim.worker if claim is not None and tx.workers.url_of(claim.worker) is not None else None
    tx.enqueue(replace(work, line=line, worker=holder))


def next_work(tx: Transaction, case: Authorization) -> Work | None:
    """Return the work that must be under way for the case in its present state, or None."""
    journal = case.journal
    if not case.awaits_work:
        return None
    if case.status is not Status.WAITING_ON_PAYER:
        respite = min(2.0 ** min(journal.offers_lost, 32), _LONGEST_RESPITE) if journal.offers_lost else 0.0
        return processing(case.id, run=journal.run, turn=journal.turn, delay_seconds=respite)
    schedule = tx.catalog.payer_version(case.payer_version).status_checks
    return following(
        case.id,
        run=journal.run,
        turn=journal.turn,
        delay_seconds=schedule.delay(journal.status_checks),
    )


def load(tx: Transaction, authorization_id: str) -> Authorization:
    """Return a case for the engine. Raises AuthorizationNotFound."""
    case = tx.authorizations.get(authorization_id)
    if case is None:
        raise AuthorizationNotFound
    return case
