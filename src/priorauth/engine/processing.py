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
    ForeignSubmission,
    HumanNeeded,
    Job,
    NotSent,
    Preparation,
    Submission,
    Unresolved,
    Withheld,
)
from priorauth.commands import handoffs, submissions
from priorauth.commands.processing import Observation
from priorauth.commands.record import load
from priorauth.domain.authorizations import Authorization, Reason
from priorauth.domain.errors import NotMutable, TemporarilyUnavailable
from priorauth.domain.handoffs import HandoffState, ManualHandoff
from priorauth.domain.lifecycle import Status
from priorauth.domain.moment import Moment
from priorauth.domain.processing import approved_differences, may_submit
from priorauth.domain.submissions import PayerReceipt
from priorauth.engine.jobs import job_of
from priorauth.engine.outcomes import observe, record_evidence, spend_approval
from priorauth.engine.pictures import PictureStore, keep_page
from priorauth.engine.retries import Retries
from priorauth.store.claims.submission_claims import SubmissionClaims
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction

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
        pictures: PictureStore | None = None,
    ) -> None:
        self._database = database
        self._claims = claims
        self._pictures = pictures
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
        return await self._advance(case, job)

    async def _advance(self, case: Authorization, job: Job) -> str:
        """Carry a case on of which nothing is under way at the payer."""
        run, turn = case.journal.run, case.journal.turn
        if case.only_waits:
            seen = Observation(case.id, run, f"advance:{run}.{turn}")
            await self._database.write(lambda tx: handoffs.resume(tx, self._present(), seen))
            return Verdict.ENDED
        if case.journal.is_doubted:
            sought = await self._database.write(
                lambda tx: submissions.begin_search(tx, self._present(), authorization_id=case.id)
            )
            return Verdict.UNRESOLVED if sought.journal.open_attempt is not None else Verdict.ENDED
        if case.is_barred:
            await self._database.write(lambda tx: spend_approval(tx, self._present(), case))
            return Verdict.ENDED
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
                now = await self._database.read(lambda tx: load(tx, case.id))
                # An attempt that was claimed before, by a record that this one does not know, may have been sent.
                return Verdict.UNRESOLVED if now.journal.open_attempt is not None else Verdict.ENDED
            case ForeignSubmission():
                return await self._start_over(case)
            case _:
                page = outcome.page if isinstance(outcome, AtBoundary | HumanNeeded) else None
                moment = self._present()
                kept = await keep_page(self._pictures, page, moment)
                await self._database.write(lambda tx: observe(tx, moment, case, outcome, kept))
                return Verdict.ENDED

    async def _start_over(self, case: Authorization) -> str:
        """A page tried to submit something else: use one fresh browser, then spend the approval."""

        def operation(tx: Transaction) -> str:
            moment = self._present()
            after = submissions.conclude_foreign(tx, moment, authorization_id=case.id)
            if after.journal.is_approval_spent:
                spend_approval(tx, moment, after)
                return Verdict.ENDED
            self._retries.after_foreign(tx, moment, after)
            return Verdict.AGAIN

        return await self._database.write(operation)

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


def _conclude_unsent(tx: Transaction, moment: Moment, authorization_id: str) -> None:
    submissions.conclude_unsent(tx, moment, authorization_id=authorization_id)


def closing_handoff(case: Authorization) -> ManualHandoff | None:
    """Return the handoff whose close is being carried out, if the service has the case for it."""
    handoff = case.journal.open_handoff
    closing = handoff is not None and handoff.state is HandoffState.CLOSING
    return handoff if closing and case.status is Status.PROCESSING else None
