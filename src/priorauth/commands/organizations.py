"""Organizations and their keys."""

import hashlib
import hmac
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from priorauth.domain.errors import UserFault
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import ApiKey, Caller, Environment, Organization, Scope, needs_read
from priorauth.store.transaction import Transaction


class NoSuchKey(UserFault):
    """An operator named a key that does not exist, or that opens nothing any more."""


class UnusableScopes(UserFault):
    """An operator named scopes that are of no use together. The message says what to add."""


def ensure_organization(tx: Transaction, moment: Moment, *, name: str) -> Organization:
    """Return the organization of this name, creating it when it is new."""
    found = tx.organizations.named(name)
    if found is None:
        found = Organization(moment.new_id("org"), name)
        tx.organizations.add(found, moment)
    return found


def create_key(
    tx: Transaction,
    moment: Moment,
    *,
    organization: Organization,
    environment: Environment,
    scopes: tuple[Scope, ...] = tuple(Scope),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key; return it and the one text that opens it, which is stored nowhere. Raises UnusableScopes."""
    unusable = needs_read(scopes)
    if unusable:
        raise UnusableScopes(
            f"{' and '.join(unusable)} can only be used together with {Scope.READ}: what a write answers with can be "
            f"read in it. Add --scope {Scope.READ}."
        )
    return _create_key(
        tx, moment, organization=organization, environment=environment, scopes=scopes, expires_at=expires_at
    )


def _create_key(
    tx: Transaction,
    moment: Moment,
    *,
    organization: Organization,
    environment: Environment,
    scopes: tuple[Scope, ...],
    expires_at: datetime | None,
) -> tuple[ApiKey, str]:
    key_id, secret = moment.new_id("key"), secrets.token_urlsafe(32)
    key = ApiKey(
        id=key_id,
        organization_id=organization.id,
        environment=environment,
        scopes=scopes,
        secret_hash=_hashed(secret),
        created_at=moment.now,
        expires_at=expires_at,
    )
    tx.organizations.add_key(key)
    return key, f"pa_{environment}_{key_id.removeprefix('key_')}_{secret}"


def revoke_key(tx: Transaction, moment: Moment, *, key_id: str) -> ApiKey:
    """Take a key's rights away at once, also where it was used to open a live view. Raises NoSuchKey.

    A key that has no rights stays as it is.
    """
    key = _key(tx, key_id)
    if key.revoked_at is None:
        key = replace(key, revoked_at=moment.now)
        _save(tx, key)
    return key


def rotate_key(tx: Transaction, moment: Moment, *, key_id: str, overlap: timedelta) -> tuple[ApiKey, str]:
    """Create a key with the rights of another one, which ends after `overlap`. Raises NoSuchKey."""
    old = _key(tx, key_id)
    if not old.is_usable(environment=old.environment, now=moment.now):
        raise NoSuchKey(f"The key {key_id} opens nothing any more. Create a new one.")
    ends = moment.now + overlap
    _save(tx, replace(old, expires_at=min(ends, old.expires_at) if old.expires_at else ends))
    organization = Organization(old.organization_id, "")
    return _create_key(
        tx,
        moment,
        organization=organization,
        environment=old.environment,
        scopes=old.scopes,
        expires_at=old.expires_at,
    )


def note_use(tx: Transaction, moment: Moment, *, key_id: str) -> None:
    """Note that a key is in use."""
    tx.organizations.save_key(replace(_key(tx, key_id), last_used_at=moment.now))


def authenticate(
    tx: Transaction, moment: Moment, *, presented: str, environment: Environment
) -> tuple[Caller, ApiKey] | None:
    """Return who stands behind a presented key in `environment`; None for a key that opens nothing here."""
    marker, _, rest = presented.partition("_")
    spelt, _, rest = rest.partition("_")
    suffix, _, secret = rest.partition("_")
    key = tx.organizations.key(f"key_{suffix}") if (marker, spelt) == ("pa", environment) and secret else None
    if key is None or not hmac.compare_digest(key.secret_hash, _hashed(secret)):
        return None
    if not key.is_usable(environment=environment, now=moment.now):
        return None
    return Caller(key.organization_id, key.environment, key.id, key.scopes), key


def _save(tx: Transaction, key: ApiKey) -> None:
    """Store a key whose rights have changed, and have every open live view of its organization judged by them."""
    tx.organizations.save_key(key)
    tx.live_views.wake(organization_id=key.organization_id)


def _key(tx: Transaction, key_id: str) -> ApiKey:
    key = tx.organizations.key(key_id)
    if key is None:
        raise NoSuchKey(f"There is no key {key_id}. `priorauth keys list` shows those that there are.")
    return key


def _hashed(secret: str) -> str:
    # The secret has 256 bits of chance, so a plain hash resists guessing and costs nothing per request.
    return hashlib.sha256(secret.encode()).hexdigest()
