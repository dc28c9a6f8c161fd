"""One case in a real database, and what must hold after every move of whoever moves it."""

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from hypothesis import event

from priorauth.commands import processing as moves
from priorauth.commands.processing import Observation
from priorauth.commands.record import knowledge
from priorauth.domain import processing
from priorauth.domain.authorizations import ActionType, Authorization, FinalSubmission, reassessed
from priorauth.domain.errors import NotMutable, PriorAuthError
from priorauth.domain.lifecycle import Status
from priorauth.domain.requirements import Requirements
from priorauth.domain.reviews import SnapshotStatus
from priorauth.domain.submissions import AttemptState
from priorauth.store.transaction import Transaction
from priorauth.store.work import WorkState
from tests.factories.databases import Home, sqlite_home
from tests.lifecycle.rules import check_evidence, check_final, check_handoffs, check_versions

Operation = Callable[[Transaction], Authorization]

CUSTOMERS_ACTIONS = {
    Status.REQUIRES_INPUT: {ActionType.PROVIDE_REQUIREMENTS},
    Status.REQUIRES_CONFIRMATION: {ActionType.ADVANCE_CASE, ActionType.APPROVE_SUBMISSION},
}
ACTIONS = {**CUSTOMERS_ACTIONS, Status.REQUIRES_ACTION: {ActionType.COMPLETE_PAYER_INTERACTION}}


class CheckedCase:
    """A case whose every move is judged by the rules of the lifecycle."""

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

    def close(self) -> None:
        """Let the database go."""
        self._open.close()

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

    def seen(self, *, present: bool) -> Observation:
        """A new observation, of the present run or of an earlier one."""
        self.observations += 1
        run = self.case.journal.run if present else self.case.journal.run - 1
        return Observation(self.case.id, run, f"observation:{self.observations}")

    def make(self, command: Callable[..., Authorization], /, *given: object, **arguments: object) -> Operation:
        return lambda tx: command(tx, self.home.clock.moment(), *given, **arguments)

    def stored(self) -> Authorization:
        found = self.home.database.read_now(lambda tx: tx.authorizations.get(self.case.id))
        assert found is not None
        return found

    def check(self, before: Authorization, after: Authorization) -> None:
        event(f"{before.status} -> {after.status}")
        check_versions(before, after)
        check_final(before, after)
        check_evidence(after)
        check_handoffs(after)
        self.check_boundary(before, after)
        self.check_requirements(after)
        self.check_action(after)
        work, state, _ = self.home.database.read_now(lambda tx: moves.expected_work(tx, after.id))
        assert (work is not None) is after.awaits_work, "rule 7"
        assert work is None or state is WorkState.WAITING, "rule 7"
        self.check_timeline(after)

    def check_boundary(self, before: Authorization, after: Authorization) -> None:
        attempts, earlier = after.journal.attempts, before.journal.attempts
        # The submission, and each message of the payer, is one thing that may reach the payer once.
        sent = Counter(attempt.inquiry for attempt in attempts if attempt.state is not AttemptState.ABSENT)
        assert all(times == 1 for times in sent.values()), "rule 4"
        if len(attempts) > len(earlier):
            snapshot = before.submission.review_snapshot
            approved = snapshot is not None and snapshot.id in self.accepted_snapshots
            current = snapshot is not None and snapshot.status is SnapshotStatus.CURRENT
            assert before.final_submission is FinalSubmission.AUTOMATIC or (approved and current), "rule 3"
            asked = before.journal.open_inquiry
            assert (before.submission.payer_receipt is None) is (asked is None), "rule 4"
            assert attempts[-1].inquiry == (asked.number if asked else None), "rule 4"
            by_human = attempts[-1].handoff_id is not None
            assert before.status is (Status.REQUIRES_ACTION if by_human else Status.PROCESSING)
            let_there = {each.inquiry for each in earlier if each.handoff_id}
            assert by_human or attempts[-1].inquiry not in let_there, (
                "what a human may have sent, the service never does"
            )
        self.check_next_attempt(after)

    def check_next_attempt(self, after: Authorization) -> None:
        """Whatever the rules drew, what could be submitted now is known after every step."""
        snapshot, approval = after.submission.review_snapshot, after.journal.approval
        accepted = approval is not None and snapshot is not None and snapshot.id == approval.review_snapshot_id
        allowed = (
            after.status is Status.PROCESSING
            and after.journal.open_attempt is None
            and (after.submission.payer_receipt is None or after.journal.open_inquiry is not None)
            and not after.journal.human_attempted
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
            return reassessed(after, knowledge(tx, after, self.home.clock.moment())).requirements

        # What is learned after a cancel leaves what was open as it was: rule 2.
        canceled = after.status is Status.CANCELED
        assert canceled or self.home.database.read_now(assessed) == after.requirements, "rule 6"
        assert after.status is not Status.REQUIRES_INPUT or after.requirements.is_blocked
        assert after.status is not Status.REQUIRES_CONFIRMATION or not after.requirements.is_blocked

    def check_action(self, after: Authorization) -> None:
        action = after.next_action
        if after.status not in ACTIONS:
            assert action is None
            return
        assert action is not None
        assert action.type in ACTIONS[after.status]
        taken = after.active_handoff is not None
        assert action.covers == after.covers(version=after.version - taken), "a handoff leaves its action as it is"
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
        elif action.review_snapshot_id is not None:
            assert snapshot is not None
            assert (snapshot.id, snapshot.status) == (action.review_snapshot_id, SnapshotStatus.CURRENT)
        elif snapshot is not None and after.status is not Status.REQUIRES_ACTION:
            assert snapshot.status is SnapshotStatus.STALE

    def check_timeline(self, after: Authorization) -> None:
        entries = self.home.database.read_now(lambda tx: tx.timeline.page(after.id, before=None, limit=1_000))[::-1]
        assert [entry.id for entry in entries] == sorted({entry.id for entry in entries})
        reached = [entry.to_version for entry in entries]
        assert reached == sorted(reached)
        assert set(reached) == set(range(1, after.version + 1)), "a version that nobody explains"
