"""The boundary of one session as a second model: a hostile page, a hostile person, another's draft, an older database.

The first model (`model.py`) has workers, leases and a payer that lags; this one has what they leave out, and leaves
out what they have: one worker, which may crash, and a search that tells the truth. In one model the states would
multiply, and no property needs both: a lease, or a lag, changes when a request leaves; a page, a person or a restored
database change which. Both share the steps of the protocol: compare, intend, permit, press, evidence.

Two drafts lie at the payer: ours, whose content may be what was approved or something else, and another clinic's,
which nobody has approved. It knows nothing of the product's code.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from tests.protocol.search import Step


class Pc(StrEnum):
    """Where the service is in its work on the authorization."""

    IDLE = "has no session"
    FILLED = "the draft is filled in"
    FROZEN = "writes are refused"
    COMPARED = "the draft was read and compared"
    INTENDED = "the intent is committed"
    PERMIT = "the permit is out"
    AFTER = "the permit is spent or withdrawn"
    LOOKING = "asks the payer"
    PERSON = "a person has the session"


class Draft(StrEnum):
    """Whose draft a final request submits, and with which content."""

    APPROVED = "ours, as approved"
    REWRITTEN = "ours, with other content"
    OTHER = "another's"


class Held(StrEnum):
    """A final request before its first byte, in a person's turn."""

    NONE = "none"
    OURS = "ours"
    OTHER = "another's"
    COMPARED = "ours, compared"
    INTENDED = "ours, the intent is committed"


class End(StrEnum):
    """How the authorization stands, as the database has it."""

    OPEN = "the service's move"
    RECEIPT = "a receipt"
    MISMATCH = "a mismatch that a person decides on"
    SPENT = "the approval is spent: a person approves again, or looks"


class Without(StrEnum):
    """A part of the protocol that can be left out, to see that it is needed."""

    BINDING = "the binding of the permit to its request"
    FREEZE = "the freeze of writes"
    HOLD = "the hold of a person's request"
    COMPARISON_BEFORE = "the comparison of the draft before"
    COMPARISON_AFTER = "the comparison of the evidence after"
    CLAIM = "the claim outside the database"


class State(NamedTuple):
    """All that matters. `ordinal` numbers the attempt that comes next, and `claims` those that the file store knows."""

    pc: Pc = Pc.IDLE
    end: End = End.OPEN
    draft: Draft = Draft.APPROVED
    has_permit: bool = False
    is_frozen: bool = False
    held: Held = Held.NONE
    has_attempt: bool = False
    ordinal: int = 0
    claims: int = 0
    browsers: int = 0
    crashes: int = 0
    was_restored: bool = False
    at_payer: tuple[Draft, ...] = ()
    outside: Draft | None = None
    wrong: str = ""

    @property
    def counted(self) -> int:
        """How many submissions of ours the payer has counted."""
        return sum(draft is not Draft.OTHER for draft in self.at_payer)

    @property
    def is_over(self) -> bool:
        """Whether the next move is nobody's, or a person's."""
        return self.end is not End.OPEN and self.pc is Pc.IDLE


_Step: TypeAlias = Step[State]


