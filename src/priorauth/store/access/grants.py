"""Access grants and the views that were opened by them, at rest. Of a ticket there is only its hash."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from priorauth.domain.errors import AccessGrantNotFound
from priorauth.domain.lifecycle import Status
from priorauth.domain.live.grants import AccessGrant, Viewer
from priorauth.domain.live_sessions import AccessMode
from priorauth.store import tables
from priorauth.store.documents import decode, encode, sortable

_grants = tables.access_grants
_views = tables.live_views


class AccessGrants:
    """The grants of all cases, within one transaction. `changed` names the cases of those that were saved in it."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.changed: set[str] = set()

    def add(self, grant: AccessGrant) -> None:
        """Store a new grant."""
        values = {"id": grant.id, "authorization_id": grant.authorization_id, "document": encode(grant)}
        self._connection.execute(_grants.insert().values(**values))

    def save(self, grant: AccessGrant) -> None:
        """Store a changed grant."""
        self._connection.execute(_grants.update().filter_by(id=grant.id).values(document=encode(grant)))
        self.changed.add(grant.authorization_id)

    def require(self, grant_id: str) -> AccessGrant:
        """Return a grant whoever owns it: its address carries its own proof. Raises AccessGrantNotFound."""
        query = sa.select(_grants.c.document).filter_by(id=grant_id).with_for_update()
        document = self._connection.execute(query).scalar()
        if document is None:
            raise AccessGrantNotFound
        return decode(document, AccessGrant)

    def of(self, authorization_id: str) -> list[AccessGrant]:
        """Return the grants of an authorization, oldest first."""
        query = sa.select(_grants.c.document).filter_by(authorization_id=authorization_id).order_by(_grants.c.id)
        return [decode(document, AccessGrant) for document in self._connection.execute(query).scalars()]

    def opened(self, authorization_id: str) -> list[AccessGrant]:
        """Return the grants by which somebody looks at an authorization's session, or may come back to it."""
        query = (
            sa.select(_grants.c.document)
            .where(_grants.c.id.in_(sa.select(_views.c.access_grant_id).filter_by(authorization_id=authorization_id)))
            .order_by(_grants.c.id)
        )
        return [decode(document, AccessGrant) for document in self._connection.execute(query).scalars()]

    def of_ended_cases(self, *, limit: int) -> list[AccessGrant]:
        """Return the oldest grants whose cases have come to their end."""
        ended = tables.authorizations.c.status.in_([status for status in Status if status.is_final])
        found = (
            sa.select(_grants.c.document)
            .join(tables.authorizations, tables.authorizations.c.id == _grants.c.authorization_id)
            .where(ended)
            .order_by(_grants.c.id)
            .limit(limit)
        )
        return [decode(document, AccessGrant) for document in self._connection.execute(found).scalars()]

    def forget(self, grant_id: str) -> None:
        """Delete a grant, after its views."""
        self._connection.execute(_grants.delete().filter_by(id=grant_id))


