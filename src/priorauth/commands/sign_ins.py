"""How accounts of payers' portals sign in, as commands: one session at a time, seldom, and not after a refusal.

An account is a user name at a portal: whichever credentials of whichever of the portal's payers name it share its
claim and its tries. A refusal suspends the credentials that have the refused secrets, and no others.
"""

from dataclasses import replace

from priorauth.commands import processing as moves
from priorauth.domain.credentials import Credential
from priorauth.domain.events import SERVICE
from priorauth.domain.moment import Moment
from priorauth.domain.portals.sign_ins import SignInClaim, SignIns, SignInVerdict, Suspension, judge_sign_in
from priorauth.store.transaction import Transaction

_Account = list[tuple[Credential, SignIns]]


def claim(
    tx: Transaction, moment: Moment, *, used: Credential, wanted: SignInClaim, began_with: bytes | None, is_lost: bool
) -> SignInVerdict:
    """Claim the account for one session that wants to sign in.

    `began_with` is the state with which its browser begins; `is_lost` says that the portal no longer knows that.
    OCCUPIED also where the credential or its state was renewed meanwhile: the session has to begin with that.
    """
    account = _account(tx, used)
    own = _own(account, used)
    if own is None or tx.credentials.state(used.id) != began_with:
        return SignInVerdict.OCCUPIED
    if is_lost and not own.state_lost:
        own = replace(own, state_lost=True)
        tx.credentials.put_sign_ins(used.id, own)
    verdict = _judged(tx, moment, account, own, wanted)
    if verdict is SignInVerdict.GRANTED:
        _put_claim(tx, account, used, own.claimed(wanted))
    return verdict


def count_try(tx: Transaction, moment: Moment, *, used: Credential, claimed: SignInClaim) -> SignInVerdict:
    """Count that the session that has the claim is about to offer secrets, and renew its claim; or say why not."""
    account = _account(tx, used)
    own = _own(account, used)
    if own is None:
        return SignInVerdict.OCCUPIED
    verdict = _judged(tx, moment, account, own, claimed)
    if verdict is SignInVerdict.GRANTED:
        _put_claim(tx, account, used, own.claimed(claimed).tried(moment.now))
    return verdict


def end_claim(tx: Transaction, *, used: Credential, claimed: SignInClaim) -> None:
    """End a session's claim on its account, if it has it."""
    for each, known in _account(tx, used):
        if known.claim is not None and known.claim.is_held_by(claimed):
            tx.credentials.put_sign_ins(each.id, known.claimed(None))


def note_sign_in(tx: Transaction, moment: Moment, *, used: Credential, state: bytes) -> None:
    """Note that a credential has signed in, keep what its browser was given, and let its account's others go on.

    Nothing of it where an operator has replaced or removed the credential meanwhile: its secrets open nothing more.
    """
    account = _account(tx, used)
    if _own(account, used) is None:
        return
    for each, known in account:
        after = known.succeeded()
        if each.id == used.id:
            after = replace(after, state_lost=False)
            tx.credentials.save(replace(each, last_used_at=moment.now))
            tx.credentials.put_state(each.id, state)
        if after != known:
            tx.credentials.put_sign_ins(each.id, after)
        if known.tries or known.suspension is not None:
            tx.work.begin_delayed(each.payer_id)


def suspend(tx: Transaction, moment: Moment, *, used: Credential, authorization_id: str, reason: str) -> bool:
    """Suspend every credential of the account with the secrets that the portal has refused.

    False, and nothing done, where an operator has replaced or removed the credential meanwhile.
    """
    account = _account(tx, used)
    if _own(account, used) is None:
        return False
    for each, known in account:
        if each.has_secrets_of(used):
            tx.credentials.put_sign_ins(each.id, known.suspended(Suspension(moment.now, reason)))
    details = {"credential": used.id}
    if tx.authorizations.get(authorization_id) is not None:
        moves.note(
            tx,
            moment,
            authorization_id=authorization_id,
            event="credential_suspended",
            actor=SERVICE,
            details=details,
        )
    return True


def release(tx: Transaction, credential: Credential) -> None:
    """Lift the suspension of every credential with these secrets, forget the account's tries, and wake what waits."""
    for each, known in _account(tx, credential):
        after = known.released() if each.has_secrets_of(credential) else replace(known, tries=())
        tx.credentials.put_sign_ins(each.id, after)
        tx.work.begin_delayed(each.payer_id)


def begin(tx: Transaction, credential: Credential) -> None:
    """Let a credential with new secrets sign in, whatever the former ones have met, and wake what waits for it.

    Secrets that the portal has refused of another credential of the account are suspended here too.
    """
    account = _account(tx, credential)
    others = (known for each, known in account if each.id != credential.id and each.has_secrets_of(credential))
    suspension = next((known.suspension for known in others if known.suspension is not None), None)
    for each, known in account:
        if each.id == credential.id:
            tx.credentials.put_sign_ins(each.id, SignIns(suspension=suspension))
        elif known.tries:
            tx.credentials.put_sign_ins(each.id, replace(known, tries=()))
    tx.work.begin_delayed(credential.payer_id)


def _account(tx: Transaction, credential: Credential) -> _Account:
    """Return the credentials of the same user name at the same portal, held until the transaction's end."""
    payers = tx.catalog.payers_beside(credential.environment, credential.payer_id)
    return tx.credentials.account(credential.environment, payer_ids=payers, user_name=credential.user_name)


def _own(account: _Account, used: Credential) -> SignIns | None:
    """Return what is known of the credential; None where it has other secrets now, or is gone."""
    return next((known for each, known in account if each.id == used.id and each.has_secrets_of(used)), None)


def _judged(tx: Transaction, moment: Moment, account: _Account, own: SignIns, wanted: SignInClaim) -> SignInVerdict:
    return judge_sign_in(
        own,
        (known for _, known in account),
        claim=wanted,
        now=moment.now,
        is_alive=lambda worker: tx.workers.url_of(worker) is not None,
    )


def _put_claim(tx: Transaction, account: _Account, used: Credential, after: SignIns) -> None:
    """Store the claim with the credential that it is for; what others of the account have claimed is over."""
    for each, known in account:
        if each.id != used.id and known.claim is not None:
            tx.credentials.put_sign_ins(each.id, known.claimed(None))
    tx.credentials.put_sign_ins(used.id, after)
