"""The service's move, as steps: bring a case to the payer's boundary, over it when that is allowed, and settle what
became of it.

Each step ends in a verdict of one word. No step raises: a fault of the channel becomes a postponed fresh start,
bounded, and what an exception says is never written anywhere, since it may quote a page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

import structlog

from priorauth.channels.contract import (
    AtBoundary,
    Channel,
    ChannelFault,
    Job,
    Preparation,
    Refused,
    Rejected,
    Submission,
    Unresolved,
)
from priorauth.commands import processing as moves
from priorauth.commands import submissions
from priorauth.commands.record import load
from priorauth.domain.authorizations import Authorization, FinalSubmission, Reason
from priorauth.domain.errors import NotMutable, whereabouts
from priorauth.domain.events import SERVICE
from priorauth.domain.lifecycle import Status
from priorauth.domain.live_sessions import needs_session
from priorauth.domain.moment import Moment
from priorauth.domain.processing import approved_differences, may_submit
from priorauth.domain.submissions import PayerReceipt
from priorauth.engine.jobs import job_of
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction

_log = structlog.get_logger(__name__)


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

    def delay(self, resumptions: int) -> float:
        """Return the delay before the next fresh start."""
        return float(min(2.0 ** min(resumptions, 32), self.longest_delay))


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
        if (case.journal.run, case.journal.resumptions) != (run, turn):
            return Verdict.ENDED
        if case.journal.open_attempt is not None:
            return Verdict.UNRESOLVED
        if case.status is not Status.PROCESSING:
            return Verdict.ENDED
        channel = self._channels[case.route.channel]
        try:
            outcome = await (self._submit(channel, case, job) if may_submit(case) else channel.prepare(job))
        except ChannelFault as fault:
            return await self._postpone(case, fault.code, fault.message)
        except Exception as error:  # noqa: BLE001 - an adapter's fault, whatever it is, is tried again
            return await self._unforeseen(case, error)
        await self._conclude(case, outcome)
        return Verdict.UNRESOLVED if isinstance(outcome, Unresolved) else Verdict.ENDED

    async def settle(self, authorization_id: str, run: int, turn: int) -> str:
        """Find out what the payer made of an attempt whose end is not known. Only reads at the payer."""
        case, job = await self._read(authorization_id)
        attempt = case.journal.open_attempt
        if attempt is None or (case.journal.run, case.journal.resumptions) != (run, turn):
            return Verdict.ENDED
        try:
            found = await self._channels[case.route.channel].find(job)
        except ChannelFault as fault:
            return await self._postpone(case, fault.code, fault.message, unresolved=True)
        except Exception as error:  # noqa: BLE001 - an adapter's fault, whatever it is, is tried again
            return await self._unforeseen(case, error, unresolved=True)
        if isinstance(found, PayerReceipt):
            await self._record_receipt(case, found)
            return Verdict.ENDED
        # A submission may turn up in the payer's search a while after its answer was lost: absence counts only then.
        settled_for = (self._present().now - attempt.intended_at).total_seconds()
        remaining = job.portal.submission_settles_after_seconds - settled_for
        return await self._postpone(
            case,
            "submission_not_found",
            "The payer has not taken the submission.",
            delay_seconds=max(remaining, 0.0),
            unresolved=remaining > 0,
            absent=attempt.id if remaining <= 0 else None,
        )

    async def end(self, authorization_id: str) -> None:
        """Let the case's session go, unless a human is about to review what it shows."""
        case = await self._database.read(lambda tx: load(tx, authorization_id))
        if case.status is Status.PROCESSING or not needs_session(case):
            await self._channels[case.route.channel].let_go(authorization_id)

    async def _submit(self, channel: Channel, case: Authorization, job: Job) -> Submission:
        async def intend() -> bool:
            try:
                await self._database.write(
                    lambda tx: submissions.begin_attempt(
                        tx, self._present(), authorization_id=case.id, run=case.journal.run
                    )
                )
            except NotMutable:
                return False
            return True

        return await channel.submit(job, allowed=approved_differences(case), intend=intend)

    async def _conclude(self, case: Authorization, outcome: Preparation | Submission) -> None:
        observed = _Observed(case.id, case.journal.run, case.journal.resumptions)
        moment = self._present()
        if isinstance(outcome, PayerReceipt):
            await self._record_receipt(case, outcome)
        elif isinstance(outcome, AtBoundary) and case.final_submission is FinalSubmission.AUTOMATIC:
            await self._fail(case, _unapproved(outcome))
        elif isinstance(outcome, AtBoundary):
            await self._database.write(
                lambda tx: moves.propose_review(tx, moment, **observed.as_("review"), differences=outcome.differences)
            )
        elif isinstance(outcome, Rejected):
            await self._database.write(
                lambda tx: moves.ask_for_more(tx, moment, **observed.as_("rejected"), rejected=outcome.issues)
            )
        elif isinstance(outcome, Refused):
            await self._fail(case, Reason(outcome.code, outcome.message))

    async def _fail(self, case: Authorization, reason: Reason) -> None:
        observed = _Observed(case.id, case.journal.run, case.journal.resumptions)
        await self._database.write(lambda tx: moves.fail(tx, self._present(), **observed.as_("failed"), reason=reason))

    async def _record_receipt(self, case: Authorization, receipt: PayerReceipt) -> None:
        await self._database.write(
            lambda tx: submissions.record_receipt(
                tx, self._present(), authorization_id=case.id, observation_id=f"receipt:{case.id}", receipt=receipt
            )
        )

    async def _unforeseen(self, case: Authorization, error: Exception, *, unresolved: bool = False) -> str:
        _log.error("processing_fault", authorization_id=case.id, **whereabouts(error))
        return await self._postpone(
            case, "internal_error", "The service met an unforeseen fault.", unresolved=unresolved
        )

    async def _postpone(
        self,
        case: Authorization,
        code: str,
        message: str,
        *,
        delay_seconds: float | None = None,
        unresolved: bool = False,
        absent: str | None = None,
    ) -> str:
        if unresolved:
            gave_up = Reason(
                "submission_unresolved",
                f"The case may have been submitted, and the payer could not be asked whether it was. {message}",
            )
        else:
            gave_up = Reason(code, message)

        def operation(tx: Transaction) -> None:
            moment = self._present()
            if absent is not None:
                submissions.conclude_absent(tx, moment, authorization_id=case.id, observation_id=f"absent:{absent}")
            moves.note(
                tx, moment, authorization_id=case.id, event="channel_fault", actor=SERVICE, details={"code": code}
            )
            moves.postpone(
                tx,
                moment,
                authorization_id=case.id,
                run=case.journal.run,
                delay_seconds=self._bounds.delay(case.journal.resumptions) if delay_seconds is None else delay_seconds,
                at_most=self._bounds.at_most,
                gave_up=gave_up,
            )

        await self._database.write(operation)
        return Verdict.AGAIN

    async def _read(self, authorization_id: str) -> tuple[Authorization, Job]:
        def operation(tx: Transaction) -> tuple[Authorization, Job]:
            case = load(tx, authorization_id)
            return case, job_of(tx, case)

        return await self._database.read(operation)


@dataclass(frozen=True, slots=True)
class _Observed:
    """Where an observation was made. Its id is the same when the step runs again."""

    authorization_id: str
    run: int
    resumptions: int

    def as_(self, what: str) -> "ObservationKeys":
        """Return the arguments that a command takes to record the observation once."""
        return {
            "authorization_id": self.authorization_id,
            "run": self.run,
            "observation_id": f"{what}:{self.run}.{self.resumptions}",
        }


class ObservationKeys(TypedDict):
    """The arguments under which a command records an observation."""

    authorization_id: str
    run: int
    observation_id: str


def _unapproved(boundary: AtBoundary) -> Reason:
    fields = ", ".join(difference.field for difference in boundary.differences)
    return Reason(
        "portal_shows_other_values",
        f"The payer's form shows other values than the case: {fields}. Nothing was submitted.",
    )
