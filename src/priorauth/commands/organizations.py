"""Organizations and their keys."""

import hashlib
import hmac
import secrets

from priorauth.domain.moment import Moment
from priorauth.domain.organizations import ApiKey, Caller, Environment, Organization, Scope
from priorauth.store.transaction import Transaction


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
) -> tuple[ApiKey, str]:
    """Create a key; return it and the one text that opens it, which is stored nowhere."""
    key_id, secret = moment.new_id("key"), secrets.token_urlsafe(32)
    key = ApiKey(
        id=key_id,
        organization_id=organization.id,
        environment=environment,
        scopes=scopes,
        secret_hash=_hashed(secret),
        created_at=moment.now,
    )
    tx.organizations.add_key(key)
    return key, f"pa_{environment}_{key_id.removeprefix('key_')}_{secret}"


def authenticate(tx: Transaction, moment: Moment, *, presented: str, environment: Environment) -> Caller | None:
    """Return who stands behind a presented key in `environment`; None for a key that opens nothing here."""
    marker, _, rest = presented.partition("_")
    spelt, _, rest = rest.partition("_")
    suffix, _, secret = rest.partition("_")
    key = tx.organizations.key(f"key_{suffix}") if (marker, spelt) == ("pa", environment) and secret else None
    if key is None or not hmac.compare_digest(key.secret_hash, _hashed(secret)):
        return None
    if not key.is_usable(environment=environment, now=moment.now):
        return None
    return Caller(key.organization_id, key.environment, key.id, key.scopes)


def _hashed(secret: str) -> str:
    # The secret has 256 bits of chance, so a plain hash resists guessing and costs nothing per request.
    return hashlib.sha256(secret.encode()).hexdigest()
