"""Sign-ins at payers' portals: which session may try one now, so that the service never gets an account locked.

An account is a user name at a portal; several credentials may name the same one. Pure, as all of the domain.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

TRIES_PER_HOUR = 3
"""How often secrets may be offered for an account within an hour without a sign-in: portals lock after five or so."""
_COUNTED_FOR = timedelta(hours=1)
_CLAIMED_FOR = timedelta(minutes=10)
"""Longer than a slow portal takes from one try to the next. A worker that dies loses its claims with its lease."""


class SignInVerdict(StrEnum):
    """Whether a session may sign in now, or for what it waits."""

    GRANTED = "granted"
    OCCUPIED = "occupied"
    SUSPENDED = "suspended"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Suspension:
    """Since when a credential is not used to sign in, and why: in our words, which name no patient."""

    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class SignInClaim:
    """The session that signs in for its account now: of which authorization, on which worker, until when."""

    authorization_id: str
    worker: str
    until: datetime

    @classmethod
    def of(cls, authorization_id: str, *, worker: str, now: datetime) -> "SignInClaim":
        """Return a claim that begins now."""
        return cls(authorization_id, worker, now + _CLAIMED_FOR)

    def is_held_by(self, other: "SignInClaim") -> bool:
        """Say whether it is of the same authorization and worker as another one."""
        return (self.authorization_id, self.worker) == (other.authorization_id, other.worker)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIns:
    """What is known of the sign-ins of one credential.

    `tries` are those since its account last signed in. `state_lost`: the portal no longer knows the session that is
    kept, so that the next one has to sign in.
    """

    suspension: Suspension | None = None
    claim: SignInClaim | None = None
    tries: tuple[datetime, ...] = ()
    state_lost: bool = False

    def claimed(self, claim: SignInClaim | None) -> "SignIns":
        """Return what is known after a session began to sign in, or ended that."""
        return replace(self, claim=claim)

    def tried(self, now: datetime) -> "SignIns":
        """Return what is known after secrets were offered to the portal."""
        return replace(self, tries=(*recent((self,), now=now), now), state_lost=True)

    def suspended(self, suspension: Suspension) -> "SignIns":
        """Return what is known after the portal has refused the credential; the first refusal counts."""
        return replace(self, suspension=self.suspension or suspension)

    def released(self) -> "SignIns":
        """Return what is known after an operator has let the credential sign in again."""
        return replace(self, suspension=None, tries=())

    def succeeded(self) -> "SignIns":
        """Return what is known after the account has signed in. A suspension stays: a person may have signed in."""
        return replace(self, claim=None, tries=())


def recent(account: Iterable[SignIns], *, now: datetime) -> tuple[datetime, ...]:
    """Return the tries of an account that still count, oldest first."""
    tries = (each for known in account for each in known.tries)
    return tuple(sorted(each for each in tries if now - each < _COUNTED_FOR))


def judge_sign_in(
    own: SignIns, account: Iterable[SignIns], *, claim: SignInClaim, now: datetime, is_alive: Callable[[str], bool]
) -> SignInVerdict:
    """Say whether the session that asks for `claim` may sign in now.

    Args:
        own: What is known of its credential.
        account: What is known of every credential of the account, its own included.
        claim: What it asks for.
        now: The present time.
        is_alive: Whether a worker of this name has a lease; the claims of the others are over.

    Returns:
        GRANTED, or for what it waits.
    """
    known = tuple(account)
    if own.suspension is not None:
        return SignInVerdict.SUSPENDED
    claims = (each.claim for each in known if each.claim is not None)
    if any(not each.is_held_by(claim) and now < each.until and is_alive(each.worker) for each in claims):
        return SignInVerdict.OCCUPIED
    return SignInVerdict.EXHAUSTED if len(recent(known, now=now)) >= TRIES_PER_HOUR else SignInVerdict.GRANTED
