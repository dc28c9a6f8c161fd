"""Reading cases: one, a page of them, a timeline."""

from priorauth.domain.authorizations import Authorization
from priorauth.domain.catalog import Payer
from priorauth.domain.events import TimelineEntry
from priorauth.domain.organizations import Caller
from priorauth.queries.pages import Page, page
from priorauth.store.authorizations import Filter
from priorauth.store.transaction import Transaction


def listed(
    tx: Transaction, caller: Caller, *, narrowed: Filter, cursor: str | None, limit: int
) -> tuple[Page[Authorization], dict[str, Payer]]:
    """Return a page of the caller's cases and the payer versions that they pinned. Raises BadRequest."""

    def fetch(before: str | None, count: int) -> list[Authorization]:
        return tx.authorizations.page(caller, narrowed=narrowed, before=before, limit=count)

    found = page(fetch, identify=lambda case: case.id, cursor=cursor, limit=limit)
    versions = {case.payer_version for case in found.data}
    return found, {version: tx.catalog.payer_version(version) for version in versions}


def timeline(
    tx: Transaction, caller: Caller, *, authorization_id: str, cursor: str | None, limit: int
) -> Page[TimelineEntry]:
    """Return a page of a case's timeline, newest first. Raises AuthorizationNotFound or BadRequest."""
    tx.authorizations.require(caller, authorization_id)

    def fetch(before: str | None, count: int) -> list[TimelineEntry]:
        return tx.timeline.page(authorization_id, before=before, limit=count)

    return page(fetch, identify=lambda entry: entry.id, cursor=cursor, limit=limit)
