"""The unit of work: every noun within one transaction, and the work that it causes."""

import sqlalchemy as sa

from priorauth.store.access.grants import AccessGrants, LiveViews
from priorauth.store.authorizations import Authorizations
from priorauth.store.catalog import Catalog
from priorauth.store.claims.rows import ClaimRows
from priorauth.store.credentials import Credentials
from priorauth.store.encryption.sealing import Sealer
from priorauth.store.files import Files
from priorauth.store.idempotency import Idempotency
from priorauth.store.live_sessions import SessionClaims
from priorauth.store.organizations import Organizations
from priorauth.store.portals.health import PortalHealths
from priorauth.store.timeline import Timeline
from priorauth.store.work import Work, WorkLedger, WorkQueue
from priorauth.store.workers import Workers


class Transaction:
    """What a command works with. Whoever runs the command commits."""

    def __init__(self, connection: sa.Connection, queue: WorkQueue, sealer: Sealer) -> None:
        self.connection = connection
        self._queue = queue
        self.authorizations = Authorizations(connection, sealer)
        self.sealer = sealer
        self.timeline = Timeline(connection, sealer)
        self.files = Files(connection, sealer)
        self.idempotency = Idempotency(connection, sealer)
        self.sessions = SessionClaims(connection)
        self.organizations = Organizations(connection)
        self.catalog = Catalog(connection)
        self.credentials = Credentials(connection, sealer)
        self.access_grants = AccessGrants(connection)
        self.live_views = LiveViews(connection)
        self.work = WorkLedger(connection)
        self.workers = Workers(connection)
        self.portal_health = PortalHealths(connection)
        self.submission_claims = ClaimRows(connection)

    @property
    def touched(self) -> set[str]:
        """The cases of which whoever watches them should hear, once this has committed."""
        return (
            self.authorizations.changed | self.sessions.changed | self.access_grants.changed | self.live_views.changed
        )

    @property
    def written(self) -> list[str]:
        """What was written, by the names that its commit's fault points have."""
        silent = (
            ("case_saved", self.authorizations.changed and not self.timeline.appended),
            ("session_claimed", self.sessions.written),
            ("browser_state_kept", self.credentials.state_kept),
        )
        return [*(each.entry.type for each in self.timeline.appended), *(name for name, happened in silent if happened)]

    def enqueue(self, work: Work) -> None:
        """Enqueue work for the engine; it exists if and only if this transaction commits."""
        self._queue.enqueue(self.connection, work)
