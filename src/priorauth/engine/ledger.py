"""Where channels leave word of their sessions: their claims and their steps become commands."""

from collections.abc import Callable, Mapping

from priorauth.commands import access_grants, handoffs, live_sessions, submissions
from priorauth.commands import processing as moves
from priorauth.domain.authorizations import Authorization
from priorauth.domain.errors import NotMutable, TemporarilyUnavailable
from priorauth.domain.events import SERVICE
from priorauth.domain.live_sessions import SessionClaim
from priorauth.domain.moment import Moment
from priorauth.store.claims.submission_claims import SubmissionClaims
from priorauth.store.database import Database
from priorauth.store.transaction import Transaction


class Ledger:
    """The `SessionLedger` over the database."""

    def __init__(
        self,
        database: Database,
        present: Callable[[], Moment],
        *,
        claims: SubmissionClaims,
        sessions_per_credential: int | None = None,
    ) -> None:
        self._database = database
        self._claims = claims
        self._sessions_per_credential = sessions_per_credential
        self._present = present

    async def claim(self, claim: SessionClaim) -> bool:
        """Take or renew a claim; False while its account has as many sessions as it may."""
        at_most = self._sessions_per_credential
        return await self._database.write(lambda tx: live_sessions.claim(tx, claim, at_most=at_most))

    async def release(self, *, authorization_id: str, session_id: str, cause: str | None = None) -> None:
        """Let a claim go, and put on the timeline why the service has ended the session before its time."""
        await self._database.write(
            lambda tx: live_sessions.release(
                tx, self._present(), authorization_id=authorization_id, session_id=session_id, cause=cause
            )
        )

    async def intend_for_person(self, authorization_id: str, *, session_id: str) -> bool:
        """Commit that the final request that a person's session holds is about to leave; False when it must not."""

        def operation(tx: Transaction) -> Authorization:
            moment = self._present()
            if not access_grants.is_right_valid(tx, moment, authorization_id=authorization_id):
                raise NotMutable
            return handoffs.intend(tx, moment, authorization_id=authorization_id, session_id=session_id)

        try:
            intended = await self._database.write(operation)
            return await self._claims.claim(authorization_id, attempt_id=intended.journal.attempts[-1].id)
        except (NotMutable, TemporarilyUnavailable):
            # Where the file store was away the attempt stays open: it is looked for at the payer.
            return False

    async def note_answer(self, authorization_id: str) -> None:
        """Record that the portal answered the final request of the open attempt with a success."""
        await self._database.write(lambda tx: submissions.note_answer(tx, authorization_id=authorization_id))

    async def note(
        self, authorization_id: str, event: str, details: Mapping[str, str], *, repeated: bool = False
    ) -> None:
        """Append to a case's timeline; what is `repeated` comes after the writes of others, and is bounded."""
        noting = moves.note_repeated if repeated else moves.note

        def operation(tx: Transaction) -> None:
            noting(
                tx,
                self._present(),
                authorization_id=authorization_id,
                event=event,
                actor=SERVICE,
                details=dict(details),
            )

        await self._database.write(operation, behind=repeated)
