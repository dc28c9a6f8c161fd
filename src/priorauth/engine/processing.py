"""The service's move, as steps: bring a case to the payer's boundary, over it when that is allowed, and settle what
became of it.

Each step ends in a verdict of one word. A fault of the channel becomes a fresh start after a while, bounded; what an
exception says is never written down, since it may quote a page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog

from priorauth.channels.contract import (
    Absent,
    Answered,
    AtBoundary,
    Channel,
    ChannelFault,
    Discovered,
    Evidence,
    HumanNeeded,
    Job,
    NotRequired,
    NotSent,
    Preparation,
    Refused,
    Rejected,
    Submission,
    Unresolved,
    Withheld,
)
from priorauth.commands import processing as moves
from priorauth.commands import submissions
from priorauth.commands.processing import Observation
from priorauth.commands.record import load
from priorauth.domain.authorizations import Authorization, FinalSubmission, Reason
from priorauth.domain.errors import Issue, NotMutable, whereabouts
from priorauth.domain.events import SERVICE
from priorauth.domain.lifecycle import Status
from priorauth.domain.moment import Moment
from priorauth.domain.processing import approved_differences, may_submit
from priorauth.domain.submissions import Decision, PayerReceipt
from priorauth.engine.jobs import job_of
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction
from priorauth.store.work import processing as processing_work

_log = structlog.get_logger(__name__)


_NOT_SENT = Reason("submission_not_sent", "The portal's last button could not be pressed. Nothing was submitted.")
_NOT_TAKEN = Reason("submission_not_taken", "The payer did not take the submission, though it was tried several times.")


class Verdict(StrEnum):
    """How a step ended."""

    ENDED = "ended"
    UNRESOLVED = "unresolved"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How often lost or failed work of one run is started again, and how long its delays grow, in seconds."""

    at_most: int = 8
    longest_delay: float = 300.0

    def delay(self, faults: int) -> float:
        """Return the delay before the next fresh start."""
        return float(min(2.0 ** min(faults, 32), self.longest_delay))


class Processing:
    """The steps of the workflow `process_authorization`."""

    def __init__(
        self, *, database: Database, channels: Mapping[str, Channel], present: Callable[[], Moment], bounds: Bounds
    ) -> None:
        self._database = database
        self._channels = channels
        self._present = present
        self._bounds = bounds

    async def advance(self, authorization_id: str, run: int, turn: int) -> str:
        """Carry the case to its next pause, or over the boundary."""
        case, job = await self._read(authorization_id)
        if (case.journal.run, case.journal.turn) != (run, turn):
            return Verdict.ENDED
        if case.journal.open_attempt is not None:
            return Verdict.UNRESOLVED
        if case.status is not Status.PROCESSING:
            return Verdict.ENDED
        channel = self._channels[case.route.channel]
        try:
            outcome = await (self._submit(channel, case, job) if may_submit(case) else channel.prepare(job))
        except Exception as error:  # noqa: BLE001 - an adapter's fault, whatever it is, is tried again
            return await self._again_after(case, error)
        return await self._conclude(case, outcome)

    async def settle(self, authorization_id: str, run: int, turn: int) -> str:
        """Find out what the payer made of an attempt whose end is not known. Only reads at the payer."""
        case, job = await self._read(authorization_id)
        if case.journal.open_attempt is None or (case.journal.run, case.journal.turn) != (run, turn):
            return Verdict.ENDED
        try:
            found = await self._channels[case.route.channel].find(job)
        except Exception as error:  # noqa: BLE001 - an adapter's fault, whatever it is, is tried again
            return await self._again_after(case, error)
        if not isinstance(found, Absent):
            return await self._conclude(case, found)
        return await self._missed(case, settles_after=job.portal.submission_settles_after_seconds)

    async def _submit(self, channel: Channel, case: Authorization, job: Job) -> Submission:
        async def intend() -> bool:
            run, turn = case.journal.run, case.journal.turn
            try:
                await self._database.write(
                    lambda tx: submissions.begin_attempt(
                        tx, self._present(), authorization_id=case.id, run=run, turn=turn
                    )
                )
            except NotMutable:
                return False
            return True

        return await channel.submit(job, allowed=approved_differences(case), intend=intend)

    async def _conclude(self, case: Authorization, outcome: Preparation | Submission) -> str:
        match outcome:
            case Unresolved():
                return Verdict.UNRESOLVED
            case NotSent():
                return await self._start_afresh(case, _NOT_SENT, first=_conclude_unsent)
            case PayerReceipt() | Answered():
                await self._database.write(lambda tx: _record_evidence(tx, self._present(), case, outcome))
                return Verdict.ENDED
            case Withheld():
                return Verdict.ENDED
            case _:
                moment = self._present()
                await self._database.write(lambda tx: _observe(tx, moment, case, outcome))
                return Verdict.ENDED

    async def _missed(self, case: Authorization, *, settles_after: float) -> str:
        """The payer's search knows nothing: look again when that proves something, or begin anew if it does now."""

        def operation(tx: Transaction) -> None:
            moment = self._present()
            after = submissions.record_miss(tx, moment, authorization_id=case.id)
            attempt = after.journal.open_attempt
            delay = attempt.absence_proven_in(settles_after, now=moment.now) if attempt else 0.0
            self._afresh(tx, moment, after, _NOT_TAKEN, delay_seconds=delay, fault=attempt is None)

        await self._database.write(operation)
        return Verdict.AGAIN

    async def _again_after(self, case: Authorization, error: Exception) -> str:
        if isinstance(error, ChannelFault):
            return await self._start_afresh(case, Reason(error.code, error.message))
        _log.error("processing_fault", authorization_id=case.id, **whereabouts(error))
        return await self._start_afresh(case, Reason("internal_error", "The service met an unforeseen fault."))

    async def _start_afresh(
        self, case: Authorization, reason: Reason, *, first: Callable[[Transaction, Moment, str], object] | None = None
    ) -> str:
        """Note what went wrong and start the work again later, after `first`, all in one transaction."""

        def operation(tx: Transaction) -> None:
            moment = self._present()
            if first is not None:
                first(tx, moment, case.id)
            noted = {"code": reason.code}
            moves.note(tx, moment, authorization_id=case.id, event="channel_fault", actor=SERVICE, details=noted)
            self._afresh(tx, moment, case, reason, delay_seconds=self._bounds.delay(case.journal.faults))

        await self._database.write(operation)
        return Verdict.AGAIN

    def _afresh(
        self,
        tx: Transaction,
        moment: Moment,
        case: Authorization,
        reason: Reason,
        *,
        delay_seconds: float,
        fault: bool = True,
    ) -> None:
        moves.start_afresh(
            tx,
            moment,
            authorization_id=case.id,
            lost=processing_work(case.id, run=case.journal.run, turn=case.journal.turn).id,
            delay_seconds=delay_seconds,
            at_most=self._bounds.at_most,
            gave_up=reason,
            fault=fault,
        )

    async def _read(self, authorization_id: str) -> tuple[Authorization, Job]:
        def operation(tx: Transaction) -> tuple[Authorization, Job]:
            case = load(tx, authorization_id)
            return case, job_of(tx, case)

        return await self._database.read(operation)


