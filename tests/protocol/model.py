"""The submission protocol as a small explicit-state model: `docs/submission.md` in a form that can be searched.

One case, one database, two workers, a payer, a customer, and an adversary who crashes, stops, continues and delays
whatever can be. A state is everything that matters; `steps` are what can happen next. Time is no number here: that a
lease has run out, or that a payer's search has had time to settle, is a step, possible only where the protocol's
assumptions allow it (bounded lag of the search; clocks that run at one rate). It knows nothing of the product's code.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from tests.protocol.search import Step

WORKERS = (0, 1)


class Pc(StrEnum):
    """Where a worker is in its work on the case."""

    IDLE = "idle"
    STARTED = "started"
    BOUNDARY = "at the review page, compared"
    INTENDED = "the intent is committed"
    PERMIT = "the guard is released"
    SENT = "the final request has left"
    UNSENT = "the permit is taken back, unused"
    ANSWERED = "the receipt is read"
    SETTLING = "asks the payer"
    FOUND = "the payer has it"
    MISSED = "the payer's search knows nothing"
    FAULTY = "an error that is noted next"
    DEAD = "dead"


class Status(StrEnum):
    """The case's status, as far as the protocol goes."""

    REVIEW = "requires_confirmation"
    INPUT = "requires_input"
    PROCESSING = "processing"
    WAITING = "waiting_on_payer"
    HUMAN = "requires_action"
    FAILED = "failed"
    CANCELED = "canceled"


class Attempt(StrEnum):
    """What is on disk of the open attempt. SETTLED: missed once, and the search has had its time since."""

    NONE = "none"
    OPEN = "open"
    MISSED = "missed once"
    SETTLED = "missed, and settled"
    UNKNOWN = "nobody can look"


class Work(StrEnum):
    """The one piece of work of the case's present turn. Who has TAKEN it says so itself."""

    NONE = "none"
    QUEUED = "queued"
    DELAYED = "delayed until the search has settled"
    TAKEN = "taken"


class Request(StrEnum):
    """A final request on its way. Each is OLD from the first look in vain that comes after it."""

    IN_FLIGHT = "in flight"
    HIDDEN = "counted, not yet in the search"
    VISIBLE = "counted, in the search"
    OLD_IN_FLIGHT = "in flight since before the first look"
    OLD_HIDDEN = "counted before the first look, not yet in the search"


_COUNTED = (Request.HIDDEN, Request.OLD_HIDDEN, Request.VISIBLE)
_UNSETTLED = (Request.OLD_IN_FLIGHT, Request.OLD_HIDDEN)
_OLDER = {Request.IN_FLIGHT: Request.OLD_IN_FLIGHT, Request.HIDDEN: Request.OLD_HIDDEN}
_OPEN = (Attempt.OPEN, Attempt.MISSED, Attempt.SETTLED)


class Worker(NamedTuple):
    """One worker. `owns`: the case's work is under its lease in the database, if that is `leased` still.

    `current`: the turn that it works on is still the case's; `looked_settled`: its look proves absence. The local lease
    is no field: it never outlives the database's, and what outlives it is dead.
    """

    pc: Pc = Pc.IDLE
    owns: bool = False
    current: bool = False
    looked_settled: bool = False
    leased: bool = True
    stopped: bool = False


class State(NamedTuple):
    """All that matters."""

    status: Status
    approved: bool
    attempt: Attempt = Attempt.NONE
    work: Work = Work.QUEUED
    tries: int = 0
    faults: int = 0
    was_returned: bool = False
    workers: tuple[Worker, ...] = (Worker(), Worker())
    requests: tuple[Request, ...] = ()
    wrong: str = ""

    @property
    def counted(self) -> int:
        """How many submissions the payer has counted."""
        return sum(request in _COUNTED for request in self.requests)

    @property
    def is_over(self) -> bool:
        """Whether the protocol has come to its end: the case waits, failed, is canceled, or a human has it."""
        ended = self.status in (Status.WAITING, Status.HUMAN, Status.FAILED, Status.CANCELED)
        return ended and self.attempt not in _OPEN and self.work is Work.NONE

    @property
    def is_owed_work(self) -> bool:
        """Whether the case's next move is the service's."""
        return self.status is Status.PROCESSING or self.attempt in _OPEN


