"""What the engine learned, as commands. Each is recorded under a deterministic observation id, so that a step that
runs again after a crash changes nothing twice; each refuses work that belongs to an earlier run of the case.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from zlib import crc32

from priorauth.commands.record import enqueue, enqueue_next, knowledge, load, next_work, record
from priorauth.domain import processing, reviews
from priorauth.domain.authorizations import Authorization, Knowledge, Reason
from priorauth.domain.errors import Issue
from priorauth.domain.events import PAYER, SERVICE, Actor, Occurrence, TimelineEntry
from priorauth.domain.lifecycle import Status
from priorauth.domain.moment import Moment
from priorauth.domain.processing import is_in_hand
from priorauth.domain.questionnaires import Item
from priorauth.domain.reviews import Difference, ReadPackage
from priorauth.store.transaction import Transaction
from priorauth.store.work import Work, WorkState

_UNRESOLVED = Reason(
    "submission_unresolved",
    "The case may have been submitted, and the payer could not be asked whether it was. "
    "Look for it at the payer before you send it again.",
)
_OUT_OF_REACH = Reason(
    "portal_unavailable",
    "The payer's portal could not be reached for so long that the service gave up. Nothing was submitted. Create the "
    "case anew when the portal is back, or send it to the payer by another way.",
)

_REFUSED = Reason(
    "credential_suspended",
    "The payer's portal refuses the service's credentials, and nobody has put them right for so long that the service "
    "gave up. Nothing was submitted. Ask the operator of this server to look at `priorauth credentials list`, and "
    "create the case anew.",
)
_EXHAUSTED = Reason(
    "sign_ins_exhausted",
    "Signing in to the payer's portal has failed for so long that the service gave up. Nothing was submitted. Ask the "
    "operator of this server to sign in there once, and create the case anew.",
)
_SIGN_IN_WAITS = {each.code: each for each in (_REFUSED, _EXHAUSTED)}

REPEATED_AT_MOST = 200
"""How many entries of one event type an authorization gets of what happens as often as somebody else likes."""

Decide = Callable[[Authorization, Knowledge], Authorization]


@dataclass(frozen=True, slots=True)
class Observation:
    """Where something was observed: at which case, by the work of which run, under which id.

    The id is the same when the step that observes runs again, so that what it saw is recorded once.
    """

    authorization_id: str
    run: int
    id: str


def propose_review(
    tx: Transaction,
    moment: Moment,
    seen: Observation,
    *,
    differences: tuple[Difference, ...],
    read: ReadPackage | None = None,
    warnings: tuple[reviews.Warning, ...] = (),
) -> Authorization:
    """Pause the case for an approval of the package."""

    def decide(case: Authorization, known: Knowledge) -> Authorization:
        return processing.propose_review(case, known, moment, differences=differences, read=read, warnings=warnings)

    return _observe(tx, moment, seen, event="approval_required", decide=decide)


def ask_for_more(tx: Transaction, moment: Moment, seen: Observation, *, rejected: tuple[Issue, ...]) -> Authorization:
    """Return the case to its customer with what the payer rejected."""

    def decide(case: Authorization, known: Knowledge) -> Authorization:
        return processing.ask_for_more(case, known, moment, rejected=rejected)

    return _observe(tx, moment, seen, event="more_information_needed", decide=decide, actor=PAYER)


def discover(tx: Transaction, moment: Moment, seen: Observation, *, items: tuple[Item, ...]) -> Authorization:
    """Return the case to its customer with what the payer asks beyond its questionnaires."""

    def decide(case: Authorization, known: Knowledge) -> Authorization:
        return processing.discover(case, known, moment, items=items)

    return _observe(tx, moment, seen, event="questions_discovered", decide=decide, actor=PAYER)


def conclude_not_required(tx: Transaction, moment: Moment, seen: Observation, *, message: str) -> Authorization:
    """Complete the case: the payer wants no authorization for the service."""

    def decide(case: Authorization, _: Knowledge) -> Authorization:
        return processing.conclude_not_required(case, moment, message=message)

    return _observe(tx, moment, seen, event="authorization_not_required", decide=decide, actor=PAYER)


def fail(tx: Transaction, moment: Moment, seen: Observation, *, reason: Reason) -> Authorization:
    """End the case as failed."""

    def decide(case: Authorization, _: Knowledge) -> Authorization:
        return processing.fail(case, moment, reason=reason)

    return _observe(tx, moment, seen, event="failed", decide=decide)


def _observe(
    tx: Transaction, moment: Moment, seen: Observation, *, event: str, decide: Decide, actor: Actor = SERVICE
) -> Authorization:
    """Record what work in processing observed; return the case as it is afterwards.

    A repeated observation, and one by work that no longer has the case, changes nothing.
    """
    case = load(tx, seen.authorization_id)
    if tx.timeline.has_observed(case.id, seen.id) or not is_in_hand(case, seen.run, Status.PROCESSING):
        return case
    changed = decide(case, knowledge(tx, case, moment))
    return record(tx, before=case, after=changed, moment=moment, actor=actor, event=event, observation_id=seen.id)


def keep_following(tx: Transaction, *, authorization_id: str, run: int, turn: int) -> Authorization:
    """Record a status check that brought nothing new, and schedule the next one."""
    case = load(tx, authorization_id)
    due = case.status is Status.WAITING_ON_PAYER and (case.journal.run, case.journal.turn) == (run, turn)
    if due:
        case = processing.checked(case)
        tx.authorizations.save(case)
        enqueue_next(tx, case)
    return case


def note(
    tx: Transaction,
    moment: Moment,
    *,
    authorization_id: str,
    event: str,
    actor: Actor,
    details: dict[str, str],
    observation_id: str | None = None,
) -> None:
    """Append to the timeline what changes nothing in the case: a page reached, a refused request.

    What has an observation id is appended once.
    """
    case = load(tx, authorization_id)
    if observation_id is not None and tx.timeline.has_observed(case.id, observation_id):
        return
    entry = TimelineEntry(
        id=moment.new_id("evt"),
        type=event,
        actor=actor,
        occurred_at=moment.now,
        from_version=case.version,
        to_version=case.version,
        details=details,
    )
    tx.timeline.append(Occurrence(authorization_id=case.id, entry=entry), observation_id=observation_id)


def note_repeated(
    tx: Transaction, moment: Moment, *, authorization_id: str, event: str, actor: Actor, details: dict[str, str]
) -> None:
    """Append to the timeline what others decide how often it happens, for example a portal's page; at most 200 times.

    The last entry that is appended says so (`further`: `not_noted`). Those after it are in metrics and log alone.
    """
    case = load(tx, authorization_id)
    earlier = tx.timeline.count_repeated(case.id, event)
    last = {"further": "not_noted"} if earlier + 1 == REPEATED_AT_MOST else {}
    entry = TimelineEntry(
        id=moment.new_id("evt"),
        type=event,
        actor=actor,
        occurred_at=moment.now,
        from_version=case.version,
        to_version=case.version,
        details={**details, **last},
    )
    happened = Occurrence(authorization_id=case.id, entry=entry)
    if earlier < REPEATED_AT_MOST:
        tx.timeline.append_repeated(happened, ordinal=earlier)
    else:
        tx.timeline.tell(happened)


def expected_work(tx: Transaction, authorization_id: str) -> tuple[Work | None, WorkState, str | None]:
    """Return the work that must be under way for the case, if any, its state in the engine's tables, and its runner."""
    work = next_work(tx, load(tx, authorization_id))
    if work is None:
        return None, WorkState.GONE, None
    return work, tx.work.state_of(work.id), tx.work.runner_of(work.id)


