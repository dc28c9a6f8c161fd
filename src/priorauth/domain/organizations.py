"""Who uses the server: organizations, their API keys, and what a key may do."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from priorauth.domain.errors import InsufficientPermissions


class Environment(StrEnum):
    """Sandbox cases meet simulated payers, production cases real ones; the two never see each other."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"


class Scope(StrEnum):
    """What a key may do."""

    READ = "authorizations:read"
    WRITE = "authorizations:write"
    CONFIRM = "authorizations:confirm"
    LIVE_VIEW = "live:view"


# What a write answers with can be read in it: who may write may read.
_NEEDS_READ = frozenset({Scope.WRITE, Scope.CONFIRM})


def needs_read(scopes: Collection[Scope]) -> tuple[Scope, ...]:
    """Return those of `scopes` that nobody can use without `authorizations:read`, unless it is among them."""
    return () if Scope.READ in scopes else tuple(scope for scope in scopes if scope in _NEEDS_READ)


@dataclass(frozen=True, slots=True)
class Organization:
    """A clinic or company whose cases nobody else sees."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it rests: its secret only as a hash."""

    id: str
    organization_id: str
    environment: Environment
    scopes: tuple[Scope, ...]
    secret_hash: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def is_usable(self, *, environment: Environment, now: datetime) -> bool:
        """Say whether the key opens anything in `environment` at `now`."""
        expired = self.expires_at is not None and self.expires_at <= now
        return self.environment is environment and self.revoked_at is None and not expired

    def grants(self, scope: Scope) -> bool:
        """Return True if whoever has the key may do what `scope` covers."""
        return _grants(self.scopes, scope)

    def is_due_for_a_note(self, *, now: datetime) -> bool:
        """Say whether its use should be noted: the last note is a minute old or older."""
        return self.last_used_at is None or now - self.last_used_at >= timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who stands behind a request."""

    organization_id: str
    environment: Environment
    key_id: str
    scopes: tuple[Scope, ...]

    def has(self, scope: Scope) -> bool:
        """Return True if the key may do what `scope` covers."""
        return _grants(self.scopes, scope)

    def require(self, scope: Scope) -> None:
        """Raise InsufficientPermissions when the key lacks `scope`, or a scope without which that one is not usable."""
        if self.has(scope):
            return
        lacking = scope if scope not in self.scopes else Scope.READ
        raise InsufficientPermissions(
            f"The API key lacks the scope {lacking}. Use a key that has it.", details={"requiredScope": lacking.value}
        )


def _grants(scopes: Collection[Scope], scope: Scope) -> bool:
    return scope in scopes and (scope not in _NEEDS_READ or Scope.READ in scopes)
