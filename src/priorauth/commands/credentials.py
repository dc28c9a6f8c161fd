"""Credentials of payers' portals: added, replaced, removed, released by operators."""

from dataclasses import dataclass, replace

from priorauth.commands import sign_ins
from priorauth.domain.credentials import Credential
from priorauth.domain.errors import UserFault
from priorauth.domain.moment import Moment
from priorauth.domain.organizations import Environment
from priorauth.store.transaction import Transaction


class UnusableCredential(UserFault):
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
    # What waits for a credential that is suspended may take this one.
    sign_ins.begin(tx, credential)
    # An account that was one organization's alone may be shared from now on.
    tx.live_views.wake()
    return credential


def let_people_enter(tx: Transaction, *, credential_id: str, allowed: bool) -> Credential:
    """Set whether people may watch or act in the sessions of an account, at once. Raises UnusableCredential."""
    credential = replace(require(tx, credential_id), people_may_enter=allowed)
    tx.credentials.save(credential)
    tx.live_views.wake()
    return credential


def rotate(tx: Transaction, moment: Moment, *, credential_id: str, secrets: Secrets) -> Credential:
    """Give a credential other secrets; what its browser was given for the former ones is forgotten.

    Other secrets lift its suspension; those that the portal has refused do not. Raises UnusableCredential.
    """
    former = require(tx, credential_id)
    credential = replace(
        former,
        user_name=secrets.user_name,
        password=secrets.password,
        totp_secret=secrets.totp_secret,
        replaced_at=moment.now,
    )
    tx.credentials.save(credential)
    tx.credentials.drop_state(credential_id)
    if not credential.has_secrets_of(former):
        sign_ins.begin(tx, credential)
    tx.live_views.wake()
    return credential


def release(tx: Transaction, *, credential_id: str) -> bool:
    """Let a credential sign in again, with all others of the same secrets; say whether it was suspended.

    Its account's tries of the last hour count no more. Raises UnusableCredential.
    """
    credential = require(tx, credential_id)
    was_suspended = tx.credentials.sign_ins(credential_id).suspension is not None
    sign_ins.release(tx, credential)
    return was_suspended


def remove(tx: Transaction, *, credential_id: str) -> Credential:
    """Delete a credential and what its browser was given. Raises UnusableCredential."""
    credential = require(tx, credential_id)
    tx.credentials.remove(credential_id)
    tx.work.begin_delayed(credential.payer_id)
    tx.live_views.wake()
    return credential


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
