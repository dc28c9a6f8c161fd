"""What a human does at the payer, drawn: taken over and given back, with every report, true or not, or lost."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from priorauth.commands import handoffs
from priorauth.commands.record import load
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import (
    ManualHandoffNotActive,
    ManualHandoffNotAllowed,
    ReviewAcknowledgementRequired,
    VersionConflict,
)
from priorauth.domain.handoffs import HandoffResult, HandoffState, OfferReason, Report, ReportedOutcome, UnableReason
from priorauth.domain.lifecycle import Status
from priorauth.store.transaction import Transaction
from tests.lifecycle.checked_case import CheckedCase

mostly = st.sampled_from([True, True, True, True, False])
reports = st.sampled_from(
    [
        *(Report(result=HandoffResult.COMPLETED_REPORTED, outcome=outcome) for outcome in ReportedOutcome),
        *(Report(result=HandoffResult.UNABLE_TO_COMPLETE, unable=reason) for reason in UnableReason),
        Report(result=HandoffResult.REVOKED),
        Report(result=HandoffResult.EXPIRED),
    ]
)


class HumanMoves(CheckedCase, RuleBasedStateMachine):
    """A case that a human may have in hand."""

    @precondition(lambda self: self.case.status in (Status.PROCESSING, Status.WAITING_ON_PAYER))
    @rule(reason=st.sampled_from(OfferReason), present=mostly)
    def need_a_human(self, reason: OfferReason, present: bool) -> None:
        offered = self.make(handoffs.offer, self.seen(present=present), reason=reason, message="A human is needed.")
        self.observe(offered, present=present)

    @rule(accepts=mostly, right=mostly)
    def take_over(self, accepts: bool, right: bool) -> None:
        before, action = self.case, self.case.next_action
        covered = action.review_snapshot_id if action else None

        def take(tx: Transaction) -> Authorization:
            handoffs.create(
                tx,
                self.home.caller,
                self.home.clock.moment(),
                authorization_id=before.id,
                expected_version=before.version if right else before.version + 1,
                accepted_review_snapshot_id=covered if accepts else None,
            )
            return load(tx, before.id)

        if accepts and right and covered and not before.active_handoff:
            self.accepted_snapshots.add(covered)
        refusal = self.move(take)
        if not right:
            assert type(refusal) is VersionConflict
        elif before.status is not Status.REQUIRES_ACTION:
            assert type(refusal) is ManualHandoffNotAllowed
        elif before.active_handoff:
            assert self.case == before
        else:
            assert type(refusal) is (ReviewAcknowledgementRequired if covered and not accepts else type(None))

    @precondition(lambda self: self.case.journal.handoffs)
    @rule(report=reports)
    def give_back(self, report: Report) -> None:
        before, last = self.case, self.case.journal.handoffs[-1]
        refusal = self.move(
            lambda tx: handoffs.close(
                tx,
                self.home.caller,
                self.home.clock.moment(),
                authorization_id=before.id,
                handoff_id=last.id,
                expected_version=None,
                report=report,
            )[0]
        )
        if last.state is HandoffState.ACTIVE:
            assert (refusal, self.case.status) == (None, Status.PROCESSING)
        else:
            assert type(refusal) is (type(None) if last.report == report else ManualHandoffNotActive)
            assert self.case == before

    @precondition(lambda self: self.case.status is Status.REQUIRES_ACTION)
    @rule()
    def lose_the_session(self) -> None:
        self.move(self.make(handoffs.lose, authorization_id=self.case.id))
        assert self.case.status is Status.PROCESSING

    @precondition(lambda self: self.case.status is Status.PROCESSING and self.case.only_waits)
    @rule(present=mostly)
    def wait_again(self, present: bool) -> None:
        self.observe(self.make(handoffs.resume, self.seen(present=present)), present=present)
        assert not present or self.case.status is Status.WAITING_ON_PAYER

    @precondition(lambda self: self.case.journal.open_handoff is not None)
    @rule(present=mostly)
    def find_nothing_after_a_humans_turn(self, present: bool) -> None:
        before = self.case
        self.observe(self.make(handoffs.reconcile, self.seen(present=present)), present=present)
        if present and before.status is Status.PROCESSING:
            assert self.case.journal.open_handoff is None
