"""One case, any order of moves: whatever its customer, the engine and the payer do, the rules of the lifecycle hold.

Real commands run against a real database. Enqueued work never runs: what the engine observes, or loses, is drawn too.
"""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from priorauth.commands import attachments, authorizations, files, submissions
from priorauth.commands import processing as moves
from priorauth.commands.record import knowledge, next_work
from priorauth.domain import processing
from priorauth.domain.authorizations import ActionType, Authorization, FinalSubmission, reassessed
from priorauth.domain.catalog import PortalAuthMode
from priorauth.domain.errors import Issue, NextActionMismatch, NotMutable, PriorAuthError, ReviewStale, VersionConflict
from priorauth.domain.lifecycle import Status
from priorauth.domain.questionnaires import AnswerItem, Coding
from priorauth.domain.requirements import Requirements
from priorauth.domain.reviews import Difference, SnapshotStatus
from priorauth.domain.submissions import AttemptState
from priorauth.store.transaction import Transaction
from priorauth.store.work import WorkState
from tests.factories import cases, payers
from tests.factories.answers import DIAGNOSIS, MEMBER, RED_FLAG, TREATED, UNITS, WEEKS, lumbar_answers, said
from tests.factories.databases import Home, sqlite_home
from tests.lifecycle.rules import check_evidence, check_final, check_versions

Operation = Callable[[Transaction], Authorization]

AT_MOST = 3
CUSTOMERS_ACTIONS = {
    Status.REQUIRES_INPUT: {ActionType.PROVIDE_REQUIREMENTS},
    Status.REQUIRES_CONFIRMATION: {ActionType.ADVANCE_CASE, ActionType.APPROVE_SUBMISSION},
}
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
mostly = st.sampled_from([True, True, True, True, False])
seldom = st.sampled_from([False, False, False, True])