@dataclass(frozen=True, slots=True)
class Session:
    """One setting: who presses, the service or a person, and what is left out."""

    by_person: bool = False
    without: frozenset[Without] = frozenset()
    browsers: int = 2
    crashes: int = 2
    attempts: int = 3

    def start(self) -> State:
        """The authorization is approved."""
        return State()

    def has(self, part: Without) -> bool:
        """Whether a part is left in."""
        return part not in self.without

    def steps(self, state: State) -> Iterator[_Step]:
        """Yield everything that can happen next."""
        yield from self._service(state)
        if state.pc not in (Pc.IDLE, Pc.LOOKING):
            yield from self._page(state)
        if state.pc is Pc.PERSON:
            yield from self._person(state)
        yield from self._adversity(state)

    # --- the service --------------------------------------------------------------------------------------------------

    def _service(self, state: State) -> Iterator[_Step]:
        match state.pc:
            case Pc.IDLE if state.end is End.OPEN and state.has_attempt:
                yield Step("finds an open attempt", state._replace(pc=Pc.LOOKING))
            case Pc.IDLE if state.end is End.OPEN:
                yield Step("fills a draft", state._replace(pc=Pc.FILLED, draft=Draft.APPROVED))
            case Pc.FILLED:
                yield self._prepared(state)
            case Pc.FROZEN:
                yield self._compare(state)
            case Pc.COMPARED:
                yield self._intend(state)
            case Pc.INTENDED:
                yield Step("the permit is released", state._replace(pc=Pc.PERMIT, has_permit=True))
            case Pc.PERMIT:
                yield Step("the button is pressed", self._final(state, state.draft))
                yield Step("cannot press", self._unsent(state))
            case Pc.AFTER | Pc.LOOKING:
                yield Step("reads what the payer shows", self._seen(state))

    def _prepared(self, state: State) -> _Step:
        if not self.by_person:
            return Step("the writes are frozen", state._replace(pc=Pc.FROZEN, is_frozen=self.has(Without.FREEZE)))
        # Without the hold the permit is out as soon as the person has the session.
        unheld = not self.has(Without.HOLD)
        handed = self._intended(state) if unheld else state
        return Step("a person takes the session", handed._replace(pc=Pc.PERSON, has_permit=unheld))

    def _compare(self, state: State) -> _Step:
        if state.draft is Draft.REWRITTEN and self.has(Without.COMPARISON_BEFORE):
            return Step("the draft differs", _ended(state, End.SPENT))
        return Step("the draft is what was approved", state._replace(pc=Pc.COMPARED))

    def _intend(self, state: State) -> _Step:
        if state.claims > state.ordinal and self.has(Without.CLAIM):
            # What the store knows the database does not: it was put back. The attempt is looked for, nothing is sent.
            known = state._replace(has_attempt=True, ordinal=state.claims)
            return Step("the attempt is claimed already", _closed(known)._replace(pc=Pc.LOOKING))
        return Step("the intent is committed", self._intended(state)._replace(pc=Pc.INTENDED))

    def _intended(self, state: State) -> State:
        ordinal = state.ordinal + 1
        return state._replace(has_attempt=True, ordinal=ordinal, claims=max(state.claims, ordinal))

    def _final(self, state: State, draft: Draft) -> State:
        """A final request arrives at the proxy: what it leads to."""
        if not state.has_permit:
            return state
        if draft is Draft.OTHER and self.has(Without.BINDING):
            return self._foreign(state)
        spent = state._replace(has_permit=False, is_frozen=False, pc=state.pc if state.pc is Pc.PERSON else Pc.AFTER)
        return _sent(spent, draft)

    def _foreign(self, state: State) -> State:
        """A foreign final request while a permit is out ends the session; the second one spends the approval."""
        unsent = self._unsent(state)
        if state.browsers + 1 >= self.browsers:
            return _ended(unsent, End.SPENT)
        return unsent._replace(browsers=state.browsers + 1)

    def _unsent(self, state: State) -> State:
        """The permit is withdrawn unused: the attempt has provably not left."""
        over = _closed(state)._replace(has_attempt=False)
        return over if state.ordinal < self.attempts else _ended(over, End.SPENT)

    def _seen(self, state: State) -> State:
        """What the payer shows of our reference. A person may have used an account of their own."""
        shown = [draft for draft in (*state.at_payer, state.outside) if draft not in (None, Draft.OTHER)]
        if not shown:
            again = _closed(state)._replace(has_attempt=False)
            return again if state.ordinal < self.attempts and not self.by_person else _ended(again, End.SPENT)
        differs = shown[0] is not Draft.APPROVED
        if differs and self.has(Without.COMPARISON_AFTER):
            return _ended(state, End.MISMATCH)
        wrong = state.wrong or ("a plain receipt of what was not approved" if differs else "")
        return _ended(state, End.RECEIPT)._replace(wrong=wrong)

    # --- the page and the person --------------------------------------------------------------------------------------

    def _page(self, state: State) -> Iterator[_Step]:
        """A script in the page may send any final request, and rewrite the draft, at any time."""
        for draft in (Draft.OTHER, state.draft):
            if state.pc is Pc.PERSON and self.has(Without.HOLD):
                yield from self._held(state, draft, who="the page")
            elif state.has_permit:
                yield Step(f"the page submits: {draft}", self._final(state, draft), is_progress=False)
        if not state.is_frozen and state.draft is Draft.APPROVED:
            rewritten = state._replace(draft=Draft.REWRITTEN)
            yield Step("the page rewrites the draft", rewritten, is_progress=False)

    def _person(self, state: State) -> Iterator[_Step]:
        """A person may press on any draft, write into ours, use an account of their own, and leave."""
        if self.has(Without.HOLD):
            for draft in (Draft.OTHER, state.draft):
                yield from self._held(state, draft, who="the person")
            yield from self._judged(state)
        else:
            for draft in (Draft.OTHER, state.draft):
                yield Step(f"the person submits: {draft}", self._final(state, draft), is_progress=False)
        if state.outside is None:
            for draft in (Draft.APPROVED, Draft.REWRITTEN):
                outside = state._replace(outside=draft)
                yield Step(f"with an account of their own: {draft}", outside, is_progress=False)
        yield Step("the person leaves", _closed(state)._replace(pc=Pc.LOOKING))

    def _held(self, state: State, draft: Draft, *, who: str) -> Iterator[_Step]:
        if state.held is Held.NONE and not state.is_frozen:
            held = Held.OTHER if draft is Draft.OTHER else Held.OURS
            yield Step(f"{who} submits, held: {draft}", state._replace(held=held), is_progress=False)

    def _judged(self, state: State) -> Iterator[_Step]:
        """The proxy holds a request: its draft is compared, the intent committed, and then it is sent."""
        dropped = state._replace(held=Held.NONE, is_frozen=False)
        match state.held:
            case Held.OTHER if self.has(Without.BINDING):
                yield Step("the held request is refused", dropped)
            case Held.OTHER:
                yield Step("the held request is compared", state._replace(held=Held.COMPARED, draft=Draft.OTHER))
            case Held.OURS if not state.is_frozen and self.has(Without.FREEZE):
                yield Step("the writes are frozen", state._replace(is_frozen=True))
            case Held.OURS if state.draft is Draft.REWRITTEN and self.has(Without.COMPARISON_BEFORE):
                yield Step("the held request is refused", dropped)
            case Held.OURS:
                yield Step("the held request is compared", state._replace(held=Held.COMPARED))
            case Held.COMPARED if state.has_attempt or (state.claims > state.ordinal and self.has(Without.CLAIM)):
                yield Step("the held request is refused", dropped)
            case Held.COMPARED:
                yield Step("the intent is committed", self._intended(state)._replace(held=Held.INTENDED))
            case Held.INTENDED:
                yield Step("the held request is sent", _sent(dropped, state.draft))

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def _adversity(self, state: State) -> Iterator[_Step]:
        if state.pc is not Pc.IDLE and state.crashes < self.crashes:
            # What was held is dropped with the process: nothing of it has left.
            crashed = _closed(state)._replace(crashes=state.crashes + 1)
            given_back = crashed._replace(has_attempt=crashed.has_attempt or self.by_person)
            yield Step("crash", given_back, is_progress=False)
        if not state.was_restored and state.claims:
            # Under a running service too, whose session goes on.
            older = state._replace(end=End.OPEN, has_attempt=False, ordinal=0, was_restored=True)
            yield Step("an older database is put back", older, is_progress=False)


def _sent(state: State, draft: Draft) -> State:
    """A final request leaves and the payer counts it: is it covered?"""
    wrong = state.wrong
    if draft is Draft.OTHER:
        wrong = wrong or "another's draft was submitted"
    elif draft is Draft.REWRITTEN:
        wrong = wrong or "something else than what was approved was submitted"
    elif not (state.has_attempt or state.was_restored):
        wrong = wrong or "a request left without an open intent"
    return state._replace(at_payer=tuple(sorted((*state.at_payer, draft))), wrong=wrong)


def _closed(state: State) -> State:
    """The state without its session."""
    return state._replace(pc=Pc.IDLE, draft=Draft.APPROVED, has_permit=False, is_frozen=False, held=Held.NONE)


def _ended(state: State, end: End) -> State:
    return _closed(state)._replace(end=end, has_attempt=False)
