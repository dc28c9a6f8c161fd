"""Credentials of payers' portals: added, replaced, removed by operators; their use noted by the engine."""

from dataclasses import dataclass, replace

from priorauth.domain.credentials import Credential
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Environment
from priorauth.store.transaction import Transaction


class UnusableCredential(Exception):
    """A credential cannot be added, or there is none of this id. The message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What signs in at a portal: all of it, never shown."""

    user_name: str
    password: str
    totp_secret: str | None = None

    def __repr__(self) -> str:
        return "Secrets(…)"


def add(
    tx: Transaction,
    moment: Moment,
    *,
    environment: Environment,
    payer_id: str,
    secrets: Secrets,
    organization: str | None = None,
    provider_npi: str | None = None,
    people_may_enter: bool | None = None,
) -> Credential:
    """Add a credential: for all organizations or the one of this name, for all providers or one. Raises
    UnusableCredential when one of them is not known, or has a credential for exactly this.
    """
    organization_id = _require_scope(
        tx, environment=environment, payer_id=payer_id, organization=organization, provider_npi=provider_npi
    )
    for each in tx.credentials.of_payer(environment, payer_id):
        if (each.organization_id, each.provider_npi) == (organization_id, provider_npi):
            raise UnusableCredential(
                f"{each.id} is for exactly this already. `priorauth credentials rotate {each.id}` gives it other "
                "secrets, `priorauth credentials remove` takes it away."
            )
    credential = Credential(
        id=moment.new_id("cred"),
        environment=environment,
        payer_id=payer_id,
        organization_id=organization_id,
        provider_npi=provider_npi,
        user_name=secrets.user_name,
        password=secrets.password,
        totp_secret=secrets.totp_secret,
        created_at=moment.now,
        people_may_enter=people_may_enter,
    )
    tx.credentials.add(credential)
    # An account that was one organization's alone may be shared from now on.
    tx.live_views.wake()
    return credential


def let_people_enter(tx: Transaction, *, credential_id: str, allowed: bool) -> Credential:
    """Say whether people may watch or act in the sessions of an account, at once. Raises UnusableCredential."""
    credential = replace(require(tx, credential_id), people_may_enter=allowed)
    tx.credentials.save(credential)
    tx.live_views.wake()
    return credential


def rotate(tx: Transaction, moment: Moment, *, credential_id: str, secrets: Secrets) -> Credential:
    """Give a credential other secrets; what its browser was given for the former ones is forgotten. Raises
    UnusableCredential.
    """
    credential = replace(
        require(tx, credential_id),
        user_name=secrets.user_name,
        password=secrets.password,
        totp_secret=secrets.totp_secret,
        replaced_at=moment.now,
    )
    tx.credentials.save(credential)
    tx.credentials.drop_state(credential_id)
    tx.live_views.wake()
    return credential


def remove(tx: Transaction, *, credential_id: str) -> Credential:
    """Delete a credential and what its browser was given. Raises UnusableCredential."""
    credential = require(tx, credential_id)
    tx.credentials.remove(credential_id)
    tx.live_views.wake()
    return credential


def note_sign_in(tx: Transaction, moment: Moment, *, used: Credential, state: bytes) -> None:
    """Note that a credential has signed in, and keep what its browser was given.

    Nothing of it where an operator has replaced or removed the credential meanwhile: its secrets open nothing more.
    """
    present = tx.credentials.get(used.id)
    if present is not None and present.has_secrets_of(used):
        tx.credentials.save(replace(present, last_used_at=moment.now))
        tx.credentials.put_state(used.id, state)


def require(tx: Transaction, credential_id: str) -> Credential:
    """Return a credential. Raises UnusableCredential."""
    found = tx.credentials.get(credential_id)
    if found is None:
        raise UnusableCredential(
            f"There is no credential {credential_id}. `priorauth credentials list` shows those that there are."
        )
    return found


def _require_scope(
    tx: Transaction, *, environment: Environment, payer_id: str, organization: str | None, provider_npi: str | None
) -> str | None:
    """Return the organization's id, if there is one to be. Raises UnusableCredential."""
    if tx.catalog.payer(environment, payer_id) is None:
        known = ", ".join(each.id for each in tx.catalog.payers(environment)) or "none yet"
        raise UnusableCredential(
            f"There is no payer {payer_id} in {environment}. Payers that there are: {known}. "
            "`priorauth payers add` adds one."
        )
    if provider_npi is not None and tx.catalog.provider(environment, provider_npi) is None:
        raise UnusableCredential(
            f"There is no provider {provider_npi} in {environment}. `priorauth providers add` adds it."
        )
    if organization is None:
        return None
    found = tx.organizations.named(organization)
    if found is None:
        raise UnusableCredential(
            f"There is no organization {organization!r}. `priorauth organizations list` shows those that there are."
        )
    return found.id
