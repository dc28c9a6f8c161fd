"""A person's turn in a session: what may leave the browser meanwhile, and the final request that is held and compared.

Promises: without an offer nothing final leaves; what is held is dropped with the end of the turn; what is being
sent is answered before the boundary widens or a write passes. Must not depend on
authorizations, pages or who the person is.
"""

from collections.abc import Callable
from dataclasses import dataclass

from priorauth.channels.portals.gate import Gate
from priorauth.channels.portals.guard import Boundary, SubmitGuard
from priorauth.channels.portals.submit_guard.finals import HoldJudge


@dataclass(frozen=True, slots=True)
class TurnOffer:
    """What a person who takes the session over may do in it.

    Attributes:
        boundary: returns what may leave the browser, made when the turn begins.
        judge: compares a held final request with what was accepted; None where nothing may be submitted.
    """

    boundary: Callable[[], Boundary]
    judge: HoldJudge | None = None


class PersonsTurn:
    """The turn of a person in one session. `gate` is None where no browser sends anything."""

    def __init__(self, guard: SubmitGuard, gate: Gate | None = None) -> None:
        self._guard = guard
        self._gate = gate
        self._narrowed = False
        self._in_hand = False
        self.was_begun = False
        self.offer: TurnOffer | None = None

    def begin(self, *, may_submit: bool) -> None:
        """Narrow the boundary to what was offered and, with `may_submit`, hold final requests. Repeats are free."""
        if self.offer is None or self._gate is None:
            return
        if not self._in_hand:
            self._guard.narrow(self.offer.boundary())
            self._in_hand = self._narrowed = self.was_begun = True
        if may_submit:
            self.allow_submit(allowed=True)

    def allow_submit(self, *, allowed: bool) -> None:
        """Hold the final requests of the turn and compare them, or refuse them and drop one that is held."""
        if self._gate is None or not self._in_hand:
            return
        self._gate.hold_finals(self.offer.judge if allowed and self.offer is not None else None)

    def forget(self) -> None:
        """Forget the offer and the turn: automation has the session again."""
        self.offer = None
        self.was_begun = False

    def end(self) -> bool:
        """Drop what is held and go back to the adapter's boundary, as soon as no final request is being sent.

        Returns:
            True: no final request of the person has left, nor will.
        """
        unused = self._guard.withdraw()
        self._in_hand = False
        if self._gate is not None:
            self._gate.hold_finals(None)
            self._gate.thaw_writes()
            self._gate.when_final_ended(self._widen)
        return unused

    def _widen(self) -> None:
        if self._narrowed and not self._in_hand:
            self._guard.widen()
            self._narrowed = False
