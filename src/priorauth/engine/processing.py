"""The service's move, as steps: bring a case to the payer's boundary, over it when that is allowed, and settle what
became of it.

Each step ends in a verdict of one word. A fault of the channel becomes a fresh start after a while, bounded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from priorauth.channels.contract import (
    Absent,
    Answered,
    AtBoundary,
    Channel,
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
from priorauth.commands import handoffs, submissions
from priorauth.commands import processing as moves
from priorauth.commands.processing import Observation
from priorauth.commands.record import load
from priorauth.domain.authorizations import Authorization, FinalSubmission, Reason
from priorauth.domain.errors import Issue, NotMutable, TemporarilyUnavailable
from priorauth.domain.handoffs import HandoffState, ManualHandoff, OfferReason
from priorauth.domain.lifecycle import Status
from priorauth.domain.moment import Moment
from priorauth.domain.processing import approved_differences, may_submit
from priorauth.domain.submissions import Decision, PayerReceipt
from priorauth.engine.jobs import job_of
from priorauth.engine.retries import Retries
from priorauth.store.claims.submission_claims import SubmissionClaims
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction

_HUMANS_TURN = "A human was let submit this case at the payer, so the service does not submit it by itself any more."
_NOT_SENT = Reason(
    "submission_not_sent",
    "The portal's last button could not be pressed. Nothing was submitted: create the case anew, or ask the operator "
    "of this server to look at the portal.",
)
_UNCLAIMED = Reason(
    "files_unavailable",
    "The file store cannot be reached, and no submission leaves without its claim there. Nothing was submitted: create "
    "the authorization again later, or ask the operator of this server.",
)


@dataclass(frozen=True, slots=True)
class _Unclaimed:
    """The intent is committed, and its claim could not be made: nothing was sent."""


class Verdict(StrEnum):
    """How a step ended."""

    ENDED = "ended"
    UNRESOLVED = "unresolved"
    CLOSING = "closing"
    AGAIN = "again"


class Processing:
    """The steps of the workflow `process_authorization`."""

    def __init__(
        self,
        *,
        database: Database,
        claims: SubmissionClaims,
        channels: Mapping[str, Channel],
        present: Callable[[], Moment],
        retries: Retries,
    ) -> None:
        self._database = database
        self._claims = claims
        self._channels = channels
        self._present = present
        self._retries = retries

    async def advance(self, authorization_id: str, run: int, turn: int) -> str:
        """Carry the case to its next pause, or over the boundary."""
        case, job = await self._read(authorization_id)
        over = case.status is not Status.PROCESSING and case.journal.open_attempt is None
        if over or (case.journal.run, case.journal.turn) != (run, turn):
            return Verdict.ENDED
        if closing_handoff(case) is not None:
            return Verdict.CLOSING
        if case.journal.open_attempt is not None:
            return Verdict.UNRESOLVED
        if case.only_waits:
            seen = Observation(case.id, run, f"advance:{run}.{turn}")
            await self._database.write(lambda tx: handoffs.resume(tx, self._present(), seen))
            return Verdict.ENDED
        if case.journal.is_doubted:
            sought = await self._database.write(
                lambda tx: submissions.begin_search(tx, self._present(), authorization_id=case.id)
            )
            return Verdict.UNRESOLVED if sought.journal.open_attempt is not None else Verdict.ENDED
        if not await self._retries.may_try(case, job):
            return Verdict.AGAIN
        channel = self._channels[case.route.channel]
        try:
            # What a human was let send stops at the boundary for another human, whatever the policy says.
            submits = may_submit(case) and not case.journal.human_attempted
            outcome = await (self._submit(channel, case, job) if submits else channel.prepare(job))
        except Exception as error:  # noqa: BLE001 - an adapter's fault, whatever it is, is tried again
            await self._retries.after_error(case, job, error)
            return Verdict.AGAIN
        await self._retries.after_success(case, job)
        return await self._conclude(case, outcome)

    async def settle(self, authorization_id: str, run: int, turn: int) -> str:
        """Find out what the payer made of an attempt whose end is not known. Only reads at the payer."""
        case, job = await self._read(authorization_id)
        if case.journal.open_attempt is None or (case.journal.run, case.journal.turn) != (run, turn):
            return Verdict.ENDED
        if not await self._retries.may_try(case, job):
            return Verdict.AGAIN
        looked_at = self._present().now
        try:
            found = await self._channels[case.route.channel].find(job)
        except Exception as error:  # noqa: BLE001 - an adapter's fault, whatever it is, is tried again
            await self._retries.after_error(case, job, error)
            return Verdict.AGAIN
        await self._retries.after_success(case, job)
        if not isinstance(found, Absent):
            return await self._conclude(case, found)
        return await self._missed(case, looked_at, settles_after=job.portal.submission_settles_after_seconds)

    async def _submit(self, channel: Channel, case: Authorization, job: Job) -> Submission | _Unclaimed:
        unclaimed = False

        async def intend() -> bool:
            nonlocal unclaimed
            run, turn = case.journal.run, case.journal.turn
            try:
                intended = await self._database.write(
                    lambda tx: submissions.begin_attempt(
                        tx, self._present(), authorization_id=case.id, run=run, turn=turn
                    )
                )
            except NotMutable:
                return False
            try:
                return await self._claims.claim(case.id, attempt_id=intended.journal.attempts[-1].id)
            except TemporarilyUnavailable:
                unclaimed = True
                return False

        outcome = await channel.submit(job, allowed=approved_differences(case), intend=intend)
        return _Unclaimed() if unclaimed else outcome

    async def _conclude(self, case: Authorization, outcome: Preparation | Submission | _Unclaimed) -> str:
        match outcome:
            case Unresolved():
                return Verdict.UNRESOLVED
            case NotSent():
                await self._retries.after_fault(case, _NOT_SENT, first=_conclude_unsent)
                return Verdict.AGAIN
            case _Unclaimed():
                await self._retries.after_fault(case, _UNCLAIMED, first=_conclude_unsent)
                return Verdict.AGAIN
            case PayerReceipt() | Answered():
                await self._database.write(lambda tx: record_evidence(tx, self._present(), case, outcome))
                return Verdict.ENDED
            case Withheld():
                # With an attempt: its claim was taken. What another database sent is looked for.
                withheld = await self._database.read(lambda tx: load(tx, case.id))
                return Verdict.UNRESOLVED if withheld.journal.open_attempt is not None else Verdict.ENDED
            case _:
                moment = self._present()
                await self._database.write(lambda tx: _observe(tx, moment, case, outcome))
                return Verdict.ENDED

    async def _missed(self, case: Authorization, looked_at: datetime, *, settles_after: float) -> str:
        """The payer's search knows nothing: look again when that proves something, or begin anew if it does now."""

        def operation(tx: Transaction) -> None:
            moment = self._present()
            if self._retries.after_miss(tx, moment, case, looked_at=looked_at, settles_after=settles_after):
                self._retries.after_absence(tx, moment, case)

        await self._database.write(operation)
        return Verdict.AGAIN

    async def _read(self, authorization_id: str) -> tuple[Authorization, Job]:
        def operation(tx: Transaction) -> tuple[Authorization, Job]:
            case = load(tx, authorization_id)
            return case, job_of(tx, case)

        return await self._database.read(operation)


