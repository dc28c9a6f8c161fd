"""Where channels leave word of their sessions: their claims and their steps become commands."""

from collections.abc import Callable, Mapping

from priorauth.commands import live_sessions
from priorauth.commands import processing as moves
from priorauth.domain.events import SERVICE
from priorauth.domain.live_sessions import SessionClaim
from priorauth.domain.moment import Moment
from priorauth.store.database import Database


class Ledger:
    """The `SessionLedger` over the database."""

    def __init__(self, database: Database, present: Callable[[], Moment]) -> None:
        self._database = database
        self._present = present

    async def claim(self, claim: SessionClaim) -> None:
        """Take or renew a claim."""
        await self._database.write(lambda tx: live_sessions.claim(tx, claim))

    async def release(self, *, authorization_id: str, session_id: str) -> None:
        """Let a claim go."""
        await self._database.write(
            lambda tx: live_sessions.release(
                tx, self._present(), authorization_id=authorization_id, session_id=session_id
            )
        )

    async def note(self, authorization_id: str, event: str, details: Mapping[str, str]) -> None:
        """Append to a case's timeline."""
        await self._database.write(
            lambda tx: moves.note(
                tx,
                self._present(),
                authorization_id=authorization_id,
                event=event,
                actor=SERVICE,
                details=dict(details),
            )
        )