class Without(StrEnum):
    """A part of the protocol that can be left out, to see that it is needed."""

    INTENT = "the intent's commit"
    WITHHOLDING = "the guard's withholding"
    ONE_PERMIT = "the guard's one permit"
    LOOKUP = "the lookup of an open attempt"
    SECOND_LOOK = "the second look"
    AGE_OF_LOOKS = "that a look counts from when it was made"
    FENCING = "fencing"
    APPROVAL = "the check of the approval at the intent"


@dataclass(frozen=True, slots=True)
class Protocol:
    """One setting of the protocol: what the customer's policy is, what the payer can do, and what is left out."""

    automatic: bool = True
    searchable: bool = True
    without: frozenset[Without] = frozenset()
    tries: int = 2
    faults: int = 2

    def start(self) -> State:
        """The case is confirmed, and its work is queued."""
        return State(Status.PROCESSING, approved=self.automatic)

    def has(self, part: Without) -> bool:
        """Whether a part is left in."""
        return part not in self.without

    def steps(self, state: State) -> "Iterator[_Step]":
        """Yield everything that can happen next."""
        return steps(self, state)


_Step: TypeAlias = Step[State]


def steps(protocol: Protocol, state: State) -> Iterator[_Step]:
    """Yield everything that can happen next."""
    for number in WORKERS:
        worker = state.workers[number]
        if worker.pc is not Pc.DEAD and not worker.stopped:
            yield from _WORKING[worker.pc](protocol, state, number)
        yield from _adversity(protocol, state, number)
    yield from _sweeper(protocol, state)
    yield from _payer(state)
    yield from _customer(protocol, state)


# --- a worker ---------------------------------------------------------------------------------------------------------


def _at(state: State, number: int, **changes: object) -> State:
    """The state with changes to one worker. Which of the two is the first makes no difference, so they are sorted."""
    changed, other = state.workers[number]._replace(**changes), state.workers[1 - number]  # type: ignore[arg-type]
    return state._replace(workers=(changed, other) if changed <= other else (other, changed))


def _turned(state: State, work: Work) -> State:
    """The state with its next turn: whoever works on the former one has it no more."""
    first, second = sorted(each._replace(current=False, owns=False) for each in state.workers)
    return state._replace(work=work, workers=(first, second))


def _idle(state: State, number: int) -> State:
    """The state whose worker has ended its work, which is gone if it was still its own."""
    done = state._replace(work=Work.NONE) if state.workers[number].owns else state
    return _at(done, number, pc=Pc.IDLE, owns=False, current=False, looked_settled=False)


def _next_turn(state: State, number: int, work: Work) -> State:
    """The state whose worker has ended its turn and caused the next one."""
    idle = _at(state, number, pc=Pc.IDLE, owns=False, current=False, looked_settled=False)
    return _turned(idle, work)


def _take_work(_: Protocol, state: State, number: int) -> Iterator[_Step]:
    if state.work is Work.QUEUED and state.workers[number].leased:
        taken = state._replace(work=Work.TAKEN)
        yield Step("takes the work", _at(taken, number, pc=Pc.STARTED, owns=True, current=True))


def _advance(protocol: Protocol, state: State, number: int) -> Iterator[_Step]:
    worker = state.workers[number]
    if not worker.current or state.is_over:
        yield Step("ends: the turn is over", _idle(state, number))
    elif state.attempt in _OPEN and protocol.has(Without.LOOKUP):
        yield Step("finds an open attempt", _at(state, number, pc=Pc.SETTLING))
    elif state.status is not Status.PROCESSING:
        yield Step("ends: nothing to do", _idle(state, number))
    else:
        yield Step("reaches the review page", _at(state, number, pc=Pc.BOUNDARY))
        yield Step("meets an error", _at(state, number, pc=Pc.FAULTY))
        if not state.was_returned:
            returned = state._replace(status=Status.INPUT, was_returned=True, work=Work.NONE, approved=False)
            yield Step("more_information_needed", _next_turn(returned, number, Work.NONE))


