"""Where channels get the accounts of payers' portals from, and where the state of a signed-in browser rests."""

from collections.abc import Callable, Mapping

import structlog

from priorauth.channels.contract import AccountInUse, CredentialSuspended, SignInsExhausted
from priorauth.commands import sign_ins
from priorauth.domain.credentials import Credential
from priorauth.domain.moment import Moment
from priorauth.domain.portals.sign_ins import SignInClaim, SignInVerdict
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction

_log = structlog.get_logger(__name__)

_FAULTS: Mapping[SignInVerdict, type[AccountInUse | CredentialSuspended | SignInsExhausted]] = {
    SignInVerdict.OCCUPIED: AccountInUse,
    SignInVerdict.SUSPENDED: CredentialSuspended,
    SignInVerdict.EXHAUSTED: SignInsExhausted,
}


class Credentials:
    """The `CredentialSource` over the database, for the sessions of one worker."""

    def __init__(self, database: Database, present: Callable[[], Moment], *, worker: str = "") -> None:
        self._database = database
        self._present = present
        self._worker = worker

    async def get(self, credential_id: str) -> Credential | None:
        """Return a credential."""
        return await self._database.read(lambda tx: tx.credentials.get(credential_id))

    async def state_of(self, credential: Credential) -> bytes | None:
        """Return what was kept of the credential's browser."""
        return await self._database.read(lambda tx: tx.credentials.state(credential.id))

    async def needs_sign_in(self, credential: Credential) -> bool:
        """Say whether no state is kept that the portal still knew when it was last used."""

        def operation(tx: Transaction) -> bool:
            return tx.credentials.state(credential.id) is None or tx.credentials.sign_ins(credential.id).state_lost

        return await self._database.read(operation)

    async def signed_in(self, credential: Credential, *, state: bytes) -> None:
        """Note the sign-in and keep the state."""
        await self._database.write(lambda tx: sign_ins.note_sign_in(tx, self._present(), used=credential, state=state))

    async def claim_sign_in(
        self, credential: Credential, *, authorization_id: str, began_with: bytes | None, is_lost: bool
    ) -> None:
        """Claim the account. Raises AccountInUse, CredentialSuspended, SignInsExhausted."""

        def operation(tx: Transaction) -> SignInVerdict:
            moment = self._present()
            wanted = self._claim(authorization_id, moment)
            return sign_ins.claim(tx, moment, used=credential, wanted=wanted, began_with=began_with, is_lost=is_lost)

        _require(await self._database.write(operation))

    async def count_try(self, credential: Credential, *, authorization_id: str) -> None:
        """Count a try, before it is made. Raises AccountInUse, CredentialSuspended, SignInsExhausted."""

        def operation(tx: Transaction) -> SignInVerdict:
            moment = self._present()
            return sign_ins.count_try(tx, moment, used=credential, claimed=self._claim(authorization_id, moment))

        _require(await self._database.write(operation))

    async def end_claim(self, credential: Credential, *, authorization_id: str) -> None:
        """End the claim."""
        await self._database.write(
            lambda tx: sign_ins.end_claim(tx, used=credential, claimed=self._claim(authorization_id, self._present()))
        )

    async def suspend(self, credential: Credential, *, authorization_id: str, reason: str) -> None:
        """Suspend the credential, and let the operator know. Raises AccountInUse where it has other secrets now."""
        suspended = await self._database.write(
            lambda tx: sign_ins.suspend(
                tx, self._present(), used=credential, authorization_id=authorization_id, reason=reason
            )
        )
        if not suspended:
            raise AccountInUse
        _log.error(
            "credential_suspended",
            credential=credential.id,
            payer_id=credential.payer_id,
            authorization_id=authorization_id,
            hint=f"`priorauth credentials replace {credential.id}` gives it other secrets; "
            f"`priorauth credentials release {credential.id}` lets it try the same ones once more.",
        )

    def _claim(self, authorization_id: str, moment: Moment) -> SignInClaim:
        return SignInClaim.of(authorization_id, worker=self._worker, now=moment.now)


def _require(verdict: SignInVerdict) -> None:
    fault = _FAULTS.get(verdict)
    if fault is not None:
        raise fault
