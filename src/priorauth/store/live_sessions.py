"""Claims on channel sessions at rest: which worker holds which session, and until when that may be believed."""

import sqlalchemy as sa

from priorauth.domain.live_sessions import SessionClaim
from priorauth.store import tables
from priorauth.store.documents import decode, encode

_table = tables.session_claims


class SessionClaims:
    """The claims, within one transaction. `changed` names the cases whose session came or went in it; `written`
    says whether any claim was.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.changed: set[str] = set()
        self.written = False

    def put(self, claim: SessionClaim) -> None:
        """Store a claim, replacing the case's earlier one."""
        earlier = self.of(claim.authorization_id)
        if earlier is None or earlier.session_id != claim.session_id:
            self.changed.add(claim.authorization_id)
        self.written = True
        key = {"authorization_id": claim.authorization_id}
        self._connection.execute(_table.delete().filter_by(**key))
        self._connection.execute(
            _table.insert().values(
                **key, worker=claim.worker, document=encode(claim), credential_id=claim.credential_id
            )
        )

    def of(self, authorization_id: str) -> SessionClaim | None:
        """Return the claim on a case's session."""
        query = sa.select(_table.c.document).filter_by(authorization_id=authorization_id)
        document = self._connection.execute(query).scalar()
        return decode(document, SessionClaim) if document is not None else None

    def drop(self, authorization_id: str, *, session_id: str) -> bool:
        """Delete a session's claim, and say whether it was there; the claim of a later session of the case stays."""
        claim = self.of(authorization_id)
        if claim is None or claim.session_id != session_id:
            return False
        self._connection.execute(_table.delete().filter_by(authorization_id=authorization_id))
        self.changed.add(authorization_id)
        self.written = True
        return True

    def signed_in_with(self, credential_id: str) -> int:
        """Return how many sessions are claimed for an account, those that wait for a review or a human included."""
        query = sa.select(sa.func.count()).select_from(_table).where(_table.c.credential_id == credential_id)
        return int(self._connection.execute(query).scalar_one())

    def by_worker(self) -> dict[str, list[str]]:
        """Return the cases whose sessions each worker has claimed."""
        found: dict[str, list[str]] = {}
        for row in self._connection.execute(sa.select(_table.c.worker, _table.c.authorization_id)):
            found.setdefault(row.worker, []).append(row.authorization_id)
        return found
