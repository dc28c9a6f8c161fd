"""After a human's turn: the service reads for itself what is true at the payer, whatever was reported.

It only reads. What it finds is recorded as if the service had done it; where it finds nothing, the case goes on, is
offered to a human again, or fails when the human said that it cannot be done.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from priorauth.channels.contract import (
    Answered,
    Channel,
    Evidence,
    EvidenceMismatch,
    HumanNeeded,
    NothingFound,
    NotRequired,
)
from priorauth.commands import handoffs, submissions
from priorauth.commands import processing as moves
from priorauth.commands.processing import Observation
from priorauth.commands.record import load
from priorauth.domain import interactions
from priorauth.domain.authorizations import Authorization
from priorauth.domain.boundary.evidence import accepts_mismatch, rejects_mismatch
from priorauth.domain.handoffs import ManualHandoff
from priorauth.domain.moment import Moment
from priorauth.domain.submissions import PayerReceipt
from priorauth.engine.jobs import job_of
from priorauth.engine.outcomes import offer_mismatch, record_evidence
from priorauth.engine.processing import Verdict, closing_handoff
from priorauth.engine.retries import Retries
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction


class Reconciling:
    """The step of the workflow `process_authorization` that follows the close of a handoff."""

    def __init__(
        self, *, database: Database, channels: Mapping[str, Channel], present: Callable[[], Moment], retries: Retries
    ) -> None:
        self._database = database
        self._channels = channels
        self._present = present
        self._retries = retries

    async def reconcile(self, authorization_id: str, run: int, turn: int) -> str:
        """Find out what became of the case in the human's hands, and record it."""
        case, job = await self._database.read(lambda tx: (case := load(tx, authorization_id), job_of(tx, case)))
        handoff = closing_handoff(case)
        if handoff is None or (case.journal.run, case.journal.turn) != (run, turn):
            return Verdict.ENDED
        if accepts_mismatch(case):
            # A person has looked at the payer's page: it is not read again to believe them.
            await self._channels[case.route.channel].let_go(case.id)
            await self._database.write(lambda tx: handoffs.resolve_mismatch(tx, self._present(), _seen(case)))
            return Verdict.ENDED
        if not await self._retries.may_try(case, job):
            return Verdict.AGAIN
        reported = handoff.report.reference_number if handoff.report else None
        looked_at = self._present().now
        try:
            found = await self._channels[case.route.channel].reconcile(job, reference_number=reported)
        except Exception as error:  # noqa: BLE001 - an adapter's fault, whatever it is, is tried again
            await self._retries.after_error(case, job, error)
            return Verdict.AGAIN
        await self._retries.after_success(case, job)
        settles_after = job.portal.submission_settles_after_seconds

        def operation(tx: Transaction) -> str:
            return self._conclude(tx, (case, handoff, found), looked_at=looked_at, settles_after=settles_after)

        return await self._database.write(operation)

    def _conclude(
        self,
        tx: Transaction,
        looked: tuple[
            Authorization, ManualHandoff, Evidence | EvidenceMismatch | NotRequired | NothingFound | HumanNeeded
        ],
        *,
        looked_at: datetime,
        settles_after: float,
    ) -> str:
        case, handoff, found = looked
        moment, seen = self._present(), _seen(case)
        match found:
            case PayerReceipt() | NotRequired() if case.submission.payer_receipt is not None:
                handoffs.reconcile(tx, moment, seen)
            case PayerReceipt() | Answered():
                record_evidence(tx, moment, case, found)
            case EvidenceMismatch() if rejects_mismatch(case):
                handoffs.resolve_mismatch(tx, moment, seen)
            case EvidenceMismatch():
                offer_mismatch(tx, moment, seen, found)
            case NotRequired(message):
                moves.conclude_not_required(tx, moment, seen, message=message)
            case HumanNeeded() if interactions.gives_up(case):
                handoffs.reconcile(tx, moment, seen)
            case HumanNeeded(reason, message, differences):
                handoffs.offer(tx, moment, seen, reason=reason, message=message, differences=differences)
            case NothingFound():
                looked_then = (case, handoff, found, looked_at)
                return self._nothing(tx, moment, seen, looked_then, settles_after=settles_after)
        return Verdict.ENDED

    def _nothing(
        self,
        tx: Transaction,
        moment: Moment,
        seen: Observation,
        looked: tuple[Authorization, ManualHandoff, NothingFound, datetime],
        *,
        settles_after: float,
    ) -> str:
        case, handoff, found, looked_at = looked
        attempt = case.journal.open_attempt
        # Once the payer was asked, nobody could tell; a later browser of the case knows no more than that.
        knows = attempt is not None and attempt.handoff_id == handoff.id and attempt.missed_at is None
        if attempt is not None and knows and (found.unsent or attempt.awaits_press):
            submissions.conclude_unsent(tx, moment, authorization_id=case.id)
        elif (
            attempt is not None
            and found.searched
            and not attempt.needs_person
            and not self._retries.after_miss(tx, moment, case, looked_at=looked_at, settles_after=settles_after)
        ):
            return Verdict.AGAIN
        handoffs.reconcile(tx, moment, seen)
        return Verdict.ENDED


def _seen(case: Authorization) -> Observation:
    journal = case.journal
    return Observation(case.id, journal.run, f"reconcile:{journal.run}.{journal.turn}")