def _observe(tx: Transaction, moment: Moment, case: Authorization, outcome: Preparation) -> None:
    """Record what keeps the case from going on by itself."""
    seen = Observation(case.id, case.journal.run, f"advance:{case.journal.run}.{case.journal.turn}")
    match outcome:
        case HumanNeeded(reason, message, differences):
            handoffs.offer(tx, moment, seen, reason=reason, message=message, differences=differences)
        case AtBoundary(differences) if case.journal.human_attempted:
            handoffs.offer(
                tx, moment, seen, reason=OfferReason.FINAL_SUBMIT, message=_HUMANS_TURN, differences=differences
            )
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
        case Refused(code, message):
            moves.fail(tx, moment, seen, reason=Reason(code, message))
        case Decision():
            submissions.record_decision(tx, moment, seen, decision=outcome)


def _conclude_unsent(tx: Transaction, moment: Moment, authorization_id: str) -> None:
    submissions.conclude_unsent(tx, moment, authorization_id=authorization_id)


def record_evidence(tx: Transaction, moment: Moment, case: Authorization, evidence: Evidence) -> None:
    """Record what proves that the payer has what was sent."""
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


def closing_handoff(case: Authorization) -> ManualHandoff | None:
    """Return the handoff whose close is being carried out, if the service has the case for it."""
    handoff = case.journal.open_handoff
    closing = handoff is not None and handoff.state is HandoffState.CLOSING
    return handoff if closing and case.status is Status.PROCESSING else None
