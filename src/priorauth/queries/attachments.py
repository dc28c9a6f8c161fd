"""Reading the attachments of a case."""

from priorauth.domain.attachments import Attachment
from priorauth.domain.organizations import Caller
from priorauth.queries.pages import Page, page
from priorauth.store.transaction import Transaction


def listed(
    tx: Transaction, caller: Caller, *, authorization_id: str, cursor: str | None, limit: int
) -> Page[Attachment]:
    """Return a page of a case's attachments, newest first. Raises AuthorizationNotFound or BadRequest."""
    newest_first = tuple(reversed(tx.authorizations.require(caller, authorization_id).attachments))

    def fetch(before: str | None, count: int) -> tuple[Attachment, ...]:
        older = tuple(each for each in newest_first if before is None or each.id < before)
        return older[:count]

    return page(fetch, identify=lambda attachment: attachment.id, cursor=cursor, limit=limit)