def _observe(tx: Transaction, moment: Moment, case: Authorization, outcome: Preparation) -> None:
    """Record what keeps the case from going on by itself."""
    seen = Observation(case.id, case.journal.run, f"advance:{case.journal.run}.{case.journal.turn}")
    match outcome:
        case AtBoundary() if case.final_submission is FinalSubmission.AUTOMATIC:
            _stop_unapproved(tx, moment, seen, case=case, boundary=outcome)
        case AtBoundary(differences):
            moves.propose_review(tx, moment, seen, differences=differences)
        case Rejected(issues):
            moves.ask_for_more(tx, moment, seen, rejected=issues)
        case Discovered(items):
            moves.discover(tx, moment, seen, items=items)
        case NotRequired(message):
            moves.conclude_not_required(tx, moment, seen, message=message)
        case Refused(code, message) | HumanNeeded(code, message):
            moves.fail(tx, moment, seen, reason=Reason(code, message))
        case Decision():
            submissions.record_decision(tx, moment, seen, decision=outcome)


def _conclude_unsent(tx: Transaction, moment: Moment, authorization_id: str) -> None:
    submissions.conclude_unsent(tx, moment, authorization_id=authorization_id)


def _record_evidence(tx: Transaction, moment: Moment, case: Authorization, evidence: Evidence) -> None:
    match evidence:
        case PayerReceipt():
            submissions.record_receipt(tx, moment, authorization_id=case.id, receipt=evidence)
        case Answered():
            inquiry = case.journal.open_inquiry
            if inquiry is not None:
                submissions.record_answer(tx, moment, authorization_id=case.id, inquiry=inquiry.number)


def _stop_unapproved(
    tx: Transaction, moment: Moment, seen: Observation, *, case: Authorization, boundary: AtBoundary
) -> None:
    """Stop before the boundary, since nobody may approve what the payer's page shows otherwise."""
    fields = ", ".join(difference.field for difference in boundary.differences)
    said = f"The payer's form shows other values than the case: {fields}. Nothing was submitted."
    if case.submission.payer_receipt is None:
        moves.fail(tx, moment, seen, reason=Reason("portal_shows_other_values", said))
    else:
        # The payer has the case and goes on with it: that is no end.
        moves.ask_for_more(tx, moment, seen, rejected=(Issue("portal_shows_other_values", said),))