def _intend(protocol: Protocol, state: State, number: int) -> Iterator[_Step]:
    worker = state.workers[number]
    yield Step("meets an error", _at(state, number, pc=Pc.FAULTY))
    if not protocol.has(Without.WITHHOLDING):
        yield Step("the page submits by itself", _sent(protocol, state))
    mine = state.status is Status.PROCESSING and worker.current
    allowed = state.approved or protocol.automatic or not protocol.has(Without.APPROVAL)
    if mine and not allowed:
        yield Step("approval_required", _idle(state._replace(status=Status.REVIEW), number))
        return
    may = mine and (state.attempt is Attempt.NONE or not protocol.has(Without.LOOKUP))
    if not may:
        yield Step("is refused the intent", _idle(state, number))
        return
    if protocol.has(Without.INTENT):
        intended = state._replace(attempt=Attempt.OPEN, tries=min(state.tries + 1, protocol.tries))
        yield Step("submission_intended", _at(intended, number, pc=Pc.INTENDED))
        # Committed, and the answer of the database is lost.
        yield Step("submission_intended", _at(intended, number, pc=Pc.FAULTY))
    else:
        yield Step("goes on without an intent", _at(state, number, pc=Pc.INTENDED))


def _release(_: Protocol, state: State, number: int) -> Iterator[_Step]:
    yield Step("guard_release", _at(state, number, pc=Pc.PERMIT))
    yield Step("meets an error", _at(state, number, pc=Pc.FAULTY))


def _press(protocol: Protocol, state: State, number: int) -> Iterator[_Step]:
    yield Step("final_request", _at(_sent(protocol, state), number, pc=Pc.SENT))
    yield Step("cannot press the button", _at(state, number, pc=Pc.UNSENT))


def _sent(protocol: Protocol, state: State) -> State:
    """A final request leaves: is it covered by what is on disk?"""
    wrong = state.wrong
    if state.attempt not in _OPEN:
        wrong = wrong or "a request left without an open intent"
    elif not (state.approved or protocol.automatic):
        wrong = wrong or "a request left without an approval"
    return state._replace(requests=tuple(sorted((*state.requests, Request.IN_FLIGHT))), wrong=wrong)


def _hear(protocol: Protocol, state: State, number: int) -> Iterator[_Step]:
    yield Step("hears no answer", _at(state, number, pc=Pc.SETTLING))
    if state.counted:
        yield Step("confirmation_read", _at(state, number, pc=Pc.ANSWERED))
    if not protocol.has(Without.ONE_PERMIT):
        yield Step("the browser sends it again", _sent(protocol, state))


def _conclude_unsent(protocol: Protocol, state: State, number: int) -> Iterator[_Step]:
    yield from _concluded(protocol, state, number, label="submission_not_sent")


def _concluded(protocol: Protocol, state: State, number: int, *, label: str) -> Iterator[_Step]:
    """The attempt came to nothing; the case begins again, or fails where that was the last try."""
    lost = bool(state.requests)
    wrong = state.wrong or ("what may be at the payer was given up" if lost else "")
    over = state._replace(attempt=Attempt.NONE, wrong=wrong)
    if state.tries >= protocol.tries and state.status is Status.PROCESSING:
        over = over._replace(status=Status.FAILED)
    again = over.status is Status.PROCESSING
    yield Step(label, _next_turn(over, number, Work.QUEUED if again else Work.NONE))


