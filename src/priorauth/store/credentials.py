"""Credentials of payers' portals at rest, each with what its browser was given at the last sign-in; both sealed.

What is known of a credential's sign-ins lies beside it unsealed: it names no patient and opens nothing.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from priorauth.domain.credentials import Credential
from priorauth.domain.portals.sign_ins import SignIns, Suspension
from priorauth.store import tables
from priorauth.store.documents import decode, encode, sortable
from priorauth.store.encryption.sealing import Sealer

_table, _states = tables.credentials, tables.browser_states


class Credentials:
    """The credentials of all payers, within one transaction. `state_kept` says whether a browser's state was in it."""

    def __init__(self, connection: sa.Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer
        self.state_kept = False

    def add(self, credential: Credential) -> None:
        """Store a new credential."""
        self._connection.execute(
            _table.insert().values(
                id=credential.id,
                environment=credential.environment,
                payer_id=credential.payer_id,
                organization_id=credential.organization_id,
                provider_npi=credential.provider_npi,
                document=self._sealed(credential),
            )
        )

    def save(self, credential: Credential) -> None:
        """Store a credential whose secrets or whose last use have changed; whose it is never does."""
        update = _table.update().where(_table.c.id == credential.id)
        self._connection.execute(update.values(document=self._sealed(credential)))

    def get(self, credential_id: str) -> Credential | None:
        """Return a credential; a writing transaction holds it until its end."""
        found = self._matching(_table.c.id == credential_id, held=True)
        return found[0] if found else None

    def of_payer(self, environment: str, payer_id: str) -> list[Credential]:
        """Return the credentials of a payer, oldest first."""
        return self.of_payers(environment, {payer_id})

    def of_payers(self, environment: str, payer_ids: Collection[str]) -> list[Credential]:
        """Return the credentials of these payers, oldest first."""
        return self._matching(_table.c.environment == environment, _table.c.payer_id.in_(payer_ids))

    def all(self, environment: str) -> list[Credential]:
        """Return every credential of an environment, oldest first."""
        return self._matching(_table.c.environment == environment)

    def account(
        self, environment: str, *, payer_ids: Collection[str], user_name: str
    ) -> list[tuple[Credential, SignIns]]:
        """Return the credentials of these payers with this user name, each with what is known of its sign-ins.

        A writing transaction holds them until its end, always in the order of their ids.
        """
        found = [each for each in self.of_payers(environment, payer_ids) if each.is_of_user(user_name)]
        # Held alone: the other credentials of these payers are none of this account's concern.
        held = self._matching(_table.c.id.in_([each.id for each in found]), held=True)
        return [(each, self.sign_ins(each.id)) for each in held if each.is_of_user(user_name)]

    def sign_ins(self, credential_id: str) -> SignIns:
        """Return what is known of a credential's sign-ins; nothing for one that there is not."""
        columns = (_table.c.sign_ins, _table.c.suspended_at, _table.c.suspension_reason)
        row = self._connection.execute(sa.select(*columns).where(_table.c.id == credential_id)).first()
        if row is None:
            return SignIns()
        known = decode(row.sign_ins, SignIns) if row.sign_ins is not None else SignIns()
        since = row.suspended_at
        return replace(
            known,
            suspension=Suspension(datetime.fromisoformat(since), row.suspension_reason) if since is not None else None,
        )

    def put_sign_ins(self, credential_id: str, known: SignIns) -> None:
        """Store what is known of a credential's sign-ins."""
        suspension = known.suspension
        self._connection.execute(
            _table.update()
            .where(_table.c.id == credential_id)
            .values(
                suspended_at=sortable(suspension.since) if suspension is not None else None,
                suspension_reason=suspension.reason if suspension is not None else None,
                sign_ins=encode(replace(known, suspension=None)),
            )
        )

    def count_suspended(self) -> int:
        """Return how many credentials are suspended."""
        query = sa.select(sa.func.count()).select_from(_table).where(_table.c.suspended_at.is_not(None))
        return int(self._connection.execute(query).scalar_one())

    def remove(self, credential_id: str) -> None:
        """Delete a credential and its browser's state."""
        self.drop_state(credential_id)
        self._connection.execute(_table.delete().where(_table.c.id == credential_id))

    def state(self, credential_id: str) -> bytes | None:
        """Return what the credential's browser was given at its last sign-in."""
        document = self._connection.execute(sa.select(_states.c.document).filter_by(id=credential_id)).scalar()
        return self._sealer.open(document, _state_place(credential_id)) if document is not None else None

    def put_state(self, credential_id: str, state: bytes) -> None:
        """Keep what the credential's browser was given, instead of what it had."""
        self.drop_state(credential_id)
        self.state_kept = True
        sealed = self._sealer.seal(state, _state_place(credential_id))
        self._connection.execute(_states.insert().values(id=credential_id, document=sealed))

    def drop_state(self, credential_id: str) -> None:
        """Forget what the credential's browser was given: its next session signs in anew."""
        self._connection.execute(_states.delete().where(_states.c.id == credential_id))

    def _sealed(self, credential: Credential) -> bytes:
        return self._sealer.seal(encode(credential), _place(credential.id))

    def _matching(self, *clauses: sa.ColumnElement[bool], held: bool = False) -> list[Credential]:
        query = sa.select(_table.c.id, _table.c.document).where(*clauses).order_by(_table.c.id)
        rows = self._connection.execute(query.with_for_update() if held else query)
        return [decode(self._sealer.open(row.document, _place(row.id)), Credential) for row in rows]


def _place(credential_id: str) -> str:
    return f"credentials:{credential_id}"


def _state_place(credential_id: str) -> str:
    return f"browser_states:{credential_id}"
