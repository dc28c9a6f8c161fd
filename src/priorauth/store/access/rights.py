"""What the right to open a session rests on, read together: its claim, keys and portal account. It decides nothing."""

from priorauth.domain.authorizations import Authorization
from priorauth.domain.credentials import Credential
from priorauth.domain.live.grants import AccessGrant, Basis
from priorauth.domain.live_sessions import SessionClaim
from priorauth.domain.organizations import ApiKey
from priorauth.store.transaction import Transaction


def basis_of(tx: Transaction, grant: AccessGrant, authorization: Authorization) -> Basis:
    """Return what the grant's right rests on now; a writing transaction holds the keys, so that none ends meanwhile."""
    claim = tx.sessions.of(authorization.id)
    if grant.minted_by is not None:
        found = tx.organizations.key(grant.minted_by)
        keys: tuple[ApiKey, ...] = (found,) if found is not None else ()
    else:
        keys = tuple(tx.organizations.keys_of(authorization.organization_id, authorization.environment))
    return Basis(claim=claim, keys=keys, may_enter=may_enter(tx, claim))


def may_enter(tx: Transaction, claim: SessionClaim | None) -> bool:
    """Return True if people may enter the account that a session is signed in with; a customer's own login always.

    An account that was removed meanwhile is nobody's to enter.
    """
    if claim is None or claim.credential_id is None:
        return True
    account = tx.credentials.get(claim.credential_id)
    if account is None:
        return False
    return account.may_be_entered(lambda: beside(tx, account))


def beside(tx: Transaction, account: Credential) -> list[Credential]:
    """Return the credentials of all payers at whose portal this one signs in, itself included."""
    payers = tx.catalog.payers_beside(account.environment, account.payer_id)
    return tx.credentials.of_payers(account.environment, payers)