def _record(_: Protocol, state: State, number: int) -> Iterator[_Step]:
    if state.status not in (Status.PROCESSING, Status.CANCELED):
        yield Step("ends: it is recorded", _idle(state, number))
        return
    status = Status.WAITING if state.status is Status.PROCESSING else state.status
    wrong = state.wrong or ("" if state.counted else "a receipt of nothing was recorded")
    recorded = state._replace(status=status, attempt=Attempt.NONE, wrong=wrong)
    yield Step("receipt_proven", _next_turn(recorded, number, Work.NONE))
    yield Step("meets an error", _at(state, number, pc=Pc.FAULTY))


def _look(protocol: Protocol, state: State, number: int) -> Iterator[_Step]:
    if state.attempt not in _OPEN:
        yield Step("ends: nothing is open", _idle(state, number))
        return
    if not protocol.searchable:
        if not state.workers[number].current:
            yield Step("ends: the turn is over", _idle(state, number))
        elif state.status is Status.CANCELED:
            given_up = state._replace(attempt=Attempt.UNKNOWN)
            yield Step("submission_unresolved", _next_turn(given_up, number, Work.NONE))
        else:
            handed = state._replace(status=Status.HUMAN, attempt=Attempt.UNKNOWN)
            yield Step("human_needed", _next_turn(handed, number, Work.NONE))
        return
    if Request.VISIBLE in state.requests:
        yield Step("case_searched", _at(state, number, pc=Pc.FOUND))
    else:
        settled = state.attempt is Attempt.SETTLED
        yield Step("case_searched", _at(state, number, pc=Pc.MISSED, looked_settled=settled))
    yield Step("meets an error", _at(state, number, pc=Pc.FAULTY))


def _miss(protocol: Protocol, state: State, number: int) -> Iterator[_Step]:
    worker = state.workers[number]
    if state.attempt not in _OPEN:
        yield Step("ends: nothing is open", _idle(state, number))
        return
    proven = state.attempt is Attempt.SETTLED and (worker.looked_settled or not protocol.has(Without.AGE_OF_LOOKS))
    if proven or not protocol.has(Without.SECOND_LOOK):
        yield from _concluded(protocol, state, number, label="submission_absent")
        return
    older = tuple(sorted(_OLDER.get(each, each) for each in state.requests))
    first = state._replace(attempt=Attempt.MISSED, requests=older) if state.attempt is Attempt.OPEN else state
    work = Work.DELAYED if first.attempt is Attempt.MISSED else Work.QUEUED
    yield Step("submission_not_found", _next_turn(first, number, work))


def _note_fault(protocol: Protocol, state: State, number: int) -> Iterator[_Step]:
    """What went wrong is noted, and the turn begins anew; or not even that succeeds, and the work is lost."""
    if not state.workers[number].current or not state.is_owed_work:
        yield Step("ends: the turn is over", _idle(state, number))
        return
    label, afresh = _afresh(protocol, state)
    yield Step(label, _idle(afresh, number))
    yield Step("the step fails", _idle(state, number))


def _afresh(protocol: Protocol, state: State) -> tuple[str, State]:
    """The case's next turn after a fault, a bounded number of times."""
    if state.faults < protocol.faults:
        return "channel_fault", _turned(state._replace(faults=state.faults + 1), Work.QUEUED)
    kept = Attempt.UNKNOWN if state.attempt in _OPEN else Attempt.NONE
    if state.status is Status.PROCESSING:
        return "failed", _turned(state._replace(status=Status.FAILED, attempt=kept), Work.NONE)
    # A canceled case is looked for without a bound; here it is enough that nobody can look any more.
    return "submission_unresolved", _turned(state._replace(attempt=kept), Work.NONE)


def _sweeper(protocol: Protocol, state: State) -> Iterator[_Step]:
    """What is the service's move and has no work gets it again."""
    if state.is_owed_work and state.work is Work.NONE:
        yield Step("the sweeper resumes the case", _afresh(protocol, state)[1])


