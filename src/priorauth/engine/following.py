"""The payer's move: look at a submitted case from time to time until the payer has decided, or asks for more.

One look is one workflow; the next is delayed work that the look enqueues. A look that fails counts as one that brought
nothing new: the next comes later, and nothing is given up.
"""

from collections.abc import Callable, Mapping

import structlog

from priorauth.channels.contract import (
    AccountInUse,
    Channel,
    ChannelFault,
    CredentialSuspended,
    EvidenceMismatch,
    HumanNeeded,
    PayerOutOfReach,
    Pending,
    SignInRefused,
    SignInsExhausted,
)
from priorauth.commands import handoffs, portal_health, submissions
from priorauth.commands import processing as moves
from priorauth.commands.processing import Observation
from priorauth.commands.record import load
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import whereabouts
from priorauth.domain.events import SERVICE
from priorauth.domain.handoffs import OfferReason
from priorauth.domain.interactions import was_asked_lately
from priorauth.domain.lifecycle import Status
from priorauth.domain.moment import Moment
from priorauth.domain.replies import Inquiry
from priorauth.domain.submissions import Decision
from priorauth.engine.jobs import job_of
from priorauth.engine.outcomes import offer_mismatch
from priorauth.engine.portal_health import Portals, place_of
from priorauth.engine.processing import Verdict
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction

_log = structlog.get_logger(__name__)


class Following:
    """The step of the workflow `follow_authorization`."""

    def __init__(self, *, database: Database, channels: Mapping[str, Channel], present: Callable[[], Moment]) -> None:
        self._database = database
        self._channels = channels
        self._present = present
        self._portals = Portals(database, present)

    async def look(self, authorization_id: str, run: int, turn: int) -> str:
        """Read what the payer decided or asks; record it, or schedule the next look."""
        case = await self._database.read(lambda tx: load(tx, authorization_id))
        due = case.status is Status.WAITING_ON_PAYER and (case.journal.run, case.journal.turn) == (run, turn)
        if not due:
            return Verdict.ENDED
        seen = await self._seen(case)
        observation = Observation(case.id, run, f"look:{run}.{turn}")
        if isinstance(seen, Decision):
            await self._database.write(
                lambda tx: submissions.record_decision(tx, self._present(), observation, decision=seen)
            )
            return Verdict.ENDED
        if isinstance(seen, EvidenceMismatch):
            await self._database.write(lambda tx: offer_mismatch(tx, self._present(), observation, seen))
            return Verdict.ENDED
        if isinstance(seen, HumanNeeded) and self._can_wait(case, seen):
            await self._channels[case.route.channel].let_go(case.id)
        elif isinstance(seen, HumanNeeded):
            await self._database.write(
                lambda tx: handoffs.offer(tx, self._present(), observation, reason=seen.reason, message=seen.message)
            )
            return Verdict.ENDED
        if isinstance(seen, Inquiry) and seen.number not in {each.number for each in case.journal.inquiries}:
            await self._database.write(
                lambda tx: submissions.take_inquiry(tx, self._present(), observation, inquiry=seen)
            )
            return Verdict.ENDED
        # A message that has our answer may be shown as open for a while: it gets no second one.
        await self._database.write(lambda tx: moves.keep_following(tx, authorization_id=case.id, run=run, turn=turn))
        return Verdict.AGAIN

    def _can_wait(self, case: Authorization, needed: HumanNeeded) -> bool:
        return needed.reason is OfferReason.SIGN_IN and was_asked_lately(case, self._present())

    async def _seen(self, case: Authorization) -> Decision | Inquiry | Pending | EvidenceMismatch | HumanNeeded:
        receipt = case.submission.payer_receipt
        if receipt is None:
            raise LookupError("a case that waits on its payer has no receipt")
        job = await self._database.read(lambda tx: job_of(tx, case))
        if await self._portals.is_left_alone(job):
            return Pending()
        channel, out_of_reach = self._channels[case.route.channel], False
        try:
            seen = await channel.read_status(job, reference_number=receipt.reference_number)
        except (AccountInUse, SignInRefused, CredentialSuspended, SignInsExhausted):
            # The account has to wait, and nothing of it is the portal's fault. The next look asks again.
            return Pending()
        except ChannelFault as fault:
            code, out_of_reach = fault.code, isinstance(fault, PayerOutOfReach)
        except Exception as error:  # noqa: BLE001 - an adapter's fault, whatever it is, costs one look
            code = "internal_error"
            _log.error("following_fault", authorization_id=case.id, **whereabouts(error))
        else:
            await self._portals.got_through(case, job)
            return seen

        def operation(tx: Transaction) -> None:
            moment, noted = self._present(), {"code": code}
            portal_health.note_fault(tx, moment, **place_of(job), code=code, out_of_reach=out_of_reach)
            moves.note(tx, moment, authorization_id=case.id, event="channel_fault", actor=SERVICE, details=noted)

        await self._database.write(operation)
        return Pending()
