"""One case, any order of moves: whatever its customer, the engine and the payer do, the rules of the lifecycle hold.

Real commands run against a real database. Enqueued work never runs: what the engine observes, or loses, is drawn too.
"""

from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from priorauth.commands import attachments, authorizations, files, submissions
from priorauth.commands import processing as moves
from priorauth.commands.record import next_work
from priorauth.domain.authorizations import Authorization, FinalSubmission
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.errors import (
    Issue,
    NextActionMismatch,
    NotMutable,
    PriorAuthError,
    ReviewStale,
    VersionConflict,
)
from priorauth.domain.lifecycle import Status
from priorauth.domain.questionnaires import AnswerItem, Coding
from priorauth.domain.reviews import Difference
from priorauth.store.transaction import Transaction
from tests.factories import cases, payers
from tests.factories.answers import (
    DIAGNOSIS,
    MEMBER,
    RED_FLAG,
    TREATED,
    UNITS,
    WEEKS,
    lumbar_answers,
    question,
    said,
)
from tests.lifecycle.checked_case import CUSTOMERS_ACTIONS
from tests.lifecycle.human_moves import HumanMoves, mostly

AT_MOST = 3
patches = st.lists(
    st.one_of(
        st.sampled_from(lumbar_answers()),
        st.sampled_from(
            [
                said(MEMBER, "LKS100000004"),
                said(MEMBER, "12"),
                said(MEMBER),
                said(DIAGNOSIS, "M54.5"),
                said(UNITS, 2),
                said(UNITS, 200),
                said(TREATED, False),
                said(TREATED),
                said(WEEKS),
                said(RED_FLAG, Coding("none")),
            ]
        ),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda item: item.link_id,
).map(tuple)
rejections = st.lists(st.sampled_from([MEMBER, UNITS, None]), max_size=2, unique=True)
seldom = st.sampled_from([False, False, False, True])

# What the payer may ask on the way, and what its messages want.
SIDE = "payer.side"
wanted = st.sampled_from([(), ("lab_results",), ("lab_results", cases.NOTES)])


class Lifecycle(HumanMoves):
    """A case and all who may move it."""

    def teardown(self) -> None:
        self.close()

    # --- the customer ------------------------------------------------------------------------------------------------

    @initialize(policy=st.sampled_from(FinalSubmission), steps=st.integers(min_value=-1, max_value=14))
    def begin(self, policy: FinalSubmission, steps: int) -> None:
        """Create a case and carry it some steps along the straight way, so that every stretch of it is walked."""
        self.create(policy, complete=steps >= 0)
        automatic = policy is FinalSubmission.AUTOMATIC
        confirm = partial(self.confirm_something, "current", right=True)
        review = [] if automatic else [partial(self.propose_review, differs=False, present=True), confirm]
        straight = [
            confirm,
            *review,
            partial(self.begin_attempt, present=True),
            partial(self.record_receipt, number="LK-1"),
            # The payer has the case and wants more: nothing of what follows is a second submission.
            partial(self.take_inquiry, documents=("lab_results",), present=True),
            partial(self.attach, useful=False, right=True),
            confirm,
            *review,
            partial(self.begin_attempt, present=True),
            partial(self.record_answer, again=False),
        ]
        for step in straight[: max(steps, 0)]:
            step()

    def create(self, policy: FinalSubmission, *, complete: bool) -> None:
        home = self.home
        self.case = home.database.write_now(
            lambda tx: authorizations.create(
                tx,
                home.caller,
                home.clock.moment(),
                provider_npi=payers.NPI,
                request=payers.request(home.payer),
                final_submission=policy,
                portal_auth_mode=PortalAuthMode.AUTOMATED,
                answers=lumbar_answers() if complete else (),
                metadata={},
                automatic_allowed=True,
            )
        )
        self.check(self.case, self.case)
        self.attach(useful=True, right=True)

    @rule(patch=patches, right=mostly)
    def answer(self, patch: tuple[AnswerItem, ...], right: bool) -> None:
        before = self.case
        refusal = self.move(
            lambda tx: authorizations.answer(
                tx,
                self.home.caller,
                self.home.clock.moment(),
                authorization_id=self.case.id,
                expected_version=before.version if right else before.version + 1,
                patch=patch,
            )
        )
        self.check_write(before, refusal, right=right)

    @rule(useful=mostly, right=mostly)
    def attach(self, useful: bool, right: bool) -> None:
        before, file_id = self.case, self.ready_file()
        refusal = self.move(
            lambda tx: attachments.attach(
                tx,
                self.home.caller,
                self.home.clock.moment(),
                authorization_id=self.case.id,
                expected_version=before.version if right else before.version - 1,
                file_id=file_id,
                document_types=(cases.NOTES if useful else "lab_results",),
                description=None,
            )
        )
        self.check_write(before, refusal, right=right)

    @precondition(lambda self: self.case.attachments)
    @rule(right=mostly, index=st.integers(min_value=0, max_value=9))
    def detach(self, right: bool, index: int) -> None:
        before = self.case
        chosen = before.attachments[index % len(before.attachments)].id
        refusal = self.move(
            lambda tx: attachments.detach(
                tx,
                self.home.caller,
                self.home.clock.moment(),
                authorization_id=self.case.id,
                expected_version=before.version if right else 0,
                attachment_id=chosen,
            )
        )
        self.check_write(before, refusal, right=right)

    def check_write(self, before: Authorization, refusal: PriorAuthError | None, *, right: bool) -> None:
        writable = before.status in CUSTOMERS_ACTIONS
        expected = VersionConflict if not right else type(None) if writable else NotMutable
        assert type(refusal) is expected
        if refusal is None:
            assert self.case.status in CUSTOMERS_ACTIONS, "rule 6"

    @precondition(lambda self: self.case.status is Status.REQUIRES_CONFIRMATION)
    @rule()
    def let_go_on(self) -> None:
        self.confirm_something("current", right=True)

    @rule(choice=st.sampled_from(["current", "earlier", "unknown"]), right=mostly, data=st.data())
    def confirm(self, choice: str, right: bool, data: st.DataObject) -> None:
        self.confirm_something(choice, right=right, data=data)

    def confirm_something(self, choice: str, *, right: bool, data: st.DataObject | None = None) -> None:
        before = self.case
        current = before.next_action.id if before.next_action else "nact_none"
        earlier = [each for each in self.issued if each != current]
        chosen = "nact_unknown" if choice == "unknown" else current
        if data is not None and choice == "earlier" and earlier:
            chosen = data.draw(st.sampled_from(earlier))
        refusal = self.move(
            lambda tx: authorizations.confirm(
                tx,
                self.home.caller,
                self.home.clock.moment(),
                authorization_id=self.case.id,
                expected_version=before.version if right else before.version + 1,
                next_action_id=chosen,
            )
        )
        approval = before.journal.approval
        superseded = chosen in self.approvals - {current, approval.next_action_id if approval else None}
        if superseded and before.status in CUSTOMERS_ACTIONS:
            assert type(refusal) is ReviewStale
        elif not right and not superseded:
            assert type(refusal) is VersionConflict
        elif before.status is Status.REQUIRES_CONFIRMATION and chosen != current:
            assert type(refusal) is NextActionMismatch
        elif before.status is Status.REQUIRES_CONFIRMATION:
            assert refusal is None
            assert self.case.status is Status.PROCESSING
            assert before.next_action is not None
            if before.next_action.review_snapshot_id:
                self.accepted_snapshots.add(before.next_action.review_snapshot_id)
        else:
            assert refusal is not None

    @precondition(lambda self: self.case.journal.run > 0)
    @rule(really=seldom)
    def cancel(self, really: bool) -> None:
        before = self.case
        if not really:
            return
        refusal = self.move(
            lambda tx: authorizations.cancel(
                tx,
                self.home.caller,
                self.home.clock.moment(),
                authorization_id=self.case.id,
                expected_version=None,
                reason=None,
            )
        )
        assert (type(refusal) is NotMutable) is before.status.is_final

    def ready_file(self) -> str:
        home = self.home

        def upload(tx: Transaction) -> str:
            moment = home.clock.moment()
            file = files.declare(
                tx,
                home.caller,
                moment,
                file_name="notes.pdf",
                content_type="application/pdf",
                purpose="authorization_attachment",
                upload_seconds=900,
            )
            files.receive(tx, moment, file_id=file.id, size_bytes=3, stored_as=file.id, sha256="0" * 64)
            return files.complete(tx, home.caller, moment, file_id=file.id, failure=None).id

        return home.database.write_now(upload)

    # --- the engine and the payer ------------------------------------------------------------------------------------

    @precondition(lambda self: self.case.status is Status.PROCESSING)
    @rule(differs=st.booleans(), present=mostly)
    def propose_review(self, differs: bool, present: bool) -> None:
        differences = (Difference("Units", "1", "2"),) if differs else ()
        self.observe(
            self.make(moves.propose_review, self.seen(present=present), differences=differences), present=present
        )

    @precondition(lambda self: self.case.journal.run > 0)
    @rule(fields=rejections, present=mostly)
    def ask_for_more(self, fields: list[str | None], present: bool) -> None:
        rejected = tuple(Issue("rejected_by_payer", "Not taken.", each) for each in fields)
        self.observe(self.make(moves.ask_for_more, self.seen(present=present), rejected=rejected), present=present)

    @rule(present=mostly)
    def begin_attempt(self, present: bool) -> None:
        before = self.case
        run, turn = before.journal.run, before.journal.turn + (not present)
        refusal = self.move(self.make(submissions.begin_attempt, authorization_id=before.id, run=run, turn=turn))
        if before.status is not Status.PROCESSING or not present or before.journal.open_attempt:
            assert type(refusal) is NotMutable

    @precondition(lambda self: self.case.journal.run > 0)
    @rule(number=st.sampled_from(["LK-1", "LK-2"]))
    def record_receipt(self, number: str) -> None:
        receipt = cases.receipt(self.home.clock, number)
        before = self.case.submission.payer_receipt
        self.observe(self.make(submissions.record_receipt, authorization_id=self.case.id, receipt=receipt))
        assert before is None or self.case.submission.payer_receipt == before

    @precondition(lambda self: self.case.status is Status.WAITING_ON_PAYER)
    @rule(documents=wanted, present=mostly)
    def take_inquiry(self, documents: tuple[str, ...], present: bool) -> None:
        number = str(len(self.case.journal.inquiries) + 1)
        inquiry = cases.inquiry(self.home.clock, *documents, number=number)
        self.observe(self.make(submissions.take_inquiry, self.seen(present=present), inquiry=inquiry), present=present)
        assert not present or self.case.status is Status.REQUIRES_INPUT, "what the payer has already is no reply"

    @precondition(lambda self: self.case.journal.inquiries)
    @rule(again=st.booleans())
    def record_answer(self, again: bool) -> None:
        before = self.case
        asked = before.journal.open_inquiry
        number = asked.number if asked and not again else before.journal.inquiries[0].number
        self.observe(self.make(submissions.record_answer, authorization_id=self.case.id, inquiry=number))
        answers = asked is not None and asked.number == number and before.status in (Status.PROCESSING, Status.CANCELED)
        assert (self.case != before) is answers
        assert self.case.submission.payer_receipt == before.submission.payer_receipt

    @precondition(lambda self: self.case.status is Status.PROCESSING)
    @rule(present=mostly, really=seldom)
    def discover(self, present: bool, really: bool) -> None:
        if not really:
            return
        items = (question(SIDE, required=True),)
        self.observe(self.make(moves.discover, self.seen(present=present), items=items), present=present)

    @precondition(lambda self: self.case.discovered)
    @rule(right=mostly)
    def answer_what_was_discovered(self, right: bool) -> None:
        self.answer((said(SIDE, "left"),), right=right)

    @precondition(lambda self: self.case.status is Status.PROCESSING and self.observations > 3)
    @rule(present=mostly, really=seldom)
    def conclude_not_required(self, present: bool, really: bool) -> None:
        if really:
            seen = self.seen(present=present)
            self.observe(self.make(moves.conclude_not_required, seen, message="None is needed."), present=present)

    @precondition(lambda self: self.case.journal.open_attempt is not None)
    @rule()
    def find_out_that_nothing_was_sent(self) -> None:
        self.move(self.make(submissions.conclude_unsent, authorization_id=self.case.id))
        assert self.case.journal.open_attempt is None

    @precondition(lambda self: self.case.journal.open_attempt is not None)
    @rule(later=st.sampled_from([0.0, 1.0, 3600.0]))
    def miss_it_at_the_payer(self, later: float) -> None:
        first = self.case.journal.attempts[-1].missed_at is None
        self.home.clock.moment(later=later)
        self.move(self.make(submissions.record_miss, authorization_id=self.case.id, looked_at=self.home.clock.now))
        assert self.case.journal.open_attempt is not None or not first, "one look proves nothing"

    @precondition(lambda self: self.case.journal.run > 0)
    @rule(denied=st.booleans(), present=mostly)
    def record_decision(self, denied: bool, present: bool) -> None:
        decision = cases.denial(self.home.clock) if denied else cases.approval(self.home.clock)
        self.observe(
            self.make(submissions.record_decision, self.seen(present=present), decision=decision), present=present
        )

    @precondition(lambda self: self.observations > 3)
    @rule(present=mostly, really=seldom)
    def fail(self, present: bool, really: bool) -> None:
        if not really:
            return
        self.observe(self.make(moves.fail, self.seen(present=present), reason=cases.GAVE_UP), present=present)

    @precondition(lambda self: self.case.journal.run > 0)
    @rule(present=mostly, fault=st.booleans(), delay=st.sampled_from([0.0, 30.0]))
    def start_afresh(self, present: bool, fault: bool, delay: float) -> None:
        before = self.case
        self.move(
            self.make(
                moves.start_afresh,
                authorization_id=before.id,
                lost=self.expected() if present else "process:of_another_turn",
                delay_seconds=delay,
                at_most=AT_MOST,
                gave_up=cases.GAVE_UP,
                fault=fault,
            )
        )
        assert present or self.case == before
        assert not before.submission.payer_receipt or self.case.status is before.status, "given up, though submitted"

    @precondition(lambda self: self.case.status is Status.WAITING_ON_PAYER)
    @rule(present=mostly)
    def keep_following(self, present: bool) -> None:
        journal = self.case.journal
        turn = journal.turn if present else journal.turn + 1
        self.move(partial(moves.keep_following, authorization_id=self.case.id, run=journal.run, turn=turn))
        assert self.case.journal.status_checks == journal.status_checks + present

    @precondition(lambda self: self.observed)
    @rule(data=st.data())
    def repeat_an_observation(self, data: st.DataObject) -> None:
        before = self.case
        self.move(data.draw(st.sampled_from(self.observed[-3:])))
        assert self.case == before, "an observation was recorded twice"

    def expected(self) -> str:
        work = self.home.database.read_now(lambda tx: next_work(tx, self.case))
        return work.id if work else "none"


# Sixty walks of forty steps each: on a busy machine they take longer than any other test may.
TestLifecycle = pytest.mark.timeout(900)(Lifecycle.TestCase)
TestLifecycle.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