def start_afresh(
    tx: Transaction,
    moment: Moment,
    *,
    authorization_id: str,
    lost: str,
    delay_seconds: float,
    at_most: int,
    gave_up: Reason,
    fault: bool = True,
) -> Authorization:
    """Start the case's work `lost` again under a new turn, after a delay; work that is not the present one stays lost.

    A case in processing that meets more than `at_most` faults in a row fails with `gave_up`. What the payer has is
    never given up, neither is the search for what it may have of a canceled case.
    """
    case = load(tx, authorization_id)
    work = next_work(tx, case)
    if work is None or work.id != lost:
        return case
    if fault and case.journal.faults >= at_most and _may_be_given_up(case):
        return _give_up(tx, moment, case, gave_up)
    return _again(tx, processing.started_afresh(case, fault=fault), delay_seconds=delay_seconds)


def wait_out(
    tx: Transaction,
    moment: Moment,
    *,
    authorization_id: str,
    lost: str,
    patience: timedelta,
    look_at_least_every: float,
    sign_in: str | None = None,
    cause: str | None = None,
) -> Authorization:
    """Start the case's work `lost` again after a while, because its payer cannot be reached now.

    `sign_in` is why its account may not sign in now, where that keeps it: `credential_suspended`, `sign_ins_exhausted`.
    `cause` is why the portal cannot be reached, as far as this case has met it.
    A case in processing that has waited for longer than `patience` fails. What the payer has is never given up.
    """
    case = load(tx, authorization_id)
    work = next_work(tx, case)
    if work is None or work.id != lost:
        return case
    outage = processing.present_outage(case, moment)
    if moment.now - outage.since >= patience and _may_be_given_up(case):
        return _give_up(tx, moment, case, _SIGN_IN_WAITS[sign_in] if sign_in is not None else _OUT_OF_REACH)
    if outage != case.journal.outage:
        event, code = ("payer_out_of_reach", cause) if sign_in is None else ("sign_in_awaited", sign_in)
        details = {"code": code} if code is not None else {}
        note(tx, moment, authorization_id=case.id, event=event, actor=SERVICE, details=details)
    delay = outage.next_look_in(moment.now, spread=crc32(work.id.encode()) / 2**32, at_most=look_at_least_every)
    return _again(tx, processing.waiting_out(case, moment), delay_seconds=delay.total_seconds())


def note_reached(tx: Transaction, moment: Moment, *, authorization_id: str) -> None:
    """Record that the payer can be reached again, where the case has waited for it."""
    case = load(tx, authorization_id)
    outage = case.journal.outage
    if outage is not None:
        tx.authorizations.save(processing.reached(case))
        waited = str(int((moment.now - outage.since).total_seconds()))
        details = {"waitedSeconds": waited}
        note(tx, moment, authorization_id=case.id, event="payer_reached", actor=SERVICE, details=details)


def _may_be_given_up(case: Authorization) -> bool:
    return case.status is Status.PROCESSING and case.submission.payer_receipt is None


def _give_up(tx: Transaction, moment: Moment, case: Authorization, gave_up: Reason) -> Authorization:
    reason = gave_up if case.journal.open_attempt is None else _UNRESOLVED
    failed = processing.fail(case, moment, reason=reason)
    return record(tx, before=case, after=failed, moment=moment, actor=SERVICE, event="failed")


def _again(tx: Transaction, case: Authorization, *, delay_seconds: float) -> Authorization:
    tx.authorizations.save(case)
    following = next_work(tx, case)
    if following is not None:
        enqueue(tx, case, replace(following, delay_seconds=delay_seconds))
    return case