_WORKING: dict[Pc, Callable[[Protocol, State, int], Iterator[_Step]]] = {
    Pc.IDLE: _take_work,
    Pc.STARTED: _advance,
    Pc.BOUNDARY: _intend,
    Pc.INTENDED: _release,
    Pc.PERMIT: _press,
    Pc.SENT: _hear,
    Pc.UNSENT: _conclude_unsent,
    Pc.ANSWERED: _record,
    Pc.SETTLING: _look,
    Pc.FOUND: _record,
    Pc.MISSED: _miss,
    Pc.FAULTY: _note_fault,
}


# --- what happens to workers ------------------------------------------------------------------------------------------


def _adversity(protocol: Protocol, state: State, number: int) -> Iterator[_Step]:
    """Crashes and stops; and what the others do about it, which is progress."""
    worker = state.workers[number]
    if worker.pc is not Pc.DEAD:
        dead = _at(state, number, pc=Pc.DEAD, current=False, looked_settled=False, stopped=False)
        yield Step("crash", dead, is_progress=False)
        toggled = _at(state, number, stopped=not worker.stopped)
        yield Step("continue" if worker.stopped else "stop", toggled, is_progress=worker.stopped)
    if worker.leased and (worker.pc is Pc.DEAD or (worker.stopped and not protocol.has(Without.FENCING))):
        # With fencing the local lease has ended before, and with it the process, stopped or not.
        yield Step("the lease runs out", _at(state, number, leased=False))
    if not worker.leased and worker.owns:
        # Under the same turn: a worker that woke up would still hold it.
        yield Step("the work is taken over", _at(state._replace(work=Work.QUEUED), number, owns=False))
    elif worker.pc is Pc.DEAD and not worker.leased:
        yield Step("a worker starts", _at(state, number, pc=Pc.IDLE, leased=True))


# --- the payer and the customer ---------------------------------------------------------------------------------------


def _payer(state: State) -> Iterator[_Step]:
    for request in dict.fromkeys(state.requests):
        for label, after in _fates(request):
            rest = list(state.requests)
            rest.remove(request)
            requests = tuple(sorted((*rest, *after)))
            yield Step(label, state._replace(requests=requests))
    if state.attempt is Attempt.MISSED and not any(each in _UNSETTLED for each in state.requests):
        settled = state._replace(attempt=Attempt.SETTLED)
        queued = settled._replace(work=Work.QUEUED) if settled.work is Work.DELAYED else settled
        yield Step("the search has settled", queued)


def _fates(request: Request) -> Iterable[tuple[str, tuple[Request, ...]]]:
    match request:
        case Request.IN_FLIGHT:
            return (("the payer counts", (Request.HIDDEN,)), ("the payer refuses", ()))
        case Request.OLD_IN_FLIGHT:
            return (("the payer counts", (Request.OLD_HIDDEN,)), ("the payer refuses", ()))
        case Request.HIDDEN | Request.OLD_HIDDEN:
            return (("the search shows it", (Request.VISIBLE,)),)
        case Request.VISIBLE:
            return ()


def _customer(protocol: Protocol, state: State) -> Iterator[_Step]:
    if state.status is Status.REVIEW:
        approved = state._replace(status=Status.PROCESSING, approved=True)
        yield Step("submission_approved", _turned(approved, Work.QUEUED))
    if state.status is Status.INPUT:
        confirmed = state._replace(status=Status.PROCESSING, approved=protocol.automatic)
        yield Step("advance_confirmed", _turned(confirmed, Work.QUEUED))
    if state.work is Work.DELAYED:
        # The close of a handoff asks for a look at once.
        yield Step("an early look is asked for", _turned(state, Work.QUEUED), is_progress=False)
    if state.status in (Status.REVIEW, Status.INPUT, Status.PROCESSING):
        canceled = state._replace(status=Status.CANCELED)
        if canceled.attempt not in _OPEN:
            canceled = _turned(canceled, Work.NONE)
        yield Step("canceled", canceled, is_progress=False)
