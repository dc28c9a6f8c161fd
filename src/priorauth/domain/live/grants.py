"""Access grants: addresses by which somebody without a key opens one case's live session, for a while.

An address holds a secret that is computed from the grant's id and the server's key, so that none is stored. Whether a
grant opens anything is never a fact of the grant alone: it is judged by the case, its session, the key that minted the
grant and the portal account as they are now, at every opening and for as long as a view runs.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import (
    AccessGrantExpired,
    AccessGrantRevoked,
    ChannelSessionLost,
    LiveSessionNotAvailable,
    PriorAuthError,
)
from priorauth.domain.events import SERVICE, Actor, ActorType
from priorauth.domain.handoffs import HandoffState
from priorauth.domain.lifecycle import Status
from priorauth.domain.live.views import Ending
from priorauth.domain.live_sessions import AccessMode, SessionClaim, needs_session
from priorauth.domain.organizations import ApiKey, Caller, Environment, Scope
from priorauth.domain.reviews import SnapshotStatus


class Hindrance(StrEnum):
    """Why no access to a case's session can be granted now."""

    NO_ACTIVE_CHANNEL_SESSION = "no_active_channel_session"
    PORTAL_CLAIM_EXPIRED = "portal_claim_expired"
    LIVE_VIEW_NOT_AVAILABLE = "live_view_not_available"
    CHANNEL_SESSION_LOST = "channel_session_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGrant:
    """A right to open a case's session.

    It is of one session, or of a review snapshot and then of whichever session is up. `minted_by` is the id of an API
    key; None is the service itself, on behalf of every key of the organization that may see live views.
    """

    id: str
    authorization_id: str
    mode: AccessMode
    session_id: str | None
    manual_handoff_id: str | None = None
    review_snapshot_id: str | None = None
    minted_by: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None

    @property
    def actor(self) -> Actor:
        """Who stands behind whatever is done by this grant."""
        return Actor(ActorType.CUSTOMER, self.minted_by) if self.minted_by is not None else SERVICE

    @property
    def scope(self) -> Scope:
        """The scope that the key behind the grant needs, as long as the grant is to open anything."""
        if self.review_snapshot_id is not None:
            return Scope.LIVE_VIEW
        return Scope.CONFIRM if self.mode is AccessMode.INTERACTIVE else Scope.WRITE

    def bounded(self, review_seconds: float) -> "AccessGrant":
        """Return the grant with its end: a review snapshot's own grant ends when it is `review_seconds` old."""
        if self.review_snapshot_id is None or self.expires_at is not None:
            return self
        return replace(self, expires_at=self.created_at + timedelta(seconds=review_seconds))

    def continues(self, other: "AccessGrant") -> bool:
        """Say whether a view of `other` may go on under this grant: it allows the very same."""
        return (
            self.authorization_id == other.authorization_id
            and self.mode is other.mode
            and self.manual_handoff_id == other.manual_handoff_id
            and self.review_snapshot_id == other.review_snapshot_id
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """One opening of a grant, as it is kept: from where it was opened, and whether somebody is looking now."""

    id: str
    access_grant_id: str
    authorization_id: str
    mode: AccessMode
    network_address: str
    opened_at: datetime
    connected_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a grant's right rests on beside its authorization, as it is now.

    `keys`: the key that minted the grant, or all of its organization where the service did. `may_enter`: whether people
    may enter the portal account that the session is signed in with.
    """

    claim: SessionClaim | None
    keys: tuple[ApiKey, ...]
    may_enter: bool

    def keys_behind(self, grant: AccessGrant, authorization: Authorization, *, now: datetime) -> tuple[ApiKey, ...]:
        """Return the keys that back the grant now."""
        environment = Environment(authorization.environment)
        return tuple(
            key for key in self.keys if key.is_usable(environment=environment, now=now) and key.grants(grant.scope)
        )

    def end_of(self, grant: AccessGrant, authorization: Authorization, *, now: datetime) -> datetime:
        """Return until when the grant opens the session if nothing changes; `now` when it opens nothing."""
        keys = [key.expires_at for key in self.keys_behind(grant, authorization, now=now)]
        ends = [grant.expires_at, self.claim.expires_at if self.claim is not None else now]
        # Of several keys the last one counts, and one without an end backs the grant for ever.
        ends.append(max((end for end in keys if end is not None), default=now) if None not in keys else None)
        return min(end for end in ends if end is not None)


def caller_of(key: ApiKey | None, *, now: datetime) -> Caller | None:
    """Return who acts by a grant: its key's owner, with the key's scopes as they are now. None: the key is void."""
    if key is None or not key.is_usable(environment=key.environment, now=now):
        return None
    return Caller(key.organization_id, key.environment, key.id, key.scopes)


def secret_of(grant_id: str, *, key: bytes) -> str:
    """Return the secret of a grant's address: 256 bits that nobody can compute without the server's key."""
    digest = hmac.new(key, f"access grant:{grant_id}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_secret_of(shown: str, grant_id: str, *, key: bytes) -> bool:
    """Say whether `shown` is the grant's secret; how long that takes tells nothing of it."""
    return hmac.compare_digest(shown.encode(), secret_of(grant_id, key=key).encode())


def ticket_hash_of(ticket: str) -> str:
    """Return what is kept of a ticket. It has 256 bits of chance, so that a plain hash resists guessing."""
    return hashlib.sha256(ticket.encode()).hexdigest()


Shows = Callable[[SessionClaim], bool]
"""Whether the session of a claim can be shown, as far as this node can tell."""


def hindrance(
    case: Authorization, claim: SessionClaim | None, shows: Shows | None, *, may_enter: bool, now: datetime
) -> Hindrance | None:
    """Return why the session cannot be shown now; None when it can. Without `shows` nothing is, nor is an account that
    people may not enter.
    """
    if claim is None or not needs_session(case):
        return Hindrance.NO_ACTIVE_CHANNEL_SESSION
    if not claim.is_valid(now):
        return Hindrance.PORTAL_CLAIM_EXPIRED
    if shows is None or not may_enter:
        return Hindrance.LIVE_VIEW_NOT_AVAILABLE
    if not shows(claim):
        return Hindrance.CHANNEL_SESSION_LOST
    return None


def require_session(
    case: Authorization, claim: SessionClaim | None, shows: Shows | None, *, may_enter: bool, now: datetime
) -> SessionClaim:
    """Return the claim on a session that can be shown. Raises LiveSessionNotAvailable with the reason."""
    found = hindrance(case, claim, shows, may_enter=may_enter, now=now)
    if claim is None or found is not None:
        reason = found or Hindrance.NO_ACTIVE_CHANNEL_SESSION
        raise LiveSessionNotAvailable(details={"reason": reason.value})
    return claim


def judge(grant: AccessGrant, case: Authorization, basis: Basis, *, now: datetime) -> Ending | None:
    """Return why the grant opens nothing now; None while it opens the session.

    What was closed or revoked says so for ever, whatever else is over by then; a grant whose key or account has ended
    is revoked too.
    """
    claim = basis.claim
    if grant.revoked_at is not None or not _is_wanted(grant, case):
        return Ending.REVOKED
    if not basis.may_enter or not basis.keys_behind(grant, case, now=now):
        return Ending.REVOKED
    if grant.expires_at is not None and grant.expires_at <= now:
        return Ending.EXPIRED
    if claim is None or not claim.is_valid(now) or not needs_session(case):
        return Ending.SESSION_LOST
    if grant.session_id is not None and grant.session_id != claim.session_id:
        return Ending.SESSION_LOST
    if grant.review_snapshot_id is not None and not _is_under_review(grant.review_snapshot_id, case):
        return Ending.SESSION_LOST
    return None


def refusal(ending: Ending) -> PriorAuthError:
    """Return the error that tells somebody who opens a grant why it opens nothing."""
    return _REFUSALS[ending]()


_REFUSALS: dict[Ending, type[PriorAuthError]] = {
    Ending.EXPIRED: AccessGrantExpired,
    Ending.REVOKED: AccessGrantRevoked,
    Ending.SESSION_LOST: ChannelSessionLost,
}


def _is_wanted(grant: AccessGrant, case: Authorization) -> bool:
    """Say whether what the grant was made for still goes on."""
    if case.status is Status.CANCELED:
        return False
    if grant.manual_handoff_id is not None:
        return is_active_handoff(case, grant.manual_handoff_id)
    return grant.review_snapshot_id is None or _is_current(grant.review_snapshot_id, case)


def is_active_handoff(case: Authorization, handoff_id: str) -> bool:
    """Say whether this handoff has the interaction now; one that is closing gives it back already."""
    handoff = case.active_handoff
    return handoff is not None and handoff.id == handoff_id and handoff.state is HandoffState.ACTIVE


def _is_current(snapshot_id: str, case: Authorization) -> bool:
    snapshot = case.submission.review_snapshot
    return snapshot is not None and snapshot.id == snapshot_id and snapshot.status is SnapshotStatus.CURRENT


def _is_under_review(snapshot_id: str, case: Authorization) -> bool:
    """Return True while the snapshot waits for its approval, and then until the package has been sent."""
    if case.next_action is not None and case.next_action.review_snapshot_id == snapshot_id:
        return True
    approval = case.journal.approval
    approved = approval is not None and approval.review_snapshot_id == snapshot_id
    return approved and case.status is Status.PROCESSING
