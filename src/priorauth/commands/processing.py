"""What the engine learned, as commands. Each is recorded under a deterministic observation id, so that a step that
runs again after a crash changes nothing twice; each refuses work that belongs to an earlier run of the case.
"""

from collections.abc import Callable
from dataclasses import replace

from priorauth.commands.record import enqueue_next, knowledge, load, next_work, record
from priorauth.domain import processing
from priorauth.domain.authorizations import Authorization, Reason
from priorauth.domain.errors import Issue
from priorauth.domain.events import PAYER, SERVICE, Actor, TimelineEntry
from priorauth.domain.lifecycle import Status
from priorauth.domain.moment import Moment
from priorauth.domain.reviews import Difference
from priorauth.store.transaction import Transaction

Decide = Callable[[Authorization], Authorization]


def observe(
    tx: Transaction,
    moment: Moment,
    *,
    authorization_id: str,
    run: int,
    observation_id: str,
    event: str,
    decide: Decide,
    actor: Actor = SERVICE,
) -> Authorization:
    """Record one observation of a case that is in hand; return the case as it is afterwards.

    A repeated observation, and one for a case that is no longer in hand, changes nothing.
    """
    case = load(tx, authorization_id)
    if tx.timeline.has_observed(case.id, observation_id) or not processing.is_in_hand(case, run):
        return case
    changed = decide(case)
    return record(
        tx, before=case, after=changed, moment=moment, actor=actor, event=event, observation_id=observation_id
    )


def propose_review(
    tx: Transaction,
    moment: Moment,
    *,
    authorization_id: str,
    run: int,
    observation_id: str,
    differences: tuple[Difference, ...],
) -> Authorization:
    """Pause the case for an approval of the package."""

    def decide(case: Authorization) -> Authorization:
        return processing.propose_review(case, knowledge(tx, case), moment, differences=differences)

    return observe(
        tx,
        moment,
        authorization_id=authorization_id,
        run=run,
        observation_id=observation_id,
        event="approval_required",
        decide=decide,
    )


def ask_for_more(
    tx: Transaction,
    moment: Moment,
    *,
    authorization_id: str,
    run: int,
    observation_id: str,
    rejected: tuple[Issue, ...],
) -> Authorization:
    """Return the case to its customer with what the payer rejected."""

    def decide(case: Authorization) -> Authorization:
        return processing.ask_for_more(case, knowledge(tx, case), moment, rejected=rejected)

    return observe(
        tx,
        moment,
        authorization_id=authorization_id,
        run=run,
        observation_id=observation_id,
        event="more_information_needed",
        decide=decide,
        actor=PAYER,
    )


def fail(
    tx: Transaction, moment: Moment, *, authorization_id: str, run: int, observation_id: str, reason: Reason
) -> Authorization:
    """End the case as failed."""
    return observe(
        tx,
        moment,
        authorization_id=authorization_id,
        run=run,
        observation_id=observation_id,
        event="failed",
        decide=lambda case: processing.fail(case, moment, reason=reason),
    )


def keep_following(tx: Transaction, *, authorization_id: str, run: int, checks: int) -> Authorization:
    """Record a status check that brought nothing new, and schedule the next one."""
    case = load(tx, authorization_id)
    due = case.status is Status.WAITING_ON_PAYER and case.journal.run == run and case.journal.status_checks == checks
    if due:
        case = processing.checked(case)
        tx.authorizations.save(case)
        enqueue_next(tx, case)
    return case


def note(
    tx: Transaction, moment: Moment, *, authorization_id: str, event: str, actor: Actor, details: dict[str, str]
) -> None:
    """Append to the timeline what changes nothing in the case: a page reached, a refused request."""
    case = load(tx, authorization_id)
    entry = TimelineEntry(
        id=moment.new_id("evt"),
        type=event,
        actor=actor,
        occurred_at=moment.now,
        from_version=case.version,
        to_version=case.version,
        details=details,
    )
    tx.timeline.append(case.id, entry)


def postpone(
    tx: Transaction,
    moment: Moment,
    *,
    authorization_id: str,
    run: int,
    delay_seconds: float,
    at_most: int,
    gave_up: Reason,
) -> Authorization:
    """Start the processing of a case anew after a delay; fail it with `gave_up` once that was done `at_most` times."""
    case = load(tx, authorization_id)
    if next_work(tx, case) is None or case.journal.run != run:
        return case
    return _again(tx, moment, case=case, delay_seconds=delay_seconds, at_most=at_most, gave_up=gave_up)


def is_stuck(tx: Transaction, authorization_id: str) -> bool:
    """Say whether the case calls for work that is neither running nor scheduled."""
    expected = next_work(tx, load(tx, authorization_id))
    return expected is not None and not tx.is_under_way(expected.id)


def resume(tx: Transaction, moment: Moment, *, authorization_id: str, at_most: int) -> Authorization:
    """Start the work of a case again if it has lost it; fail it once that was done `at_most` times while processing."""
    case = load(tx, authorization_id)
    if not is_stuck(tx, authorization_id):
        return case
    gave_up = Reason("processing_exhausted", "The service could not bring the case on and gave up after several tries.")
    return _again(tx, moment, case=case, delay_seconds=0.0, at_most=at_most, gave_up=gave_up)


def _again(
    tx: Transaction, moment: Moment, *, case: Authorization, delay_seconds: float, at_most: int, gave_up: Reason
) -> Authorization:
    # What the payer has is never given up; neither is the search for what it may have of a canceled case.
    if case.journal.resumptions >= at_most and case.status is Status.PROCESSING:
        failed = processing.fail(case, moment, reason=gave_up)
        return record(tx, before=case, after=failed, moment=moment, actor=SERVICE, event="failed")
    resumed = processing.resumed(case)
    record(tx, before=case, after=resumed, moment=moment, actor=SERVICE, event="work_resumed")
    work = next_work(tx, resumed)
    if work is not None:
        tx.enqueue(replace(work, delay_seconds=delay_seconds))
    return resumed
