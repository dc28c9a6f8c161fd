"""How failed work is tried again: from its start, after a growing while, and not for ever.

A payer that cannot be reached is waited for by time, and its portal left alone meanwhile; so is an account that may not
sign in now. Other faults are counted.

What an exception says is never written down, since it may quote a page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from priorauth.channels.contract import (
    AccountInUse,
    ChannelFault,
    CredentialSuspended,
    Job,
    PayerOutOfReach,
    SignInRefused,
    SignInsExhausted,
)
from priorauth.commands import processing as moves
from priorauth.commands import submissions
from priorauth.commands.portal_health import note_fault
from priorauth.domain.authorizations import Authorization, Reason
from priorauth.domain.errors import whereabouts
from priorauth.domain.events import SERVICE
from priorauth.domain.moment import Moment
from priorauth.engine.portal_health import Portals, place_of
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction
from priorauth.store.work import processing as processing_work

_log = structlog.get_logger(__name__)

# How soon a case asks again for an account that had no session left.
_STAND_BACK_SECONDS = 2.0
_NOT_TAKEN = Reason(
    "submission_not_taken",
    "The payer did not take the submission, though it was tried several times. Create the case anew later, or send it "
    "to the payer by another way.",
)
_UNFORESEEN = Reason(
    "internal_error", "The service met an unforeseen fault. Tell the operator of this server the case's id."
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How often lost or failed work of one run is started again, and how long its delays grow, in seconds.

    `outage_patience` is for how long a payer is waited for that cannot be reached.
    """

    at_most: int = 8
    longest_delay: float = 300.0
    outage_patience: timedelta = timedelta(hours=72)

    def delay(self, faults: int) -> float:
        """Return the delay before the next fresh start."""
        return float(min(2.0 ** min(faults, 32), self.longest_delay))


class Retries:
    """Starts the work of cases again."""

    def __init__(self, database: Database, present: Callable[[], Moment], bounds: Bounds) -> None:
        self._database = database
        self._present = present
        self._bounds = bounds
        self._portals = Portals(database, present)

    async def may_try(self, case: Authorization, job: Job) -> bool:
        """Say whether the payer's portal is worth a try; where it is not, the work is started again later."""
        if not await self._portals.is_left_alone(job):
            return True
        await self._database.write(lambda tx: self._wait_out(tx, self._present(), case))
        return False

    async def after_success(self, case: Authorization, job: Job) -> None:
        """Record that the payer was reached, whatever was learned there."""
        await self._portals.got_through(case, job)

    async def after_error(self, case: Authorization, job: Job, error: Exception) -> None:
        """Start the work again after what a channel has raised."""
        if isinstance(error, PayerOutOfReach):
            _log.warning("payer_out_of_reach", authorization_id=case.id, code=error.code, cause=error.message)
            await self._database.write(lambda tx: self._after_outage(tx, self._present(), case, job, error))
            return
        if isinstance(error, AccountInUse):
            await self._database.write(lambda tx: self._stand_back(tx, self._present(), case))
            return
        if isinstance(error, SignInRefused | CredentialSuspended | SignInsExhausted):
            # The refusal has suspended the credential: this case waits as all others do.
            why = CredentialSuspended() if isinstance(error, SignInRefused) else error
            await self._database.write(lambda tx: self._wait_out(tx, self._present(), case, sign_in=why.code))
            return
        if isinstance(error, ChannelFault):
            code = error.code
            _log.warning("channel_fault", authorization_id=case.id, code=code, cause=error.message)
            reason = Reason(code, error.message)
            await self.after_fault(
                case, reason, first=lambda tx, moment, _: note_fault(tx, moment, **place_of(job), code=code)
            )
            return
        _log.error("processing_fault", authorization_id=case.id, **whereabouts(error))
        await self.after_fault(case, _UNFORESEEN)

    async def after_fault(
        self, case: Authorization, reason: Reason, *, first: Callable[[Transaction, Moment, str], object] | None = None
    ) -> None:
        """Note what went wrong and start the work again later, after `first`, all in one transaction."""

        def operation(tx: Transaction) -> None:
            moment = self._present()
            if first is not None:
                first(tx, moment, case.id)
            noted = {"code": reason.code}
            moves.note(tx, moment, authorization_id=case.id, event="channel_fault", actor=SERVICE, details=noted)
            self._afresh(tx, moment, case, reason, delay_seconds=self._bounds.delay(case.journal.faults))

        await self._database.write(operation)

    def _stand_back(self, tx: Transaction, moment: Moment, case: Authorization) -> None:
        """Come again in a moment: nothing went wrong, and nothing is counted."""
        self._afresh(tx, moment, case, _UNFORESEEN, delay_seconds=_STAND_BACK_SECONDS, fault=False)

    def _after_outage(
        self, tx: Transaction, moment: Moment, case: Authorization, job: Job, outage: PayerOutOfReach
    ) -> None:
        note_fault(tx, moment, **place_of(job), code=outage.code, out_of_reach=True)
        self._wait_out(tx, moment, case, cause=outage.code)

    def _wait_out(
        self,
        tx: Transaction,
        moment: Moment,
        case: Authorization,
        *,
        sign_in: str | None = None,
        cause: str | None = None,
    ) -> None:
        moves.wait_out(
            tx,
            moment,
            authorization_id=case.id,
            lost=processing_work(case.id, run=case.journal.run, turn=case.journal.turn).id,
            patience=self._bounds.outage_patience,
            look_at_least_every=self._bounds.longest_delay,
            sign_in=sign_in,
            cause=cause,
        )

    def after_miss(
        self, tx: Transaction, moment: Moment, case: Authorization, *, looked_at: datetime, settles_after: float
    ) -> bool:
        """Record that the payer's search knows nothing of the open attempt; True when that proves that it is absent.

        Else the work is started again when another look proves something.
        """
        after = submissions.record_miss(tx, moment, authorization_id=case.id, looked_at=looked_at)
        attempt = after.journal.open_attempt
        if attempt is None:
            return True
        delay = attempt.absence_proven_in(settles_after, now=moment.now)
        self._afresh(tx, moment, after, _NOT_TAKEN, delay_seconds=delay, fault=False)
        return False

    def after_foreign(self, tx: Transaction, moment: Moment, case: Authorization) -> None:
        """Start the work again at once in a fresh browser, after a page tried to submit something else."""
        self._afresh(tx, moment, case, _NOT_TAKEN, delay_seconds=0.0, fault=False)

    def after_absence(self, tx: Transaction, moment: Moment, case: Authorization) -> None:
        """Start the work again at once, since the payer provably never took the last attempt."""
        searched = case.journal.open_attempt is not None and case.journal.open_attempt.doubted
        self._afresh(tx, moment, case, _NOT_TAKEN, delay_seconds=0.0, fault=not searched)

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