class Lifecycle(RuleBasedStateMachine):
    """A case and all who may move it."""

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        self.folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        self.home: Home = self._open.enter_context(sqlite_home(self.folder))
        self.case: Authorization = self.home.case()
        self.issued: list[str] = []
        self.approvals: set[str] = set()
        self.accepted_snapshots: set[str] = set()
        self.observed: list[Operation] = []
        self.observations = 0

    def teardown(self) -> None:
        self._open.close()

    # --- how a move is made, and what must hold after it -------------------------------------------------------------

    def move(self, operation: Operation) -> PriorAuthError | None:
        """Run a command; return the error that it raised. The rules are checked either way."""
        self.home.clock.moment(later=1)
        before, refusal, answered = self.case, None, None
        try:
            answered = self.home.database.write_now(operation)
        except PriorAuthError as error:
            refusal = error
        self.case = self.stored()
        if refusal is not None:
            assert self.case == before, "a refused command changed the case"
        else:
            assert answered == self.case, "a command answered with another case than it stored"
        self.check(before, self.case)
        return refusal

    def observe(self, operation: Operation, *, present: bool = True) -> None:
        """Run an observation of the engine, and keep one that was recorded so that it can be repeated."""
        before = self.case
        refusal = self.move(operation)
        assert refusal is None, "an observation is taken or ignored, and never refused"
        if self.case != before:
            assert present, "work of an earlier run changed the case"
            self.observed.append(operation)

    def stored(self) -> Authorization:
        found = self.home.database.read_now(lambda tx: tx.authorizations.get(self.case.id))
        assert found is not None
        return found

    def check(self, before: Authorization, after: Authorization) -> None:
        event(f"{before.status} -> {after.status}")
        check_versions(before, after)
        check_final(before, after)
        check_evidence(after)
        self.check_boundary(before, after)
        self.check_requirements(after)
        self.check_action(after)
        work, state = self.home.database.read_now(lambda tx: moves.expected_work(tx, after.id))
        assert (work is not None) is after.awaits_work, "rule 7"
        assert work is None or state is WorkState.WAITING, "rule 7"
        self.check_timeline(after)

    def check_boundary(self, before: Authorization, after: Authorization) -> None:
        attempts, earlier = after.journal.attempts, before.journal.attempts
        assert sum(attempt.state is not AttemptState.ABSENT for attempt in attempts) <= 1, "rule 4"
        if len(attempts) > len(earlier):
            snapshot = before.submission.review_snapshot
            approved = snapshot is not None and snapshot.id in self.accepted_snapshots
            current = snapshot is not None and snapshot.status is SnapshotStatus.CURRENT
            assert before.final_submission is FinalSubmission.AUTOMATIC or (approved and current), "rule 3"
            assert before.submission.payer_receipt is None, "rule 4"
            assert before.status is Status.PROCESSING
        self.check_next_attempt(after)

    def check_next_attempt(self, after: Authorization) -> None:
        """Whatever the rules drew, what could be submitted now is known after every step."""
        snapshot, approval = after.submission.review_snapshot, after.journal.approval
        accepted = approval is not None and snapshot is not None and snapshot.id == approval.review_snapshot_id
        allowed = (
            after.status is Status.PROCESSING
            and after.submission.payer_receipt is None
            and all(attempt.state is AttemptState.ABSENT for attempt in after.journal.attempts)
            and (after.final_submission is FinalSubmission.AUTOMATIC or accepted)
        )
        try:
            processing.begin_attempt(after, self.home.clock.moment(), run=after.journal.run, turn=after.journal.turn)
        except NotMutable:
            assert not allowed
        else:
            assert allowed, "rules 3 and 4"

    def check_requirements(self, after: Authorization) -> None:
        def assessed(tx: Transaction) -> Requirements:
            return reassessed(after, knowledge(tx, after)).requirements

        assert self.home.database.read_now(assessed) == after.requirements, "rule 6"
        assert after.status is not Status.REQUIRES_INPUT or after.requirements.is_blocked
        assert after.status is not Status.REQUIRES_CONFIRMATION or not after.requirements.is_blocked

    def check_action(self, after: Authorization) -> None:
        action = after.next_action
        if after.status not in CUSTOMERS_ACTIONS:
            assert action is None
            return
        assert action is not None
        assert action.type in CUSTOMERS_ACTIONS[after.status]
        assert action.covers == after.covers(version=after.version)
        self.issued = list(dict.fromkeys([*self.issued, action.id]))
        snapshot = after.submission.review_snapshot
        if action.type is ActionType.APPROVE_SUBMISSION:
            self.approvals.add(action.id)
            assert snapshot is not None
            assert (snapshot.id, snapshot.status) == (action.review_snapshot_id, SnapshotStatus.CURRENT)
            assert (snapshot.covers, snapshot.answers, snapshot.attachments) == (
                action.covers,
                after.answers,
                after.attachments,
            )
        elif snapshot is not None:
            assert snapshot.status is SnapshotStatus.STALE

    def check_timeline(self, after: Authorization) -> None:
        entries = self.home.database.read_now(lambda tx: tx.timeline.page(after.id, before=None, limit=1_000))[::-1]
        assert [entry.id for entry in entries] == sorted({entry.id for entry in entries})
        reached = [entry.to_version for entry in entries]
        assert reached == sorted(reached)
        assert set(reached) == set(range(1, after.version + 1)), "a version that nobody explains"

    # --- the customer ------------------------------------------------------------------------------------------------

    @initialize(policy=st.sampled_from(FinalSubmission), steps=st.integers(min_value=-1, max_value=8))
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
            partial(self.ask_for_more, fields=[None], present=True),
            partial(self.attach, useful=True, right=True),
            confirm,
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

    def keys(self, *, present: bool) -> dict[str, object]:
        """The arguments of a new observation, of the present run or of an earlier one."""
        self.observations += 1
        run = self.case.journal.run if present else self.case.journal.run - 1
        return {"authorization_id": self.case.id, "run": run, "observation_id": f"observation:{self.observations}"}

    def make(self, command: Callable[..., Authorization], /, **arguments: object) -> Operation:
        return lambda tx: command(tx, self.home.clock.moment(), **arguments)

    @precondition(lambda self: self.case.status is Status.PROCESSING)
    @rule(differs=st.booleans(), present=mostly)
    def propose_review(self, differs: bool, present: bool) -> None:
        differences = (Difference("Units", "1", "2"),) if differs else ()
        self.observe(
            self.make(moves.propose_review, **self.keys(present=present), differences=differences), present=present
        )

    @precondition(lambda self: self.case.journal.run > 0)
    @rule(fields=rejections, present=mostly)
    def ask_for_more(self, fields: list[str | None], present: bool) -> None:
        rejected = tuple(Issue("rejected_by_payer", "Not taken.", each) for each in fields)
        self.observe(self.make(moves.ask_for_more, **self.keys(present=present), rejected=rejected), present=present)

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
        keys = self.keys(present=True)
        del keys["run"]
        receipt = cases.receipt(self.home.clock, number)
        before = self.case.submission.payer_receipt
        self.observe(self.make(submissions.record_receipt, **keys, receipt=receipt))
        assert before is None or self.case.submission.payer_receipt == before

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
        self.move(self.make(submissions.record_miss, authorization_id=self.case.id))
        assert self.case.journal.open_attempt is not None or not first, "one look proves nothing"

    @precondition(lambda self: self.case.journal.run > 0)
    @rule(denied=st.booleans(), present=mostly)
    def record_decision(self, denied: bool, present: bool) -> None:
        decision = cases.denial(self.home.clock) if denied else cases.approval(self.home.clock)
        self.observe(
            self.make(submissions.record_decision, **self.keys(present=present), decision=decision), present=present
        )

    @precondition(lambda self: self.observations > 3)
    @rule(present=mostly, really=seldom)
    def fail(self, present: bool, really: bool) -> None:
        if not really:
            return
        self.observe(self.make(moves.fail, **self.keys(present=present), reason=cases.GAVE_UP), present=present)

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


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