class LiveViews:
    """The views, within one transaction.

    Each has one ticket at a time. Whoever connects spends it and is left with the next one, so that the ticket also
    says which connection a view belongs to. `changed` names the authorizations whose views are to be judged again,
    because a connection lost its view or because something else ended that a right rests on.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.changed: set[str] = set()

    def add(self, viewer: Viewer, *, ticket_hash: str) -> None:
        """Store a view that was opened, with its first ticket."""
        self._connection.execute(
            _views.insert().values(
                id=viewer.id,
                access_grant_id=viewer.access_grant_id,
                authorization_id=viewer.authorization_id,
                mode=viewer.mode,
                network_address=viewer.network_address,
                opened_at=sortable(viewer.opened_at),
                ticket_hash=ticket_hash,
            )
        )

    def require(self, view_id: str) -> Viewer:
        """Return a view that was opened. Raises AccessGrantNotFound."""
        viewer = self._one(_views.c.id == view_id)
        if viewer is None:
            raise AccessGrantNotFound
        return viewer

    def of_ticket(self, ticket_hash: str) -> Viewer | None:
        """Return the view that a ticket connects."""
        return self._one(_views.c.ticket_hash == ticket_hash)

    def connect(self, viewer: Viewer, *, spending: str, leaving: str, now: datetime) -> bool:
        """Connect a view by the ticket `spending`, which nobody can use again; False when somebody just did."""
        done = self._update(
            _views.c.id == viewer.id,
            _views.c.ticket_hash == spending,
            ticket_hash=leaving,
            connected_at=sortable(now),
            ended_at=None,
        )
        if done and viewer.connected_at is not None and viewer.ended_at is None:
            self.changed.add(viewer.authorization_id)
        return done

    def spend(self, viewer: Viewer, *, ticket_hash: str, now: datetime) -> bool:
        """End a view that nobody connected, with its ticket; False when somebody just did."""
        return self._update(
            _views.c.id == viewer.id, _views.c.ticket_hash == ticket_hash, ticket_hash=None, ended_at=sortable(now)
        )

    def opened_since(self, grant_id: str, since: datetime) -> int:
        """Return how many views were opened by a grant after `since`."""
        query = sa.select(sa.func.count()).where(
            _views.c.access_grant_id == grant_id, _views.c.opened_at > sortable(since)
        )
        return int(self._connection.execute(query).scalar_one())

    def forget_unused(self, grant_id: str, *, before: datetime) -> None:
        """Delete the views of a grant that were opened before, and that nobody has connected."""
        self._connection.execute(
            _views.delete().where(
                _views.c.access_grant_id == grant_id,
                _views.c.connected_at.is_(None),
                _views.c.opened_at <= sortable(before),
            )
        )

    def forget(self, grant_id: str) -> None:
        """Delete the views that go on under a grant."""
        self._connection.execute(_views.delete().filter_by(access_grant_id=grant_id))

    def move(self, viewer: Viewer, *, to: AccessGrant) -> None:
        """Let a view go on under another grant."""
        self._update(_views.c.id == viewer.id, access_grant_id=to.id)

    def is_held_by(self, view_id: str, *, ticket_hash: str) -> bool:
        """Say whether a view still belongs to the connection that was left with this ticket."""
        return self._one(_views.c.id == view_id, _views.c.ticket_hash == ticket_hash) is not None

    def end(self, view_id: str, *, ticket_hash: str, now: datetime) -> bool:
        """End a view's connection; False when it was ended, or another connection has the view."""
        return self._update(
            _views.c.id == view_id,
            _views.c.ticket_hash == ticket_hash,
            _views.c.ended_at.is_(None),
            ended_at=sortable(now),
        )

    def end_all(self, authorization_id: str, *, now: datetime) -> list[Viewer]:
        """End every view of a case; return those that somebody was looking at."""
        watched = self.watching(authorization_id)
        self._update(_views.c.authorization_id == authorization_id, _views.c.ended_at.is_(None), ended_at=sortable(now))
        return watched

    def watching(self, authorization_id: str) -> list[Viewer]:
        """Return the views of a case that somebody looks at now, the oldest first."""
        return list(
            self._all(
                _views.c.authorization_id == authorization_id,
                _views.c.connected_at.is_not(None),
                _views.c.ended_at.is_(None),
            )
        )

    def wake(self, *, organization_id: str | None = None) -> None:
        """Have all open views judged again, or those of one organization: what their rights rest on has changed."""
        query = sa.select(_views.c.authorization_id).where(
            _views.c.connected_at.is_not(None), _views.c.ended_at.is_(None)
        )
        if organization_id is not None:
            owners = tables.authorizations
            query = query.join(owners, owners.c.id == _views.c.authorization_id)
            query = query.where(owners.c.organization_id == organization_id)
        self.changed.update(self._connection.execute(query.distinct()).scalars())

    def _update(self, *clauses: sa.ColumnElement[bool], **values: object) -> bool:
        return self._connection.execute(_views.update().where(*clauses).values(**values)).rowcount > 0

    def _one(self, *clauses: sa.ColumnElement[bool]) -> Viewer | None:
        return next(iter(self._all(*clauses)), None)

    def _all(self, *clauses: sa.ColumnElement[bool]) -> Iterable[Viewer]:
        rows = self._connection.execute(sa.select(_views).where(*clauses).order_by(_views.c.id))
        for row in rows:
            yield Viewer(
                id=row.id,
                access_grant_id=row.access_grant_id,
                authorization_id=row.authorization_id,
                mode=AccessMode(row.mode),
                network_address=row.network_address,
                opened_at=datetime.fromisoformat(row.opened_at),
                connected_at=_moment(row.connected_at),
                ended_at=_moment(row.ended_at),
            )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
