"""Reading the attachments of a case."""

from priorauth.domain.attachments import Attachment
from priorauth.domain.organizations import Caller
from priorauth.queries.pages import Page, page_of
from priorauth.store.transaction import Transaction


def listed(
    tx: Transaction, caller: Caller, *, authorization_id: str, cursor: str | None, limit: int
) -> Page[Attachment]:
    """Return a page of a case's attachments, newest first. Raises AuthorizationNotFound or BadRequest."""
    return page_of(tx.authorizations.require(caller, authorization_id).attachments, cursor=cursor, limit=limit)
