"""Where channels get the accounts of payers' portals from, and where the state of a signed-in browser rests."""

from collections.abc import Callable

from priorauth.commands import credentials as commands
from priorauth.domain.credentials import Credential
from priorauth.domain.moment import Moment
from priorauth.store.database import Database


class Credentials:
    """The `CredentialSource` over the database."""

    def __init__(self, database: Database, present: Callable[[], Moment]) -> None:
        self._database = database
        self._present = present

    async def get(self, credential_id: str) -> Credential | None:
        """Return a credential."""
        return await self._database.read(lambda tx: tx.credentials.get(credential_id))

    async def state_of(self, credential: Credential) -> bytes | None:
        """Return what was kept of the credential's browser."""
        return await self._database.read(lambda tx: tx.credentials.state(credential.id))

    async def signed_in(self, credential: Credential, *, state: bytes) -> None:
        """Note the sign-in and keep the state."""
        await self._database.write(lambda tx: commands.note_sign_in(tx, self._present(), used=credential, state=state))
